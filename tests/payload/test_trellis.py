import numpy as np
import pytest

from stegocli.payload import trellis
from stegocli.payload.trellis import Plan


def entropy_bound(rate: float) -> float:
    """Least mean squared change by whole numbers that carries `rate` bits: a discrete Gaussian's variance."""
    k = np.arange(-200, 201)
    low, high = 1e-4, 1e4
    for _ in range(100):
        middle = np.sqrt(low * high)
        p = np.exp(-(k**2) / (2 * middle))
        p /= p.sum()
        entropy = -(p[p > 0] * np.log2(p[p > 0])).sum()
        low, high = (low, middle) if entropy > rate else (middle, high)
    return float((p * k**2).sum())


def embedded(rate, samples=60_000, low=40, high=216, seed=0):
    rng = np.random.default_rng(seed)
    cover = rng.integers(low, high, samples).astype(np.uint8)
    bits = rng.integers(0, 2, int(samples * rate)).astype(np.uint8)
    plan = trellis.plan(samples, len(bits))
    return cover, bits, plan, trellis.write(cover, bits, plan)


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.5, 1, 1.3, 2, 2.6, 3, 4.4, 5.9])
@pytest.mark.parametrize("samples", [1, 7, 511, 513, 5000])
def test_bits_come_back(rate, samples):
    cover, bits, plan, stego = embedded(rate, samples, 0, 256)
    assert np.array_equal(trellis.read(stego, plan)[: len(bits)], bits)
    assert plan.bits >= len(bits) and np.array_equal(stego[plan.used :], cover[plan.used :])


@pytest.mark.parametrize("level", [0, 1, 254, 255])
def test_black_and_white_covers(level):
    cover = np.full(3000, level, np.uint8)
    bits = np.random.default_rng(0).integers(0, 2, 9000).astype(np.uint8)
    plan = trellis.plan(cover.size, bits.size)
    assert np.array_equal(trellis.read(trellis.write(cover, bits, plan), plan)[: bits.size], bits)


@pytest.mark.parametrize("rate,gap", [(1, 0.75), (2, 0.5), (2.585, 0.5), (3, 0.5), (2.93, 0.6), (4, 0.5)])
def test_within_a_decibel_of_the_entropy_bound(rate, gap):
    cover, _, _, stego = embedded(rate)
    change = np.square(stego.astype(int) - cover).mean()
    assert 10 * np.log10(change / entropy_bound(rate)) < gap


def test_expected_change_is_the_measured_one():
    for rate in (0.5, 1, 2.3, 3, 4):
        cover, _, plan, stego = embedded(rate)
        assert trellis.expected_mse(plan) == pytest.approx(np.square(stego.astype(int) - cover).mean(), rel=0.03)


@pytest.mark.parametrize("mse", [0.01, 0.2, 1.0, 6.5, 60.0])
def test_largest_plan_within_a_change(mse):
    plan = trellis.largest(100_000, mse)
    assert trellis.expected_mse(plan) <= mse < 1.02 * trellis.expected_mse(plan)


def test_plans_waste_little_and_end_somewhere():
    for bits in (0, 1, 999, 12_345, 40_000):
        plan = trellis.plan(10_000, bits)
        assert bits <= plan.bits <= bits + 100
    assert trellis.plan(10_000, 10_000 * 8) is None


def test_the_readers_syndrome_is_the_writers():
    """The fast forms agree with the definition, one sequence at a time."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, (trellis.LENGTH, 1)).astype(np.uint8)
    taps = [(trellis.H0 >> i & 1, trellis.H1 >> i & 1) for i in range(trellis.MEMORY + 1)]
    for t in range(trellis.LENGTH):
        bit = 0
        for i, (a, b) in enumerate(taps[: t + 1]):
            bit ^= a & int(labels[t - i, 0]) & 1 ^ b & int(labels[t - i, 0]) >> 1
        assert bit == trellis._syndrome(labels)[t, 0]


def test_viterbi_finds_the_best_of_all_codewords():
    """Against a search through every codeword of the first eight places."""
    rng = np.random.default_rng(2)
    costs = np.zeros((trellis.LENGTH, 4, 1), np.float32)
    costs[:8] = rng.random((8, 4, 1))
    found = trellis.nearest_codewords(costs)
    assert not trellis._syndrome(found.astype(np.uint8)).any()
    labels = np.zeros((trellis.LENGTH, 4**8), np.uint8)
    labels[:8] = np.arange(4**8) >> 2 * np.arange(8)[:, None] & 3
    codewords = labels[:8, ~trellis._syndrome(labels)[:8].any(0)]
    assert codewords.shape[1] == 2**8
    least = sum(costs[t, codewords[t], 0] for t in range(8)).min()
    assert float(sum(costs[t, found[t, 0], 0] for t in range(8))) == pytest.approx(float(least))


def test_reading_with_a_foreign_plan_gives_bits_not_errors():
    stego = np.random.default_rng(0).integers(0, 256, 5000).astype(np.uint8)
    for base in (0, 1, 5, 31):
        assert set(np.unique(trellis.read(stego, Plan(5000, base, 2500)))) <= {0, 1}
