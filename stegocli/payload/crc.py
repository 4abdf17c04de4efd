"""CRC-32 (ISO-HDLC, as zlib has it) as the linear function of bits that it is, so that content can be made to fit it.

What a change does to the CRC depends on the change alone, and those of several add up (Stigge et al., "Reversing CRC:
theory and practice", 2006). All sums here are bit by bit, modulo 2.
"""

import zlib
from collections.abc import Sequence

_POLYNOMIAL = 0xEDB88320


def of_change(change: bytes, after: int) -> int:
    """What adding `change` to some bytes, with so many more after them, adds to the CRC of them all."""
    own = zlib.crc32(change) ^ zlib.crc32(bytes(len(change)))
    return _times(own, _zeros(after)) if own else 0


def _times(a: int, b: int) -> int:
    """The product modulo the CRC's polynomial; the highest power is in the lowest bit."""
    product = 0
    for bit in range(31, -1, -1):
        if a >> bit & 1:
            product ^= b
        b = b >> 1 ^ (_POLYNOMIAL if b & 1 else 0)
    return product


def _zeros(count: int) -> int:
    """What so many zero bytes multiply by: x to the power of eight times their number."""
    power, square = 1 << 31, 1 << 23
    while count:
        if count & 1:
            power = _times(power, square)
        square, count = _times(square, square), count >> 1
    return power


def solve(columns: Sequence[int], target: int) -> list[int] | None:
    """Which of the columns add up to the target (Gauss); None where none do."""
    basis: dict[int, tuple[int, int]] = {}  # by the highest bit: a sum of columns, and of which

    def reduced(value: int, members: int) -> tuple[int, int]:
        while value and (found := basis.get(value.bit_length())):
            value, members = value ^ found[0], members ^ found[1]
        return value, members

    for number, column in enumerate(columns):
        value, members = reduced(column, 1 << number)
        if value:
            basis[value.bit_length()] = value, members
    value, members = reduced(target, 0)
    return None if value else [number for number in range(len(columns)) if members >> number & 1]
