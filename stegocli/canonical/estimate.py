"""What a channel did to the grid, from coefficients whose bits are known: a gain, and a noise.

Scalers and codecs lose high frequencies, tone curves change all; the gain falls with the square of the frequency, more
or less. The noise grows with frequency and with what a block holds. Both are fitted by maximum likelihood.
"""

from dataclasses import dataclass, replace

import numpy as np

from . import dither, grid
from .dither import Layout

# Logarithms of the gain at frequency 0, and its change by the square of the frequency, that are tried first.
_LEVELS, _SLOPES = np.linspace(-0.24, 0.24, 17), np.linspace(-0.03, 0.02, 6)
# Of the noise: ln of the deviation at frequency 0 in a usual block, and its changes by the square of the frequency (of
# 32), by activity, and by both; what is usual, how far that may be wrong, and the first steps of the search.
_USUAL, _SPREAD = np.array([1.0, 0.5, 0.25, 0.15]), np.array([2.0, 0.5, 0.3, 0.3])
_FIRST_STEPS = np.array([0.4, 0.2, 0.15, 0.15])
_ROUNDS = 5
_SQUARES = np.add.outer(np.arange(grid.SIDE) ** 2, np.arange(grid.SIDE) ** 2).reshape(-1) / 32.0
_FOURTHS = np.add.outer(np.arange(grid.SIDE) ** 4, np.arange(grid.SIDE) ** 4).reshape(-1) / 1024.0


@dataclass(frozen=True)
class Received:
    """A grid as received.

    Attributes:
        flat: its coefficients, float64, flattened from (down, across, 8, 8).
        written: how likely each block was written to, (down * across,), see `texture`.
        activity: how much each holds, about -2 to 2, (down * across,).
    """

    flat: np.ndarray
    written: np.ndarray
    activity: np.ndarray

    @classmethod
    def of(cls, blocks: np.ndarray, written: np.ndarray) -> "Received":
        """From coefficients (down, across, 8, 8) and how likely each block was written to."""
        energy = np.square(blocks).sum((2, 3)) - np.square(blocks[..., 0, 0])
        log = np.log2(energy.reshape(-1) + 64)
        weight = written.reshape(-1) + 1e-3
        mean = np.average(log, weights=weight)
        spread = np.sqrt(np.average(np.square(log - mean), weights=weight)) + 0.1
        activity = np.clip((log - mean) / spread, -2, 2)
        return cls(blocks.reshape(-1).astype(np.float64), written.reshape(-1), activity)

    def less(self, shares: np.ndarray) -> "Received":
        """With only a share of what each block tells, (down, across), 0 to 1."""
        return replace(self, written=self.written * shares.reshape(-1).astype(self.written.dtype))


@dataclass(frozen=True)
class Channel:
    """What was done: see the module.

    Attributes:
        gain: ln of the gain, by the 0th, 2nd and 4th power of the frequency.
        noise: of ln of the deviation, see `_USUAL`.
    """

    gain: np.ndarray
    noise: np.ndarray

    def gains(self, layout: Layout) -> np.ndarray:
        """At each coefficient."""
        return _gains(self.gain, layout.frequencies)

    def deviations(self, layout: Layout, activity: np.ndarray) -> np.ndarray:
        """Of the noise at each coefficient, grey levels of the grid, the gain undone."""
        return np.exp(self.noise @ _terms(layout, activity))


def _gains(gain: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    return np.exp(gain[0] + 32 * gain[1] * _SQUARES[frequencies] + gain[2] * _FOURTHS[frequencies])


def all_gains(gain: np.ndarray, count: int) -> np.ndarray:
    """Of so many coefficients, all of a grid."""
    return np.tile(_gains(gain, np.arange(grid.SIDE**2)), count // grid.SIDE**2)


def _terms(layout: Layout, activity: np.ndarray) -> np.ndarray:
    square, active = _SQUARES[layout.frequencies], activity[layout.blocks]
    return np.stack([np.ones_like(square), square, active, square * active])


def agreement(received: Received, layout: Layout, bits: np.ndarray | int, gain: np.ndarray) -> float:
    """How well coefficients agree with known bits under a gain: -1 to 1, about 0 where nothing is embedded."""
    weight = received.written[layout.blocks]
    values = received.flat[layout.positions] / _gains(gain, layout.frequencies)
    return float((weight * np.cos(2 * np.pi * dither.offsets(values, layout, bits))).sum() / (weight.sum() + 1))


def chance(weight: np.ndarray) -> float:
    """The deviation of the agreement of coefficients of these weights where nothing is embedded."""
    return float(np.sqrt(np.square(weight).sum() / 2) / (weight.sum() + 1))


def first_gain(received: Received, layout: Layout) -> tuple[np.ndarray, float]:
    """The gain under which pilots agree best, of those that are tried first, and how well."""
    best, found = -2.0, np.zeros(3)
    for level in _LEVELS:
        for slope in _SLOPES:
            gain = np.array([level, slope, 0.0])
            # Far from the usual it takes more to be believed.
            agrees = agreement(received, layout, 0, gain)
            if agrees - 0.5 * abs(level) - 2 * abs(slope) > best:
                best, found = agrees - 0.5 * abs(level) - 2 * abs(slope), gain
    return found, agreement(received, layout, 0, found)


def better_gain(received: Received, layout: Layout, bits: np.ndarray | int, gain: np.ndarray) -> np.ndarray:
    """A gain under which they agree best, near one."""
    gain, best = gain.copy(), agreement(received, layout, bits, gain)
    steps = np.array([0.008, 0.003, 0.05])
    for _ in range(4):
        for axis in range(3):
            for sign in (1, -1):
                while True:
                    tried = gain.copy()
                    tried[axis] += sign * steps[axis]
                    agrees = agreement(received, layout, bits, tried)
                    if agrees <= best + 1e-6:
                        break
                    gain, best = tried, agrees
        steps /= 2
    return gain


def channel(received: Received, layout: Layout, bits: np.ndarray | int, gain: np.ndarray) -> Channel:
    """The likeliest noise under a gain, from known bits."""
    values = received.flat[layout.positions] / _gains(gain, layout.frequencies)
    cosines = dither.waves(dither.offsets(values, layout, bits))
    weight, terms = received.written[layout.blocks], _terms(layout, received.activity)

    def likelihood(noise: np.ndarray) -> float:
        deviation = np.exp(noise @ terms) / layout.step
        density = 1 + weight * (dither.density(cosines, layout.alpha, deviation) - 1)
        return float(np.log(density).sum() - 0.5 * np.square((noise - _USUAL) / _SPREAD).sum())

    found, best, steps = _USUAL.copy(), likelihood(_USUAL), _FIRST_STEPS.copy()
    for _ in range(_ROUNDS):
        for axis in range(len(found)):
            for sign in (1, -1):
                tried = found.copy()
                tried[axis] += sign * steps[axis]
                likely = likelihood(tried)
                if likely > best:
                    found, best = tried, likely
                    break
        steps /= 1.6
    return Channel(gain, found)
