"""What a change of each sample costs: little where nobody can predict it, much where anybody can.

A cost function takes uint8 (height, width, channels) and returns float32 of that shape, positive, in any unit.
"""

from collections.abc import Callable, Iterator

import numpy as np

Cost = Callable[[np.ndarray], np.ndarray]
# A sample where the high-pass filter and its surroundings are all zero: far dearer than any other.
_LEAST_RESIDUAL = 1e-6
# Rows that are worked on together, so that memory stays bounded.
_STRIP = 512
# Of the filters together: 1 for the residual, 1 for its mean over 3x3, 7 for the mean over 15x15.
_MARGIN = 9


def _box(plane: np.ndarray, size: int) -> np.ndarray:
    """Means over size x size, a product of 3 and 5; the plane shrinks by size - 1."""
    for axis in (0, 1):
        reach = 1
        for factor in (3, 5):
            if size % factor == 0:
                length = plane.shape[axis] - (factor - 1) * reach
                parts = [np.take(plane, range(k * reach, k * reach + length), axis) for k in range(factor)]
                plane = sum(parts[1:], start=parts[0])
                reach *= factor
    plane /= np.float32(size * size)
    return plane


def _strips(height: int) -> Iterator[tuple[int, int]]:
    for begin in range(0, height, _STRIP):
        yield begin, min(begin + _STRIP, height)


def hill(picture: np.ndarray) -> np.ndarray:
    """HILL, each channel alone: Li et al., "A new cost function for spatial image steganography" (2014)."""
    height, channels = picture.shape[0], picture.shape[2]
    out = np.empty(picture.shape, np.float32)
    for channel in range(channels):
        padded = np.pad(picture[..., channel], _MARGIN, "symmetric")
        for begin, end in _strips(height):
            p = padded[begin : end + 2 * _MARGIN].astype(np.float32)
            # The Ker-Boehme kernel is the outer product of (-1, 2, -1) with itself, but for the sign.
            rows = 2 * p[1:-1] - p[:-2] - p[2:]
            residual = np.abs(2 * rows[:, 1:-1] - rows[:, :-2] - rows[:, 2:]) / 4
            smooth = np.maximum(_box(residual, 3), np.float32(_LEAST_RESIDUAL))
            out[begin:end, :, channel] = _box(1 / smooth, 15)
    return out
