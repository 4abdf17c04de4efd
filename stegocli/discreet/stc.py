"""Syndrome-trellis codes: bits written into samples with about the least total cost that any code could reach.

Filler, Judas and Fridrich, "Minimizing additive distortion in steganography using syndrome-trellis codes" (2011);
samples that may go up or down by one, in two layers: Filler and Fridrich, "Minimizing additive distortion functions
with non-binary embedding operation in steganography" (2010).

The message is the syndrome of the samples' bits under a banded parity-check matrix. Its rows are the message bits;
each row begins a block of columns, which reach down over `HEIGHT` rows. The Viterbi algorithm finds the cheapest flips
with the right syndrome. The samples are dealt out to several independent trellises, the lanes, which NumPy works on
side by side: a step of all lanes is a few operations on arrays of 2**HEIGHT states times the lanes.

Columns, lanes, and the halving of a message into the layers belong to the format.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..payload.mixing import splitmix64

HEIGHT = 10
_STATES = 1 << HEIGHT
# A lane has at least this many message bits, where there are as many: each lane wastes a few at its end.
_LANE_BITS = 128
_LANES = 64
# A block that is wider uses its columns again. Twice or four times as many gain no payload (measured at 0.002 to 0.03
# bits a sample) and take so much longer.
_WIDEST = 64
# One batch of lanes keeps a decision a state and step: 128 bytes a step, so 256 MiB.
_BATCH_STEPS = 1 << 21
# Costs in hundredths of a nat, up to 20 nats (one in 5e8): beyond that a sample is as good as never changed.
_SCALE, _DEAREST = 100.0, 2000
# A change that is less likely than exp of minus this holds nothing.
_FARTHEST = 80.0
# Of a wet sample, and of a state that can't be reached: two of them stay below 2**16.
_NEVER = 30000
# The broadcast cost of a step is laid out this wide, since NumPy's inner loops are slow when they are short.
_WIDE = 256
# Decisions are packed into bits after so many steps.
_PACKED_STEPS = 16


class Unreachable(ValueError):
    """Too many samples may not be changed: no permitted change writes this message."""


def _columns() -> np.ndarray:
    """The columns of a block, in the order of use: lowest and highest bit set, those between well mixed."""
    middle = np.arange(1 << (HEIGHT - 2), dtype=np.uint64)
    order = np.argsort(splitmix64(middle), kind="stable")
    return (1 | (middle[order][:_WIDEST].astype(np.int64) << 1) | (1 << (HEIGHT - 1))).astype(np.uint16)


_COLUMNS = _columns()


@dataclass(frozen=True)
class _Shape:
    """How `samples` samples and `bits` message bits are laid out.

    Attributes:
        lanes: independent trellises.
        length: samples of each lane; a few of the last samples are left unused.
        rows: message bits of each lane; the last of them are zeros that fill up.
    """

    lanes: int
    length: int
    rows: int

    @classmethod
    def of(cls, samples: int, bits: int) -> "_Shape":
        """For a number of bits that is not zero."""
        lanes = min(_LANES, max(1, bits // _LANE_BITS))
        steps = min(samples, len(_COLUMNS) * bits)
        lanes = max(lanes, -(-steps * _LANES // _BATCH_STEPS))
        shape = cls(lanes, samples // lanes, -(-bits // lanes))
        if shape.length < shape.rows:
            raise Unreachable(f"{bits} bits in {samples} samples")
        return shape

    @property
    def starts(self) -> np.ndarray:
        """For each row the first sample of its block, and the length at the end."""
        return np.arange(self.rows + 1, dtype=np.int64) * self.length // self.rows

    @property
    def batches(self) -> Iterator[slice]:
        for begin in range(0, self.lanes, _LANES):
            yield slice(begin, min(begin + _LANES, self.lanes))


def _syndrome(bits: np.ndarray, shape: _Shape) -> np.ndarray:
    """Message bits, uint8 (rows, lanes), that samples' bits (length, lanes) hold."""
    starts = shape.starts
    column = _COLUMNS[(np.arange(shape.length) - np.repeat(starts[:-1], np.diff(starts))) % len(_COLUMNS)]
    words = np.bitwise_xor.reduceat(bits.astype(np.uint16) * column[:, None], starts[:-1], axis=0)
    out = np.zeros((shape.rows, shape.lanes), np.uint8)
    for down in range(min(HEIGHT, shape.rows)):
        out[down:] ^= ((words[: shape.rows - down] >> down) & 1).astype(np.uint8)
    return out


def _reaching(width: int, left: int) -> np.ndarray:
    """The columns of a block of this width, cut to the rows that are left."""
    return _COLUMNS[:width].astype(np.int64) & ((1 << min(left, HEIGHT)) - 1)


def _cheapest(cost: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The steps of the trellis: of the samples in a block that share a column only the cheapest is ever flipped.

    Args:
        cost: uint16 (length, lanes).

    Returns:
        Its cost, uint16 (rows, steps a row, lanes), and its index in the lane.
    """
    rows, lanes = len(starts) - 1, cost.shape[1]
    widest = int(np.diff(starts).max())
    width = min(widest, len(_COLUMNS))
    best = np.full((rows, width, lanes), _NEVER, np.uint16)
    where = np.zeros((rows, width, lanes), np.int32)
    for begin in range(0, widest, width):
        index = starts[:-1, None] + np.arange(begin, begin + width)
        inside = index < starts[1:, None]
        index = np.minimum(index, cost.shape[0] - 1)
        found = np.where(inside[..., None], cost[index], np.uint16(_NEVER))
        better = found < best
        np.copyto(best, found, where=better)
        np.copyto(where, index[..., None].astype(np.int32), where=better)
    return best, where


def _forward(cost: np.ndarray, syndrome: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Viterbi, forward: packed decisions (rows, width, bytes) and the costs of the final states (lanes)."""
    rows, width, lanes = cost.shape
    # NumPy's inner loops are slow when they are short: several states' costs are laid side by side.
    repeat = 1 << max(0, (_WIDE // lanes).bit_length() - 1)
    metric = np.full((_STATES, lanes), _NEVER, np.uint16)
    metric[0] = 0
    flipped = np.empty_like(metric)
    layered = flipped.reshape(-1, repeat * lanes)
    taken = np.empty((min(width, _PACKED_STEPS), *metric.shape), bool)
    decisions = np.empty((rows, width, _STATES * lanes // 8), np.uint8)
    permuted = np.empty((0, 0), np.int64)
    for row in range(rows):
        if row == 0 or rows - row < HEIGHT:
            permuted = np.arange(_STATES) ^ _reaching(width, rows - row)[:, None]
        added = np.tile(cost[row], (1, repeat))
        for begin in range(0, width, len(taken)):
            steps = slice(begin, min(begin + len(taken), width))
            for index, price, flips in zip(permuted[steps], added[steps], taken, strict=False):
                metric.take(index, 0, flipped, "clip")
                np.add(layered, price, out=layered)
                np.less(flipped, metric, out=flips)
                np.minimum(metric, flipped, out=metric)
            count = steps.stop - begin
            decisions[row, steps] = np.packbits(taken[:count].reshape(count, -1), axis=1)
        _advance(metric, syndrome[row])
    return decisions, metric[0]


def _advance(metric: np.ndarray, bit: np.ndarray) -> None:
    """To the next row: states whose lowest bit is the message's stay, relative to the cheapest of them."""
    pairs = metric.reshape(_STATES // 2, 2, -1)
    kept = np.where(bit == 1, pairs[:, 1], pairs[:, 0])
    least = kept.min(0)
    lost = kept >= _NEVER
    # A lane without any reachable state stays so.
    kept -= np.where(least < _NEVER, least, 0).astype(np.uint16)
    kept[lost] = _NEVER
    metric[: _STATES // 2] = kept
    metric[_STATES // 2 :] = _NEVER


def _backward(decisions: np.ndarray, syndrome: np.ndarray, where: np.ndarray, out: np.ndarray) -> None:
    """Follow the decisions from the last state to the first, and mark the flips in `out` (length, lanes)."""
    rows, width, lanes = where.shape
    lane = np.arange(lanes)
    state = np.zeros(lanes, np.int64)
    steps = np.arange(width)[:, None]
    for row in range(rows - 1, -1, -1):
        state = (state << 1) | syndrome[row]
        columns = _reaching(width, rows - row)
        # The state stays until a flip: so each lane goes from one flip to the next, all of its steps seen at once.
        before = np.full(lanes, width)
        while True:
            position = state * lanes + lane
            flips = (decisions[row][:, position >> 3] & (0x80 >> (position & 7)) != 0) & (steps < before)
            moved = flips.any(0)
            if not moved.any():
                break
            before = np.where(moved, width - 1 - flips[::-1].argmax(0), 0)
            state = np.where(moved, state ^ columns[before], state)
            out[where[row, before[moved], lane[moved]], lane[moved]] = True


def _flips(bits: np.ndarray, cost: np.ndarray, message: np.ndarray) -> np.ndarray:
    """Which bits (uint8, flat) to flip so that they hold the message, at about the least cost.

    Args:
        cost: of flipping each, in nats (log-odds against it); infinite for never.
    """
    if len(message) == 0:
        return np.zeros(len(bits), bool)
    shape = _Shape.of(len(bits), len(message))
    used = shape.length * shape.lanes
    whole = np.minimum(cost[:used] * _SCALE, _DEAREST)
    price = np.where(np.isfinite(cost[:used]), np.rint(whole), _NEVER).astype(np.uint16).reshape(shape.length, -1)
    target = np.zeros(shape.rows * shape.lanes, np.uint8)
    target[: len(message)] = message
    target = target.reshape(shape.rows, shape.lanes) ^ _syndrome(bits[:used].reshape(price.shape), shape)
    out = np.zeros(len(bits), bool)
    for batch in shape.batches:
        flips = np.zeros((shape.length, batch.stop - batch.start), bool)
        best, where = _cheapest(price[:, batch], shape.starts)
        decisions, final = _forward(best, target[:, batch])
        if (final >= _NEVER).any():
            raise Unreachable(f"{int((price >= _NEVER).sum())} of {price.size} samples may not be changed")
        _backward(decisions, target[:, batch], where, flips)
        out[:used].reshape(price.shape)[:, batch] = flips
    return out


def _read(bits: np.ndarray, count: int) -> np.ndarray:
    if count == 0:
        return np.zeros(0, np.uint8)
    shape = _Shape.of(len(bits), count)
    used = bits[: shape.length * shape.lanes].reshape(shape.length, shape.lanes)
    return _syndrome(used, shape).reshape(-1)[:count]


def entropy(up: np.ndarray, down: np.ndarray, rate: float) -> float:
    """Bits that samples with these costs hold at best when a change is `exp(-rate * cost)` times as likely as none."""
    p, q = (np.minimum(cost, np.float32(_FARTHEST / rate)) * np.float32(rate) for cost in (up, down))
    a, b = np.exp(-p), np.exp(-q)
    total = 1 + a + b
    return float((np.log(total) + (a * p + b * q) / total).sum(dtype=np.float64) / np.log(2))


# The rate is found on this many samples, in this many halvings of a range of 8: they decide it to a percent.
_SAMPLED, _HALVINGS = 1 << 16, 8


def rate(up: np.ndarray, down: np.ndarray, bits: float) -> float:
    """The factor on the costs (float, finite or infinite) at which the samples hold `bits` at the bound."""
    stride = max(1, len(up) // _SAMPLED)
    bits *= len(up[::stride]) / max(1, len(up))
    up, down = up[::stride], down[::stride]
    finite = np.minimum(np.minimum(up, down), 1e15)
    low = 1e-3 / max(1e-12, float(np.median(finite)))
    high = low
    while high < 1e15 and entropy(up, down, high) > bits:
        low, high = high, 8 * high
    while low > 1e-18 and entropy(up, down, low) < bits:
        low, high = low / 8, low
    for _ in range(_HALVINGS):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if entropy(up, down, middle) > bits else (low, middle)
    return high


def embed(samples: np.ndarray, up: np.ndarray, down: np.ndarray, message: np.ndarray) -> np.ndarray:
    """Changes of -1, 0 or 1, int8, after which `extract` finds the message in the samples.

    Args:
        samples: integers of any type, flat, in keyed order.
        up, down: float32 costs of adding and of taking 1; infinite for never.
        message: uint8 bits.

    Raises:
        Unreachable: when too many samples are wet.
    """
    half = (len(message) + 1) // 2
    factor = rate(up, down, len(message))
    a, b = (np.where(np.isfinite(cost), np.exp(-factor * cost), 0).astype(np.float32) for cost in (up, down))
    odd = (samples & 1) == 1
    # Of an odd sample adding 1 turns the second bit over, of an even one taking 1 does.
    carry, other = np.where(odd, a, b), np.where(odd, b, a)
    del a, b
    with np.errstate(divide="ignore"):
        cost = np.log1p(other)
        cost -= np.log(carry)
        second = _flips((samples >> 1).astype(np.uint8) & 1, cost, message[:half])
        del cost, carry
        # Those whose second bit turns over change their lowest one as well; the others may go the other way.
        lowest = (samples.astype(np.uint8) & 1) ^ second
        first = _flips(lowest, np.where(second, np.inf, -np.log(other)), message[half:])
    direction = np.where(odd, 1, -1).astype(np.int8)
    found: np.ndarray = direction * second - direction * first
    return found


def extract(samples: np.ndarray, count: int) -> np.ndarray:
    """The `count` message bits that `embed` wrote, uint8.

    Raises:
        Unreachable: when so many can't be there.
    """
    half = (count + 1) // 2
    second, lowest = (samples >> 1).astype(np.uint8) & 1, samples.astype(np.uint8) & 1
    return np.concatenate([_read(second, half), _read(lowest, count - half)])
