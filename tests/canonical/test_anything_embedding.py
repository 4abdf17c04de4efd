"""Bytes that survive nearly anything: through what is played, under passwords, and never wrong."""

import numpy as np
import pytest
from pictures import natural, photograph
from PIL import Image

from stegocli.canonical import design, dither, embedding, fixed, grid, preamble, reading
from stegocli.canonical.channels import PLAYED, Jpeg, Resize, Tone, Wide, channel
from stegocli.canonical.embedding import Embedder, Unsuitable
from stegocli.canonical.lock import Lock
from stegocli.canonical.reading import NothingFound, TooDamaged
from stegocli.payload import keys
from stegocli.picture import metrics

pytestmark = pytest.mark.slow
REFUSED = (NothingFound, TooDamaged)


@pytest.fixture(autouse=True, scope="module")
def quick_keys():
    """Argon2id at its true cost takes a tenth of a second."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(keys, "PASSES", 1)
        patched.setattr(keys, "MEMORY_KIB", 32)
        yield


def with_sky(height, width, seed=0):
    """A photograph whose upper third is all but flat."""
    rgb = photograph(height, width, seed)
    top = height // 3
    rng = np.random.default_rng(seed)
    rgb[:top] = np.linspace(170, 200, top)[:, None, None] + rng.normal(0, 0.7, (top, width, 3))
    return rgb


@pytest.fixture(scope="module")
def cover():
    return with_sky(400, 380)


@pytest.fixture(scope="module")
def full(cover):
    """A content as large as fits, and its stego."""
    embedder = Embedder(cover)
    content = np.random.default_rng(0).bytes(embedder.capacity())
    return content, embedder.embed(content)


@pytest.fixture(scope="module")
def private(cover):
    return Embedder(cover).embed(b"between us", "right").stego


@pytest.mark.parametrize("played", PLAYED, ids=str)
def test_capacity_survives_what_is_played(played, full):
    content, done = full
    assert len(content) > 100
    assert reading.extract(played(done.stego)) == content


@pytest.mark.parametrize(
    "steps",
    [
        (),
        (Jpeg(50),),
        (Jpeg(75), Jpeg(83), Jpeg(77), Jpeg(85), Jpeg(75)),
        (Resize(0.7, "OpenCV cubic"), Jpeg(80)),
        (Wide(900, "Pillow bilinear"), Tone(0.95, 0.03), Jpeg(75)),
        (Tone(gamma=1.05), Jpeg(75)),
    ],
    ids=lambda steps: str(channel(*steps)),
)
def test_and_what_is_not(steps, full):
    content, done = full
    assert reading.extract(channel(*steps)(done.stego)) == content


def test_the_cover_changes_little_and_flat_parts_hardly(cover, full):
    stego = full[1].stego
    assert metrics.psnr(cover, stego) >= embedding.COVER_PSNR
    assert metrics.worst_block(cover, stego) >= 30
    sky = np.abs(stego[:110].astype(int) - cover[:110])
    assert sky.max() <= 1 and (sky > 0).mean() < 0.05


def test_little_content_changes_little(cover):
    stego = Embedder(cover).embed(b"short").stego
    assert metrics.psnr(cover, stego) > 43
    assert reading.extract(PLAYED[0](stego)) == b"short"


@pytest.mark.parametrize("shape", [(301, 417), (401, 307)])
def test_odd_sizes_of_both_orientations(shape):
    stego = Embedder(photograph(*shape, seed=3)).embed(b"").stego
    assert stego.shape == (*shape, 3)
    assert reading.extract(PLAYED[1](stego)) == b""
    with pytest.raises(NothingFound):
        reading.extract(np.ascontiguousarray(np.rot90(stego)))


def test_large_covers_are_tried_on_a_smaller_copy():
    coarse = Image.fromarray(photograph(300, 400)).resize((1600, 1200), Image.Resampling.BICUBIC)
    stego = Embedder(np.asarray(coarse)).embed(b"large").stego
    assert reading.extract(channel(Resize(0.25), Jpeg(75))(stego)) == b"large"


def test_what_can_not_be_hidden_is_refused(cover):
    with pytest.raises(Unsuitable, match="longer side"):
        Embedder(cover[:200, :200])
    embedder = Embedder(cover)
    with pytest.raises(Unsuitable):
        embedder.embed(bytes(4000))
    flat = Embedder(np.full((300, 300, 3), 128, np.uint8))
    assert flat.capacity() == 0
    with pytest.raises(Unsuitable):
        flat.embed(b"")


def test_a_password_opens_and_nothing_else_does(private):
    received = PLAYED[0](private)
    assert reading.extract(received, "right") == b"between us"
    for wrong in (None, "", "wrong"):
        with pytest.raises(NothingFound):
            reading.extract(received, wrong)


def test_nothing_is_open_under_a_password(private, cover):
    """A watcher knows all but the password: neither pilots nor lattices can be told from an unmarked picture's."""
    size = grid.size_for(private.shape)
    assert abs(reading.score(private, size)) < 0.2
    assert reading.score(private, size, reading.places(Lock.of("right", preamble.LOCK))) > 0.5
    values = {name: grid.coefficients(rgb, size).reshape(-1) for name, rgb in (("stego", private), ("cover", cover))}
    low = fixed.OPEN.preamble(size, 4000)
    spent, noise = design.power(size, 30), design.noise(size)
    assert spent.max() > noise.min()
    for step in np.unique(low.step):
        at = low.positions[low.step == step]
        waves = {name: abs(np.exp(2j * np.pi * one[at] / step).mean()) for name, one in values.items()}
        assert waves["stego"] < 4 / np.sqrt(len(at))
    assert dither.shifts(bytes(32), 9).std() > 0


def test_two_stegos_of_one_password_share_no_key(private, cover):
    lock = Lock.of("right", preamble.LOCK)
    again = Embedder(cover).embed(b"between us", "right").stego
    size = grid.size_for(cover.shape)
    salts = [reading.find_preamble(reading.receive(stego, size), size, lock).salt for stego in (private, again)]
    assert salts[0] != salts[1] and len(salts[0]) == preamble.SALT


def test_unmarked_pictures_hold_nothing(cover):
    for rgb in (cover, photograph(300, 300, 7), natural(260, 300), np.zeros((300, 300, 3), np.uint8)):
        with pytest.raises(NothingFound):
            reading.extract(rgb)
    with pytest.raises(NothingFound):
        reading.extract(cover[:9, :9])


def test_damage_gives_the_content_or_is_told(full):
    content, done = full
    rng, came_back = np.random.default_rng(0), 0
    for number in range(10):
        damaged = done.stego.copy()
        side = int(rng.integers(30, 370))
        y, x = rng.integers(0, 380 - side + 1, 2)
        damaged[y : y + side, x : x + side] = rng.integers(0, 256, 3) if number % 2 else done.stego[::-1][:side, :side]
        try:
            assert reading.extract(damaged) == content
            came_back += 1
        except REFUSED:
            pass
    assert 0 < came_back < 10
    worn = np.clip(done.stego + rng.normal(size=done.stego.shape) * 14, 0, 255).astype(np.uint8)
    with pytest.raises(TooDamaged):
        reading.extract(worn)


def test_pilots_tell_that_something_is_here(full, cover):
    stego = full[1].stego
    size = grid.size_for(cover.shape)
    assert abs(reading.score(cover, size)) < 0.2
    for received in (stego, PLAYED[0](stego), PLAYED[3](stego)):
        assert reading.score(received, size) > 0.3
        assert reading.score(grid.luma(received), size) > 0.3
    assert abs(reading.score(stego[:, ::-1], size)) < 0.2
