"""Bytes that survive: through real JPEG files, under passwords, and never wrong."""

import io

import numpy as np
import pytest
from pictures import photograph
from PIL import Image, ImageFilter

from stegocli.picture import metrics
from stegocli.robust import embedding
from stegocli.robust.embedding import NothingFound, PasswordNeeded, TooDamaged, Unsuitable


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
    content = noise(embedding.capacity(cover, request.param))
    return content, embedding.embed(cover, content, request.param)


def test_capacity_survives_every_channel(cover, full):
    content, done = full
    assert len(content) > 500
    for channel in embedding.channels(done.quality):
        assert embedding.extract(embedding.recompress(done.stego, channel)) == content
    assert embedding.extract(done.stego) == content
    assert metrics.psnr(cover, done.stego) > embedding.COVER_PSNR - 1


def test_other_encoders_and_several_times(full):
    content, done = full
    quality = done.quality
    for options in ({"progressive": True}, {"optimize": True}, {"subsampling": "4:2:2"}):
        assert embedding.extract(saved(done.stego, quality=quality, **options)) == content
    as_jpeg = saved(done.stego, quality=97, subsampling=0)
    assert embedding.extract(saved(as_jpeg, quality=quality)) == content
    twice = saved(saved(done.stego, quality=95), quality=min(95, quality + 10))
    assert embedding.extract(twice) == content
    assert embedding.extract(saved(saved(done.stego, quality=95), quality=quality)) == content


def test_several_in_a_row_whose_scales_add_up(full):
    content, done = full
    two, three = (embedding.lowest(done.quality, times) for times in (2, 3))
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
        channel = tuple((min(quality, 100), 2) for quality in qualities)
        assert embedding.extract(embedding.recompress(done.stego, channel)) == content


def test_what_several_in_a_row_may_have():
    assert [embedding.lowest(50, times) for times in (1, 2, 3)] == [50, 75, 84]
    assert [embedding.lowest(75, times) for times in (1, 2, 3)] == [75, 88, 92]
    assert [embedding.lowest(40, times) for times in (2, 3)] == [69, 80]


def test_little_content_changes_little(cover):
    done = embedding.embed(cover, b"short", 50, "word")
    assert embedding.extract(saved(done.stego, quality=50), "word") == b"short"
    assert metrics.psnr(cover, done.stego) > 43


def test_password(cover):
    done = embedding.embed(cover, b"a secret", 75, "right")
    received = saved(done.stego, quality=75)
    assert embedding.extract(received, "right") == b"a secret"
    for wrong in (None, "", "wrong"):
        with pytest.raises(PasswordNeeded):
            embedding.extract(received, wrong)


@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize("shape", [(160, 160), (167, 301)])
def test_any_size(size, shape):
    done = embedding.embed(photograph(*shape), noise(size), 60)
    assert done.stego.shape == (*shape, 3)
    assert embedding.extract(saved(done.stego, quality=60)) == noise(size)


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
        done = embedding.embed(rgb, b"text", 75)
    except Unsuitable:
        return
    assert embedding.extract(saved(done.stego, quality=75)) == b"text"


def test_too_much_or_too_small_is_refused(cover):
    with pytest.raises(Unsuitable):
        embedding.embed(cover, noise(20_000), 50)
    with pytest.raises(Unsuitable):
        embedding.capacity(cover[:64, :64], 50)
    with pytest.raises(Unsuitable):
        embedding.embed(cover, b"", 20)


def test_damage_is_told(cover):
    content = noise(embedding.capacity(cover, 75) // 2)
    stego = embedding.embed(cover, content, 75).stego
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
            embedding.extract(np.ascontiguousarray(rgb))


def test_share_that_is_lost_is_told(cover):
    stego = embedding.embed(cover, noise(embedding.capacity(cover, 90)), 90).stego
    with pytest.raises(TooDamaged) as error:
        embedding.extract(saved(stego, quality=60))
    assert 0 < error.value.share <= 1
