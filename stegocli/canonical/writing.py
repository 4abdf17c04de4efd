"""A stego of given bits, at a given change of the cover: its coefficients aimed, its pixels moved."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..picture import metrics
from . import dither, estimate, grid, reading, texture
from .aiming import Aim, Foreseen
from .channels import Channel
from .dither import Layout
from .estimate import Received
from .reading import Frame

# Side, in pixels, of the blocks of which each keeps a floor; and that floor, PSNR in dB: half a decibel above what is
# promised is for a JPEG as output, which adds its own.
BLOCK, _BLOCK_PSNR = 16, 30.5
# Rounds of moving the coefficients to their targets, each after rounding to 8 bits; more where few blocks are written
# to, of which most lie by an edge and may change but little.
_ROUNDS, _ROUNDS_SPARSE = 3, 6
# A cover of which a smaller share of blocks is written to is sparse: so is a sixth of photographs.
_SPARSE = 0.28
# Rounds of trying what is foreseen and aiming anew, and how often each is brought to what it may spend; of a picture of
# more pixels, which has little noise and takes its time; and the share of what may be spent that may be left over.
_CORRECTIONS, _CORRECTIONS_LARGE, _LARGE = (2, 2, 5), (2,), 3_000_000
_LEFT_OVER = 0.004
# Share of what they miss by that pilots and preamble are aimed the other way, once, or each time; and a channel that
# leaves half as much as another counts for more by this many octaves.
_AIMS, _AIMS_FIRM, _HARDEST = 0.5, 0.3, 1.5
# What pilots and preamble cost when they are aimed, by what they cost before.
_FIXED_AIMED = 1.3
# Of what is asked of a block, where pixels may change but little, so much comes through at least; and its change is
# dearer by so much at most, which can't be told from rounding below some sum of squares.
_ATTAINED, _DEAREST, _TOLD_FROM = 0.4, 4.0, 30.0
# Variance of rounding to whole grey levels.
_ROUNDING = 1 / 12
_CELL = grid.SIDE**2


def information(log_odds: np.ndarray, bits: np.ndarray) -> float:
    """Bits that log-odds tell of these, in all."""
    agrees = np.where(bits == 1, -log_odds, log_odds)
    return len(bits) - float(np.log1p(np.exp(-agrees)).sum(dtype=np.float64)) / np.log(2)


def left(frame: Frame, received: Received, through: estimate.Channel, bits: np.ndarray) -> float:
    """Bits of information that a channel leaves of the content's coded bits, as the reader best takes them."""
    return max(information(frame.log_odds(received, through, doubt), bits) for doubt in reading.DOUBTS)


@dataclass(frozen=True)
class _Fixed:
    """Pilots and preamble in the blocks that are written to.

    Attributes:
        positions: of their coefficients.
        targets: of these, float64 (n,).
    """

    positions: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True)
class Written:
    """A stego, and how it came about.

    Attributes:
        stego: uint8, the cover's shape.
        targets: of the grid's coefficients, float64, flat.
        moved: which of them were to be moved there, bool, flat.
    """

    stego: np.ndarray
    targets: np.ndarray
    moved: np.ndarray


class Writer:
    """Writes into a cover.

    Args:
        cover: uint8 (height, width, 3).
        size: of the grid.
        side: of the square blocks of pixels of which each keeps its floor.
    """

    def __init__(self, cover: np.ndarray, size: tuple[int, int], side: int = BLOCK):
        self.cover, self.size, self._side = cover, size, side

    @cached_property
    def _coefficients(self) -> np.ndarray:
        return grid.coefficients(self.cover, self.size)

    @cached_property
    def _host(self) -> np.ndarray:
        return self._coefficients.reshape(-1).astype(np.float64)

    @cached_property
    def written(self) -> np.ndarray:
        """Whether each block is written to, bool (blocks,)."""
        return texture.written(texture.flatness(self._coefficients)).reshape(-1)

    @cached_property
    def sparse(self) -> float:
        """The share of blocks that are written to, 1 for that of most covers and more."""
        return min(1.0, float(self.written.mean()) / _SPARSE)

    @cached_property
    def limits(self) -> grid.Limits:
        """How much pixels and blocks may change."""
        return grid.Limits(texture.tolerance(self._coefficients), 255**2 / 10 ** (_BLOCK_PSNR / 10), self._side)

    def _moved(self, targets: np.ndarray, moved: np.ndarray) -> np.ndarray:
        """The cover with its coefficients near targets, float64 flat, where they are to be moved, bool flat."""
        change = np.zeros(self._coefficients.shape, np.float32)
        now, stego = self._coefficients, self.cover
        for turn in range(_ROUNDS_SPARSE if self.sparse < 1 else _ROUNDS):
            if turn:
                now = grid.coefficients(stego, self.size)
            change += np.where(moved, targets - now.reshape(-1), 0).reshape(change.shape).astype(np.float32)
            stego = grid.add(self.cover, change, self.limits)
        return stego

    def write(
        self,
        frame: Frame,
        bits: np.ndarray,
        spent: float,
        channels: Sequence[tuple[Channel, float]],
        firm: bool = False,
    ) -> Written:
        """The cover with everything embedded, aimed so that the hardest channels leave most.

        Args:
            frame: of the stego.
            bits: of its content's coefficients.
            spent: mean squared change of the cover, squared grey levels.
            channels: that are foreseen, and the share of what each does to a coefficient that it does again.
            firm: whether pilots and preamble are aimed each time, at the content's expense.
        """
        fixed = self._fixed(frame)
        positions, targets = self._embedded(frame.content, bits)
        chosen = self.written[frame.content.blocks]
        layout, its_bits = frame.content.part(chosen), bits[chosen]
        aim = Aim(layout, its_bits, self._host[positions])
        moved = np.zeros(len(self._host), bool)
        moved[positions], moved[fixed.positions] = True, True
        whole = self._targets(fixed, positions, targets)
        stego, weights, budget = self._moved(whole, moved), np.ones(len(channels)), spent
        for turn, corrections in enumerate(_CORRECTIONS_LARGE if self.cover[..., 0].size > _LARGE else _CORRECTIONS):
            attained, price = self._attained(stego, whole, moved)
            remaining, missed, foreseen = np.empty(len(channels)), [], []
            sent = grid.coefficients(stego, self.size).reshape(-1)
            for number, (channel, again) in enumerate(channels):
                received = reading.receive(channel(stego), self.size)
                through = reading.measured(received, frame)
                remaining[number] = max(information(frame.log_odds(received, through), bits), 1)
                arrived = received.flat / estimate.all_gains(through.gain, len(whole))
                missed.append((arrived - whole)[fixed.positions])
                shift = again * (arrived - sent)[positions]
                foreseen.append(Foreseen(shift, through.deviations(layout, received.activity), 0.0))
            weights = weights * (remaining.min() / remaining) ** _HARDEST
            weights /= weights.sum()
            if firm or not turn:
                share = _AIMS_FIRM if firm else _AIMS
                fixed = replace(fixed, targets=fixed.targets - share * np.average(missed, 0, weights))
            foreseen = [replace(one, weight=weight) for one, weight in zip(foreseen, weights, strict=True)]
            cost = float(np.square(fixed.targets - self._host[fixed.positions]).sum())
            for _ in range(corrections):
                # In squared grey levels of the grid, over all of its coefficients.
                left_over = (budget - _ROUNDING) * len(whole) - cost
                places = aim.places(foreseen, price[layout.blocks], left_over)
                whole = self._targets(fixed, positions, self._host[positions] + places / attained[layout.blocks])
                stego = self._moved(whole, moved)
                is_spent = metrics.mse(self.cover, stego)
                if 1 - _LEFT_OVER <= is_spent / spent <= 1:
                    break
                budget *= (1 - _LEFT_OVER / 2) * spent / is_spent
        return Written(stego, whole, moved)

    def least(self, frame: Frame) -> float:
        """Mean squared change that rounding, pilots and preamble come to, about."""
        fixed = self._fixed(frame)
        change = np.square(fixed.targets - self._host[fixed.positions])
        return _ROUNDING + _FIXED_AIMED * float(change.sum()) / len(self._host)

    def _fixed(self, frame: Frame) -> _Fixed:
        known, bits = frame.known()
        # Where few blocks are written to, what is fixed stands all the firmer in these.
        known = replace(known, alpha=np.minimum(known.alpha / max(float(self.written.mean()), 0.1), 1))
        return _Fixed(*self._embedded(known, bits))

    def _embedded(self, layout: Layout, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions in written blocks, and where their coefficients should go if nothing happens to them."""
        chosen = self.written[layout.blocks]
        layout = layout.part(chosen)
        return layout.positions, dither.embed(self._host[layout.positions], layout, bits[chosen])

    def _targets(self, fixed: _Fixed, positions: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Of all coefficients of the grid."""
        whole = self._host.copy()
        whole[positions], whole[fixed.positions] = targets, fixed.targets
        return whole

    def _attained(self, stego: np.ndarray, targets: np.ndarray, moved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What came through of each block's change, and what it costs in pixels, both as shares of what was asked.

        Where pixels may change but little, a change falls short, and spills into what carries nothing.
        """
        got = np.where(moved, grid.coefficients(stego, self.size).reshape(-1) - self._host, 0).reshape(-1, _CELL)
        asked = (targets - self._host).reshape(-1, _CELL)
        share = (got * asked).sum(1) / np.maximum(np.square(asked).sum(1), 1e-3)
        pixels = _CELL * np.maximum(self._changed(stego) - _ROUNDING, 0)
        price = (pixels + _TOLD_FROM) / (np.square(got).sum(1) + _TOLD_FROM)
        return np.clip(share, _ATTAINED, 1), np.clip(price, 1, _DEAREST)

    def _changed(self, stego: np.ndarray) -> np.ndarray:
        """Mean squared change of the pixels of each block, (blocks,)."""
        squares = np.square(stego.astype(np.int16) - self.cover).mean(2, dtype=np.float32)
        for axis, side in enumerate(self.size):
            count, pixels = side // grid.SIDE, squares.shape[axis]
            starts = -(-np.arange(count) * pixels // count)
            sums = np.add.reduceat(squares, starts, axis)
            lengths = np.diff(starts, append=pixels)
            squares = sums / (lengths[:, None] if axis == 0 else lengths)
        return squares.reshape(-1)
