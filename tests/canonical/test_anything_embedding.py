"""Bytes that survive nearly anything: through what is played, under passwords, and never wrong."""

import numpy as np
import pytest
from pictures import natural, photograph
from pilots import score

from stegocli.canonical import dither, embedding, fixed, grid, preamble, reading
from stegocli.canonical.channels import PLAYED, Jpeg, Resize, Tone, Wide, channel
from stegocli.canonical.embedding import Embedder, Unsuitable
from stegocli.canonical.lock import Lock
from stegocli.canonical.reading import NothingFound, TooDamaged
from stegocli.picture import metrics

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick_keys")]
REFUSED = (NothingFound, TooDamaged)


def with_sky(height, width, seed=0):
    """A photograph whose upper third is all but flat."""
    rgb = photograph(height, width, seed)
    top = height // 3
    rng = np.random.default_rng(seed)
    rgb[:top] = np.linspace(170, 200, top)[:, None, None] + rng.normal(0, 0.7, (top, width, 3))
    return rgb


def wall(height, width, seed=0):
    """A wall with a picture of half its height on it."""
    rng = np.random.default_rng(seed)
    shade = np.linspace(150, 190, height)[:, None, None]
    rgb = np.clip(shade + rng.normal(0, 0.7, (height, width, 3)), 0, 255).astype(np.uint8)
    side = height // 2
    rgb[side // 2 : side // 2 + side, side // 2 : side // 2 + side] = photograph(side, side, seed)
    return rgb


@pytest.fixture(scope="module")
def cover():
    return with_sky(300, 272)


@pytest.fixture(scope="module")
def embedder(cover):
    return Embedder(cover)


@pytest.fixture(scope="module")
def full(embedder):
    """A content as large as fits, and its stego."""
    content = np.random.default_rng(0).bytes(embedder.capacity())
    return content, embedder.embed(content).stego


@pytest.fixture(scope="module")
def roomy():
    """Of a cover that surely carries something under a password, too: the smaller one fails for some salts."""
    embedder = Embedder(with_sky(400, 360))
    assert embedder.capacity(private=True) > len(b"between us")
    return embedder


@pytest.fixture(scope="module")
def private(roomy):
    return roomy.embed(b"between us", "right").stego


@pytest.mark.parametrize("played", PLAYED, ids=str)
def test_capacity_survives_what_is_played(played, full):
    content, stego = full
    assert len(content) > 60
    assert reading.extract(played(stego)) == content


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
    content, stego = full
    assert reading.extract(channel(*steps)(stego)) == content


def test_the_cover_changes_little_and_flat_parts_hardly(cover, full):
    stego = full[1]
    assert metrics.psnr(cover, stego) >= embedding.COVER_PSNR - 0.7
    assert metrics.worst_block(cover, stego) >= 30
    sky = np.abs(stego[:80].astype(int) - cover[:80])
    assert sky.max() <= 1 and (sky > 0).mean() < 0.05


def test_little_content_changes_little(cover, embedder):
    stego = embedder.embed(b"short").stego
    assert metrics.psnr(cover, stego) > embedding.COVER_PSNR + 2.5
    assert reading.extract(PLAYED[0](stego)) == b"short"


@pytest.mark.parametrize("shape", [(263, 301), (301, 259)])
def test_odd_sizes_of_both_orientations(shape):
    stego = Embedder(photograph(*shape, seed=3)).embed(b"").stego
    assert stego.shape == (*shape, 3)
    assert reading.extract(PLAYED[1](stego)) == b""
    with pytest.raises(NothingFound):
        reading.extract(np.ascontiguousarray(np.rot90(stego)))


def test_large_covers_are_tried_on_a_smaller_copy(cover, monkeypatch):
    monkeypatch.setattr(embedding, "_LARGE", 270)
    stego = Embedder(cover).embed(b"large").stego
    assert stego.shape == cover.shape
    assert reading.extract(PLAYED[0](stego)) == b"large"


def test_the_floor_of_a_large_cover_holds_in_the_file_and_is_paid_where_it_is_met(monkeypatch):
    monkeypatch.setattr(embedding, "_LARGE", 400)
    cover = with_sky(440, 464, 1)
    # Contrast: what a pixel may change by grows with it.
    cover[200:260, 200:260] = np.clip(3.0 * cover[200:260, 200:260] - 240, 0, 255)
    embedder = Embedder(cover, 33)
    content = np.random.default_rng(0).bytes(embedder.capacity() * 9 // 10)
    assert len(content) > 80
    assert metrics.worst_block(cover, embedder.embed(content).stego) >= 30


def test_a_flat_cover_carries_what_its_textured_blocks_carry():
    cover = wall(480, 720)
    embedder = Embedder(cover)
    content = np.random.default_rng(0).bytes(embedder.capacity())
    stego = embedder.embed(content).stego
    assert len(content) > 50
    for played in PLAYED:
        assert reading.extract(played(stego)) == content
    assert metrics.psnr(cover, stego) > embedding.COVER_PSNR + 3 and metrics.worst_block(cover, stego) > 30
    bare = np.abs(stego[:, 400:].astype(int) - cover[:, 400:])
    assert bare.max() <= 1 and (bare > 0).mean() < 0.01


def test_what_can_not_be_hidden_is_refused(cover, embedder):
    with pytest.raises(Unsuitable, match="longer side"):
        Embedder(cover[:200, :200])
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


def test_nothing_is_open_under_a_password(private):
    """A watcher knows all but the password: neither pilots nor preamble stand on the lattices that are public."""
    size = grid.size_for(private.shape)
    assert abs(score(private, size)) < 0.25
    assert score(private, size, reading.places(Lock.of("right", preamble.LOCK))) > 0.5
    values = grid.coefficients(private, size).reshape(-1)
    for layout in (fixed.OPEN.pilots(size), fixed.OPEN.preamble(size, 2000)):
        # Twice the phase: whether the bits are 0 or 1.
        waves = np.exp(4j * np.pi * dither.offsets(values[layout.positions], layout))
        assert abs(waves.mean()) < 4 / np.sqrt(len(layout))


def test_two_stegos_of_one_password_share_no_key(private, roomy):
    lock = Lock.of("right", preamble.LOCK)
    again = roomy.embed(b"between us", "right").stego
    size = grid.size_for(private.shape)
    salts = [reading.find_preamble(reading.receive(stego, size), size, lock).salt for stego in (private, again)]
    assert salts[0] != salts[1] and len(salts[0]) == preamble.SALT


def test_unmarked_pictures_hold_nothing(cover):
    for rgb in (cover, photograph(300, 300, 7), natural(260, 300), np.zeros((300, 300, 3), np.uint8)):
        with pytest.raises(NothingFound):
            reading.extract(rgb)
    with pytest.raises(NothingFound):
        reading.extract(cover[:9, :9])


def test_damage_gives_the_content_or_is_told(full):
    content, stego = full
    rng, came_back = np.random.default_rng(0), 0
    for number in range(10):
        damaged = stego.copy()
        side = int(rng.integers(30, 270))
        y, x = rng.integers(0, 272 - side + 1, 2)
        damaged[y : y + side, x : x + side] = rng.integers(0, 256, 3) if number % 2 else stego[::-1][:side, :side]
        try:
            assert reading.extract(damaged) == content
            came_back += 1
        except REFUSED:
            pass
    assert 0 < came_back < 10
    worn = np.clip(stego + rng.normal(size=stego.shape) * 14, 0, 255).astype(np.uint8)
    with pytest.raises(TooDamaged):
        reading.extract(worn)


def test_pilots_tell_that_something_is_here(full, cover):
    stego = full[1]
    size = grid.size_for(cover.shape)
    assert abs(score(cover, size)) < 0.25
    for received in (stego, PLAYED[0](stego), PLAYED[3](stego)):
        assert score(received, size) > 0.3
        assert score(grid.luma(received), size) > 0.3
    assert abs(score(stego[:, ::-1], size)) < 0.25


def test_a_stego_with_a_block_below_the_floor_is_not_given(embedder, monkeypatch):
    monkeypatch.setattr(embedding, "_FLOOR", 60.0)
    with pytest.raises(Unsuitable):
        embedder.embed(b"a note")
