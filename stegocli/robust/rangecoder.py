"""A small map of levels as bytes, by an adaptive range coder.

Each level is sent as a unary number; its contexts are the neighbours above and to the left.
"""

import numpy as np

from ..payload.rangecoder import ONE, Decoder, Encoder, Model

LEVELS = 8
_SPEED = 4


def _model() -> Model:
    return Model([ONE // 2] * (2 * LEVELS * LEVELS), _SPEED)


def _context(rows: list[list[int]], y: int, x: int) -> int:
    """Twice what the level is likely to be: the sum of the two beside it, or twice the one there is."""
    if y and x:
        return rows[y - 1][x] + rows[y][x - 1]
    return 2 * rows[y - 1][x] if y else 2 * rows[y][x - 1] if x else 0


def pack(levels: np.ndarray) -> bytes:
    """Levels, uint8 (down, across) of 0 to `LEVELS` - 1, as bytes."""
    encoder = Encoder(_model())
    rows: list[list[int]] = levels.tolist()
    for y, row in enumerate(rows):
        for x, level in enumerate(row):
            context = _context(rows, y, x) * LEVELS
            for step in range(min(level + 1, LEVELS - 1)):
                encoder.write(context + step, int(level > step))
    return encoder.finish()


def unpack(content: bytes, shape: tuple[int, int]) -> np.ndarray:
    """Undo `pack`; any bytes give some levels, in time that the shape alone bounds."""
    decoder = Decoder(content, _model())
    rows = [[0] * shape[1] for _ in range(shape[0])]
    for y, row in enumerate(rows):
        for x in range(shape[1]):
            context = _context(rows, y, x) * LEVELS
            while row[x] < LEVELS - 1 and decoder.read(context + row[x]):
                row[x] += 1
    return np.array(rows, np.uint8)
