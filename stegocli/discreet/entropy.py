"""Huffman coding of a JPEG's scans, written anew for changed coefficients; ITU-T T.81, annexes C, F and K."""

from dataclasses import dataclass

import numpy as np

ZIGZAG = np.array(
    sorted(range(64), key=lambda k: (k // 8 + k % 8, (k % 8 if (k // 8 + k % 8) % 2 == 0 else k // 8)))
)  # fmt: skip

# The symbol of 16 zeros; and the rank of what ends a block.
_ZEROS, _LAST = 0xF0, 200
# Tokens that are written together.
_AT_ONCE = 1 << 17


@dataclass(frozen=True)
class Table:
    """A Huffman table.

    Attributes:
        counts: how many codes there are of each length from 1 to 16.
        symbols: in the order of their codes.
    """

    counts: tuple[int, ...]
    symbols: tuple[int, ...]

    def codes(self) -> tuple[np.ndarray, np.ndarray]:
        """Code and length of each of 256 symbols; length 0 where there is none."""
        codes, lengths = np.zeros(256, np.int64), np.zeros(256, np.int64)
        code, used = 0, 0
        for length, count in enumerate(self.counts, 1):
            for symbol in self.symbols[used : used + count]:
                codes[symbol], lengths[symbol] = code, length
                code += 1
            used += count
            code <<= 1
        return codes, lengths

    def holds(self, frequencies: np.ndarray) -> bool:
        """Whether every symbol that occurs (of 256) has a code."""
        return bool(np.isin(np.flatnonzero(frequencies), self.symbols).all())

    def pack(self) -> bytes:
        """As a DHT segment holds it, without its class and number."""
        return bytes(self.counts) + bytes(self.symbols)


def _lengthen(symbol: int, length: list[int], joined: list[int]) -> int:
    """Give a symbol and all that are joined to it a longer code; returns the last of them."""
    while True:
        length[symbol] += 1
        if joined[symbol] < 0:
            return symbol
        symbol = joined[symbol]


def best_table(frequencies: np.ndarray) -> Table:
    """The table of shortest codes for symbols of these frequencies (256), as annex K.2 makes it."""
    # One more symbol keeps the code of all ones free.
    freq = [*map(int, frequencies), 1]
    length, joined = [0] * 257, [-1] * 257
    while True:
        live = [k for k in range(257) if freq[k]]
        if len(live) < 2:
            break
        # Of equal frequencies the later symbol is joined first.
        first, second = sorted(live, key=lambda k: (freq[k], -k))[:2]
        freq[first] += freq[second]
        freq[second] = 0
        end = _lengthen(first, length, joined)
        joined[end] = second
        _lengthen(second, length, joined)
    bits = np.bincount(length, minlength=33)
    bits[0] = 0
    for size in range(len(bits) - 1, 16, -1):
        while bits[size] > 0:
            shorter = size - 2
            while bits[shorter] == 0:
                shorter -= 1
            bits[size] -= 2
            bits[size - 1] += 1
            bits[shorter + 1] += 2
            bits[shorter] -= 1
    longest = max(k for k in range(17) if bits[k])
    bits[longest] -= 1
    symbols = sorted((k for k in range(256) if length[k]), key=lambda k: (length[k], k))
    return Table(tuple(int(b) for b in bits[1:17]), tuple(symbols))


# Block, rank, symbol, extra and bits of some tokens.
Parts = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def part(
    block: np.ndarray,
    rank: np.ndarray | int,
    symbol: np.ndarray | int,
    extra: np.ndarray | int = 0,
    bits: np.ndarray | int = 0,
) -> Parts:
    """Tokens in few bytes each, since a large picture has many millions."""
    small = ((rank, np.int16), (symbol, np.int16), (extra, np.int32), (bits, np.int8))
    others = [np.broadcast_to(np.asarray(field, kind), block.shape) for field, kind in small]
    return block.astype(np.int32), others[0], others[1], others[2], others[3]


@dataclass(frozen=True)
class Tokens:
    """What is coded, in order: a symbol of a table, or none, then extra bits.

    Attributes:
        block: index of the block in the scan.
        table: number of the symbol's table.
        symbol: 0 to 255; -1 where there are extra bits only.
        extra, bits: the bits after it, and how many.
    """

    block: np.ndarray
    table: np.ndarray
    symbol: np.ndarray
    extra: np.ndarray
    bits: np.ndarray

    @classmethod
    def ordered(cls, *parts: Parts, table: np.ndarray | int = 0) -> "Tokens":
        """By block, and within one by rank (below 1024); equals stay as they are.

        Args:
            parts: as `part` makes them.
            table: of all, or by block and whether the rank is above 0.
        """
        block, rank, symbol, extra, bits = (np.concatenate(fields) for fields in zip(*parts, strict=True))
        order = np.argsort(block.astype(np.int64) * 1024 + rank, kind="stable")
        block, later = block[order], (rank > 0)[order].astype(np.int8)
        tables = np.full(len(order), table, np.int16) if isinstance(table, int) else table[block, later]
        return cls(block, tables, symbol[order], extra[order], bits[order])

    def frequencies(self, table: int) -> np.ndarray:
        """How often each of 256 symbols of a table is coded."""
        return np.bincount(self.symbol[(self.table == table) & (self.symbol >= 0)], minlength=256)


def differences(dc: np.ndarray, component: np.ndarray, restart: int) -> np.ndarray:
    """Each block's DC less that of the block before it of the same component, int64.

    Args:
        dc: of all blocks in the order of the scan.
        component: of each block.
        restart: blocks after which prediction starts anew; 0 for never.
    """
    out = dc.astype(np.int64)
    stretch = np.arange(len(dc)) // restart if restart else np.zeros(len(dc), np.int64)
    for number in np.unique(component):
        own = np.flatnonzero(component == number)
        follows = stretch[own][1:] == stretch[own][:-1]
        out[own[1:]] -= np.where(follows, dc[own[:-1]], 0)
    return out


def magnitudes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The extra bits of values, and how many: the number itself, or one's complement of a negative one."""
    bits = np.frexp(np.abs(values).astype(np.float32))[1]
    return np.where(values < 0, values + (1 << bits) - 1, values), bits


def ac_tokens(values: np.ndarray) -> tuple[Parts, Parts]:
    """Coefficients that aren't zero, and sixteens of zeros before them.

    Args:
        values: int (blocks, 63 or fewer), in zigzag order.
    """
    block, place = (index.astype(np.int32) for index in np.nonzero(values))
    run = place.copy()
    same = block[1:] == block[:-1]
    run[1:][same] -= place[:-1][same] + 1
    skipped = np.repeat(np.arange(len(run), dtype=np.int32), run // 16)
    extra, bits = magnitudes(values[block, place].astype(np.int32))
    return (
        part(block[skipped], 2 * place[skipped] + 1, _ZEROS),
        part(block, 2 * place + 2, (run % 16) * 16 + bits, extra, bits),
    )


def tokens(blocks: np.ndarray, component: np.ndarray, tables: np.ndarray, restart: int) -> Tokens:
    """The tokens of a sequential scan.

    Args:
        blocks: int (blocks, 64), in the order of the scan, each in zigzag order.
        component: of each block.
        tables: for each component the numbers of its DC and AC tables, (components, 2).
        restart: blocks between restart markers; 0 for none.
    """
    extra, bits = magnitudes(differences(blocks[:, 0], component, restart))
    first = part(np.arange(len(blocks)), 0, bits, extra, bits)
    last = part(np.flatnonzero(blocks[:, 63] == 0), _LAST, 0)
    return Tokens.ordered(first, *ac_tokens(blocks[:, 1:]), last, table=tables.astype(np.int16)[component])


def scan(found: Tokens, tables: dict[int, Table], restart: int) -> bytes:
    """The entropy-coded bytes, with restart markers every `restart` blocks; the tables have all symbols."""
    # The last symbol is none.
    codes, lengths = np.zeros((2, max(tables, default=0) + 1, 257), np.int64)
    for number, table in tables.items():
        codes[number, :256], lengths[number, :256] = table.codes()
    ends = [len(found.block)]
    if restart:
        ends = [*np.flatnonzero(np.diff(found.block // restart) > 0) + 1, len(found.block)]
    out, begin = [], 0
    for number, end in enumerate(ends):
        out.append(_stretch(found, slice(begin, end), codes, lengths))
        if number < len(ends) - 1:
            out.append(bytes([0xFF, 0xD0 + number % 8]))
        begin = end
    return b"".join(out)


def _stretch(found: Tokens, whole: slice, codes: np.ndarray, lengths: np.ndarray) -> bytes:
    """Tokens one after the other, ones at the end, a zero after each byte of ones."""
    parts = []
    for begin in range(whole.start, whole.stop, _AT_ONCE):
        some = slice(begin, min(begin + _AT_ONCE, whole.stop))
        table, symbol, bits = found.table[some], found.symbol[some], found.bits[some].astype(np.int64)
        word, size = (codes[table, symbol] << bits) | found.extra[some], lengths[table, symbol] + bits
        left = np.repeat(np.cumsum(size), size) - 1 - np.arange(int(size.sum()))
        parts.append(((np.repeat(word, size) >> left) & 1).astype(np.uint8))
    bits = np.concatenate(parts)
    packed = np.packbits(np.concatenate([bits, np.ones(-len(bits) % 8, np.uint8)]))
    return np.insert(packed, np.flatnonzero(packed == 0xFF) + 1, 0).tobytes()
