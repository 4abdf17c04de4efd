"""Bytes into a picture so that they come back from resizing, other codecs, screenshots."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..picture import metrics
from . import design, grid, preamble, reading
from .channels import FORESEEN, PLAYED, PLAYED_SPARSE, Channel, Resize
from .lock import Lock
from .preamble import Preamble
from .reading import Frame
from .writing import BLOCK, Writer, left

COVER_PSNR = 39.5
# Structural similarity that no cover falls below; where one would, less is spent, by this factor, so many times.
_SSIM, _LESS, _LESS_TIMES = 0.957, 0.9, 8
# PSNR that each 16x16 block of a stego has: what the writer keeps is a little more.
_FLOOR = 30.0
# Where few blocks are written to, what is spent falls faster than their share: more would bring next to nothing, since
# most of them lie by an edge and may change but little, and would cost the preamble.
_SPARSER = 2
# Where few blocks are written to the preamble may be lost: shares of what may be spent, and whether what is fixed is
# made firm, until it comes through.
_WAYS = ((1.0, False), (1.0, True), (0.6, True))
# Share of the information left by the worst channel that a long code bears; and what it falls short by beside, in
# square roots of the content's bits.
_BEARS, _SHORT = 0.9, 5.0
# Longest side, in pixels, of what trials are made with; and how many channels a larger stego is tried with.
_LARGE, _PLAYED_LARGE = 1400, 2
# What it would cost to put every coefficient on its point, as a share of what is allowed, at the strength that leaves
# most: of stronger ones more coefficients fall by the way.
_FULL_COST = 0.865
# Safety factor on the measured capacity: other bits come through a little differently. It falls by so much more, the
# fewer blocks are written to.
_HONEST, _LESS_HONEST = 0.985, 0.15
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
        limits: of the cover's change.
    """

    stego: np.ndarray
    size: tuple[int, int]
    targets: np.ndarray
    moved: np.ndarray
    limits: grid.Limits

    def nearer(self, rgb: np.ndarray) -> np.ndarray:
        """A picture with the least change that brings its coefficients to their targets, but for rounding."""
        now = grid.coefficients(rgb, self.size)
        change = np.where(self.moved, self.targets - now.reshape(-1), 0)
        return grid.add(rgb, change.reshape(now.shape).astype(np.float32), self.limits)


@dataclass(frozen=True)
class _Way:
    """How a cover is filled.

    Attributes:
        spent: mean squared change; 0 where the cover can carry nothing.
        strength: that suits.
        firm: whether pilots and preamble come first, see `Writer.write`.
        information: bits that the worst channel leaves then of the content's coded bits.
    """

    spent: float
    strength: int
    firm: bool
    information: float


_NOTHING = _Way(0.0, 0, False, 0.0)


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
        self._ways: dict[bool, _Way] = {}

    @cached_property
    def _part(self) -> "Embedder":
        """What trials are made with: of a large cover a smaller copy, of which channels leave less."""
        scale = _LARGE / max(self.cover.shape)
        if scale >= 1:
            return self
        part = Embedder(Resize(scale, "Pillow Lanczos")(self.cover), self.cover_psnr, self.progress)
        # Its blocks are as large as the cover's.
        part.size, part._writer = self.size, Writer(part.cover, self.size, max(1, round(scale * BLOCK)))
        return part

    def _frame(self, strength: int, length: int, lock: Lock | None) -> Frame:
        return Frame.of(self.size, Preamble.new(strength, length, lock is not None), lock)

    @property
    def played(self) -> tuple[Channel, ...]:
        """The channels that a stego goes through before it is written."""
        played = PLAYED if self._part is self else PLAYED[:_PLAYED_LARGE]
        return (*played, PLAYED_SPARSE) if self._is_sparse else played

    @property
    def _is_sparse(self) -> bool:
        return self._writer.sparse < 1

    @property
    def _allowed(self) -> float:
        """Mean squared change of the cover that its PSNR allows, and that the blocks bear, where few are written to."""
        allowed, usual = (255**2 / 10 ** (psnr / 10) for psnr in (self.cover_psnr, COVER_PSNR))
        return min(allowed, usual * self._writer.sparse**_SPARSER) if self._is_sparse else allowed

    def _layer(self, frame: Frame, bits: np.ndarray, spent: float, firm: bool) -> Layer:
        """The cover with everything embedded, at a mean squared change."""
        count = len(FORESEEN) if self._part is self else _PLAYED_LARGE
        foreseen = tuple(zip(PLAYED[:count], FORESEEN[:count], strict=True))
        written = self._writer.write(frame, bits, spent, foreseen, firm)
        return Layer(written.stego, self.size, written.targets, written.moved, self._writer.limits)

    def _least_left(self, layer: Layer, frame: Frame, bits: np.ndarray) -> float:
        """Bits that the worst channel leaves of the content's coded bits, under what will lie on them.

        None are left where few blocks are written to, and the preamble does not come through.
        """
        stego = layer.stego if self._covered is None else self._covered(layer)
        remaining = np.inf
        for channel in self.played:
            received = reading.receive(channel(stego), self.size)
            if self._is_sparse and reading.find_preamble(received, self.size, frame.lock) != frame.preamble:
                return 0.0
            remaining = min(remaining, left(frame, received, reading.measured(received, frame), bits))
        return remaining

    def _noise_bits(self, frame: Frame) -> np.ndarray:
        return np.random.default_rng(0).integers(0, 2, len(frame.content)).astype(np.uint8)

    def _cost(self, strength: int) -> float:
        """Mean squared change that all coefficients of the written blocks on their points come to, about."""
        return float(design.power(self.size, strength).mean()) * float(self._writer.written.mean())

    def _strongest(self, spent: float) -> int:
        """The strength at which the worst channel leaves most when so much is spent."""
        costs = (self._cost(index) <= _FULL_COST * spent for index in range(design.STRENGTHS))
        return max(0, sum(costs) - 1)

    def _way(self, private: bool) -> _Way:
        """How the cover is filled, with or without a password."""
        if self._part is not self:
            way = self._part._way(private)
            return way if self._covered is None else replace(way, information=_UNDER * way.information)
        if private not in self._ways:
            self._ways[private] = self._tried(private)
        return self._ways[private]

    def _tried(self, private: bool) -> _Way:
        """`_way`, found by trials with random bits."""
        if not self._writer.written.any():
            return _NOTHING
        self.progress("measuring", 0.0)
        most = self._allowed
        for share, firm in _WAYS if self._is_sparse else _WAYS[:1]:
            strength = self._strongest(share * self._allowed)
            frame = self._frame(strength, 1, _ANY_LOCK if private else None)
            bits = self._noise_bits(frame)
            for _ in range(_LESS_TIMES):
                layer = self._layer(frame, bits, share * most, firm)
                ssim = metrics.ssim(self.cover, layer.stego)
                if ssim >= _SSIM:
                    break
                most *= min(_LESS, (1 - _SSIM) / (1 - ssim))
            else:
                return _NOTHING
            information = self._least_left(layer, frame, bits)
            if information > 0 or not self._is_sparse:
                return _Way(share * most, strength, firm, max(information, 0.0))
        return _NOTHING

    def capacity(self, private: bool = False) -> int:
        """Bytes of content that the cover surely carries, with or without a password; 0 where nothing fits."""
        honest = _HONEST - _LESS_HONEST * (1 - self._writer.sparse)
        found = int(_bearable(honest * self._way(private).information)) // 8 - reading.seal_size(private)
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
        way = self._way(private)
        if way.spent and length <= preamble.LONGEST:
            lock = None if password is None else Lock.of(password, preamble.LOCK)
            strength = self._least(_needed(length), way)
            for _ in range(_TRIES):
                if strength >= way.strength:
                    break
                spent = self._spent_at(strength, way, private)
                done, share = self._embedded(content, strength, spent, way.firm, lock)
                if done:
                    return done
                strength += max(1, round(_STEPS * np.log2(1 / min(share, 1))))
            for number, (change, factor) in enumerate(_NEAR_CAPACITY):
                strength = int(np.clip(way.strength + change, 0, design.STRENGTHS - 1))
                firm = way.firm or (self._is_sparse and number % 2 == 1)
                done, share = self._embedded(content, strength, factor * way.spent, firm, lock)
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
        way = self._way(private)
        strength = self._least(_needed(length), way)
        frame = self._frame(strength, length, lock)
        return self._layer(frame, frame.bits(frame.close(content)), self._spent_at(strength, way, private), way.firm)

    def _spent_at(self, strength: int, way: _Way, private: bool) -> float:
        """Mean squared change that belongs to a strength, up to the way's."""
        fixed = min(self._writer.least(self._frame(strength, 1, _ANY_LOCK if private else None)), way.spent)
        return fixed + (way.spent - fixed) * self._cost(strength) / self._cost(way.strength)

    def _least(self, needed: float, way: _Way) -> int:
        """The least strength that is likely to leave so many bits, from what the way's leaves."""
        factor = way.information / self._ideal(way.strength)
        strengths = range(way.strength)
        return next((index for index in strengths if factor * self._ideal(index) >= needed), way.strength)

    def _ideal(self, strength: int) -> float:
        """Bits a block that the noise of the design alone would leave, but for a factor."""
        return float(np.log2(1 + design.power(self.size, strength) / design.noise(self.size)).sum())

    def _embedded(
        self, content: bytes, strength: int, spent: float, firm: bool, lock: Lock | None
    ) -> tuple[Embedded | None, float]:
        """A stego that keeps its blocks and comes back from all that is played, or None; the share of what it needs."""
        length = len(content) + reading.seal_size(lock is not None)
        frame = self._frame(strength, length, lock)
        needed = _needed(length)
        if 8 * length >= len(frame.content):
            return None, 0.5
        bits = frame.bits(frame.close(content))
        stego = self._layer(frame, bits, spent, firm).stego
        if metrics.worst_block(self.cover, stego) < _FLOOR:
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
