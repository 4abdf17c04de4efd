"""A small map of levels as bytes: an adaptive binary range coder, as in LZMA.

Each level is sent as a unary number; its contexts are the neighbours above and to the left.
"""

from collections.abc import Iterator

import numpy as np

LEVELS = 8
_ONE = 1 << 12
_SPEED = 4
_TOP = 1 << 24
_WORD = (1 << 32) - 1


class _Model:
    """Probabilities that adapt: for each context, of a zero, out of `_ONE`."""

    def __init__(self, contexts: int):
        self.zero = [_ONE // 2] * contexts

    def update(self, context: int, bit: int) -> None:
        zero = self.zero[context]
        self.zero[context] = zero - (zero >> _SPEED) if bit else zero + (_ONE - zero >> _SPEED)


class _Encoder:
    def __init__(self) -> None:
        self.model = _Model(2 * LEVELS * LEVELS)
        self.low, self.span, self.out = 0, _WORD, bytearray()
        self.cache, self.pending, self.first = 0, 0, True

    def _shift(self) -> None:
        if self.low < 0xFF000000 or self.low > _WORD:
            carry = self.low >> 32
            if not self.first:
                self.out.append((self.cache + carry) & 0xFF)
            self.out.extend([(0xFF + carry) & 0xFF] * self.pending)
            self.pending, self.cache, self.first = 0, self.low >> 24 & 0xFF, False
        else:
            self.pending += 1
        self.low = (self.low << 8) & _WORD

    def write(self, context: int, bit: int) -> None:
        bound = (self.span >> 12) * self.model.zero[context]
        if bit:
            self.low, self.span = self.low + bound, self.span - bound
        else:
            self.span = bound
        self.model.update(context, bit)
        while self.span < _TOP:
            self.span = self.span << 8 & _WORD
            self._shift()

    def finish(self) -> bytes:
        for _ in range(5):
            self._shift()
        return bytes(self.out).rstrip(b"\0")  # the reader goes on with zeros


class _Decoder:
    def __init__(self, content: bytes):
        self.model = _Model(2 * LEVELS * LEVELS)
        self.source: Iterator[int] = iter(content)
        self.code, self.span = int.from_bytes(bytes(next(self.source, 0) for _ in range(4)), "big"), _WORD

    def read(self, context: int) -> int:
        bound = (self.span >> 12) * self.model.zero[context]
        bit = int(self.code >= bound)
        if bit:
            self.code, self.span = self.code - bound, self.span - bound
        else:
            self.span = bound
        self.model.update(context, bit)
        while self.span < _TOP:
            self.span = self.span << 8 & _WORD
            self.code = (self.code << 8 | next(self.source, 0)) & _WORD
        return bit


def _context(rows: list[list[int]], y: int, x: int) -> int:
    """Twice what the level is likely to be: the sum of the two beside it, or twice the one there is."""
    if y and x:
        return rows[y - 1][x] + rows[y][x - 1]
    return 2 * rows[y - 1][x] if y else 2 * rows[y][x - 1] if x else 0


def pack(levels: np.ndarray) -> bytes:
    """Levels, uint8 (down, across) of 0 to `LEVELS` - 1, as bytes."""
    encoder = _Encoder()
    rows: list[list[int]] = levels.tolist()
    for y, row in enumerate(rows):
        for x, level in enumerate(row):
            context = _context(rows, y, x) * LEVELS
            for step in range(min(level + 1, LEVELS - 1)):
                encoder.write(context + step, int(level > step))
    return encoder.finish()


def unpack(content: bytes, shape: tuple[int, int]) -> np.ndarray:
    """Undo `pack`; any bytes give some levels, in time that the shape alone bounds."""
    decoder = _Decoder(content)
    rows = [[0] * shape[1] for _ in range(shape[0])]
    for y, row in enumerate(rows):
        for x in range(shape[1]):
            context = _context(rows, y, x) * LEVELS
            while row[x] < LEVELS - 1 and decoder.read(context + row[x]):
                row[x] += 1
    return np.array(rows, np.uint8)
