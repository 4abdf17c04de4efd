"""The scans of a progressive JPEG: bands of frequencies, and of those the higher bits first; ITU-T T.81, annex G.

Where annex G leaves the encoder a choice, how many blocks end in one symbol, the choice is that of libjpeg, which most
encoders are: as many as it can name, and fewer when over `_MOST_CORRECTIONS` bits wait for them.
"""

import numpy as np

from .entropy import Parts, Tokens, ac_tokens, differences, magnitudes, part

# Blocks that one symbol can end.
_LONGEST = 0x7FFF
# Correction bits that may wait for the symbol that ends their blocks, and still take another block's.
_MOST_CORRECTIONS = 1000 - 64 + 1
_ZEROS = 0xF0
# Ranks within a block, above those of its coefficients: of what ends it, and of the corrections after that.
_END, _AFTER_END = 1000, 1001


def first_dc(dc: np.ndarray, component: np.ndarray, tables: np.ndarray, low: int, restart: int) -> Tokens:
    """The DC but for its `low` lowest bits; arguments as of `entropy.tokens`, `dc` int (blocks)."""
    extra, bits = magnitudes(differences(dc >> low, component, restart))
    only = part(np.arange(len(dc)), 0, bits, extra, bits)
    return Tokens.ordered(only, table=tables.astype(np.int16)[component])


def next_dc(dc: np.ndarray, low: int) -> Tokens:
    """One more bit of the DC."""
    return Tokens.ordered(part(np.arange(len(dc)), 0, -1, (dc >> low) & 1, 1))


def first_ac(band: np.ndarray, table: int, low: int, restart: int) -> Tokens:
    """A band of the AC but for its `low` lowest bits.

    Args:
        band: int (blocks, coefficients), in zigzag order.
        table: number of the Huffman table.
        restart: blocks between restart markers; 0 for none.
    """
    values = np.sign(band) * (np.abs(band) >> low)
    nonzero = values != 0
    begins, lengths = _ends(~nonzero[:, -1], ~nonzero.any(1), np.zeros(len(band), np.int64), restart)
    return Tokens.ordered(*ac_tokens(values), _end_tokens(begins, lengths), table=table)


def next_ac(band: np.ndarray, table: int, low: int, restart: int) -> Tokens:
    """One more bit of a band's AC; arguments as of `first_ac`.

    What becomes one now gets a symbol. What was more before gets a correction bit, which waits for the next symbol: of
    a new coefficient, of 16 zeros, or of the block's end.
    """
    size = np.abs(band) >> low
    block, place = (index.astype(np.int32) for index in np.nonzero(size))
    size = size[block, place]
    new = size == 1
    zeros, sixteens = _zeros(block, place, new)
    last = np.full(len(band), -1)
    np.maximum.at(last, block[new], place[new])
    within = place <= last[block]
    sixteens[~within] = 0
    told = np.repeat(np.arange(len(block), dtype=np.int32), sixteens)
    again = told == np.roll(told, 1)
    again[:1] = False
    # A correction goes after the first symbol that the next of the block's coefficients give.
    number = np.arange(len(block), dtype=np.int32)
    speaking = np.where(new | (sixteens > 0), number, len(block))
    following = np.roll(np.minimum.accumulate(speaking[::-1])[::-1], -1)
    rank = 8 * place + np.where(sixteens > 0, 1, 4)
    waiting, late = ~new & within, ~new & ~within
    begins, lengths = _ends(last < band.shape[1] - 1, last < 0, np.bincount(block[late], minlength=len(band)), restart)
    ending = begins[np.searchsorted(begins, block[late], "right") - 1]
    return Tokens.ordered(
        part(block[told], 8 * place[told] + 2 * again, _ZEROS),
        part(block[new], 8 * place[new] + 3, zeros[new] * 16 + 1, band[block, place][new] > 0, 1),
        part(block[waiting], rank[following[waiting]], -1, size[waiting] & 1, 1),
        _end_tokens(begins, lengths),
        part(ending, _AFTER_END, -1, size[late] & 1, 1),
        table=table,
    )


def _zeros(block: np.ndarray, place: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each coefficient that isn't zero, the zeros before it and after the last new one, as rest and sixteens.

    Sixteens are told where the first coefficient after them stands, so those already told are not counted again.
    """
    number = np.arange(len(block), dtype=np.int32)
    starts = block != np.roll(block, 1)
    starts[:1] = True
    before = place - (number - np.maximum.accumulate(np.where(starts, number, 0)))
    begins = starts | np.roll(new, 1)
    base = np.where(starts, 0, np.roll(before, 1))
    since = before - base[np.maximum.accumulate(np.where(begins, number, 0))]
    return since % 16, since // 16 - np.where(begins, 0, np.roll(since, 1) // 16)


def _ends(early: np.ndarray, empty: np.ndarray, corrections: np.ndarray, restart: int) -> tuple[np.ndarray, np.ndarray]:
    """The blocks that one symbol ends together: the first of them, and how many.

    Args:
        early: bool, blocks that end before their last coefficient.
        empty: bool, of those the ones without any symbol before.
        corrections: bits that wait for each block's end.
        restart: as of `first_ac`.
    """
    blocks = np.flatnonzero(early)
    alone = ~empty | ~np.roll(early, 1)
    alone[:: restart or len(alone)] = True
    cuts = np.flatnonzero(alone[blocks])
    waiting = np.cumsum(corrections[blocks])
    edges = np.append(cuts, len(blocks))
    total = np.diff(np.concatenate([[0], waiting])[edges])
    more = []
    for k in np.flatnonzero((np.diff(edges) > _LONGEST) | (total > _MOST_CORRECTIONS)):
        at, stop = int(edges[k]), int(edges[k + 1])
        while True:
            full = waiting[at] - corrections[blocks[at]] + _MOST_CORRECTIONS
            at = min(at + _LONGEST, int(np.searchsorted(waiting, full, "right")) + 1)
            if at >= stop:
                break
            more.append(at)
    begins = np.sort(np.concatenate([cuts, np.array(more, np.int64)]))
    return blocks[begins], np.diff(np.append(begins, len(blocks)))


def _end_tokens(begins: np.ndarray, lengths: np.ndarray) -> Parts:
    bits = np.frexp(lengths)[1] - 1
    return part(begins, _END, bits << 4, lengths - (1 << bits), bits)
