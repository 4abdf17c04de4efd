"""The error-correcting code: any length and rate, near what the channel allows."""

import numpy as np
import pytest

from stegocli.robust.ldpc import Code


@pytest.mark.parametrize(("message", "length"), [(1, 40), (8, 100), (288, 961), (900, 1000), (9000, 10000)])
def test_clean_words_come_back(message, length):
    code = Code(message, length)
    bits = np.random.default_rng(0).integers(0, 2, (3, message)).astype(np.uint8)
    words = code.encode(bits)
    assert np.array_equal(words[:, :message], bits)
    decoded, right = code.decode(4 - 8.0 * words)
    assert right.all()
    assert np.array_equal(decoded, bits)


@pytest.mark.parametrize(("rate", "sigma"), [(0.9, 0.46), (0.5, 0.84)])
def test_noise_near_capacity_is_corrected(rate, sigma):
    rng = np.random.default_rng(1)
    code = Code(int(12000 * rate), 12000)
    bits = rng.integers(0, 2, (4, code.message)).astype(np.uint8)
    received = 1 - 2.0 * code.encode(bits) + sigma * rng.normal(size=(4, code.length))
    decoded, right = code.decode(2 * received / sigma**2)
    assert right.all()
    assert np.array_equal(decoded, bits)


def test_words_beyond_repair_are_known():
    code = Code(900, 1000)
    _, right = code.decode(np.random.default_rng(2).normal(size=(5, 1000)))
    assert not right.any()


@pytest.mark.parametrize(("message", "length"), [(0, 10), (10, 10), (11, 10)])
def test_impossible_lengths_are_refused(message, length):
    with pytest.raises(ValueError):
        Code(message, length)
