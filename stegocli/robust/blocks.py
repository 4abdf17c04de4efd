"""Luma as 8x8 DCT blocks on the JPEG grid, and libjpeg's quantisers (ITU-T T.81, JFIF)."""

import numpy as np

SIDE = 8
# JFIF: luma of RGB (ITU-R BT.601).
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# T.81 annex K.1, which libjpeg scales by the quality.
_TABLE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
# Grey levels.
_LITTLE = 1.5
# Rows of blocks transformed together: bounds memory, changes no result.
AT_ONCE = 64


def _basis() -> np.ndarray:
    at = np.arange(SIDE)
    basis = np.cos((2 * at[None] + 1) * at[:, None] * np.pi / (2 * SIDE)) / 2
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)


_BASIS = _basis()


def scale(quality: int) -> int:
    """By how many hundredths libjpeg multiplies its table of quantisers at a quality of 1 to 100."""
    return 5000 // quality if quality < 50 else 200 - 2 * quality


def quantisers(quality: int) -> np.ndarray:
    """libjpeg's luma quantisers at a quality of 1 to 100: int64, (8, 8), row = vertical frequency."""
    return np.clip((_TABLE * scale(quality) + 50) // 100, 1, 255)


def grid(shape: tuple[int, ...]) -> tuple[int, int]:
    """Whole blocks down and across a picture of this shape; what is left at the edges is not used."""
    return shape[0] // SIDE, shape[1] // SIDE


def forward(rgb: np.ndarray) -> np.ndarray:
    """Luma coefficients of a uint8 picture (height, width, 3): float32, (down, across, 8, 8), orthonormal."""
    down, across = grid(rgb.shape)
    out = np.empty((down, across, SIDE, SIDE), np.float32)
    for top in range(0, down, AT_ONCE):
        rows = min(AT_ONCE, down - top)
        part = rgb[top * SIDE : (top + rows) * SIDE, : across * SIDE].astype(np.float32) @ LUMA
        part = part.reshape(rows, SIDE, across, SIDE).transpose(0, 2, 1, 3)
        out[top : top + rows] = _BASIS @ part @ _BASIS.T
    return out


def inverse(coefficients: np.ndarray) -> np.ndarray:
    """The luma that coefficients (down, across, 8, 8) stand for: float32 (8 * down, 8 * across), not rounded."""
    down, across = coefficients.shape[:2]
    return (_BASIS.T @ coefficients @ _BASIS).transpose(0, 2, 1, 3).reshape(SIDE * down, SIDE * across)


def add(rgb: np.ndarray, change: np.ndarray, dithered: bool = False) -> np.ndarray:
    """A copy of a uint8 picture whose luma coefficients change by (down, across, 8, 8), rounded and clipped.

    Red, green and blue move alike, so that colour differences stay. With `dithered`, blocks that change little
    everywhere are rounded at random, or else they would not change at all.
    """
    out = rgb.copy()
    generator = np.random.default_rng(0)
    down, across = grid(rgb.shape)
    for top in range(0, down, AT_ONCE):
        rows = min(AT_ONCE, down - top)
        delta = inverse(change[top : top + rows])[..., None]
        part = out[top * SIDE : (top + rows) * SIDE, : across * SIDE]
        if dithered:
            most = np.abs(delta).reshape(rows, SIDE, across, SIDE).max((1, 3))
            little = np.repeat(np.repeat((most > 0) & (most < _LITTLE), SIDE, 0), SIDE, 1)[..., None]
            delta = delta + (generator.random(part.shape, np.float32) - np.float32(0.5)) * little
        part[...] = np.clip(np.rint(part + delta), 0, 255)
    return out
