"""The entropy-coded part of a baseline JPEG, written anew for changed coefficients; ITU-T T.81, annexes C, F and K."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ZIGZAG = np.array(
    sorted(range(64), key=lambda k: (k // 8 + k % 8, (k % 8 if (k // 8 + k % 8) % 2 == 0 else k // 8)))
)  # fmt: skip


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


def _size(values: np.ndarray) -> np.ndarray:
    """Bits of a magnitude."""
    found: np.ndarray = np.ceil(np.log2(np.abs(values).astype(np.float64) + 1)).astype(np.int64)
    return found


@dataclass(frozen=True)
class Tokens:
    """What is coded, in order: a symbol of a table, then extra bits.

    Attributes:
        block: index of the block in the scan.
        table: number of the block's pair of tables, twice, and 1 more for AC.
        symbol: 0 to 255.
        extra, bits: the bits after it, and how many.
    """

    block: np.ndarray
    table: np.ndarray
    symbol: np.ndarray
    extra: np.ndarray
    bits: np.ndarray

    def frequencies(self, table: int) -> np.ndarray:
        """How often each of 256 symbols of a table is coded."""
        return np.bincount(self.symbol[self.table == table], minlength=256)


def tokens(blocks: np.ndarray, component: np.ndarray, tables: Sequence[tuple[int, int]], restart: int) -> Tokens:
    """The tokens of blocks in the order of the scan.

    Args:
        blocks: int (blocks, 64), in zigzag order.
        component: of each block.
        tables: for each component its (DC, AC) tables' numbers in `Tokens.table`.
        restart: blocks after which prediction starts anew; 0 for never.
    """
    count = len(blocks)
    difference = blocks[:, 0].astype(np.int64)
    stretch = np.arange(count) // restart if restart else np.zeros(count, np.int64)
    for number in range(len(tables)):
        own = np.flatnonzero(component == number)
        dc = blocks[own, 0].astype(np.int64)
        before = np.concatenate([[0], dc[:-1]])
        begins = np.concatenate([[True], stretch[own][1:] != stretch[own][:-1]])
        difference[own] = dc - np.where(begins, 0, before)
    index, place = np.nonzero(blocks[:, 1:])
    place += 1
    value = blocks[index, place].astype(np.int64)
    same = np.concatenate([[False], index[1:] == index[:-1]])
    run = place - np.where(same, np.concatenate([[0], place[:-1]]), 0) - 1
    zeros = run // 16
    skipped = np.repeat(np.arange(len(run)), zeros)
    last = np.zeros(count, np.int64)
    np.maximum.at(last, index, place)
    ended = np.flatnonzero(last < 63)
    size, dc_size = _size(value), _size(difference)
    # Within a block: DC, then each coefficient after its runs of 16, then the end.
    block = np.concatenate([np.arange(count), index[skipped], index, ended])
    rank = np.concatenate([np.zeros(count), 2 * place[skipped] - 1, 2 * place, np.full(len(ended), 200)])
    symbol = np.concatenate(
        [dc_size, np.full(len(skipped), 0xF0), (run % 16) * 16 + size, np.zeros(len(ended), np.int64)]
    )
    nothing = np.zeros(len(skipped), np.int64), np.zeros(len(ended), np.int64)
    magnitude = np.concatenate([difference, nothing[0], value, nothing[1]])
    bits = np.concatenate([dc_size, nothing[0], size, nothing[1]])
    extra = np.where(magnitude < 0, magnitude + (1 << bits) - 1, magnitude)
    order = np.argsort(block * 256 + rank.astype(np.int64), kind="stable")
    which = np.array(tables)[component[block], (rank > 0).astype(np.int64)]
    return Tokens(block[order], which[order], symbol[order], extra[order], bits[order])


def scan(found: Tokens, tables: dict[int, Table], restart: int) -> bytes:
    """The entropy-coded bytes, with restart markers every `restart` blocks.

    Raises:
        ValueError: when a table lacks a symbol.
    """
    code, length = np.zeros(len(found.symbol), np.int64), np.zeros(len(found.symbol), np.int64)
    for number, table in tables.items():
        own = found.table == number
        codes, lengths = table.codes()
        code[own], length[own] = codes[found.symbol[own]], lengths[found.symbol[own]]
    if (length == 0).any():
        raise ValueError("a symbol without a code")
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
