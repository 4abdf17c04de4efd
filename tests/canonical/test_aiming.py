"""Where coefficients go: what is spent, and what it brings."""

import numpy as np
import pytest

from stegocli.canonical import dither
from stegocli.canonical.aiming import Aim, Foreseen
from stegocli.canonical.dither import Layout
from stegocli.canonical.writing import information

COUNT, POWER, NOISE = 4000, 12.0, 9.0


@pytest.fixture
def made():
    """A layout, bits, what carries them, and what a channel does to each coefficient."""
    rng = np.random.default_rng(0)
    step, alpha = dither.design(np.full(COUNT, POWER), np.full(COUNT, NOISE))
    layout = Layout(np.arange(COUNT) * 64, step, alpha, dither.shifts(bytes(32), COUNT))
    host, shift = rng.normal(0, 50, COUNT), rng.normal(0, np.sqrt(NOISE / 2), COUNT)
    return layout, rng.integers(0, 2, COUNT), host, shift


def told(layout, bits, received):
    return information(dither.log_odds(received, layout, np.full(COUNT, np.sqrt(NOISE))), bits)


def test_what_a_channel_does_again_is_made_good_for_the_same_change(made):
    layout, bits, host, shift = made
    aim, channel = Aim(layout, bits, host), Foreseen(shift, np.full(COUNT, np.sqrt(NOISE)), 1.0)
    places = aim.places([channel], np.ones(COUNT), COUNT * POWER)
    assert np.square(places).sum() == pytest.approx(COUNT * POWER, rel=0.02)
    arrives = shift + np.random.default_rng(1).normal(0, np.sqrt(NOISE / 2), COUNT)
    plain = told(layout, bits, dither.embed(host, layout, bits) + arrives)
    assert told(layout, bits, host + places + arrives) > 1.3 * plain


def test_what_is_dearer_moves_less(made):
    layout, bits, host, shift = made
    price = np.where(np.arange(COUNT) % 2, 3.0, 1.0)
    channel = Foreseen(shift, np.full(COUNT, np.sqrt(NOISE)), 1.0)
    squares = np.square(Aim(layout, bits, host).places([channel], price, COUNT * POWER))
    assert (price * squares).sum() == pytest.approx(COUNT * POWER, rel=0.02)
    assert squares[price > 1].sum() < 0.7 * squares[price == 1].sum()
