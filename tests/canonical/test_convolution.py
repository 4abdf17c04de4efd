"""The code for few bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegocli.canonical import convolution


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 1), min_size=1, max_size=60), st.integers(0, 100), st.integers(0, 9))
def test_whatever_goes_in_comes_out(bits, more, seed):
    bits = np.array(bits, np.uint8)
    word = convolution.encode(bits, convolution.length(len(bits)) + more)
    rng = np.random.default_rng(seed)
    log_odds = (1 - 2.0 * word) * 4
    log_odds[rng.random(len(word)) < 0.05] *= -1
    assert np.array_equal(convolution.decode(log_odds, len(bits)), bits)


@pytest.mark.parametrize("spread", [8, 12])
def test_near_what_the_channel_allows(spread):
    """3 dB a bit, where no code does below -1.6: words are lost once in some hundred."""
    rng, right = np.random.default_rng(0), 0
    sigma = np.sqrt(spread / 2 / 10**0.3)
    for _ in range(40):
        bits = rng.integers(0, 2, 40).astype(np.uint8)
        word = convolution.encode(bits, 40 * spread)
        received = 1 - 2.0 * word + sigma * rng.normal(size=len(word))
        right += np.array_equal(convolution.decode(2 * received / sigma**2, 40), bits)
    assert right >= 36
