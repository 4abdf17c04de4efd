"""How strongly each coefficient of the grid may be changed, and which carry the content.

Power is poured into the 64 frequencies of a block as water into a vessel (Cover & Thomas, "Elements of Information
Theory", 9.4): what stands above the noise of the worst channels is spent there. One index says how high; the reader
makes the same layout of it.
"""

import numpy as np

from ..payload.keys import shuffle
from . import dither, grid
from .dither import Layout

# Standard deviation of the noise that half size and JPEG 75 leave at each frequency, grey levels of the grid, gain
# undone: measured on photographs, blocks that are not flat, by the longest side of the grid.
_NOISE = {
    256: [
        [3.0, 3.2, 3.4, 4.0, 5.0, 6.5, 8.3, 11.4],
        [3.2, 3.6, 3.8, 4.5, 5.5, 6.9, 8.6, 11.4],
        [3.4, 3.8, 4.3, 5.1, 6.2, 7.4, 8.9, 11.2],
        [4.0, 4.5, 5.1, 5.9, 6.9, 8.1, 9.3, 11.8],
        [5.0, 5.5, 6.2, 6.9, 8.0, 9.2, 10.4, 13.1],
        [6.5, 6.9, 7.4, 8.1, 9.2, 10.5, 11.9, 15.2],
        [8.3, 8.6, 8.9, 9.3, 10.4, 11.9, 14.2, 19.0],
        [11.4, 11.4, 11.2, 11.8, 13.1, 15.2, 19.0, 25.0],
    ],
    512: [
        [2.1, 2.3, 2.4, 2.6, 3.0, 3.6, 4.4, 5.4],
        [2.3, 2.4, 2.5, 2.8, 3.2, 3.8, 4.6, 5.4],
        [2.4, 2.5, 2.7, 3.0, 3.5, 4.1, 4.8, 5.6],
        [2.6, 2.8, 3.0, 3.4, 3.9, 4.5, 5.1, 5.9],
        [3.0, 3.2, 3.5, 3.9, 4.4, 5.0, 5.6, 6.4],
        [3.6, 3.8, 4.1, 4.5, 5.0, 5.6, 6.3, 7.2],
        [4.4, 4.6, 4.8, 5.1, 5.6, 6.3, 7.2, 8.4],
        [5.4, 5.4, 5.6, 5.9, 6.4, 7.2, 8.4, 10.0],
    ],
}
# The grid whose noise is like that of the others.
_USUAL = 256
# Of strength, an index: a sixteenth of an octave of power each, from the weakest, in multiples of the least noise.
STRENGTHS = 64
_WEAKEST, _OCTAVE = 1.6, 16
# Coefficients whose power would be less than this multiple of the noise are left alone.
_LEAST_RATIO = 1.2
# Of two frequencies that mirror each other one comes in earlier than the other, by this much noise.
_LATER = 1.09


def noise(size: tuple[int, int]) -> np.ndarray:
    """Variance of the worst channels' noise at each frequency, float64 (8, 8)."""
    return np.square(np.array(_NOISE[max(size) if max(size) in _NOISE else _USUAL]))


def power(size: tuple[int, int], strength: int) -> np.ndarray:
    """Mean squared change of each frequency, float64 (8, 8); 0 where nothing is carried."""
    variance = noise(size)
    height = _WEAKEST * 2 ** (strength / _OCTAVE) * variance[0, 1]
    spent = np.maximum(height - variance, 0)
    later = np.triu(np.full((grid.SIDE, grid.SIDE), _LATER), 1) + np.tril(np.ones((grid.SIDE, grid.SIDE)))
    spent[height < (1 + _LEAST_RATIO) * variance * later] = 0
    spent[0, 0] = 0
    return spent


def layout(size: tuple[int, int], strength: int, taken: np.ndarray, key: bytes) -> Layout:
    """What carries the content, in the key's order.

    Args:
        size: of the grid.
        strength: index, 0 to `STRENGTHS` - 1.
        taken: flat indices that belong to others.
        key: 32 bytes.
    """
    spent, variance = power(size, strength).reshape(-1), noise(size).reshape(-1)
    used = np.flatnonzero(spent)
    blocks = np.arange(size[0] * size[1] // grid.SIDE**2)[:, None] * grid.SIDE**2
    free = np.zeros(size[0] * size[1], bool)
    free[(blocks + used).reshape(-1)] = True
    free[taken] = False
    positions = shuffle(key, np.flatnonzero(free))
    frequencies = positions % grid.SIDE**2
    step, alpha = dither.design(spent[frequencies], variance[frequencies])
    return Layout(positions, step, alpha, dither.shifts(key, len(positions)))
