"""Luma of any size on a canonical grid: its lowest DCT-II coefficients, seen as 8x8 blocks of a small picture.

A picture that is scaled with centred pixels keeps its lowest DCT-II coefficients, but for the gain of the scaler's
filter: so the grid is found again at any size, whichever scaler and codec it went through. Everything is two products
of matrices, the lowest rows of the transforms alone, which is exact and needs no more memory than the picture.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..picture.cosines import cosines

SIDE = 8
# JFIF: luma of RGB (ITU-R BT.601).
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Longest sides of grids, and from which longest side of a cover, in pixels, each is used: at half its size a cover of
# up to 1000 pixels has about as many samples as its grid.
LONGEST = {128: 256, 192: 360, 256: 480, 384: 720, 512: 1000}
# Longest side, in pixels, of what is left of a picture for all grids.
_LOWEST = 640
# A copy's sides are rounded: its aspect may point to the neighbour of the grid that the cover's did.
_ASPECT_PIXELS = 1.1
# Copies smaller than this share of a grid's smallest cover are not looked for: below half the size nearly all is lost.
_SMALLEST_COPY = 1 / 3
_ROWS = 256
# Where a block would change by too much, its pixels' limits are lowered by this much more than that tells.
_LOWER = 0.98


# The 8-point DCT-II, orthonormal: float32 (8, 8).
BASIS = cosines(SIDE, SIDE).astype(np.float32)


def _in_blocks(size: int) -> np.ndarray:
    """The 8-point DCT of each block of a row of samples, after the DCT-II of the row is undone: float64, square."""
    rows = cosines(size, size).T.reshape(size // SIDE, SIDE, size)
    return (cosines(SIDE, SIDE) @ rows).reshape(size, size)


@lru_cache(maxsize=16)
def _matrix(size: int, pixels: int) -> np.ndarray:
    """From a row of pixels to the block coefficients of the grid's row: float32 (size, pixels)."""
    rows = min(size, pixels)
    product = _in_blocks(size)[:, :rows] @ cosines(rows, pixels)
    return (product * np.sqrt(size / pixels)).astype(np.float32)


def _short(longest: int, short: float, long: float) -> float:
    return longest * short / long / SIDE


def size_for(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """The grid, (rows, columns) in multiples of 8, of a cover of (height, width, ...); None when it is too small."""
    height, width = shape[:2]
    fitting = [side for side, least in LONGEST.items() if max(height, width) >= least]
    if not fitting:
        return None
    short = SIDE * max(1, round(_short(fitting[-1], min(height, width), max(height, width))))
    return (fitting[-1], short) if height >= width else (short, fitting[-1])


def sizes(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """The grids that a copy of this shape may have come from, the likeliest aspect of each longest side first.

    Of a picture that is too small to be what a stego was scaled to there are none.
    """
    height, width = shape[:2]
    short, long = min(height, width), max(height, width)
    found = []
    for longest, least in LONGEST.items():
        if long < _SMALLEST_COPY * least:
            continue
        exact = _short(longest, short, long)
        doubt = _ASPECT_PIXELS * longest / SIDE / long
        near = {max(1, round(value)) for value in (exact, exact - doubt, exact + doubt)}
        for count in sorted(near, key=lambda n: abs(n - exact)):
            found.append((longest, SIDE * count) if height >= width else (SIDE * count, longest))
            if height == width:
                break
    return found


def luma(rgb: np.ndarray) -> np.ndarray:
    """Of a uint8 picture (height, width, 3): float32 (height, width)."""
    return rgb.astype(np.float32) @ LUMA


def coefficients(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The grid's block coefficients: float32 (down, across, 8, 8), orthonormal, in grey levels of the grid's picture.

    Args:
        picture: uint8 (height, width, 3), or luma as float32 (height, width).
        size: of the grid, see `size_for`.
    """
    height, width = picture.shape[:2]
    down, across = _matrix(size[0], height), _matrix(size[1], width)
    out = np.zeros(size, np.float32)
    for top in range(0, height, _ROWS):
        part = picture[top : top + _ROWS]
        out += down[:, top : top + _ROWS] @ ((luma(part) if part.ndim == 3 else part) @ across.T)
    return out.reshape(size[0] // SIDE, SIDE, size[1] // SIDE, SIDE).transpose(0, 2, 1, 3)


def lowest(rgb: np.ndarray) -> np.ndarray:
    """Luma of a uint8 picture (height, width, 3), float32; of a large one a small copy.

    The copy has the same lowest coefficients, and so the same on every grid, in far less time.
    """
    height, width = rgb.shape[:2]
    scale = _LOWEST / max(height, width)
    if scale >= 1:
        return luma(rgb)
    rows, columns = (max(SIDE, SIDE * round(scale * side / SIDE)) for side in (height, width))
    return samples(coefficients(rgb, (rows, columns)))


@dataclass(frozen=True)
class Limits:
    """How much a picture may change.

    Attributes:
        pixel: the most that a pixel may change around each of the grid's samples, grey levels, float32 (rows, columns).
        block_mse: the most that a block of pixels may change on average, squared grey levels.
        side: of these blocks, in pixels.
    """

    pixel: np.ndarray
    block_mse: float = np.inf
    side: int = 16

    def kept(self, delta: np.ndarray, most: np.ndarray) -> np.ndarray:
        """Changes of pixels, float32 (height, width), rounded and within the limits, of which `most` is each pixel's.

        The first row and column begin a block. Where a block would change by more, the limit of its pixels is lowered
        until it does not: most of it keeps its strength.
        """
        height, width = delta.shape
        down, across = np.arange(0, height, self.side), np.arange(0, width, self.side)
        heights, widths = np.diff(down, append=height), np.diff(across, append=width)
        allowed = self.block_mse * heights[:, None] * widths
        while True:
            delta = np.rint(np.clip(delta, -most, most))
            squares = np.add.reduceat(np.add.reduceat(np.square(delta), down, 0), across, 1)
            if (squares <= allowed).all():
                return delta
            less = np.where(squares > allowed, _LOWER * np.sqrt(allowed / np.maximum(squares, 1)), 1)
            most = most * np.repeat(np.repeat(less, heights, 0), widths, 1).astype(np.float32)


def add(rgb: np.ndarray, change: np.ndarray, limits: Limits) -> np.ndarray:
    """A copy of a uint8 picture whose grid's coefficients change by (down, across, 8, 8), rounded and clipped.

    Where no limit is met it is the least change that does so. Red, green and blue move alike, so that colour
    differences stay.
    """
    height, width = rgb.shape[:2]
    rows, columns = limits.pixel.shape
    flat = change.transpose(0, 2, 1, 3).reshape(rows, columns)
    # The rows of each matrix are orthogonal, of squared length size / pixels.
    down, across = _matrix(rows, height), _matrix(columns, width)
    right = (flat * np.float32(height * width / (rows * columns))) @ across
    at_row, at_column = np.arange(height) * rows // height, np.arange(width) * columns // width
    out = np.empty_like(rgb)
    at_once = max(1, _ROWS // limits.side) * limits.side
    for top in range(0, height, at_once):
        part = slice(top, min(top + at_once, height))
        delta = limits.kept(down[:, part].T @ right, limits.pixel[at_row[part]][:, at_column])
        out[part] = np.clip(rgb[part] + delta.astype(np.int16)[..., None], 0, 255)
    return out


def samples(blocks: np.ndarray) -> np.ndarray:
    """The grid's own small picture from its block coefficients: float32 (rows, columns)."""
    down, across = blocks.shape[:2]
    return (BASIS.T @ blocks @ BASIS).transpose(0, 2, 1, 3).reshape(down * SIDE, across * SIDE)
