"""How far each coefficient should move, so that the hardest channels leave the most for what the cover may change.

What a channel does to a coefficient is partly known once it was tried: scalers that alias do the same again. So each
coefficient's loss of information can be told for each place where it may go, through every channel, and the places are
chosen that lose least for their change, all at one price: coefficients that come through anyway move little, hopeless
ones not at all (informed embedding: Miller, Doerr & Cox, "Applying informed coding and embedding to design a robust
high-capacity watermark", IEEE Transactions on Image Processing 13, 2004).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from . import dither
from .dither import Layout

# Places that are tried, in steps from where the coefficient is.
_PLACES = np.linspace(-0.9, 0.9, 33)
# The table of losses: offsets within a step, and logarithms of the noise in steps.
_OFFSETS = 64
_RATIOS = np.linspace(np.log(0.06), np.log(1.5), 24)
# What is not known of a channel, as a share of the deviation of its noise.
_UNKNOWN = 0.9
# Halvings of the interval in which the price lies; each place costs the square of its distance.
_HALVINGS, _CHEAPEST, _DEAREST = 14, 1e-5, 1.0


@dataclass(frozen=True)
class Foreseen:
    """What a channel will do to coefficients.

    Attributes:
        shift: float64 (n,), grey levels of the grid, the gain undone.
        deviation: float64 (n,), of its noise as the reader takes it.
        weight: of its losses.
    """

    shift: np.ndarray
    deviation: np.ndarray
    weight: float


class Aim:
    """Chooses places for the coefficients of a layout that carry these bits, which lie at `host` now."""

    def __init__(self, layout: Layout, bits: np.ndarray, host: np.ndarray):
        self._layout, self._host = layout, host
        self._phase = layout.shift + bits / 2
        # Coefficients of one frequency have one alpha.
        _, first, self._kinds = np.unique(layout.frequencies, return_index=True, return_inverse=True)
        self._losses = _losses(tuple(layout.alpha[first]))

    def places(self, channels: list[Foreseen], price: np.ndarray, budget: float) -> np.ndarray:
        """How far each goes, float64 (n,), grey levels of the grid.

        Args:
            channels: that it should come through.
            price: of each coefficient's squared change, (n,).
            budget: for all of them together.
        """
        step = self._layout.step
        loss = np.zeros((len(step), len(_PLACES)), np.float32)
        for channel in channels:
            ratio = np.log(channel.deviation / step)
            row = np.rint(np.interp(ratio, _RATIOS, np.arange(len(_RATIOS)))).astype(np.int64)
            offset = ((self._host + channel.shift) / step - self._phase)[:, None] + _PLACES
            column = np.rint(offset * _OFFSETS).astype(np.int64) % _OFFSETS
            loss += channel.weight * self._losses[self._kinds[:, None], row[:, None], column]
        cost = ((np.square(step) * price)[:, None] * np.square(_PLACES)).astype(np.float32)
        rows = np.arange(len(step))
        low, high = _CHEAPEST, _DEAREST
        for _ in range(_HALVINGS):
            middle = float(np.sqrt(low * high))
            chosen = np.argmin(loss + np.float32(middle) * cost, 1)
            spent = float(cost[rows, chosen].sum(dtype=np.float64))
            low, high = (middle, high) if spent > budget else (low, middle)
        return _PLACES[chosen] * step


@lru_cache(maxsize=8)
def _losses(alphas: tuple[float, ...]) -> np.ndarray:
    """Bits that are lost on average: float32, by alpha, noise (`_RATIOS`) and offset from the bit's own point."""
    offset, ratio = np.arange(_OFFSETS) / _OFFSETS, np.exp(_RATIOS)
    wave = np.fft.rfftfreq(_OFFSETS, 1 / _OFFSETS)
    unknown = np.exp(-2 * np.square(np.pi * wave * _UNKNOWN * ratio[:, None]))
    waves, noise = np.tile(dither.waves(offset), len(ratio)), np.repeat(ratio, _OFFSETS)
    out = np.empty((len(alphas), len(ratio), _OFFSETS), np.float32)
    for row, alpha in enumerate(alphas):
        likely = dither.density(waves, np.full(len(noise), alpha), noise).reshape(out.shape[1:])
        lost = np.log2(1 + np.roll(likely, _OFFSETS // 2, 1) / likely)
        out[row] = np.fft.irfft(np.fft.rfft(lost) * unknown, _OFFSETS)
    return out
