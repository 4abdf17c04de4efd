"""Bytes that survive: through real JPEG files, under passwords, and never wrong."""

import io

import numpy as np
import pytest
from pictures import photograph
from PIL import Image, ImageFilter

from stegocli.picture import metrics
from stegocli.robust import embedding, reading, simulate, strength
from stegocli.robust.embedding import Embedder, Unsuitable
from stegocli.robust.reading import NothingFound, TooDamaged

pytestmark = pytest.mark.slow


def saved(rgb, **options):
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", **options)
    return np.asarray(Image.open(file))


def noise(size, seed=0):
    return np.random.default_rng(seed).bytes(size)


@pytest.fixture(scope="module")
def cover():
    return photograph()


@pytest.fixture(scope="module", params=[50, 75, 90])
def full(request, cover):
    embedder = Embedder(cover, request.param)
    content = noise(embedder.capacity())
    return content, embedder.embed(content)


def test_capacity_survives_every_channel(cover, full):
    content, done = full
    assert len(content) > 500
    for chain in simulate.chains(done.quality):
        assert reading.read(simulate.received(done.stego, chain), None) == content
    assert reading.extract(done.stego) == content
    assert metrics.psnr(cover, done.stego) > embedding.COVER_PSNR - 1


def test_cells_that_fall_below_the_floor_are_made_anew(cover, monkeypatch):
    embedder = Embedder(cover, 75)
    content = noise(int(0.58 * embedder.capacity()))
    lowest = metrics.worst_block(cover, embedder.embed(content).stego)
    # What the design allows of a cell is what the lowest one got, and the floor is half a decibel above.
    monkeypatch.setattr(strength, "_CELL_MSE", 255**2 / 10 ** (lowest / 10))
    monkeypatch.setattr(strength, "_CELL_SHARE", 0)
    monkeypatch.setattr(strength, "_SLACK", 10**-0.05)
    stego = Embedder(cover, 75).embed(content).stego
    assert metrics.worst_block(cover, stego) > lowest + 0.49 and reading.extract(stego) == content


@pytest.mark.parametrize(("seed", "design"), [(1, 75), (2, 85)])
def test_a_stego_that_is_a_jpeg_survives_every_quality_from_its_own_up(seed, design):
    embedder = Embedder(photograph(320, 360, seed), design)
    content = noise(embedder.capacity())
    as_jpeg = saved(embedder.embed(content).stego, quality=97, subsampling=0)
    assert all(reading.extract(saved(as_jpeg, quality=q)) == content for q in range(design, 96))


def test_other_encoders_and_several_times(full):
    content, done = full
    quality = done.quality
    for options in ({"progressive": True}, {"optimize": True}, {"subsampling": "4:2:2"}):
        assert reading.extract(saved(done.stego, quality=quality, **options)) == content
    as_jpeg = saved(done.stego, quality=97, subsampling=0)
    assert reading.extract(saved(as_jpeg, quality=quality)) == content
    twice = saved(saved(done.stego, quality=95), quality=min(95, quality + 10))
    assert reading.extract(twice) == content
    assert reading.extract(saved(saved(done.stego, quality=95), quality=quality)) == content


def test_several_in_a_row_whose_scales_add_up(full):
    content, done = full
    two, three = (simulate.lowest(done.quality, times) for times in (2, 3))
    chains = [
        (two, two + 1),
        (two + 2, two),
        (two, 97),
        (97, two),
        (three, three + 2, three + 1),
        (97, three, three),
        (three + 1, 97, three),
    ]
    for qualities in chains:
        chain = tuple(simulate.Jpeg(min(quality, 100)) for quality in qualities)
        assert reading.extract(simulate.recompress(done.stego, chain)) == content


def test_what_several_in_a_row_may_have():
    assert [simulate.lowest(50, times) for times in (1, 2, 3)] == [50, 75, 84]
    assert [simulate.lowest(75, times) for times in (1, 2, 3)] == [75, 88, 92]
    assert [simulate.lowest(40, times) for times in (2, 3)] == [69, 80]


def test_little_content_changes_little(cover):
    done = Embedder(cover, 50).embed(b"short", "word")
    assert reading.extract(saved(done.stego, quality=50), "word") == b"short"
    assert metrics.psnr(cover, done.stego) > 43


def test_password(cover):
    done = Embedder(cover, 75).embed(b"a secret", "right")
    received = saved(done.stego, quality=75)
    assert reading.extract(received, "right") == b"a secret"
    for wrong in (None, "", "wrong"):
        with pytest.raises(NothingFound):
            reading.extract(received, wrong)


@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize("shape", [(160, 160), (167, 301)])
def test_any_size(size, shape):
    done = Embedder(photograph(*shape), 60).embed(noise(size))
    assert done.stego.shape == (*shape, 3)
    assert reading.extract(saved(done.stego, quality=60)) == noise(size)


@pytest.mark.parametrize("kind", ["black", "white", "grey", "noise"])
def test_odd_covers_work_or_are_refused(kind):
    shape = (320, 320, 3)
    rgb = {
        "black": np.zeros(shape, np.uint8),
        "white": np.full(shape, 255, np.uint8),
        "grey": np.full(shape, 128, np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8),
    }[kind]
    try:
        done = Embedder(rgb, 75).embed(b"text")
    except Unsuitable:
        return
    assert reading.extract(saved(done.stego, quality=75)) == b"text"


def test_too_much_or_too_small_is_refused(cover):
    with pytest.raises(Unsuitable):
        Embedder(cover, 50).embed(noise(20_000))
    with pytest.raises(Unsuitable):
        Embedder(cover[:64, :64], 50)
    with pytest.raises(Unsuitable):
        Embedder(cover, 20).embed(b"")


def test_damage_is_told(cover):
    embedder = Embedder(cover, 75)
    content = noise(embedder.capacity() // 2)
    stego = embedder.embed(content).stego
    picture = Image.fromarray(stego)
    rng = np.random.default_rng(0)
    damaged = [
        stego[8:],
        stego[:, 3:],
        stego[:-40],
        np.asarray(picture.resize((300, 280))),
        np.asarray(picture.filter(ImageFilter.GaussianBlur(2))),
        saved(stego, quality=10),
        cover,
        photograph(seed=5),
        np.clip(stego + rng.normal(size=stego.shape) * 25, 0, 255).astype(np.uint8),
        np.zeros_like(stego),
    ]
    for rgb in damaged:
        with pytest.raises((NothingFound, TooDamaged)):
            reading.extract(np.ascontiguousarray(rgb))


def test_share_that_is_lost_is_told(cover):
    embedder = Embedder(cover, 90)
    stego = embedder.embed(noise(embedder.capacity())).stego
    with pytest.raises(TooDamaged) as error:
        reading.extract(saved(stego, quality=60))
    assert 0 < error.value.share <= 1
