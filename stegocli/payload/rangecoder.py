"""A binary range coder, as in LZMA: bits at the cost that their probabilities say, which may adapt."""

from collections.abc import Iterator

# Probabilities are of a zero, out of so many.
ONE = 1 << 12
_TOP = 1 << 24
_WORD = (1 << 32) - 1


class Model:
    """Probabilities for each context.

    Args:
        zero: of a zero, out of `ONE`, more than 0 and less than that.
        speed: after each bit they move by 1 / 2 ** speed of what is missing; None for never.
    """

    def __init__(self, zero: list[int], speed: int | None):
        self.zero, self.speed = zero, speed

    def update(self, context: int, bit: int) -> None:
        if self.speed is not None:
            zero = self.zero[context]
            self.zero[context] = zero - (zero >> self.speed) if bit else zero + (ONE - zero >> self.speed)


class Encoder:
    """Bits to bytes."""

    def __init__(self, model: Model) -> None:
        self.model = model
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
        """One bit."""
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
        """All bytes, without the zeros at the end, which the reader goes on with."""
        for _ in range(5):
            self._shift()
        return bytes(self.out).rstrip(b"\0")


class Decoder:
    """The way back; any bytes give some bits."""

    def __init__(self, content: bytes, model: Model):
        self.model = model
        self.source: Iterator[int] = iter(content)
        self.code, self.span = int.from_bytes(bytes(next(self.source, 0) for _ in range(4)), "big"), _WORD

    def read(self, context: int) -> int:
        """One bit."""
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
