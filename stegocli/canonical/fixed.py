"""What lies at the same positions in every stego: known pilots, and what the reader must know first.

It depends on the grid's size and on a key alone, which is public, or a password's.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..payload.keys import shuffle
from . import design, dither, grid
from .dither import Layout

# Pilots for each block, in tenths; at least, where there are so many blocks, and at most.
_PILOTS, _FEWEST_PILOTS, _MOST_PILOTS = 3, 250, 700
# Sums of the two frequencies up to which pilots and preamble lie.
_HIGHEST_PILOT, _HIGHEST_PREAMBLE = 6, 4
# Power of both, in multiples of the worst channels' noise.
_RATIO = 2.0
_SUMS = np.add.outer(np.arange(grid.SIDE), np.arange(grid.SIDE)).reshape(-1)
_OPEN_KEY = b"stego: what survives anything 1".ljust(32, b"\0")


@dataclass(frozen=True)
class Places:
    """Where pilots and preamble lie.

    Attributes:
        key: 32 bytes that order and shift them.
    """

    key: bytes = _OPEN_KEY

    def pilots(self, size: tuple[int, int]) -> Layout:
        """Of a grid: coefficients whose bit is 0, all the way on their points."""
        return _fixed(self.key, size)[0]

    def preamble(self, size: tuple[int, int], count: int) -> Layout:
        """So many coefficients for the preamble, or as many as there are."""
        return _fixed(self.key, size)[1].part(slice(count))


OPEN = Places()


@lru_cache(maxsize=8)
def _fixed(key: bytes, size: tuple[int, int]) -> tuple[Layout, Layout]:
    blocks = size[0] * size[1] // grid.SIDE**2
    low = np.flatnonzero((_SUMS > 0) & (_SUMS <= _HIGHEST_PILOT))
    order = shuffle(key, (np.arange(blocks)[:, None] * grid.SIDE**2 + low).reshape(-1))
    count = int(np.clip(_PILOTS * blocks // 10, min(blocks, _FEWEST_PILOTS), _MOST_PILOTS))
    rest = order[count:]
    rest = rest[_SUMS[rest % grid.SIDE**2] <= _HIGHEST_PREAMBLE]
    positions = np.concatenate([order[:count], rest])
    noise = design.noise(size).reshape(-1)[positions % grid.SIDE**2]
    step, alpha = dither.design(_RATIO * noise, noise)
    alpha[:count] = 1
    whole = Layout(positions, step, alpha, dither.shifts(key, len(positions)))
    return whole.part(slice(count)), whole.part(slice(count, None))
