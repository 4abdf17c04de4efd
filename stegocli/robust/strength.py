"""How strongly each part of a picture may change: after its texture, as a coarse map that the reader is sent.

A change shows where a picture is flat: the structural similarity (Wang et al., 2004) of a window of variance v
falls with added noise of variance n by about n / (2 v + C2 + n). Strength minimises squared error plus a multiple
of that loss. Each cell of 16x16 pixels has a level, an octave of strength each; the last carries nothing
(`rangecoder` sends them). No cell is changed by more than leaves it above 30 dB, and the flat ones not at all.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import blocks, lattice
from .rangecoder import LEVELS

CELL = 2  # blocks
CELL_PIXELS = (CELL * blocks.SIDE) ** 2
C2 = (0.03 * 255) ** 2
# Where samples come so near to black or white changes are clipped: such blocks count as flat by this much a share.
_MARGIN, _CLIPS = 4, 2.0
# A cell this flat, a sky, carries nothing, though by the figures a little would pay: the eye finds it there.
FLAT = 0.9
# The busiest blocks are no better than busy ones: strong contrast clips too.
_BUSIEST = 0.02
# Mean squared error that no cell is designed to exceed, so that its PSNR stays above 30 dB; where more is allowed of
# the whole picture, in shares of that.
_CELL_MSE, _CELL_SHARE = 255**2 / 10**3.13, 3.6
# A stego that exceeds it by so much more is made anew: half a decibel above 30 is for a JPEG as output, which adds its
# own.
_SLACK = 10**0.08
# Something for cells that have exceeded it.
_LEAST_MSE = 1e-3
# A strength index is an eighth of an octave of squared step.
OCTAVE = 8
STRONGEST = 18 * OCTAVE
# Weights of the structural loss against the squared error that are tried.
_LAMBDAS = (1, 3, 6, 12, 24, 48, 96)
# A coefficient gets its n-th bit where the strength reaches this many squared steps: each costs alike there.
_PHASES = np.array([-0.375, 0.125, 0.375, -0.125])
_THRESHOLDS = np.array([1, 3, 12, 48, 192, 768])
# Finer grids than this drown in the rounding of pixels.
FINEST_STEP = 3


def steps(quality: int) -> np.ndarray:
    """The grid of each coefficient, (8, 8): on the design quality's own, so that this quality does no harm."""
    quantisers = blocks.quantisers(quality)
    return quantisers * -(-FINEST_STEP // quantisers)


def bit_table(quality: int, strength: int) -> np.ndarray:
    """Bits of each coefficient: uint8, (CELL * CELL, LEVELS, 8, 8), by position in the cell and level.

    The mean, [0, 0], is left alone. The blocks of a cell differ by quarters of an octave, so that bits come one
    frequency at a time as strength grows.
    """
    octaves = strength / OCTAVE - np.arange(LEVELS) + _PHASES[:, None]
    reach = np.exp2(octaves)[..., None, None, None]
    table = (reach >= _THRESHOLDS * np.square(steps(quality))[..., None]).sum(-1).astype(np.uint8)
    table[:, -1] = 0
    table[..., 0, 0] = 0
    return table


def bits(quality: int, strength: int, levels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bits of each coefficient of (down, across) blocks: uint8, (down, across, 8, 8)."""
    return bit_table(quality, strength)[_phase(shape), of_blocks(levels, shape)]


def _phase(shape: tuple[int, int]) -> np.ndarray:
    return (np.arange(shape[0]) % CELL)[:, None] * CELL + np.arange(shape[1]) % CELL


def flatness(rgb: np.ndarray) -> np.ndarray:
    """How easily noise shows in each block: float32 (down, across), mean of C2 / (2 variance + C2), 0 to 1."""
    down, across = blocks.grid(rgb.shape)
    half = blocks.SIDE // 2
    out = np.zeros((down, across), np.float32)
    for colour in range(3):
        plane = rgb[: down * 8, : across * 8, colour]
        parts = plane.reshape(down * 2, half, across * 2, half).astype(np.float32)
        mean, square = parts.mean((1, 3)), np.square(parts).mean((1, 3))

        def windows(a: np.ndarray) -> np.ndarray:
            return (a[1:, 1:] + a[1:, :-1] + a[:-1, 1:] + a[:-1, :-1]) / 4

        variance = np.maximum(windows(square) - np.square(windows(mean)), 0)
        shows = np.pad(C2 / (2 * variance + C2), 1, mode="edge")  # windows at all multiples of half a block
        out += sum(shows[y : y + 2 * down : 2, x : x + 2 * across : 2] for y in range(3) for x in range(3)) / 27
    return out


def _squares(rgb: np.ndarray, host: np.ndarray) -> np.ndarray:
    """The mean squared difference of two pictures in each block: float32 (down, across)."""
    down, across = blocks.grid(rgb.shape)
    part = (slice(None, down * blocks.SIDE), slice(None, across * blocks.SIDE))
    squares = np.square(rgb[part].astype(np.float32) - host[part])
    return squares.reshape(down, blocks.SIDE, across, 3 * blocks.SIDE).mean((1, 3))


def clipped(rgb: np.ndarray) -> np.ndarray:
    """Share of samples in each block that are all but black or white: (down, across)."""
    down, across = blocks.grid(rgb.shape)
    part = rgb[: down * 8, : across * 8]
    extreme = ((part < _MARGIN) | (part > 255 - _MARGIN)).reshape(down, 8, across, 24)
    return extreme.mean((1, 3), dtype=np.float32)


def _cells(values: np.ndarray) -> np.ndarray:
    """Means over the cells of an array of blocks."""
    down, across = (-(-n // CELL) for n in values.shape)
    padded = np.pad(values, ((0, down * CELL - values.shape[0]), (0, across * CELL - values.shape[1])), mode="edge")
    return padded.reshape(down, CELL, across, CELL).mean((1, 3))


def cells(shape: tuple[int, int]) -> tuple[int, int]:
    """Cells down and across so many blocks."""
    return -(-shape[0] // CELL), -(-shape[1] // CELL)


def cell_of_block(shape: tuple[int, int]) -> np.ndarray:
    """The flat index of each block's cell, (down * across,)."""
    down, across = cells(shape)
    return of_blocks(np.arange(down * across).reshape(down, across), shape).reshape(-1)


def of_blocks(levels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Each block's level, from its cell's."""
    return np.repeat(np.repeat(levels, CELL, 0), CELL, 1)[: shape[0], : shape[1]]


@dataclass(frozen=True)
class Design:
    """How strongly to embed.

    Attributes:
        strength: index, see `bit_table`.
        levels: uint8, one a cell.
        lambda_: weight of the structural loss.
        bits: what the coefficients carry, error correction included, before sync header and parameters take theirs.
        cost: the larger of squared error and structural loss, in shares of what was allowed.
    """

    strength: int
    levels: np.ndarray
    lambda_: float
    bits: int
    cost: float


class Designer:
    """Designs for one cover and quality.

    Args:
        rgb: uint8 (height, width, 3).
        quality: design quality.
        mse, loss: squared error and structural loss that count as 1.
        host: the same after changes that count too; None for none.

    Attributes:
        most_mse: mean squared error that no cell should exceed beyond what it has, (down, across) cells.
    """

    def __init__(self, rgb: np.ndarray, quality: int, mse: float, loss: float, host: np.ndarray | None = None):
        self.quality, self.mse, self.loss = quality, mse, loss
        self.shape = blocks.grid(rgb.shape)
        self._rgb = rgb
        self._spent = _cells(_squares(rgb, rgb if host is None else host))
        self._cell_mse = max(_CELL_MSE, _CELL_SHARE * mse)
        self.most_mse = np.maximum(self._cell_mse - self._spent, _LEAST_MSE)
        self.block_flatness = np.clip(np.maximum(flatness(rgb), _CLIPS * clipped(rgb)), _BUSIEST, 1)
        self._cell_flatness = _cells(self.block_flatness)

    def excess(self, stego: np.ndarray) -> np.ndarray:
        """Mean squared error of each cell of a stego, as a share of what leaves it above the floor."""
        return np.asarray(_cells(_squares(self._rgb, stego)) / (_SLACK * self._cell_mse))

    def weights(self, lambda_: float) -> np.ndarray:
        """What a squared change costs in each block."""
        return 1 + lambda_ * self.block_flatness

    def design(self, lambda_: float, strength: int) -> Design:
        """The design of these two."""
        levels = np.clip(np.rint(np.log2(1 + lambda_ * self._cell_flatness)), 0, LEVELS - 1).astype(np.uint8)
        table = bit_table(self.quality, strength)
        at = table.reshape(CELL * CELL, LEVELS, -1).sum(2, dtype=np.int64)
        costs = lattice.mean_cost(table) * np.square(steps(self.quality))
        power = costs.mean((0, 2, 3))
        # The busiest cells get no more than what leaves them above the floor.
        floor = (power > self.most_mse[..., None]).sum(-1)
        empty = np.flatnonzero(at.sum(0) == 0)[0]
        levels = np.where(self._cell_flatness > FLAT, empty, np.clip(levels, floor, empty)).astype(np.uint8)
        noise = power[levels] + self._spent
        share = noise * self._cell_flatness / C2
        cost = max(noise.mean() / self.mse, (share / (1 + share)).mean() / self.loss)
        total = at[_phase(self.shape), of_blocks(levels, self.shape)].sum()
        return Design(strength, levels, lambda_, int(total), float(cost))

    def _last(self, lambda_: float, good: Callable[[Design], bool]) -> Design:
        """The strongest design for which `good` still holds; `good` turns from true to false once."""
        low, high = 0, STRONGEST
        while low < high:
            middle = (low + high + 1) // 2
            if good(self.design(lambda_, middle)):
                low = middle
            else:
                high = middle - 1
        return self.design(lambda_, low)

    def most(self) -> Design:
        """The design that carries most at a cost of 1."""
        return max((self._last(lambda_, lambda d: d.cost <= 1) for lambda_ in _LAMBDAS), key=lambda d: d.bits)

    def least(self, bits: int) -> Design | None:
        """The design of the least cost that carries so many bits; None when none does."""
        found = []
        for lambda_ in _LAMBDAS:
            below = self._last(lambda_, lambda d: d.bits < bits)
            if below.bits >= bits:
                found.append(below)
            elif below.strength < STRONGEST:
                found.append(self.design(lambda_, below.strength + 1))
        return min(found, key=lambda d: d.cost, default=None)
