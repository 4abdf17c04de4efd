"""Bytes into pixels so that it hardly shows, and out again by the password.

The picture is worked through in rounds: four interleaved sub-lattices, and in each the channels, green first. A later
round sees which way its neighbours, and the same pixel's green, were changed, and going the same way costs it a ninth:
changes that agree look like the picture's own noise. After Li, Wang, Li and Huang, "A strategy of clustering
modification directions in spatial image steganography" (CMD, 2015) and Wang et al., "Non-additive cost functions for
color image steganography based on inter-channel correlations and differences" (GINA, 2019).
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..payload import keys
from ..payload.keys import Keys
from . import costs, frame, stc
from .frame import FRONT, Front
from .viterbi import Unreachable

SMALLEST_PIXELS = 1024
# Row and column of the sub-lattices' first pixels. The first two have no neighbours in each other, nor have the others.
_LATTICES = ((0, 0), (1, 1), (0, 1), (1, 0))
# What the rounds see of each other leaves so many steps; see `_rounds`.
_STEPS = 3
# By this a change costs less that goes the way of its neighbours, and of the same pixel's first channel.
_AGREEING = 9.0
# The front has this many times the square root of the pixels, in samples, to itself: so it shows no more than the
# content.
_FRONT_SAMPLES = 15
# Above this many bits a usable sample nothing is discreet.
_DENSEST = 0.5

Progress = Callable[[float], None]


class Unsuitable(ValueError):
    """The cover can't carry this."""


class _Layout:
    """The keyed order of a picture's pixels, of all or of those of one slot.

    Attributes:
        front: flat indices of the pixels that carry the front.
    """

    def __init__(self, shape: tuple[int, ...], order: bytes, slot: int | None):
        """For a picture of (height, width, channels); `slot` is None for content alone."""
        height, width, channels = shape
        self._shape, self._order, self._slot = (height, width), order, slot
        self._first = self._lattice(0)
        self._front = min(_FRONT_SAMPLES * math.isqrt(height * width) // channels, 3 * len(self._first) // 4)
        self.front = self._first[: self._front]

    def _lattice(self, number: int) -> np.ndarray:
        height, width = self._shape
        row, column = _LATTICES[number]
        indices = np.arange(height * width, dtype=np.int64).reshape(height, width)[row::2, column::2].ravel()
        free = np.ones(height * width, bool)
        free[frame.salt_positions(height * width)] = False
        indices = indices[free[indices]]
        if self._slot is not None:
            indices = indices[self._slot :: frame.SLOTS]
        return keys.shuffle(self._order, indices, number)

    @cached_property
    def lattices(self) -> tuple[np.ndarray, ...]:
        """Flat indices of each sub-lattice's pixels that carry the content."""
        return self._first[self._front :], *map(self._lattice, range(1, len(_LATTICES)))

    def bits(self, total: int, weights: list[int]) -> list[int]:
        """The content's bits that each round carries, from the lattices' lengths and the channels' weights."""
        parts = [len(lattice) * weight for lattice in self.lattices for weight in weights]
        ends = [total * end // sum(parts) for end in itertools.accumulate(parts)]
        return [end - begin for begin, end in itertools.pairwise([0, *ends])]


def _planes(rgb: np.ndarray) -> np.ndarray:
    """The channels that carry, first the one that the others follow: (height, width, 3), or 1 where all are equal."""
    if (rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all():
        return rgb[..., :1]
    return rgb[..., [1, 0, 2]]


def capacity(rgb: np.ndarray, size: str, slots: int = 1) -> int:
    """Bytes of content that a cover may carry; `size` and `slots` as for `hide`."""
    planes = _planes(rgb)
    return frame.capacity(planes.size, size, slots=slots) if planes[..., 0].size >= SMALLEST_PIXELS else 0


def same_class(rgb: np.ndarray, length: int, size: str) -> range:
    """The lengths of content that change as much as this one in a slot."""
    return frame.same_class(_planes(rgb).size, length, size)


def _as_rgb(planes: np.ndarray) -> np.ndarray:
    return np.repeat(planes, 3, axis=2) if planes.shape[2] == 1 else planes[..., [1, 0, 2]]


def _keys(planes: np.ndarray, password: str) -> Keys:
    pixels = planes.reshape(-1, planes.shape[2])
    return keys.derive(password, frame.salt(pixels[frame.salt_positions(len(pixels))], planes.shape))


def derive(rgb: np.ndarray, password: str) -> Keys:
    """The keys that `hide` takes instead of the password; slow on purpose, so once for several stegos of a cover."""
    return _keys(_planes(rgb), password)


class _Round(NamedTuple):
    """Bits for some pixels of one sub-lattice, in one channel.

    Attributes:
        step: rounds of one step don't see each other's changes; of the steps before they see all.
        pixels: flat indices.
        bits: uint8, 0 or 1.
    """

    step: int
    channel: int
    pixels: np.ndarray
    bits: np.ndarray


class _Embedder:
    """A cover while it is being changed.

    Attributes:
        planes: uint8, (height, width, channels).
        cost: float32 of that shape, infinite where nothing may change.
        changes: int8 of that shape with a border of 1, so that every pixel has neighbours.
    """

    def __init__(self, planes: np.ndarray, cost: np.ndarray):
        self.planes, self.cost = planes, cost
        height, width, channels = planes.shape
        self.changes = np.zeros((channels, height + 2, width + 2), np.int8)

    def _neighbours(self, channel: int, pixels: np.ndarray) -> np.ndarray:
        """Sum of the four neighbours' changes, int8."""
        wide = self.changes.shape[2]
        flat, centre = self.changes[channel].ravel(), self._bordered(pixels)
        found: np.ndarray = flat[centre - wide] + flat[centre + wide] + flat[centre - 1] + flat[centre + 1]
        return found

    def _bordered(self, pixels: np.ndarray) -> np.ndarray:
        width = self.planes.shape[1]
        found: np.ndarray = (pixels // width + 1) * (width + 2) + pixels % width + 1
        return found

    def embed(self, rounds: Iterable[_Round]) -> Iterator[int]:
        """Rounds that don't see each other's changes; gives the number of samples after each."""
        ahead, behind = itertools.tee(rounds)
        for one, changes in zip(behind, stc.embed(map(self._task, ahead)), strict=True):
            self.changes[one.channel].reshape(-1)[self._bordered(one.pixels)] = changes
            yield len(one.pixels)

    def _task(self, one: _Round) -> stc.Task:
        """The costs follow the changes of the steps before."""
        samples = self.planes[..., one.channel].ravel()[one.pixels]
        up = self.cost[..., one.channel].ravel()[one.pixels]
        down = up.copy()
        followed = [self._neighbours(one.channel, one.pixels)]
        if one.channel:
            followed.append(self.changes[0].ravel()[self._bordered(one.pixels)])
        for direction in followed:
            up[direction > 0] /= _AGREEING
            down[direction < 0] /= _AGREEING
        return stc.Task(samples, up, down, one.bits)

    @property
    def result(self) -> np.ndarray:
        """The changed planes."""
        inner = self.changes[:, 1:-1, 1:-1].transpose(1, 2, 0)
        found: np.ndarray = (self.planes + inner.view(np.uint8)).astype(np.uint8)
        return found


def _priced(planes: np.ndarray, wet: np.ndarray | None, cost: costs.Cost) -> np.ndarray:
    """Costs; black and white are never changed, nor what can't be seen."""
    found = cost(planes)
    found[(planes == 0) | (planes == 255)] = np.inf
    if wet is not None:
        found[wet] = np.inf
    return found


def _weights(cost: np.ndarray, bits: int) -> list[float]:
    """Bits of each channel when all channels' samples have the same chance to change at the same cost."""
    some = cost.reshape(-1, cost.shape[2])[:: max(1, cost.shape[0] * cost.shape[1] // (1 << 15))]
    flat = some.T.ravel()
    factor = stc.rate(flat, flat, bits * len(flat) / cost.size)
    return [stc.entropy(channel, channel, factor) for channel in some.T]


def hide(
    rgb: np.ndarray,
    content: bytes,
    password: str | Keys,
    size: str = "normal",
    wet: np.ndarray | None = None,
    cost: costs.Cost = costs.hill,
    progress: Progress = lambda share: None,
    slots: int = 1,
    decoy: tuple[bytes, str] | None = None,
) -> np.ndarray:
    """A copy of the picture that holds the content, for those who know the password.

    Args:
        rgb: uint8, (height, width, 3), `SMALLEST_PIXELS` or more; where all channels are equal they stay so.
        content: at most `capacity` bytes.
        password: not empty; or what `derive` gives.
        size: how much may be carried at most, a name of `frame.CAPS`; less content is padded to less.
        wet: bool, (height, width): pixels that must not change.
        cost: of changes.
        progress: called with the share that is done, 0 to 1.
        slots: `frame.SLOTS` to put the content into one of two slots, 1 to put it alone.
        decoy: for the other slot, content of the same class and its password; without, noise.

    Raises:
        Unsuitable: when the content is too long, or too few samples can be changed.
    """
    planes = _planes(rgb)
    height, width, channels = planes.shape
    size_class = frame.fitting_class(planes.size, len(content), size, slots=slots)
    if height * width < SMALLEST_PIXELS or size_class is None:
        raise Unsuitable(f"{len(content)} bytes in {height * width} pixels")
    length = frame.class_bytes(planes.size, size_class, slots)
    work = _Embedder(planes, _priced(planes, wet, cost))
    usable = int(np.isfinite(work.cost).sum())
    if 8 * slots * (length + FRONT) > _DENSEST * usable:
        raise Unsuitable(f"only {usable} of {planes.size} samples may be changed")
    weights = _weights(work.cost, 8 * slots * length)
    secret = password if isinstance(password, Keys) else _keys(planes, password)
    contents = [(secret, content), *([(_keys(planes, decoy[1]), decoy[0])] if decoy else [])]
    loads = frame.loads(contents, lambda: frame.new_front(size_class, weights), length, slots)
    layouts = [_Layout(planes.shape, load.order, slot if slots > 1 else None) for slot, load in enumerate(loads)]
    shares = frame.new_front(size_class, weights).weights(channels)
    try:
        rounds = [
            one
            for layout, load in zip(layouts, loads, strict=True)
            for one in (
                *_front_rounds(layout, as_bits(load.front), channels),
                *_rounds(layout, as_bits(load.sealed), shares),
            )
        ]
        done, total = 0, sum(len(one.pixels) for one in rounds)
        for step in range(_STEPS):
            for samples in work.embed(one for one in rounds if one.step == step):
                done += samples
                progress(done / total)
    except Unreachable as error:
        raise Unsuitable(str(error)) from None
    return _as_rgb(work.result)


def as_bits(content: bytes) -> np.ndarray:
    """uint8, 0 or 1, the highest bit of each byte first."""
    return np.unpackbits(np.frombuffer(content, np.uint8))


def _front_rounds(layout: _Layout, front: np.ndarray, channels: int) -> Iterator[_Round]:
    for channel, bits in enumerate(np.array_split(front, channels)):
        yield _Round(int(channel > 0), channel, layout.front, bits)


def _rounds(layout: _Layout, content: np.ndarray, shares: list[int]) -> Iterator[_Round]:
    """The rounds of the content; `shares` of the channels are in any unit."""
    ends = [0, *itertools.accumulate(layout.bits(len(content), shares))]
    for number, (begin, end) in enumerate(itertools.pairwise(ends)):
        lattice, channel = divmod(number, len(shares))
        # A lattice of the second half sees those of the first half, and a later channel the first one.
        step = int(lattice >= len(_LATTICES) // 2) + int(channel > 0)
        yield _Round(step, channel, layout.lattices[lattice], content[begin:end])


def reveal(rgb: np.ndarray, password: str) -> bytes | None:
    """What `hide` wrote; None for another password, or a picture that holds nothing or was changed.

    Args:
        rgb: uint8, (height, width, 3).
    """
    planes = _planes(rgb)
    if planes[..., 0].size < SMALLEST_PIXELS:
        return None
    secret = _keys(planes, password)
    for slots, slot in ((frame.SLOTS, 0), (frame.SLOTS, 1), (1, None)):
        found = _content(planes, secret, slots, slot)
        if found is not None:
            return found
    return None


def _content(planes: np.ndarray, secret: Keys, slots: int, slot: int | None) -> bytes | None:
    """What the key opens in a slot, or alone."""
    layout, channels = _Layout(planes.shape, secret.order, slot), planes.shape[2]
    flat = [planes[..., channel].ravel() for channel in range(channels)]
    try:
        fronts = _front_rounds(layout, np.zeros(8 * FRONT, np.uint8), channels)
        packed = np.concatenate([stc.extract(flat[one.channel][one.pixels], len(one.bits)) for one in fronts])
        front = Front.unpack(np.packbits(packed).tobytes(), secret)
        if not frame.known_class(front.size_class):
            return None
        # The rounds deal out places in the content, whose bits are then put there.
        bits = np.zeros(8 * frame.class_bytes(planes.size, front.size_class, slots), np.uint8)
        for one in _rounds(layout, bits, front.weights(channels)):
            if len(one.bits):
                one.bits[:] = stc.extract(flat[one.channel][one.pixels], len(one.bits))
    except Unreachable:
        return None
    return frame.unseal(secret, front.nonce, np.packbits(bits).tobytes())
