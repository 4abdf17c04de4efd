"""Bits in coefficients."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegocli.canonical import dither
from stegocli.canonical.dither import Layout
from stegocli.payload import keys


def layout(count: int, power: float, noise: float, key: bytes = bytes(32)) -> Layout:
    step, alpha = dither.design(np.full(count, power), np.full(count, noise))
    return Layout(np.arange(count), step, alpha, dither.shifts(key, count))


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 40), st.floats(0.5, 20), st.integers(0, 99))
def test_bits_are_read_and_cost_what_they_should(power, noise, seed):
    rng, at = np.random.default_rng(seed), layout(4000, power, noise)
    host, bits = rng.normal(0, 50, 4000), rng.integers(0, 2, 4000)
    sent = dither.embed(host, at, bits)
    assert np.square(sent - host).mean() == pytest.approx(power, rel=0.1)
    clean = dither.log_odds(sent, at, np.full(4000, 0.05 * at.step[0]))
    assert ((clean < 0) == bits).mean() > (0.97 if at.alpha[0] > 0.55 else 0.5)
    odds = dither.log_odds(sent + rng.normal(0, np.sqrt(noise), 4000), at, np.full(4000, np.sqrt(noise)))
    # Log-odds say how often they are wrong.
    assert ((odds < 0) != bits).mean() == pytest.approx((1 / (1 + np.exp(np.abs(odds)))).mean(), abs=0.03)


def test_without_the_key_nothing_is_seen():
    rng, at = np.random.default_rng(0), layout(6000, 30, 9)
    bits = rng.integers(0, 2, 6000)
    sent = dither.embed(rng.normal(0, 50, 6000), at, bits)
    other = layout(6000, 30, 9, b"1" * 32)
    right = np.abs(np.exp(2j * np.pi * dither.offsets(sent, at, bits)).mean())
    for wrong in (dither.offsets(sent, other, bits), sent / at.step, 2 * sent / at.step):
        assert np.abs(np.exp(2j * np.pi * wrong).mean()) < 0.06 < right


def test_order_and_shifts_of_a_key_share_no_key_stream():
    key, count = b"k" * 32, 64
    as_drawn = np.rint(65536 * dither.shifts(key, 4 * count)).astype("<u2").view("<u8")
    assert not np.array_equal(np.argsort(as_drawn), keys.shuffle(key, np.arange(count)))
