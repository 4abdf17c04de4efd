"""Where a picture is flat: there the eye finds every change, and nothing is changed.

The writer leaves flat blocks of the grid as they are, which the reader is not told. It sees it: a block that was
written to is no longer flat.
"""

import numpy as np

from . import grid

# Windows of a block's samples, in whose variance flatness is measured.
_WINDOW, _STRIDE = 4, 2
# Variance, in squared grey levels of the grid's picture, of a window that counts as half flat.
_HALF = 8.0
# Windows around a sample reach so far. A change may be so much of their standard deviation, more of a larger one, since
# skin shows what foliage hides; and so much for rounding.
_REACH, _TOLERATED, _MORE, _LEAST = 1, 0.55, 0.035, 0.5
# No pixel changes by more, or the lowest blocks would show.
_MOST = 12.0
# Blocks flatter than this are left as they are.
FLAT = 0.35
# As received, at which flatness it is even whether a block was written to, and over what range that turns.
_EVEN, _RANGE = 0.345, 0.025
# The reader is never surer than this.
_SURE = 0.985


def flatness(blocks: np.ndarray) -> np.ndarray:
    """How flat each block is, 0 to 1: the mean of 1 / (1 + variance / 8) over windows of 4x4 of its samples.

    Args:
        blocks: coefficients of the grid, float32 (down, across, 8, 8).

    Returns:
        float32 (down, across).
    """
    down, across = blocks.shape[:2]
    picture = grid.samples(blocks).reshape(down, grid.SIDE, across, grid.SIDE).transpose(0, 2, 1, 3)
    picture = picture - picture.mean((2, 3), keepdims=True)
    out = np.zeros((down, across), np.float32)
    starts = range(0, grid.SIDE - _WINDOW + 1, _STRIDE)
    for top in starts:
        for left in starts:
            window = picture[:, :, top : top + _WINDOW, left : left + _WINDOW]
            out += 1 / (1 + window.var((2, 3)) / _HALF)
    return out / len(starts) ** 2


def written(flat: np.ndarray) -> np.ndarray:
    """Whether the writer changes each block of a cover, of a flatness."""
    return flat <= FLAT


def likely_written(flat: np.ndarray) -> np.ndarray:
    """How likely each block was written to, of a flatness as received: float32 of the same shape, 0 to 1."""
    return (_SURE / (1 + np.exp((flat - _EVEN) / _RANGE))).astype(np.float32)


def tolerance(blocks: np.ndarray) -> np.ndarray:
    """The most that a pixel may change around each of the grid's samples, grey levels, float32 (rows, columns).

    Beside an edge a block is half flat: there it is not changed by more than elsewhere in flat parts.
    """
    picture = np.pad(grid.samples(blocks), _REACH, mode="edge")
    mean, square = _windows(picture), _windows(np.square(picture))
    deviation = np.sqrt(np.maximum(square - np.square(mean), 0))
    return np.minimum(_LEAST + (_TOLERATED + _MORE * deviation) * deviation, _MOST)


def _windows(values: np.ndarray) -> np.ndarray:
    """Means over square windows around each sample of an array that is padded by `_REACH`."""
    side = 2 * _REACH + 1
    sums = np.pad(values.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    boxes = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return (boxes / side**2).astype(np.float32)
