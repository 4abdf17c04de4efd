"""The Viterbi algorithm on the trellises of `stc`, as many side by side as there are."""

import itertools
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from ..payload.mixing import splitmix64

# Columns of a block reach down over this many rows; part of the format, as are `COLUMNS`.
HEIGHT = 10
_STATES = 1 << HEIGHT
# A block that is wider uses its columns again. Twice or four times as many gain no payload (measured at 0.002 to 0.03
# bits a sample) and take so much longer.
_WIDEST = 64
# Cost of a wet sample, and of a state that can't be reached: two of them stay below 2**16.
NEVER = 30000
# The broadcast cost of a step is laid out this wide, since NumPy's inner loops are slow when they are short.
_WIDE = 1024
# Up to so many lanes NumPy takes a state's costs several times faster where they are a power of two.
_FEW_LANES = 16
# So many flips of a row are found by trying all choices of them.
_GUESSED = 2


class Unreachable(ValueError):
    """Too many samples may not be changed: no permitted change writes this message."""


def _columns() -> np.ndarray:
    """The columns of a block, in the order of use: lowest and highest bit set, those between well mixed."""
    middle = np.arange(1 << (HEIGHT - 2), dtype=np.uint64)
    order = np.argsort(splitmix64(middle), kind="stable")
    return (1 | (middle[order][:_WIDEST].astype(np.int64) << 1) | (1 << (HEIGHT - 1))).astype(np.uint16)


COLUMNS = _columns()


def best_lanes(lanes: int) -> int:
    """So many lanes take less time than this many."""
    return 1 << (lanes - 1).bit_length() if lanes <= _FEW_LANES else lanes


def _reaching(width: int, left: int) -> np.ndarray:
    """The columns of a block of this width, cut to the rows that are left."""
    return COLUMNS[:width].astype(np.int64) & ((1 << left) - 1)


@lru_cache(maxsize=2 * HEIGHT)
def _swaps(width: int, left: int) -> np.ndarray:
    """For each of these columns the state that each state is flipped from: (columns, states)."""
    found: np.ndarray = np.arange(_STATES) ^ _reaching(width, left)[:, None]
    return found


@lru_cache(maxsize=4 * HEIGHT)
def _choices(width: int, left: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Every choice of `count` of these columns, (count, choices), and what flips of each do to the state."""
    steps = np.array(list(itertools.combinations(range(width), count)), np.int64).reshape(-1, count).T
    return steps, np.bitwise_xor.reduce(_reaching(width, left)[steps], 0)


def best_flips(cost: np.ndarray, syndrome: np.ndarray) -> np.ndarray:
    """The Viterbi algorithm: bool (rows, steps a row, lanes), the cheapest flips that have the syndrome.

    Decisions are not kept. From the costs of the states where a row begins, and that of the state where it ends, the
    row's flips are found again: most rows have none, and few more than two.

    Args:
        cost: uint16 of that shape, of each step's flip.
        syndrome: uint8 (rows, lanes).

    Raises:
        Unreachable: when none have it.
    """
    rows, width, lanes = cost.shape
    begins, least = np.empty((rows, _STATES, lanes), np.uint16), np.empty((rows, lanes), np.uint16)
    metric = np.full((_STATES, lanes), NEVER, np.uint16)
    metric[0] = 0
    for row in range(rows):
        begins[row] = metric
        for _ in _walk(metric, cost[row], _swaps(width, min(rows - row, HEIGHT))):
            pass
        least[row] = _advance(metric, syndrome[row])
    if (metric[0] >= NEVER).any():
        raise Unreachable("too many of its samples may not be changed")
    flips = np.zeros(cost.shape, bool)
    state, total = np.zeros(lanes, np.int64), metric[0].astype(np.int64)
    for row in range(rows - 1, -1, -1):
        state = (state << 1) | syndrome[row]
        total += least[row]
        _retrace(begins[row], cost[row], min(rows - row, HEIGHT), state, total, flips[row])
    return flips


def _walk(metric: np.ndarray, cost: np.ndarray, swaps: np.ndarray) -> Iterator[np.ndarray]:
    """Forward through a row: the costs of the states, uint16 (states, lanes), changed in place and given each step."""
    # NumPy's inner loops are slow when they are short: several states' costs are laid side by side.
    repeat = 1 << max(0, (_WIDE // metric.shape[1]).bit_length() - 1)
    flipped = np.empty(metric.shape, np.uint16)
    layered = flipped.reshape(-1, repeat * metric.shape[1])
    for swap, price in zip(swaps, np.tile(cost, (1, repeat)), strict=True):
        # With a mode other than "raise", take writes straight into its target.
        metric.take(swap, 0, flipped, "clip")
        np.add(layered, price, out=layered)
        np.minimum(metric, flipped, out=metric)
        yield metric


def _advance(metric: np.ndarray, bit: np.ndarray) -> np.ndarray:
    """To the next row: states whose lowest bit is the message's stay, relative to the cheapest of them, returned."""
    pairs = metric.reshape(_STATES // 2, 2, -1)
    kept = np.where(bit == 1, pairs[:, 1], pairs[:, 0])
    least, lost = kept.min(0), None
    if kept.max() >= NEVER:
        lost = kept >= NEVER
        # A lane without any reachable state stays so.
        least[least >= NEVER] = 0
    kept -= least
    if lost is not None:
        kept[lost] = NEVER
    metric[: _STATES // 2] = kept
    metric[_STATES // 2 :] = NEVER
    found: np.ndarray = least
    return found


def _retrace(
    begin: np.ndarray, cost: np.ndarray, left: int, state: np.ndarray, total: np.ndarray, flips: np.ndarray
) -> None:
    """Back through a row.

    Args:
        begin: uint16 (states, lanes), the states' costs where the row begins.
        cost: uint16 (steps, lanes).
        left: how many rows the columns may reach down.
        state, total: int64 (lanes), the state where the row ends and its cost; become those of the row's begin.
        flips: bool (steps, lanes), marked.
    """
    lanes = np.flatnonzero(begin[state, np.arange(len(state))] != total)
    for count in range(1, _GUESSED + 1):
        if not len(lanes):
            return
        steps, over = _choices(len(cost), left, count)
        price = cost.take(lanes, 1).astype(np.int32)[steps].sum(0)
        right = begin[state[lanes] ^ over[:, None], lanes] + price == total[lanes]
        found = right.any(0)
        choice, known = right.argmax(0)[found], lanes[found]
        flips[steps[:, choice], known] = True
        state[known] ^= over[choice]
        total[known] -= price[choice, found]
        lanes = lanes[~found]
    if not len(lanes):
        return
    first = begin.take(lanes, 1)
    walk = _walk(first.copy(), cost.take(lanes, 1), _swaps(len(cost), left))
    metrics = [first, *(metric.copy() for metric in walk)]
    every, columns = np.arange(len(lanes)), _reaching(len(cost), left)
    for step in range(len(cost) - 1, -1, -1):
        flipped = metrics[step][state[lanes], every] != total[lanes]
        flips[step, lanes] = flipped
        state[lanes] ^= np.where(flipped, columns[step], 0)
        total[lanes] -= np.where(flipped, cost[step, lanes], 0)
