"""Scalers as services use them: Pillow's own, and the sampling of OpenCV's, which is not needed for it.

Pillow widens its filters when it makes a picture smaller. OpenCV does so for "area" alone: its other scalers take the
same few pixels around each sample whatever the size, and what is finer than the new pixels comes back as aliasing.
"""

import numpy as np
from PIL import Image

PILLOW = {
    "Pillow box": Image.Resampling.BOX,
    "Pillow bilinear": Image.Resampling.BILINEAR,
    "Pillow Hamming": Image.Resampling.HAMMING,
    "Pillow bicubic": Image.Resampling.BICUBIC,
    "Pillow Lanczos": Image.Resampling.LANCZOS,
}
# Of the cubic that OpenCV takes (Keys 1981, "Cubic convolution interpolation"; Pillow's is -0.5).
_KEYS = -0.75
# Rows of the result made together: bounds memory, changes no result.
_AT_ONCE = 64


def _linear(distance: np.ndarray) -> np.ndarray:
    return np.maximum(0, 1 - np.abs(distance))


def _cubic(distance: np.ndarray) -> np.ndarray:
    at = np.abs(distance)
    near = ((_KEYS + 2) * at - (_KEYS + 3)) * at * at + 1
    far = ((_KEYS * at - 5 * _KEYS) * at + 8 * _KEYS) * at - 4 * _KEYS
    return np.where(at <= 1, near, np.where(at < 2, far, 0))


def lanczos(distance: np.ndarray) -> np.ndarray:
    return np.where(np.abs(distance) < 4, np.sinc(distance) * np.sinc(distance / 4), 0)


# Each kernel with the pixels on either side that it takes.
_KERNELS = {"OpenCV linear": (_linear, 1), "OpenCV cubic": (_cubic, 2), "OpenCV Lanczos": (lanczos, 4)}
AREA = "OpenCV area"
NAMES = (*PILLOW, AREA, *_KERNELS)


def _area_taps(length: int, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """As `_taps`, by how much of each pixel lies under a pixel of the result."""
    scale = length / wanted
    start, end = np.arange(wanted) * scale, np.minimum((np.arange(wanted) + 1) * scale, length)
    index = np.floor(start).astype(int)[:, None] + np.arange(int(np.ceil(scale)) + 1)
    weights = np.minimum(index + 1, end[:, None]) - np.maximum(index, start[:, None])
    return index, np.maximum(weights, 0)


def _enlarging_area_taps(length: int, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """As `_taps`: where "area" makes a picture larger, pixels stay as they are, with narrow ramps between them."""
    factor = wanted / length
    # In OpenCV's own order: where a pixel of the result ends on a pixel's edge, the rounding decides.
    at = np.floor(np.arange(wanted) * (1 / factor))
    share = (np.arange(1, wanted + 1) - (at + 1) * factor).astype(np.float32)
    share = np.where(share <= 0, 0, share - np.floor(share))
    return at.astype(int)[:, None] + np.arange(2), np.stack([1 - share, share], 1)


def _taps(length: int, wanted: int, scaler: str, smaller: bool) -> tuple[np.ndarray, np.ndarray]:
    """The pixels along one side that each of the result is made of, and their weights: both (wanted, taps)."""
    if scaler == AREA:
        index, weights = (_area_taps if smaller else _enlarging_area_taps)(length, wanted)
    else:
        kernel, reach = _KERNELS[scaler]
        at = (np.arange(wanted) + 0.5) * length / wanted - 0.5
        index = np.floor(at).astype(int)[:, None] + np.arange(1 - reach, reach + 1)
        weights = kernel(at[:, None] - index)
    weights = weights / weights.sum(1, keepdims=True)
    return np.clip(index, 0, length - 1), weights.astype(np.float32)


def _opencv(rgb: np.ndarray, size: tuple[int, int], scaler: str) -> np.ndarray:
    (height, width), (columns, rows) = rgb.shape[:2], size
    smaller = columns <= width and rows <= height
    down, down_weights = _taps(height, rows, scaler, smaller)
    across, across_weights = _taps(width, columns, scaler, smaller)
    out = np.empty((rows, columns, 3), np.uint8)
    for top in range(0, rows, _AT_ONCE):
        part = slice(top, min(top + _AT_ONCE, rows))
        lines = sum(
            down_weights[part, tap, None, None] * rgb[down[part, tap]].astype(np.float32)
            for tap in range(down.shape[1])
        )
        samples = sum(across_weights[:, tap, None] * lines[:, across[:, tap]] for tap in range(across.shape[1]))
        out[part] = np.clip(np.rint(samples), 0, 255)
    return out


def resize(rgb: np.ndarray, size: tuple[int, int], scaler: str) -> np.ndarray:
    """A picture at another size, within one level of what the scaler's own library gives.

    Args:
        rgb: uint8 (height, width, 3).
        size: (width, height) of the result.
        scaler: one of `NAMES`.
    """
    if scaler in PILLOW:
        return np.asarray(Image.fromarray(rgb).resize(size, PILLOW[scaler]))
    return _opencv(rgb, size, scaler)
