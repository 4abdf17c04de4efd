"""The coarse map of strength: a level for each cell, in as many bytes as its grid gives it."""

import numpy as np

from . import design, rangecoder

# Bits for each cell.
_BITS = 1.0


def size_of(size: tuple[int, int]) -> int:
    """Bytes of the map on a grid."""
    down, across = design.cells(size)
    return int(np.ceil(_BITS * down * across / 8))


def unpack(content: bytes, size: tuple[int, int]) -> np.ndarray:
    """Levels of the cells, uint8 (down, across), of any bytes."""
    return np.minimum(rangecoder.unpack(content, design.cells(size)), design.LEVELS - 1).astype(np.uint8)


def pack(wanted: np.ndarray, size: tuple[int, int]) -> bytes:
    """The bytes of levels as near to those wanted, float (down, across), as fit."""
    room = size_of(size)
    smooth = wanted
    for _ in range(40):
        levels = np.clip(np.rint(smooth), 0, design.LEVELS - 1).astype(np.uint8)
        packed = rangecoder.pack(levels)
        if len(packed) <= room:
            return packed.ljust(room, b"\0")
        padded = np.pad(smooth, 1, mode="edge")
        near = (padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]) / 4
        smooth = 0.6 * smooth + 0.4 * near
    return bytes(room)
