"""Bytes into a picture so that they come back from resizing, other codecs, screenshots."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..picture import metrics
from . import design, grid, preamble, reading
from .channels import FORESEEN, PLAYED, Channel, Resize
from .lock import Lock
from .preamble import Preamble
from .reading import Frame
from .writing import Writer, left

COVER_PSNR = 39.5
# Structural similarity, and PSNR of the lowest 16x16 block, that no cover falls below; where one would, less is spent,
# by this factor, so many times.
_SSIM, _BLOCK_PSNR = 0.957, 30.2
_LESS, _LESS_TIMES = 0.9, 8
# What is promised of each block: other bits make another one the lowest. Of a large cover only the copy is looked at.
_FLOOR = 30.0
# Share of the information left by the worst channel that a long code bears; and what it falls short by beside, in
# square roots of the content's bits.
_BEARS, _SHORT = 0.9, 5.0
# Longest side, in pixels, of what trials are made with; and how many channels a larger stego is tried with.
_LARGE, _PLAYED_LARGE = 1400, 2
# What it would cost to put every coefficient on its point, as a share of what is allowed, at the strength that leaves
# most: of stronger ones more coefficients fall by the way.
_FULL_COST = 0.865
# Safety factor on the measured capacity: other bits come through a little differently.
_HONEST = 0.985
# Of a large cover's information, the share that what will lie on it leaves; of others this is measured.
_UNDER = 0.6
# Attempts near capacity: by how much the strength is changed, and a factor on what is spent.
_NEAR_CAPACITY = ((0, 1.0), (1, 1.0), (-1, 1.0), (2, 1.0), (0, 1.02), (1, 1.05))
# Attempts below it, and indices for each octave of information that is missing.
_TRIES, _STEPS = 4, 16
# Share of what is needed that is there, where a channel could not be decoded though it left enough by the figures.
_MISSED = 0.96
# Where all could, this share of what is needed is enough.
_ENOUGH = 0.95
# Stands for any password where only sizes matter.
_ANY_LOCK = Lock(bytes(32), bytes(32), bytes(32), preamble.LOCK)
Progress = Callable[[str, float], None]


class Unsuitable(ValueError):
    """The cover can't carry this content."""


@dataclass(frozen=True)
class Embedded:
    """A stego and what was measured on it.

    Attributes:
        stego: uint8, the cover's shape.
        worst: of the channels that were played, the one that leaves least.
        played: the channels that the stego was sent through.
    """

    stego: np.ndarray
    worst: Channel
    played: tuple[Channel, ...]


@dataclass(frozen=True)
class Layer:
    """A stego in the making on which something else is to lie.

    Attributes:
        stego: the cover with this layer alone, uint8.
        size: of the grid.
        targets: where its coefficients should be, float64, flat.
        moved: which of them matter, bool, flat.
        tolerance: see `texture.tolerance`.
    """

    stego: np.ndarray
    size: tuple[int, int]
    targets: np.ndarray
    moved: np.ndarray
    tolerance: np.ndarray

    def nearer(self, rgb: np.ndarray) -> np.ndarray:
        """A picture with the least change that brings its coefficients to their targets, but for rounding."""
        now = grid.coefficients(rgb, self.size)
        change = np.where(self.moved, self.targets - now.reshape(-1), 0)
        return grid.add(rgb, change.reshape(now.shape).astype(np.float32), self.tolerance)


def _needed(length: int) -> float:
    """Bits of information that a sealed content of so many bytes needs."""
    return 8 * length / _BEARS + _SHORT * float(np.sqrt(8 * length))


def _bearable(information: float) -> float:
    """Bits of a sealed content that need so much information: `_needed`, turned round."""
    half = _SHORT * _BEARS / 2
    return float(np.square(np.sqrt(np.square(half) + _BEARS * max(information, 0)) - half))


class Embedder:
    """What a cover can carry.

    Args:
        cover: uint8 (height, width, 3).
        cover_psnr: in dB; about the least that is accepted.
        progress: called with what is done and how far it is, 0 to 1.
        covered: gives a stego of a layer as what will lie on it leaves it; None where nothing will.

    Raises:
        Unsuitable: for a cover too small.
    """

    def __init__(
        self,
        cover: np.ndarray,
        cover_psnr: float = COVER_PSNR,
        progress: Progress = lambda what, share: None,
        covered: Callable[[Layer], np.ndarray] | None = None,
    ):
        size = grid.size_for(cover.shape)
        if size is None:
            least = min(grid.LONGEST.values())
            raise Unsuitable(f"a cover of {cover.shape[1]}x{cover.shape[0]}: its longer side needs {least} pixels")
        self.cover, self.size, self.cover_psnr, self.progress = cover, size, cover_psnr, progress
        self._writer, self._covered = Writer(cover, size), covered
        self._measurements: dict[bool, float] = {}

    @cached_property
    def _part(self) -> "Embedder":
        """What trials are made with: of a large cover a smaller copy, of which channels leave less."""
        scale = _LARGE / max(self.cover.shape)
        if scale >= 1:
            return self
        part = Embedder(Resize(scale, "Pillow Lanczos")(self.cover), self.cover_psnr, self.progress)
        part.size, part._writer = self.size, Writer(part.cover, self.size)
        return part

    def _frame(self, strength: int, length: int, lock: Lock | None) -> Frame:
        return Frame.of(self.size, Preamble.new(strength, length, lock is not None), lock)

    @property
    def played(self) -> tuple[Channel, ...]:
        """The channels that a stego goes through before it is written."""
        return PLAYED if self._part is self else PLAYED[:_PLAYED_LARGE]

    @property
    def _allowed(self) -> float:
        """Mean squared change of the cover that its PSNR allows."""
        return 255**2 / 10 ** (self.cover_psnr / 10)

    def _layer(self, frame: Frame, bits: np.ndarray, spent: float) -> Layer:
        """The cover with everything embedded, at a mean squared change."""
        foreseen = tuple(zip(self.played, FORESEEN, strict=False))
        written = self._writer.write(frame, bits, spent, foreseen)
        return Layer(written.stego, self.size, written.targets, written.moved, self._writer.tolerance)

    def _least_left(self, layer: Layer, frame: Frame, bits: np.ndarray) -> float:
        """Bits that the worst channel leaves of the content's coded bits, under what will lie on them."""
        stego = layer.stego if self._covered is None else self._covered(layer)
        remaining = np.inf
        for channel in self.played:
            received = reading.receive(channel(stego), self.size)
            remaining = min(remaining, left(frame, received, reading.measured(received, frame), bits))
        return remaining

    def _good(self, stego: np.ndarray) -> bool:
        """Whether the cover keeps its structure, and each block of it enough."""
        return metrics.ssim(self.cover, stego) >= _SSIM and metrics.worst_block(self.cover, stego) >= _BLOCK_PSNR

    def _noise_bits(self, frame: Frame) -> np.ndarray:
        return np.random.default_rng(0).integers(0, 2, len(frame.content)).astype(np.uint8)

    def _cost(self, strength: int) -> float:
        """Mean squared change that all coefficients of the written blocks on their points come to, about."""
        return float(design.power(self.size, strength).mean()) * float(self._writer.written.mean())

    @cached_property
    def _spent(self) -> float:
        """Mean squared change at which the cover keeps what it must; 0 where it can carry nothing."""
        if self._part is not self:
            return self._part._spent
        if not self._writer.written.any():
            return 0.0
        self.progress("measuring", 0.0)
        spent, frame = self._allowed, self._frame(self._strongest, 1, None)
        for _ in range(_LESS_TIMES):
            bits = self._noise_bits(frame)
            layer = self._layer(frame, bits, spent)
            if self._good(layer.stego):
                self._measurements[False] = self._least_left(layer, frame, bits)
                return spent
            spent *= _LESS
        return 0.0

    @cached_property
    def _strongest(self) -> int:
        """The strength at which the worst channel leaves most when all is spent."""
        if self._part is not self:
            return self._part._strongest
        costs = (self._cost(index) <= _FULL_COST * self._allowed for index in range(design.STRENGTHS))
        return max(0, sum(costs) - 1)

    def _measured(self, private: bool) -> float:
        """Bits that the worst channel leaves when all is spent that may be."""
        if self._part is not self:
            return self._part._measured(private) * (1 if self._covered is None else _UNDER)
        if private not in self._measurements and self._spent:
            frame = self._frame(self._strongest, 1, _ANY_LOCK if private else None)
            bits = self._noise_bits(frame)
            self._measurements[private] = self._least_left(self._layer(frame, bits, self._spent), frame, bits)
        return self._measurements.get(private, 0.0)

    def capacity(self, private: bool = False) -> int:
        """Bytes of content that the cover surely carries, with or without a password; 0 where nothing fits."""
        if not self._spent:
            return 0
        found = int(_bearable(_HONEST * self._measured(private))) // 8 - reading.seal_size(private)
        return max(0, min(found, preamble.LONGEST - reading.seal_size(private)))

    def embed(self, content: bytes, password: str | None = None) -> Embedded:
        """Hide bytes with the least change that survives.

        Args:
            content: any bytes.
            password: None to hide openly.

        Raises:
            Unsuitable: when the cover can't carry so much.
        """
        private = password is not None
        length = len(content) + reading.seal_size(private)
        if self._spent and length <= preamble.LONGEST:
            lock = None if password is None else Lock.of(password, preamble.LOCK)
            strength = self._least(_needed(length), private)
            for _ in range(_TRIES):
                if strength >= self._strongest:
                    break
                done, share = self._embedded(content, strength, self._spent_at(strength, private), lock)
                if done:
                    return done
                strength += max(1, round(_STEPS * np.log2(1 / min(share, 1))))
            for change, factor in _NEAR_CAPACITY:
                strength = int(np.clip(self._strongest + change, 0, design.STRENGTHS - 1))
                done, share = self._embedded(content, strength, factor * self._spent, lock)
                if done:
                    return done
        raise Unsuitable("the cover can't carry so much")

    def layer(self, content: bytes, lock: Lock | None) -> Layer:
        """The weakest layer that is likely to hold bytes beneath what will lie on it.

        Raises:
            Unsuitable: when the cover can't carry so much.
        """
        private = lock is not None
        length = len(content) + reading.seal_size(private)
        if len(content) > self.capacity(private):
            raise Unsuitable("the cover can't carry so much beneath something else")
        strength = self._least(_needed(length), private)
        frame = self._frame(strength, length, lock)
        return self._layer(frame, frame.bits(frame.close(content)), self._spent_at(strength, private))

    def _spent_at(self, strength: int, private: bool) -> float:
        """Mean squared change that belongs to a strength, up to the strongest."""
        fixed = min(self._writer.least(self._frame(strength, 1, _ANY_LOCK if private else None)), self._spent)
        return fixed + (self._spent - fixed) * self._cost(strength) / self._cost(self._strongest)

    def _least(self, needed: float, private: bool) -> int:
        """The least strength that is likely to leave so many bits, from what the strongest leaves."""
        factor = self._measured(private) / self._ideal(self._strongest)
        strengths = range(self._strongest)
        return next((index for index in strengths if factor * self._ideal(index) >= needed), self._strongest)

    def _ideal(self, strength: int) -> float:
        """Bits a block that the noise of the design alone would leave, but for a factor."""
        return float(np.log2(1 + design.power(self.size, strength) / design.noise(self.size)).sum())

    def _embedded(
        self, content: bytes, strength: int, spent: float, lock: Lock | None
    ) -> tuple[Embedded | None, float]:
        """A stego that keeps its blocks and comes back from all that is played, or None; the share of what it needs."""
        length = len(content) + reading.seal_size(lock is not None)
        frame = self._frame(strength, length, lock)
        needed = _needed(length)
        if 8 * length >= len(frame.content):
            return None, 0.5
        bits = frame.bits(frame.close(content))
        stego = self._layer(frame, bits, spent).stego
        if self._part is self and metrics.worst_block(self.cover, stego) < _FLOOR:
            return None, _MISSED
        remaining: dict[Channel, float] = {}
        for number, channel in enumerate(self.played):
            self.progress("playing", number / len(self.played))
            received = channel(stego)
            try:
                if reading.read(received, lock) != content:
                    return None, _MISSED
            except (reading.NothingFound, reading.TooDamaged):
                return None, _MISSED
            seen = reading.receive(received, self.size)
            remaining[channel] = left(frame, seen, reading.measured(seen, frame), bits)
        worst = min(remaining, key=lambda channel: remaining[channel])
        if remaining[worst] < _ENOUGH * needed:
            return None, remaining[worst] / needed
        return Embedded(stego, worst, self.played), 1.0
