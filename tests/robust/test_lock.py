"""Under a password: what a watcher without it can read, and what he can't."""

import numpy as np
import pytest
from pictures import photograph

from stegocli.canonical.lock import Lock
from stegocli.robust import blocks, legacy, sync
from stegocli.robust.embedding import Embedder
from stegocli.robust.reading import NothingFound, extract

pytestmark = pytest.mark.usefixtures("quick_keys")

SHAPE = (20, 21)


def embedded_header(rng: np.random.Generator, lock: Lock, quality: int = 75) -> tuple[np.ndarray, np.ndarray]:
    """Parities of all positions in coefficients that carry a private sync header, and which positions it took."""
    coefficients = rng.normal(size=SHAPE[0] * SHAPE[1] * 64) * 30
    positions = sync.header_positions(SHAPE, lock)[0]
    content = sync.Header.new(quality, 60, 17, True).pack(lock)
    steps = sync.header_steps(quality, positions, lock)
    whole = sync.write(coefficients[positions] / steps, content, lock.header_whitening(len(positions)))
    coefficients[positions] = whole * steps
    everywhere = sync.all_positions(SHAPE)
    parities = np.rint(coefficients[everywhere] / sync.grid_steps(quality, everywhere)).astype(int) & 1
    return parities, np.isin(everywhere, positions)


def test_bits_at_any_position_are_unbiased_over_many_stegos():
    rng = np.random.default_rng(0)
    rows, taken = zip(*(embedded_header(rng, Lock.of(str(i), sync.LOCK, SHAPE)) for i in range(250)), strict=True)
    parities, took = np.array(rows), np.array(taken)
    # One position over all stegos: what the public order puts first, and all others, with five deviations' leave.
    first = np.isin(sync.all_positions(SHAPE), sync.header_positions(SHAPE)[0])
    limit = 5 * 0.5 / np.sqrt(250)
    for which in (first, ~first):
        assert np.abs(parities[:, which].mean(0) - 0.5).max() < limit
    # Positions that the header took against those that it did not: one stego after the other, and all together.
    inside, outside = parities[took].mean(), parities[~took].mean()
    assert abs(inside - 0.5) < 5 * 0.5 / np.sqrt(took.sum()) and abs(outside - 0.5) < 5 * 0.5 / np.sqrt((~took).sum())
    # No position is taken more often than chance has it.
    share = took.mean()
    assert np.abs(took.mean(0) - share).max() < 5 * np.sqrt(share * (1 - share) / 250)


def test_neighbours_in_the_code_word_tell_nothing_of_one_another():
    """A code word's parity checks would hold for whoever knew the order; whitened, half of them do."""
    lock, other = Lock.of("right", sync.LOCK, SHAPE), Lock.of("wrong", sync.LOCK, SHAPE)
    parities, _ = embedded_header(np.random.default_rng(1), lock)
    everywhere = sync.all_positions(SHAPE)
    for order in (lock, other):
        positions = sync.header_positions(SHAPE, order)[0]
        word = parities[np.searchsorted(everywhere, np.sort(positions))][np.argsort(np.argsort(positions))]
        pairs = word[1:] ^ word[:-1]
        assert abs(pairs.mean() - 0.5) < 5 * 0.5 / np.sqrt(len(pairs))


@pytest.fixture(scope="module")
def private():
    rgb = photograph(240, 272)
    return rgb, [Embedder(rgb, quality).embed(b"a secret", "right").stego for quality in (50, 75)]


def test_no_open_code_reads_anything(private):
    for stego in private[1]:
        reader = sync.Reader(blocks.forward(stego))
        assert reader.header(None) is None and legacy.front(reader)[0] is None


def test_two_stegos_of_one_password_share_no_bits_of_salt(private):
    lock = Lock.of("right", sync.LOCK, blocks.grid(private[0].shape))
    headers = [sync.Reader(blocks.forward(stego)).header(lock) for stego in private[1]]
    assert [header.quality for header in headers] == [50, 75]
    assert headers[0].salt != headers[1].salt


def test_the_password_alone_opens_it(private):
    for stego in private[1]:
        assert extract(stego, "right") == b"a secret"
        for wrong in (None, "", "wrong"):
            with pytest.raises(NothingFound):
                extract(stego, wrong)
