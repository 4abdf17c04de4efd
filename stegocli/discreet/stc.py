"""Syndrome-trellis codes: bits written into samples with about the least total cost that any code could reach.

Filler, Judas and Fridrich, "Minimizing additive distortion in steganography using syndrome-trellis codes" (2011);
samples that may go up or down by one, in two layers: Filler and Fridrich, "Minimizing additive distortion functions
with non-binary embedding operation in steganography" (2010).

The message is the syndrome of the samples' bits under a banded parity-check matrix. Its rows are the message bits;
each row begins a block of columns, which reach down over `HEIGHT` rows. The Viterbi algorithm finds the cheapest flips
with the right syndrome. The samples are dealt out to several independent trellises, the lanes, which NumPy works on
side by side: a step of all lanes is a few operations on arrays of 2**HEIGHT states times the lanes.

Lanes of several messages go side by side as well. Columns, lanes, and the halving of a message into the layers belong
to the format.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .viterbi import COLUMNS, HEIGHT, NEVER, Unreachable, best_flips, best_lanes

# A lane has at least this many message bits, where there are as many: each lane wastes a few at its end.
_LANE_BITS = 128
_LANES = 64
# A lane has at most this many steps on the average of 64 lanes.
_LANE_STEPS = 1 << 15
# Lanes that go through the algorithm together: what fits in a core's cache. A step of all costs as much time besides as
# so many lanes. For each row and lane 2 KiB are kept, so 256 MiB.
_SIDE_BY_SIDE, _OVERHEAD, _BATCH_ROWS = 48, 8, 1 << 17
# Messages for this many samples are embedded together.
_SAMPLES_AT_ONCE = 1 << 21
# Costs in hundredths of a nat, up to 20 nats (one in 5e8): beyond that a sample is as good as never changed.
_SCALE, _DEAREST = 100.0, 2000
# A change that is less likely than exp of minus this holds nothing.
_FARTHEST = 80.0

# Bits (uint8, flat), the cost of flipping each (in nats, log-odds against it; infinite for never), and a message.
_Layer = tuple[np.ndarray, np.ndarray, np.ndarray]


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
        steps = min(samples, len(COLUMNS) * bits)
        lanes = max(lanes, -(-steps // _LANE_STEPS))
        shape = cls(lanes, samples // lanes, -(-bits // lanes))
        if shape.length < shape.rows:
            raise Unreachable(f"{bits} bits in {samples} samples")
        return shape

    @property
    def starts(self) -> np.ndarray:
        """For each row the first sample of its block, and the length at the end."""
        return np.arange(self.rows + 1, dtype=np.int64) * self.length // self.rows


def _syndrome(bits: np.ndarray, shape: _Shape) -> np.ndarray:
    """Message bits, uint8 (rows, lanes), that samples' bits (length, lanes) hold."""
    starts = shape.starts
    column = COLUMNS[(np.arange(shape.length) - np.repeat(starts[:-1], np.diff(starts))) % len(COLUMNS)]
    words = np.bitwise_xor.reduceat(bits.astype(np.uint16) * column[:, None], starts[:-1], axis=0)
    out = np.zeros((shape.rows, shape.lanes), np.uint8)
    for down in range(min(HEIGHT, shape.rows)):
        out[down:] ^= ((words[: shape.rows - down] >> down) & 1).astype(np.uint8)
    return out


def _cheapest(cost: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The steps of the trellis: of the samples in a block that share a column only the cheapest is ever flipped.

    Args:
        cost: uint16 (length, lanes).

    Returns:
        Its cost, uint16 (rows, steps a row, lanes), and its index in the lane.
    """
    rows, lanes = len(starts) - 1, cost.shape[1]
    widest = int(np.diff(starts).max())
    width = min(widest, len(COLUMNS))
    best = np.full((rows, width, lanes), NEVER, np.uint16)
    where = np.zeros((rows, width, lanes), np.int32)
    for begin in range(0, widest, width):
        index = starts[:-1, None] + np.arange(begin, begin + width)
        inside = index < starts[1:, None]
        index = np.minimum(index, cost.shape[0] - 1)
        found = np.where(inside[..., None], cost[index], np.uint16(NEVER))
        better = found < best
        np.copyto(best, found, where=better)
        np.copyto(where, index[..., None].astype(np.int32), where=better)
    return best, where


@dataclass
class _Trellis:
    """One message on its way into bits.

    Attributes:
        shape: its layout.
        cost: uint16 (rows, steps a row, lanes), of the cheapest sample that has the step's column.
        where: int32 of that shape, that sample's index in its lane.
        syndrome: uint8 (rows, lanes), what the flips must have.
        flips: bool (shape.length, lanes), marked when the best are found.
    """

    shape: _Shape
    cost: np.ndarray
    where: np.ndarray
    syndrome: np.ndarray
    flips: np.ndarray

    @classmethod
    def of(cls, bits: np.ndarray, cost: np.ndarray, message: np.ndarray) -> "_Trellis":
        """For a message that is not empty; arguments as a `_Layer` has them."""
        shape = _Shape.of(len(bits), len(message))
        used = shape.length * shape.lanes
        whole = np.minimum(cost[:used] * _SCALE, _DEAREST)
        price = np.where(np.isfinite(cost[:used]), np.rint(whole), NEVER).astype(np.uint16).reshape(shape.length, -1)
        target = np.zeros(shape.rows * shape.lanes, np.uint8)
        target[: len(message)] = message
        target = target.reshape(shape.rows, shape.lanes) ^ _syndrome(bits[:used].reshape(price.shape), shape)
        return cls(shape, *_cheapest(price, shape.starts), target, np.zeros(price.shape, bool))


class _Batch:
    """Lanes of several trellises, side by side. Those of fewer rows begin later: before that nothing may flip."""

    def __init__(self) -> None:
        self._parts: list[tuple[_Trellis, slice]] = []
        self._rows = self._width = self._lanes = 0

    def join(self, trellis: _Trellis, part: slice) -> bool:
        """Take some lanes, unless there are too many, or it takes less time to go through them alone."""
        rows, width, lanes = trellis.cost[..., part].shape
        tall, wide = max(self._rows, rows), max(self._width, width)
        together = tall * wide * (_OVERHEAD + self._lanes + lanes)
        alone = rows * width * (_OVERHEAD + lanes) + self._rows * self._width * (_OVERHEAD + self._lanes)
        if self._parts and (self._lanes + lanes > _most_lanes(tall) or together > alone):
            return False
        self._parts.append((trellis, part))
        self._rows, self._width, self._lanes = tall, wide, self._lanes + lanes
        return True

    def solve(self) -> None:
        """Mark the best flips of all lanes.

        Raises:
            Unreachable: when no flips have the syndrome.
        """
        lanes = best_lanes(self._lanes)
        cost = np.full((self._rows, self._width, lanes), NEVER, np.uint16)
        syndrome = np.zeros((self._rows, lanes), np.uint8)
        ends = list(itertools.accumulate(part.stop - part.start for _, part in self._parts))
        own = [slice(begin, end) for begin, end in itertools.pairwise([0, *ends])]
        for (trellis, part), here in zip(self._parts, own, strict=True):
            rows, width, _ = trellis.cost.shape
            cost[-rows:, :width, here] = trellis.cost[..., part]
            syndrome[-rows:, here] = trellis.syndrome[:, part]
        flips = best_flips(cost, syndrome)
        for (trellis, part), here in zip(self._parts, own, strict=True):
            rows, width, _ = trellis.cost.shape
            row, step, lane = np.nonzero(flips[-rows:, :width, here])
            lane += part.start
            trellis.flips[trellis.where[row, step, lane], lane] = True


def _most_lanes(rows: int) -> int:
    return max(1, min(_SIDE_BY_SIDE, _BATCH_ROWS // rows))


def _batches(trellises: list[_Trellis]) -> Iterator[_Batch]:
    """All lanes, those of like shape together."""
    batch = _Batch()
    for trellis in sorted(trellises, key=lambda one: one.cost.shape[1::-1]):
        most = _most_lanes(trellis.shape.rows)
        for begin in range(0, trellis.shape.lanes, most):
            part = slice(begin, min(begin + most, trellis.shape.lanes))
            if not batch.join(trellis, part):
                yield batch
                batch = _Batch()
                batch.join(trellis, part)
    if trellises:
        yield batch


def _flips(layers: list[_Layer]) -> list[np.ndarray]:
    """Which bits to flip so that they hold the messages, at about the least cost."""
    trellises = [_Trellis.of(*layer) if len(layer[2]) else None for layer in layers]
    for batch in _batches([trellis for trellis in trellises if trellis is not None]):
        batch.solve()
    found = []
    for (bits, _, _), trellis in zip(layers, trellises, strict=True):
        out = np.zeros(len(bits), bool)
        if trellis is not None:
            out[: trellis.flips.size] = trellis.flips.ravel()
        found.append(out)
    return found


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


# The rate is found on this many samples or more, of every so many one at least, in this many halvings of a range of 8:
# they decide it to a percent or two.
_SAMPLED, _STRIDE, _HALVINGS = 1 << 14, 16, 8


def rate(up: np.ndarray, down: np.ndarray, bits: float) -> float:
    """The factor on the costs (float, finite or infinite) at which the samples hold `bits` at the bound."""
    stride = max(1, min(len(up) // _SAMPLED, _STRIDE))
    bits *= len(up[::stride]) / max(1, len(up))
    up, down = up[::stride], down[::stride]
    finite = np.minimum(np.minimum(up, down), 1e15)
    low = 1 / max(1e-12, float(np.median(finite)))
    high = low
    while high < 1e15 and entropy(up, down, high) > bits:
        low, high = high, 8 * high
    while low > 1e-18 and entropy(up, down, low) < bits:
        low, high = low / 8, low
    for _ in range(_HALVINGS):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if entropy(up, down, middle) > bits else (low, middle)
    return high


class Task(NamedTuple):
    """A message for some samples.

    Attributes:
        samples: integers of any type, flat, in keyed order.
        up, down: float32 costs of adding and of taking 1; infinite for never.
        message: uint8 bits.
    """

    samples: np.ndarray
    up: np.ndarray
    down: np.ndarray
    message: np.ndarray


def embed(tasks: Iterable[Task]) -> Iterator[np.ndarray]:
    """Changes of -1, 0 or 1, int8, after which `extract` finds each task's message in its samples, in turn.

    Several are worked on together, which takes much less time for small ones: so tasks are asked for ahead of what is
    given, and none may depend on the changes of another.

    Raises:
        Unreachable: when too many samples are wet.
    """
    group: list[Task] = []
    for task in tasks:
        group.append(task)
        if sum(len(one.samples) for one in group) >= _SAMPLES_AT_ONCE:
            yield from _embedded(group)
            group = []
    yield from _embedded(group)


def _second_layer(task: Task) -> tuple[_Layer, np.ndarray]:
    """For `_flips`: second bits, costs, and half of the message; and how likely is the change that leaves them."""
    samples, up, down, message = task
    factor = np.float32(rate(up, down, len(message)))
    likely_up, likely_down = np.exp(-factor * up), np.exp(-factor * down)
    # Of an odd sample adding 1 turns the second bit over, of an even one taking 1 does.
    odd = (samples & 1) == 1
    carry, other = np.where(odd, likely_up, likely_down), np.where(odd, likely_down, likely_up)
    with np.errstate(divide="ignore"):
        cost = np.log1p(other) - np.log(carry)
    return ((samples >> 1).astype(np.uint8) & 1, cost, message[: (len(message) + 1) // 2]), other


def _first_layer(task: Task, second: np.ndarray, other: np.ndarray) -> _Layer:
    """Those whose second bit turns over change their lowest one as well; the others may go the other way."""
    with np.errstate(divide="ignore"):
        cost = np.where(second, np.float32(np.inf), -np.log(other))
    return (task.samples.astype(np.uint8) & 1) ^ second, cost, task.message[(len(task.message) + 1) // 2 :]


def _embedded(tasks: list[Task]) -> list[np.ndarray]:
    """Of tasks that are worked on together."""
    layers = [_second_layer(task) for task in tasks]
    others = [other for _, other in layers]
    seconds = _flips([layer for layer, _ in layers])
    del layers
    firsts = _flips([_first_layer(*each) for each in zip(tasks, seconds, others, strict=True)])
    return [
        np.where((task.samples & 1) == 1, 1, -1).astype(np.int8) * (second.astype(np.int8) - first)
        for task, second, first in zip(tasks, seconds, firsts, strict=True)
    ]


def extract(samples: np.ndarray, count: int) -> np.ndarray:
    """The `count` message bits that `embed` wrote, uint8.

    Raises:
        Unreachable: when so many can't be there.
    """
    half = (count + 1) // 2
    second, lowest = (samples >> 1).astype(np.uint8) & 1, samples.astype(np.uint8) & 1
    return np.concatenate([_read(second, half), _read(lowest, count - half)])
