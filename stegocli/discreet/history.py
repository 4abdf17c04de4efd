"""What a cover has been through, as far as it gives away a change: JPEG once, or drawn and not photographed.

A decompressed JPEG is one of few pictures: a single changed sample can make it one that no JPEG decompresses to. Its
luma's DCT coefficients lie near multiples of the quantiser's steps, for 4:4:4 and 4:2:0 alike, since rounding to RGB
moves them by a fifth of a level only (after Fan and de Queiroz, "Identification of bitmap compression history: JPEG
detection and quantizer estimation", 2003). Drawings and screenshots are flat: a change there stands alone.
"""

import itertools

import numpy as np

# Steps looked for. 1 can't be told from rounding; larger ones of low frequencies belong to qualities under 20.
_STEPS = np.arange(2, 61)
# Low frequencies, which have large coefficients even where the quantiser is coarse.
_FREQUENCIES = [(i, j) for i, j in itertools.product(range(8), repeat=2) if 0 < i + j < 6]
# Coefficients of a frequency that are asked at least.
_FEWEST = 24
# The mean of cos(2 pi c / step) over coefficients that aren't quantised to 0: near 1 on multiples, 0 or less elsewhere.
# It must be so large, and so many standard deviations from 0.
_ON_THE_GRID, _SURE = 0.25, 4.5
# Frequencies that must lie on a grid: of those with enough coefficients this share, and so many. Of 100 photographs
# that were never JPEGs none had more than one, at any of the 64 grids.
_SHARE, _LEAST_FREQUENCIES = 0.1, 2
# A picture is looked at in its middle, at most so many pixels a side.
_MOST_SIDE = 768
# Coefficients are counted in bins of an eighth, up to this size.
_BINS, _LARGEST = 8, 256
# Pixels that equal their right neighbour in all channels: photographs have few, but for clean skies, and there most of
# the others differ little. In drawings most are equal, and the others differ much.
_VERY_FLAT, _FLAT = 0.9, 0.4
_LITTLE, _GENTLE = 2, 0.12
_FEW_COLOURS = 256
_DCT = np.array(
    [[np.sqrt((1 if k == 0 else 2) / 8) * np.cos(np.pi * k * (2 * n + 1) / 16) for n in range(8)] for k in range(8)],
    np.float32,
)


def _luma(rgb: np.ndarray) -> np.ndarray:
    return rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def _coefficients(luma: np.ndarray) -> np.ndarray:
    """Of all whole 8x8 blocks: (64, blocks)."""
    height, width = (n // 8 * 8 for n in luma.shape)
    blocks = luma[:height, :width].reshape(height // 8, 8, width // 8, 8).transpose(0, 2, 1, 3).reshape(-1, 64)
    found: np.ndarray = (blocks @ np.kron(_DCT, _DCT).T.astype(np.float32)).T
    return found


def _waves() -> tuple[np.ndarray, np.ndarray]:
    """For each bin and step cos(2 pi c / step), and whether c is not quantised to 0."""
    size = (np.arange(_LARGEST * _BINS) + 0.5) / _BINS
    large = (size[:, None] > _STEPS / 2).astype(np.float64)
    return np.cos(2 * np.pi * size[:, None] / _STEPS) * large, large


_COS, _LARGE = _waves()


def _has_jpeg_grid(luma: np.ndarray) -> bool:
    coefficients = np.abs(_coefficients(luma)[[8 * i + j for i, j in _FREQUENCIES]])
    bins = np.minimum(coefficients * _BINS, _LARGEST * _BINS).astype(np.int64)
    counts = np.stack([np.bincount(row, minlength=_LARGEST * _BINS + 1)[:-1] for row in bins]).astype(np.float64)
    number = np.maximum(counts @ _LARGE, 1)
    nearness = counts @ _COS / number
    found = (nearness > _ON_THE_GRID) & (nearness * np.sqrt(2 * number) > _SURE) & (number >= _FEWEST)
    known = (number >= _FEWEST).any(1).sum()
    return bool(found.any(1).sum() >= max(_LEAST_FREQUENCIES, _SHARE * known))


def was_jpeg(rgb: np.ndarray) -> bool:
    """Whether a picture is a decompressed JPEG, at its own grid or cropped to another; quality 90 and below is found.

    Args:
        rgb: uint8, (height, width, 3).
    """
    height, width = rgb.shape[:2]
    rows, columns = min(height, _MOST_SIDE), min(width, _MOST_SIDE)
    top, left = (height - rows) // 16 * 8, (width - columns) // 16 * 8
    luma = _luma(rgb[top : top + rows, left : left + columns])
    return any(_has_jpeg_grid(luma[dy:, dx:]) for dy, dx in itertools.product(range(8), repeat=2))


def is_drawn(rgb: np.ndarray) -> bool:
    """Whether a picture is flat, or has few colours, as drawings, diagrams and screenshots."""
    step = np.abs(np.diff(rgb.astype(np.int16), axis=1)).max(2)
    flat, gentle = (step == 0).mean(), (step <= _LITTLE)[step > 0].mean() if step.any() else 0.0
    return bool(flat > _VERY_FLAT or (flat > _FLAT and gentle < _GENTLE)) or _colours(rgb) <= _FEW_COLOURS


def _colours(rgb: np.ndarray) -> int:
    if (rgb == rgb[..., :1]).all():
        return 3 * _FEW_COLOURS  # a grey picture has no more than 256
    packed = rgb[..., 0].astype(np.uint32) << 16 | rgb[..., 1].astype(np.uint32) << 8 | rgb[..., 2]
    return len(np.unique(packed))
