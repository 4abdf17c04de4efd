"""How strongly each coefficient of the grid may be changed, and which carry the content.

Power is poured into the 64 frequencies of a block as water into a vessel (Cover & Thomas, "Elements of Information
Theory", 9.4): what stands above the noise of the worst channels is spent there. One index says how high; a coarse map
of cells, where it stands lower. The reader makes the same layout of the same two.
"""

from functools import lru_cache

import numpy as np

from ..payload.keys import shuffle
from . import coset, grid
from .dither import Layout, shifts

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
# Of strength, an index: an eighth of an octave of power each, from the weakest.
STRENGTHS = 64
_WEAKEST, _OCTAVE = 4.0, 8
# Coefficients whose power would be less than this share of the noise are left alone.
_LEAST_RATIO = 1.2
# Blocks in a cell of the map, down and across.
CELL = 4
LEVELS = 4


def noise(size: tuple[int, int]) -> np.ndarray:
    """Variance of the worst channels' noise at each frequency, float64 (8, 8)."""
    return np.square(np.array(_NOISE[max(size)]))


def power(size: tuple[int, int], strength: int, level: int) -> np.ndarray:
    """Mean squared change of each frequency, float64 (8, 8); 0 where nothing is carried."""
    variance = noise(size)
    height = _WEAKEST * 2 ** (strength / _OCTAVE - level)
    spent = np.maximum(height - variance, 0)
    spent[spent < _LEAST_RATIO * variance] = 0
    spent[0, 0] = 0
    return spent


def cells(size: tuple[int, int]) -> tuple[int, int]:
    """Cells of the map, down and across."""
    return -(-size[0] // (grid.SIDE * CELL)), -(-size[1] // (grid.SIDE * CELL))


def of_blocks(levels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Each block's value of its cell's."""
    spread = np.repeat(np.repeat(levels, CELL, 0), CELL, 1)
    return spread[: size[0] // grid.SIDE, : size[1] // grid.SIDE]


@lru_cache(maxsize=256)
def _scheme(size: tuple[int, int], strength: int, level: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frequencies that carry something, their steps and alphas."""
    spent, variance = power(size, strength, level).reshape(-1), noise(size).reshape(-1)
    used = np.flatnonzero(spent)
    step, alpha = coset.design(spent[used], variance[used])
    return used, step, alpha


def layout(size: tuple[int, int], strength: int, levels: np.ndarray, taken: np.ndarray, key: bytes) -> Layout:
    """What carries the content, in the key's order.

    Args:
        size: of the grid.
        strength: index, 0 to `STRENGTHS` - 1.
        levels: uint8, one a cell: octaves of power below the strength's.
        taken: flat indices that belong to others.
        key: 32 bytes.
    """
    count = size[0] * size[1]
    step, alpha = np.zeros(count), np.zeros(count)
    level = of_blocks(levels, size).reshape(-1)
    for value in range(LEVELS):
        blocks = np.flatnonzero(level == value)[:, None] * grid.SIDE**2
        used, steps, alphas = _scheme(size, strength, value)
        step[(blocks + used).reshape(-1)] = np.tile(steps, len(blocks))
        alpha[(blocks + used).reshape(-1)] = np.tile(alphas, len(blocks))
    step[taken] = 0
    positions = shuffle(key, np.flatnonzero(step))
    return Layout(positions, step[positions], alpha[positions], shifts(key, len(positions)))
