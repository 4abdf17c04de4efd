"""Bytes into a picture so that they come back from resizing, other codecs, screenshots."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..picture import metrics
from . import cellmap, design, dither, grid, preamble, reading, texture
from .channels import PLAYED, Channel
from .lock import Lock
from .preamble import Preamble
from .reading import Frame

COVER_PSNR = 39.5
# Structural similarity, and PSNR of the lowest 16x16 block, that no cover is designed to fall below.
_SSIM, _BLOCK_PSNR = 0.957, 30.2
# Rounds of moving the coefficients to their targets, each after rounding to 8 bits.
_ROUNDS = 3
# Share of the information left by the worst channel that the code bears.
_BEARS = 0.78
Progress = Callable[[str, float], None]


class Unsuitable(ValueError):
    """The cover can't carry this content."""


@dataclass(frozen=True)
class Embedded:
    """A stego and what was measured on it.

    Attributes:
        stego: uint8, the cover's shape.
        worst: of the channels that were played, the one that leaves least.
        spare: bits that it leaves unused, as a share of those that the content takes.
    """

    stego: np.ndarray
    worst: Channel
    spare: float


def _information(log_odds: np.ndarray, bits: np.ndarray) -> float:
    """Bits that log-odds tell of these, in all."""
    agrees = np.where(bits == 1, -log_odds, log_odds)
    return len(bits) - float(np.log1p(np.exp(-agrees)).sum(dtype=np.float64)) / np.log(2)


class Embedder:
    """What a cover can carry.

    Args:
        cover: uint8 (height, width, 3).
        cover_psnr: dB that the stego keeps of the cover, at least.
        progress: called with what is done and how far it is, 0 to 1.

    Raises:
        Unsuitable: for a cover too small.
    """

    def __init__(
        self, cover: np.ndarray, cover_psnr: float = COVER_PSNR, progress: Progress = lambda what, share: None
    ):
        size = grid.size_for(cover.shape)
        if size is None:
            raise Unsuitable(f"a cover of {cover.shape[1]}x{cover.shape[0]}: {min(grid.LONGEST.values())} are needed")
        self.cover, self.size, self.cover_psnr, self.progress = cover, size, cover_psnr, progress

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
    def _levels(self) -> bytes:
        """The map, packed."""
        down, across = design.cells(self.size)
        return cellmap.pack(np.zeros((down, across)), self.size)

    def _frame(self, strength: int, length: int, lock: Lock | None) -> Frame:
        return Frame.of(self.size, Preamble.new(strength, length, self._levels, lock is not None), lock)

    def _stego(self, frame: Frame, bits: np.ndarray) -> np.ndarray:
        """The cover with everything embedded."""
        known, known_bits = frame.known()
        host = self._coefficients.reshape(-1).astype(np.float64)
        targets, moved = host.copy(), np.zeros(len(host), bool)
        for layout, values in ((known, known_bits), (frame.content, bits)):
            written = self._written[layout.blocks]
            goal = dither.embed(host[layout.positions], layout, values)
            targets[layout.positions[written]] = goal[written]
            moved[layout.positions[written]] = True
        change = np.zeros(self._coefficients.shape, np.float32)
        stego = self.cover
        for _ in range(_ROUNDS):
            now = grid.coefficients(stego, self.size) if stego is not self.cover else self._coefficients
            missing = np.where(moved, targets - now.reshape(-1), 0)
            change += missing.reshape(change.shape).astype(np.float32)
            stego = grid.add(self.cover, change)
        return stego

    def _left(self, stego: np.ndarray, frame: Frame, bits: np.ndarray) -> dict[Channel, float]:
        """Bits that each channel leaves of the content's coded bits."""
        left = {}
        for channel in PLAYED:
            received = reading.receive(channel(stego), self.size)
            left[channel] = _information(frame.log_odds(received, reading.measured(received, frame)), bits)
        return left

    def _trial(self, strength: int) -> tuple[np.ndarray, float]:
        frame = self._frame(strength, 1, None)
        bits = np.random.default_rng(0).integers(0, 2, len(frame.content)).astype(np.uint8)
        stego = self._stego(frame, bits)
        return stego, min(self._left(stego, frame, bits).values())

    def _good(self, stego: np.ndarray) -> bool:
        return (
            metrics.psnr(self.cover, stego) >= self.cover_psnr
            and metrics.ssim(self.cover, stego) >= _SSIM
            and metrics.worst_block(self.cover, stego) >= _BLOCK_PSNR
        )
