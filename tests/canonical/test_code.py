"""Error correction: any length and rate, near what the channel allows, and knows when it failed."""

import numpy as np
import pytest

from stegocli.canonical.code import Code


@pytest.mark.parametrize(("information", "coded"), [(1, 2), (2, 40), (8, 240), (80, 2400), (300, 901), (900, 1000)])
def test_clean_words_come_back(information, coded):
    code = Code(information, coded)
    bits = np.random.default_rng(0).integers(0, 2, information).astype(np.uint8)
    word = code.encode(bits)
    assert word.shape == (coded,)
    assert word.dtype == np.uint8
    decoded, converged = code.decode(4 - 8.0 * word)
    assert converged
    assert np.array_equal(decoded, bits)


def noisy(code, sigma, rng):
    bits = rng.integers(0, 2, code.information).astype(np.uint8)
    received = 1 - 2.0 * code.encode(bits) + sigma * rng.normal(size=code.coded)
    return bits, 2 * received / sigma**2


# Noise that leaves some 1.3 to 1.9 times the information that the code needs.
@pytest.mark.parametrize(("rate", "sigma"), [(0.25, 1.3), (0.1, 2.0), (1 / 30, 3.2)])
def test_noise_is_corrected(rate, sigma):
    rng = np.random.default_rng(1)
    code = Code(int(6000 * rate), 6000)
    for _ in range(3):
        bits, log_odds = noisy(code, sigma, rng)
        decoded, converged = code.decode(log_odds)
        assert converged
        assert np.array_equal(decoded, bits)


def test_no_knot_of_few_bits_is_left_in_a_long_code():
    rng = np.random.default_rng(2)
    code = Code(3300, 10000)
    for _ in range(3):
        bits, log_odds = noisy(code, 1.07, rng)
        assert np.array_equal(code.decode(log_odds)[0], bits)


def test_what_cannot_be_corrected_is_known():
    log_odds = np.random.default_rng(2).normal(size=1000)
    assert not Code(300, 1000).decode(log_odds)[1]


@pytest.mark.parametrize(("information", "coded"), [(0, 10), (10, 10), (11, 10)])
def test_impossible_lengths_are_refused(information, coded):
    with pytest.raises(ValueError):
        Code(information, coded)
