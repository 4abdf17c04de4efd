"""Bytes into a picture so that JPEG leaves them readable.

Every coefficient that carries something is put on a grid no finer than the design quality's quantiser, aligned
with it: recompression at that quality keeps it, at any better one it moves less than half a step. What rounding
and clipping spoil is found by simulating chains of files with the real codec (see `precompensation`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from ..canonical.embedding import Layer
from ..canonical.lock import Lock
from ..payload.keys import TAG
from . import blocks, carriers, lattice, rangecoder, reading, simulate, strength, sync, trials
from .carriers import Carriers
from .precompensation import Target
from .precompensation import applied as precompensated
from .services import QUALITIES
from .simulate import LARGE, Chain
from .strength import Design, Designer

COVER_PSNR = 37.0
# Minimum cover PSNR (dB) when a small payload lets a lower quality be survived.
SPARED_PSNR = 44.5
# Structural loss that goes with `COVER_PSNR`.
_LOSS = 0.042
# Bits a bit that the code needs beyond its rate, at words of full length.
_RESERVE = 0.04
_FIRST_RATE, _LEAST_RATE = 0.92, 0.2
# Fewer bits make no code.
_LEAST_CAPACITY = 1024
# Safety factors on the measured capacity: the final stego's error rate differs slightly from the trial's, and that
# of a large picture, of which the trial saw a part, a little more.
_HONEST, _HONEST_OF_A_PART = 0.98, 0.93
# A cost over what was allowed by more than this is refused.
_OVERDRAFT = 1.25
_TRIES = 6
_ROUNDS, _ROUNDS_LARGE = 4, 2
# Of the chains, so many that leave least are decoded in earnest; and one of a large picture.
_DECODED = 2
# The trellis goes through so often to keep cells above their floor, changes beyond it made dearer by a little more.
_FLOOR_TRIES, _DEARER = 5, 1.3
# How often a stego is made, with less of the cells that fall below the floor in the end.
_MENDED = 3
Progress = Callable[[str, float], None]


class Unsuitable(ValueError):
    """The cover can't carry this content at this quality."""


@dataclass(frozen=True)
class Embedded:
    """A stego and what was measured on it.

    Attributes:
        stego: uint8, the cover's shape.
        quality: design quality.
        worst: the chain with the most errors, of all that were simulated.
        errors: share of the stream's bits that it changed.
        spare: bits that the worst chain leaves unused, as a share of those written.
    """

    stego: np.ndarray
    quality: int
    worst: Chain
    errors: float
    spare: float


@dataclass(frozen=True)
class _Frame:
    """All about a stego but its content's bits."""

    design: Design
    levels: bytes
    header: sync.Header
    lock: Lock | None
    at_header: np.ndarray
    at_parameters: np.ndarray
    carriers: Carriers

    def close(self, content: bytes) -> bytes:
        """The content sealed."""
        return sync.close(content, reading.seals(self.lock, self.header.salt)[1])

    def stream(self, sealed: bytes) -> np.ndarray:
        """Sealed content as the stream that the carriers hold."""
        seal = reading.seals(self.lock, self.header.salt)[1]
        stream = carriers.encode(sealed, self.carriers.capacity)
        return stream ^ seal.whitening(len(stream)) if seal else stream


def _trusted_rate(information: float, capacity: int) -> float:
    """The code's rate that is trusted at so much information a bit: few bits need more."""
    return information - _RESERVE * max(1.0, math.sqrt(carriers.WORD / max(1, capacity)))


def _strips(rgb: np.ndarray) -> np.ndarray:
    """A large picture's strips, spread evenly over its height."""
    if rgb.shape[0] * rgb.shape[1] <= LARGE:
        return rgb
    tall = 64
    count = max(1, LARGE // (tall * rgb.shape[1]))
    tops = np.linspace(0, rgb.shape[0] - tall, count).astype(int) // 16 * 16
    return np.concatenate([rgb[top : top + tall] for top in np.unique(tops)])


class Embedder:
    """Embeds in one cover. What is learned of it, by a trial with random bits, is kept.

    Args:
        cover: uint8 (height, width, 3).
        quality: design quality, one of `QUALITIES`: JPEG of it and better is survived.
        cover_psnr: in dB; about the least that is accepted.
        progress: told what is being done and how far it is, 0 to 1.
        base: a layer of this cover that lies beneath, and takes its share of what the cover may change.

    Raises:
        Unsuitable: for a cover too small, or a quality out of range.
    """

    def __init__(
        self,
        cover: np.ndarray,
        quality: int,
        cover_psnr: float = COVER_PSNR,
        progress: Progress = lambda what, share: None,
        base: Layer | None = None,
    ):
        if quality not in QUALITIES:
            raise Unsuitable(f"a design quality of {quality}: from {QUALITIES[0]} to {QUALITIES[-1]}")
        self.shape = blocks.grid(cover.shape)
        if self.shape[0] * self.shape[1] < sync.SMALLEST_BLOCKS:
            least = sync.SMALLEST_BLOCKS * blocks.SIDE**2
            raise Unsuitable(f"a cover of {cover.shape[1]}x{cover.shape[0]}: {least} pixels are needed")
        self.cover, self.quality, self.cover_psnr, self.progress = cover, quality, cover_psnr, progress
        self.base, self.host = base, cover if base is None else base.stego
        self.large = cover.shape[0] * cover.shape[1] > LARGE
        self._first_rate = _FIRST_RATE

    @cached_property
    def _coefficients(self) -> np.ndarray:
        return blocks.forward(self.host)

    @cached_property
    def _energies(self) -> np.ndarray:
        return sync.energy(self._coefficients)

    @cached_property
    def _designer(self) -> Designer:
        allowed = 10 ** (-self.cover_psnr / 10)
        loss = _LOSS * allowed / 10 ** (-COVER_PSNR / 10)
        return Designer(self.cover, self.quality, 255**2 * allowed, loss, self.host)

    @cached_property
    def _most(self) -> Design:
        return self._designer.most()

    @property
    def _rate(self) -> float:
        """The code's rate that the worst chain bears, measured with random bits; on a part of a large picture."""
        return self._tried[0]

    def _known_rate(self, otherwise: float) -> float:
        return self._rate if "_tried" in self.__dict__ else otherwise

    @property
    def trial(self) -> np.ndarray:
        """The stego that was measured, uint8: of a large picture a part, and what can carry nothing as it is."""
        return self._tried[1]

    @cached_property
    def _tried(self) -> tuple[float, np.ndarray]:
        self.progress("measuring", 0.0)
        # Of a large picture's base layer the trial sees what it changed, and no more.
        part = Embedder(_strips(self.host), self.quality, self.cover_psnr) if self.large else self
        design = part._designer.design(self._most.lambda_, self._most.strength)
        frame = part._frame(design, None)
        if frame is None or frame.carriers.capacity < _LEAST_CAPACITY:
            return 0.0, part.host
        stream = np.random.default_rng(0).integers(0, 2, frame.carriers.capacity).astype(np.uint8)
        rounds = _ROUNDS_LARGE if self.large else _ROUNDS
        parameters = bytes(frame.header.size - sync.CRC)
        target = part._target(frame, stream, parameters)
        stego = precompensated(part.host, target, self.quality, rounds, lambda share: None, part.base)
        worst = trials.worst_first(stego, frame.carriers, stream)[0]
        return _trusted_rate(worst.information, frame.carriers.capacity), stego

    def on(self, base: Layer) -> "Embedder":
        """The same with another layer beneath; what the trial has told still holds."""
        other = Embedder(self.cover, self.quality, self.cover_psnr, self.progress, base)
        other._tried = self._tried
        return other

    def capacity(self, private: bool = False) -> int:
        """Bytes of content that the cover surely carries, with or without a password; 0 where nothing fits."""
        frame = self._frame(self._most, None)
        if frame is None or frame.carriers.capacity < _LEAST_CAPACITY:
            return 0
        honest = _HONEST_OF_A_PART if self.large else _HONEST
        return max(0, int(honest * self._rate * frame.carriers.capacity) // 8 - (TAG if private else sync.CRC))

    def sturdier(self, size: int, spared_psnr: float = SPARED_PSNR) -> "Embedder":
        """An embedder for a lower quality that carries `size` bytes all the same, with the cover above `spared_psnr`.

        It lets this one's quality come three times in a row, or twice; or is this one where neither has room.
        """
        for times in (3, 2):
            lower = math.floor(simulate.between_qualities(blocks.scale(self.quality) * times))
            if lower in QUALITIES:
                other = Embedder(self.cover, lower, max(self.cover_psnr, spared_psnr), self.progress, self.base)
                frame = other._fitting(max(_LEAST_CAPACITY, 8 * size / _FIRST_RATE), None)
                if frame is not None and frame.design.cost <= 1:
                    found = Embedder(self.cover, lower, self.cover_psnr, self.progress, self.base)
                    found._first_rate = max(_LEAST_RATE, self._known_rate(_FIRST_RATE))
                    return found
        return self

    def embed(self, content: bytes, password: str | None = None) -> Embedded:
        """Hide bytes with the least change that survives.

        Args:
            content: any bytes.
            password: None to hide openly.

        Raises:
            Unsuitable: when the cover can't carry so much.
        """
        lock = None if password is None else Lock.of(password, sync.LOCK, self.shape)
        size = len(content) + (TAG if lock else sync.CRC)
        # A large picture's rate is that of `capacity`, so that what was promised is kept.
        rate = 0.99 * self._rate if self.large else self._known_rate(self._first_rate)
        needed = max(_LEAST_CAPACITY, 8 * size / max(rate, _LEAST_RATE))
        for _ in range(_TRIES):
            frame = self._fitting(needed, lock)
            if frame is None or frame.design.cost > _OVERDRAFT:
                break
            done, trusted = self._embedded(content, frame)
            if done:
                return done
            # More than this frame holds, or the next would be the same.
            least = max(1.04 * needed, 1.005 * frame.carriers.capacity)
            needed = max(least, min(2 * needed, 8 * size / max(trusted, _LEAST_RATE)))
        raise Unsuitable("the cover can't carry so much at this quality")

    def _frame(self, design: Design, lock: Lock | None) -> _Frame | None:
        """What a design comes to; None when there is no room for its parameters."""
        levels = rangecoder.pack(design.levels)
        at_header, rest = sync.header_positions(self.shape, lock)
        size = sync.parameters_size(levels)
        redundancy = sync.redundancy(size + (TAG if lock else sync.CRC), len(rest), sync.unknown_share(self._energies))
        if redundancy is None:
            return None
        header = sync.Header.new(self.quality, size, redundancy, lock is not None)
        of_parameters, of_content = reading.seals(lock, header.salt)
        order = of_parameters.order if of_parameters else sync.CONTENT_ORDER
        at_parameters = sync.parameter_positions(rest, header, order)
        if at_parameters is None:
            return None
        order = of_content.order if of_content else sync.CONTENT_ORDER
        taken = [at_header, at_parameters]
        found = carriers.carriers(self.shape, self.quality, design.strength, design.levels, taken, order)
        return _Frame(design, levels, header, lock, at_header, at_parameters, found)

    def _fitting(self, needed: float, lock: Lock | None) -> _Frame | None:
        """The frame of the least cost whose carriers hold so many bits; None when there is none."""
        wanted = needed
        for _ in range(_TRIES):
            design = self._designer.least(int(wanted))
            frame = None if design is None else self._frame(design, lock)
            if design is None or frame is None:
                return None
            capacity = frame.carriers.capacity
            if capacity >= needed:
                return frame
            wanted = max(wanted, design.bits) + (needed - capacity) * 1.05 + 8
        return None

    def _target(self, frame: _Frame, stream: np.ndarray, parameters: bytes, shares: np.ndarray | float = 1.0) -> Target:
        """Where each coefficient is to be; `shares` of what each cell may change by."""
        now = self._coefficients.reshape(-1)
        seal = reading.seals(frame.lock, frame.header.salt)[0]
        sealed, lock, quality = sync.close(parameters, seal), frame.lock, self.quality
        parts = []
        for positions, steps, content, whitening in (
            (
                frame.at_header,
                sync.header_steps(quality, frame.at_header, lock),
                frame.header.pack(lock),
                lock.header_whitening(len(frame.at_header)) if lock else None,
            ),
            (
                frame.at_parameters,
                sync.grid_steps(quality, frame.at_parameters),
                sealed,
                seal.whitening(len(frame.at_parameters)) if seal else None,
            ),
        ):
            written = ~sync.left_alone(self._energies, positions, len(content))
            whole = sync.write(now[positions] / steps, content, whitening)
            parts.append((positions[written], steps[written], whole[written]))
        at = frame.carriers
        parts.append(
            (at.positions, at.steps, self._content_points(frame, now[at.positions] / at.steps, stream, shares))
        )
        positions, steps, whole = (np.concatenate(part) for part in zip(*parts, strict=True))
        steps = steps.astype(np.float32)
        points = (whole * steps).astype(np.float32)
        return Target(positions, steps, points, points.copy())

    def _content_points(
        self, frame: _Frame, values: np.ndarray, stream: np.ndarray, shares: np.ndarray | float
    ) -> np.ndarray:
        """The nearest grid values, int32 in steps, that carry the stream and leave every cell above its floor.

        The trellis puts most of the change where it is cheapest: where that is too much for a cell, changes of it
        are made dearer and the trellis goes through once more.
        """
        at = frame.carriers
        block = at.positions // blocks.SIDE**2
        cells = strength.cell_of_block(self.shape)
        weights = self._designer.weights(frame.design.lambda_).reshape(-1)
        for _ in range(_FLOOR_TRIES):
            points = lattice.write(values, stream, at.bits, weights[block] * np.square(at.steps))
            squares = np.square((points - values) * at.steps)
            mse = np.bincount(cells[block], squares, cells[-1] + 1) / strength.CELL_PIXELS
            excess = mse / (shares * self._designer.most_mse).reshape(-1)
            if excess.max() <= 1:
                break
            weights = weights * np.where(excess > 1, _DEARER * excess, 1)[cells]
        return points

    def _embedded(self, content: bytes, frame: _Frame) -> tuple[Embedded | None, float]:
        """A stego that the simulated chains leave readable; or None; and the code's rate that they bear."""
        at, sealed = frame.carriers, frame.close(content)
        stream = frame.stream(sealed)
        rate = len(sealed) * 8 / at.capacity
        llr_scale = trials.usual_llr_scale(self.quality)
        parameters = sync.Parameters(frame.design.strength, len(sealed), llr_scale, frame.levels).pack()
        rounds = _ROUNDS_LARGE if self.large else _ROUNDS
        stego, told = self.host, partial(self.progress, "precompensating")
        shares = np.ones(self._designer.most_mse.shape)
        excess = np.full(shares.shape, np.inf)
        for _ in range(_MENDED):
            target = self._target(frame, stream, parameters, shares)
            stego = precompensated(self.host, target, self.quality, rounds, told, self.base)
            # Rounding, clipping and what is mended add to what was designed.
            before, excess = excess.max(), self._designer.excess(stego)
            if not 1 < excess.max() < before:
                break
            shares = shares / np.maximum(_DEARER * excess, 1)
        worst, *others = trials.worst_first(stego, at, stream)
        trusted = _trusted_rate(worst.information, at.capacity)
        if rate > trusted:
            return None, trusted
        for tried in [worst, *([] if self.large else others[: _DECODED - 1])]:
            try:
                read = reading.read(simulate.received(stego, tried.chain), frame.lock, (self.quality,))
            except (reading.NothingFound, reading.TooDamaged):
                return None, trusted
            if read != content:
                return None, trusted
        return Embedded(stego, self.quality, worst.chain, worst.errors, worst.information - rate), trusted
