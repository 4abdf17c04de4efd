"""Coefficients moved ahead to where compression leaves them right: what rounding and clipping will spoil is found by
simulating the chains, and each coefficient that errs is put where its worst errors to both sides are alike."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..canonical.embedding import Layer
from . import blocks, simulate
from .simulate import Chain

# Coefficients that err by more than this many steps are moved, and by no more than so many in all.
_FAILING, _REACH = 0.5, 0.4


@dataclass
class Target:
    """A stego in the making.

    Attributes:
        positions: flat indices of coefficients.
        steps: of their grid, float32.
        points: where each is to be when it is read.
        aim: where each is put, so that it is.
    """

    positions: np.ndarray
    steps: np.ndarray
    points: np.ndarray
    aim: np.ndarray

    def applied(self, rgb: np.ndarray, dithered: bool = False) -> np.ndarray:
        """The picture with its coefficients at their aims, as nearly as its samples allow."""
        now = blocks.forward(rgb)
        change = np.zeros(now.size, np.float32)
        change[self.positions] = self.aim - now.reshape(-1)[self.positions]
        return blocks.add(rgb, change.reshape(now.shape), dithered)

    def errors(self, stego: np.ndarray, chain: Chain) -> np.ndarray:
        """Distances from where each should be after a chain, in coefficients' units."""
        return simulate.received(stego, chain).reshape(-1)[self.positions] - self.points


def applied(
    cover: np.ndarray,
    target: Target,
    quality: int,
    rounds: int,
    progress: Callable[[float], None],
    base: Layer | None = None,
) -> np.ndarray:
    """The stego whose coefficients survive the hardest chains as well as can be; `target.aim` becomes what it took.

    Args:
        cover: uint8 (height, width, 3).
        target: changed.
        quality: design quality.
        rounds: each simulates the hardest chains once.
        progress: told the share that is done.
        base: what the cover holds already. Once it is brought back where no coefficient of the target is in its way:
            more often costs the cover more than it is worth.
    """
    stego = target.applied(target.applied(cover, dithered=True))
    if base is not None:
        stego = target.applied(target.applied(base.nearer(stego)))
    tried = simulate.hardest(quality)
    limit, reach = _FAILING * target.steps, _REACH * target.steps
    for turn in range(rounds):
        highest, lowest = np.zeros_like(target.points), np.zeros_like(target.points)
        for i, errors in enumerate(simulate.side_by_side(partial(target.errors, stego), tried)):
            np.maximum(highest, errors, out=highest)
            np.minimum(lowest, errors, out=lowest)
            progress((turn + (i + 1) / len(tried)) / rounds)
        failing = np.maximum(highest, -lowest) > limit
        shift = np.where(failing, -(highest + lowest) / 2, 0)
        target.aim = target.points + np.clip(target.aim - target.points + shift, -reach, reach)
        stego = target.applied(target.applied(stego))
    return stego
