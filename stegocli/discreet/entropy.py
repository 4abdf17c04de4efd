"""Huffman coding of a JPEG's scans, written anew for changed coefficients; ITU-T T.81, annexes C, F and K."""

from dataclasses import dataclass

import numpy as np

ZIGZAG = np.array(
    sorted(range(64), key=lambda k: (k // 8 + k % 8, (k % 8 if (k // 8 + k % 8) % 2 == 0 else k // 8)))
)  # fmt: skip

# The symbol of 16 zeros; and the rank of what ends a block.
_ZEROS, _LAST = 0xF0, 200


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
    def ordered(cls, rank: np.ndarray, *fields: np.ndarray) -> "Tokens":
        """By block, and within one by rank (below 1024); equals stay as they are."""
        order = np.argsort(fields[0].astype(np.int64) * 1024 + rank, kind="stable")
        return cls(*(field[order] for field in fields))

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
    bits = np.ceil(np.log2(np.abs(values).astype(np.float64) + 1)).astype(np.int64)
    return np.where(values < 0, values + (1 << bits) - 1, values), bits


def ac_tokens(values: np.ndarray) -> tuple[np.ndarray, ...]:
    """Coefficients that aren't zero with the runs of zeros before them: block, rank, symbol, extra, bits.

    Args:
        values: int (blocks, 63 or fewer), in zigzag order.
    """
    block, place = np.nonzero(values)
    same = np.concatenate([[False], block[1:] == block[:-1]])
    run = place - np.where(same, np.concatenate([[0], place[:-1] + 1]), 0)[: len(place)]
    skipped = np.repeat(np.arange(len(run)), run // 16)
    extra, bits = magnitudes(values[block, place].astype(np.int64))
    nothing = np.zeros(len(skipped), np.int64)
    return (
        np.concatenate([block[skipped], block]),
        np.concatenate([2 * place[skipped] + 1, 2 * place + 2]),
        np.concatenate([nothing + _ZEROS, (run % 16) * 16 + bits]),
        np.concatenate([nothing, extra]),
        np.concatenate([nothing, bits]),
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
    ac = ac_tokens(blocks[:, 1:])
    ended = np.flatnonzero(blocks[:, 63] == 0)
    nothing = np.zeros(len(ended), np.int64)
    first = np.arange(len(blocks)), np.zeros(len(blocks), np.int64), bits, extra, bits
    last = ended, nothing + _LAST, nothing, nothing, nothing
    block, rank, symbol, extra, bits = (np.concatenate(parts) for parts in zip(first, ac, last, strict=True))
    table = tables[component[block], (rank > 0).astype(np.int64)]
    return Tokens.ordered(rank, block, table, symbol, extra, bits)


def scan(found: Tokens, tables: dict[int, Table], restart: int) -> bytes:
    """The entropy-coded bytes, with restart markers every `restart` blocks; the tables have all symbols."""
    code, length = np.zeros(len(found.symbol), np.int64), np.zeros(len(found.symbol), np.int64)
    for number, table in tables.items():
        own = (found.table == number) & (found.symbol >= 0)
        codes, lengths = table.codes()
        code[own], length[own] = codes[found.symbol[own]], lengths[found.symbol[own]]
    word, size = (code << found.bits) | found.extra, length + found.bits
    ends = [len(word)]
    if restart:
        stretches = found.block // restart
        ends = [*np.flatnonzero(np.diff(stretches) > 0) + 1, len(word)]
    out, begin = [], 0
    for number, end in enumerate(ends):
        out.append(_stuffed(word[begin:end], size[begin:end]))
        if number < len(ends) - 1:
            out.append(bytes([0xFF, 0xD0 + number % 8]))
        begin = end
    return b"".join(out)


def _stuffed(word: np.ndarray, size: np.ndarray) -> bytes:
    """Words of these sizes in bits one after the other, ones at the end, a zero after each byte of ones."""
    parts = []
    for some in np.array_split(np.arange(len(word)), max(1, len(word) >> 20)):
        first = np.cumsum(size[some]) - size[some]
        position = np.arange(int(size[some].sum())) - np.repeat(first, size[some])
        parts.append((np.repeat(word[some], size[some]) >> (np.repeat(size[some], size[some]) - 1 - position)) & 1)
    bits = np.concatenate(parts).astype(np.uint8)
    packed = np.packbits(np.concatenate([bits, np.ones(-len(bits) % 8, np.uint8)]))
    return np.insert(packed, np.flatnonzero(packed == 0xFF) + 1, 0).tobytes()
