"""Bytes into a picture so that they come back from resizing, other codecs, screenshots."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..picture import metrics
from . import design, dither, estimate, grid, preamble, reading, texture
from .channels import AIMED, PLAYED, Channel, Resize
from .lock import Lock
from .preamble import Preamble
from .reading import Frame

COVER_PSNR = 39.5
# Structural similarity, and PSNR of the lowest 16x16 block, that no cover is designed to fall below.
_SSIM, _BLOCK_PSNR = 0.957, 30.2
# Rounds of moving the coefficients to their targets, each after rounding to 8 bits.
_ROUNDS = 5
# Share of the information left by the worst channel that a long code bears; and what it falls short by beside, in
# square roots of the content's bits.
_BEARS, _SHORT = 0.84, 3.5
# Longest side, in pixels, of what trials are made with; and how many channels a larger stego is tried with.
_LARGE, _PLAYED_LARGE = 1400, 2
# Trials of strength; and what is aimed costs more, so that the first is weaker by this factor.
_TRIALS, _AIMING = 4, 0.8
# A trial that spends so much of what is allowed is the last.
_NEAR = 0.93
# Share of what they miss by that the coefficients are aimed the other way; and a channel that leaves half as much as
# another counts for more by this many octaves.
_AIMS, _HARDEST = 0.5, 1.5
# Safety factor on the measured capacity: other bits come through a little differently.
_HONEST = 0.97
# Of a large cover's information, the share that what will lie on it leaves; of others this is measured.
_UNDER = 0.6
# Attempts, how far an index may go over the strongest, and indices for each octave of information that is missing.
_TRIES, _OVERDRAFT, _STEPS = 4, 3, 16
# Share of what is needed that is there, where a channel could not be decoded though it left enough by the figures.
_MISSED = 0.96
# Where all could, this share of what is needed is enough.
_ENOUGH = 0.97
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


def _information(log_odds: np.ndarray, bits: np.ndarray) -> float:
    """Bits that log-odds tell of these, in all."""
    agrees = np.where(bits == 1, -log_odds, log_odds)
    return len(bits) - float(np.log1p(np.exp(-agrees)).sum(dtype=np.float64)) / np.log(2)


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
        self._covered = covered
        self._measurements: dict[bool, float] = {}

    @cached_property
    def _part(self) -> "Embedder":
        """What trials are made with: of a large cover a smaller copy, of which channels leave less."""
        scale = _LARGE / max(self.cover.shape)
        if scale >= 1:
            return self
        part = Embedder(Resize(scale, "Pillow Lanczos")(self.cover), self.cover_psnr, self.progress)
        part.size = self.size
        return part

    @cached_property
    def _coefficients(self) -> np.ndarray:
        return grid.coefficients(self.cover, self.size)

    @cached_property
    def _flatness(self) -> np.ndarray:
        return texture.flatness(self._coefficients)

    @cached_property
    def _written(self) -> np.ndarray:
        return texture.written(self._flatness).reshape(-1)

    @cached_property
    def _tolerance(self) -> np.ndarray:
        return texture.tolerance(self._coefficients)

    def _frame(self, strength: int, length: int, lock: Lock | None) -> Frame:
        return Frame.of(self.size, Preamble.new(strength, length, lock is not None), lock)

    def _stego(self, frame: Frame, bits: np.ndarray) -> np.ndarray:
        """The cover with everything embedded, aimed so that the hardest channels come near."""
        return self._moved(*self._aimed(frame, bits))

    def _aimed(self, frame: Frame, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where to put each coefficient so that the hardest channels bring it near, and which are to be moved."""
        known, known_bits = frame.known()
        host = self._coefficients.reshape(-1).astype(np.float64)
        targets, moved = host.copy(), np.zeros(len(host), bool)
        # Where few blocks are written to, what is fixed stands all the firmer in these.
        firm = np.minimum(known.alpha / max(float(self._written.mean()), 0.1), 1)
        known = replace(known, alpha=firm)
        for layout, values in ((known, known_bits), (frame.content, bits)):
            written = self._written[layout.blocks]
            goal = dither.embed(host[layout.positions], layout, values)
            targets[layout.positions[written]] = goal[written]
            moved[layout.positions[written]] = True
        stego = self._moved(targets, moved)
        missed, weights = np.zeros(len(host)), 0.0
        for channel in PLAYED[:AIMED]:
            received = reading.receive(channel(stego), self.size)
            through = reading.measured(received, frame)
            left = _information(frame.log_odds(received, through), bits)
            weight = max(left, 1) ** -_HARDEST
            missed += weight * (received.flat / estimate.all_gains(through.gain, len(host)) - targets)
            weights += weight
        return targets - _AIMS * missed / weights, moved

    def _moved(self, targets: np.ndarray, moved: np.ndarray) -> np.ndarray:
        """The cover with the coefficients that are to be moved near their targets."""
        change = np.zeros(self._coefficients.shape, np.float32)
        now, stego = self._coefficients, self.cover
        for turn in range(_ROUNDS):
            if turn:
                now = grid.coefficients(stego, self.size)
            change += np.where(moved, targets - now.reshape(-1), 0).reshape(change.shape).astype(np.float32)
            stego = grid.add(self.cover, change, self._tolerance)
        return stego

    def _left(self, stego: np.ndarray, frame: Frame, bits: np.ndarray) -> dict[Channel, float]:
        """Bits that each channel leaves of the content's coded bits; the last but that never leaves least."""
        left = {}
        for channel in PLAYED[:-1]:
            received = reading.receive(channel(stego), self.size)
            left[channel] = _information(frame.log_odds(received, reading.measured(received, frame)), bits)
        return left

    def _good(self, stego: np.ndarray) -> bool:
        """Whether the cover has changed as little as it must."""
        return (
            metrics.psnr(self.cover, stego) >= self.cover_psnr
            and metrics.ssim(self.cover, stego) >= _SSIM
            and metrics.worst_block(self.cover, stego) >= _BLOCK_PSNR
        )

    def _noise_bits(self, frame: Frame) -> np.ndarray:
        return np.random.default_rng(0).integers(0, 2, len(frame.content)).astype(np.uint8)

    def _cost(self, strength: int) -> float:
        """Mean squared change that an index comes to in the written blocks, about."""
        return float(design.power(self.size, strength).mean()) * float(self._written.mean())

    @cached_property
    def _strongest(self) -> int:
        """The strongest index at which the cover changes little enough; -1 for none.

        What an index costs is known but for a factor, which the first trials tell.
        """
        if self._part is not self:
            return self._part._strongest
        if not self._written.any():
            return -1
        allowed = 255**2 / 10 ** (self.cover_psnr / 10)
        good, bad, budget = -1, design.STRENGTHS, _AIMING * allowed
        for _ in range(_TRIALS):
            within = [index for index in range(good + 1, bad) if self._cost(index) <= budget]
            strength = within[-1] if within else good + 1
            if not good < strength < bad:
                break
            frame = self._frame(strength, 1, None)
            stego = self._stego(frame, self._noise_bits(frame))
            if self._good(stego):
                good = strength
            else:
                bad = strength
            spent = max(metrics.mse(self.cover, stego), 1e-3)
            if good == strength and spent > _NEAR * allowed:
                break
            budget = self._cost(strength) * allowed / spent
            if bad == strength:
                budget = min(budget, self._cost(max(strength - 1, 0)))
        return good

    def _measured(self, private: bool) -> float:
        """Bits that the worst channel leaves at the strongest."""
        if self._part is not self:
            return self._part._measured(private) * (1 if self._covered is None else _UNDER)
        if private not in self._measurements:
            self.progress("measuring", 0.0)
            frame = self._frame(self._strongest, 1, _ANY_LOCK if private else None)
            bits = self._noise_bits(frame)
            layer = self._layer(frame, bits)
            stego = layer.stego if self._covered is None else self._covered(layer)
            self._measurements[private] = min(self._left(stego, frame, bits).values())
        return self._measurements[private]

    def capacity(self, private: bool = False) -> int:
        """Bytes of content that the cover surely carries, with or without a password; 0 where nothing fits."""
        if self._strongest < 0:
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
        if self._strongest >= 0 and length <= preamble.LONGEST:
            lock = None if password is None else Lock.of(password, preamble.LOCK)
            needed = _needed(length)
            strength = self._least(needed, private)
            for _ in range(_TRIES):
                if strength > self._strongest + _OVERDRAFT:
                    break
                done, share = self._embedded(content, strength, length, lock)
                if done:
                    return done
                strength += max(1, round(_STEPS * np.log2(1 / min(share, 1))))
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
        frame = self._frame(self._least(_needed(length), private), length, lock)
        return self._layer(frame, frame.bits(frame.close(content)))

    def _layer(self, frame: Frame, bits: np.ndarray) -> Layer:
        targets, moved = self._aimed(frame, bits)
        return Layer(self._moved(targets, moved), self.size, targets, moved, self._tolerance)

    @property
    def played(self) -> tuple[Channel, ...]:
        """The channels that a stego goes through before it is written."""
        return PLAYED if self._part is self else PLAYED[:_PLAYED_LARGE]

    def _least(self, needed: float, private: bool) -> int:
        """The least strength that is likely to leave so many bits, from what the strongest leaves."""
        factor = self._measured(private) / self._ideal(self._strongest)
        strengths = range(self._strongest)
        return next((index for index in strengths if factor * self._ideal(index) >= needed), self._strongest)

    def _ideal(self, strength: int) -> float:
        """Bits a block that the noise of the design alone would leave, but for a factor."""
        return float(np.log2(1 + design.power(self.size, strength) / design.noise(self.size)).sum())

    def _embedded(self, content: bytes, strength: int, length: int, lock: Lock | None) -> tuple[Embedded | None, float]:
        """A stego that all played channels leave readable; or None; and the share of what is needed that is there."""
        frame = self._frame(strength, length, lock)
        needed = _needed(length)
        if 8 * length >= len(frame.content):
            return None, 0.5
        bits = frame.bits(frame.close(content))
        stego = self._stego(frame, bits)
        left: dict[Channel, float] = {}
        for number, channel in enumerate(self.played):
            self.progress("playing", number / len(self.played))
            received = channel(stego)
            try:
                if reading.read(received, lock) != content:
                    return None, _MISSED
            except (reading.NothingFound, reading.TooDamaged):
                return None, _MISSED
            seen = reading.receive(received, self.size)
            left[channel] = _information(frame.log_odds(seen, reading.measured(seen, frame)), bits)
        worst = min(left, key=lambda channel: left[channel])
        if left[worst] < _ENOUGH * needed:
            return None, left[worst] / needed
        return Embedded(stego, worst, self.played), 1.0
