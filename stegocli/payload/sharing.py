"""Bytes shared among pictures so that all come back about equally fine.

Each picture's coder is a function from a budget to what it makes of it. Its PSNR grows about evenly with the logarithm
of the bytes, so a line through what was tried tells which budgets give all the same PSNR; a few rounds suffice.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..errors import StegoError
from .container import Payload, TooLarge

_ROUNDS = 5
# Pictures within so many dB of each other are equally fine.
NEAR = 0.5
# dB for twice the bytes: at first, and between what bounds a line through two trials is believed.
_USUAL, _LEAST, _MOST = 4.5, 1.5, 15.0
# About the PSNR in dB that a few bytes less than the whole give.
_NEARLY_WHOLE = 52.0
# A whole picture that takes less than this share of the budget is not coded with loss for the sake of the others.
_SMALL = 0.02


@dataclass
class Wanted:
    """A picture that shares.

    Attributes:
        code: what a budget in bytes makes of it; `TooLarge` or a `StegoError` where nothing fits.
        quality: PSNR in dB of what that gives back.
        whole: bytes that it takes to come back whole.
        pixels: of the picture.
        tried: (bytes, PSNR in dB) of what was coded with loss.
    """

    code: Callable[[int], Payload]
    quality: Callable[[Payload], float]
    whole: int
    pixels: int
    tried: list[tuple[int, float]] = field(default_factory=list)

    def attempt(self, budget: int) -> tuple[Payload, float]:
        """What a budget gives, and its quality.

        Raises:
            TooLarge: when nothing fits.
        """
        try:
            made = self.code(budget)
        except StegoError:
            raise TooLarge(2 * budget) from None
        quality = self.quality(made)
        if len(made.content) < self.whole:
            self.tried.append((len(made.content), quality))
        return made, quality

    def budget(self, quality: float) -> float:
        """Bytes that give about a quality: along the line through the two trials nearest to it."""
        if not self.tried:
            return self.whole * 2 ** min(0.0, (quality - _NEARLY_WHOLE) / _MOST)
        nearest = sorted(self.tried, key=lambda trial: abs(trial[1] - quality))[:2]
        (length, psnr), slope = nearest[0], _USUAL
        if len(nearest) == 2 and nearest[1][0] != length:
            slope = (nearest[1][1] - psnr) / math.log2(nearest[1][0] / length)
        slope = min(max(slope, _LEAST), _MOST)
        return min(self.whole, length * 2 ** min(40.0, (quality - psnr) / slope))


def evenly(wanted: Sequence[Wanted], budget: int) -> list[Payload]:
    """What each makes of its share of a budget in bytes; together at most so many.

    Raises:
        TooLarge: when they do not fit at any quality.
    """
    total = sum(one.pixels for one in wanted) or 1
    shares = [min(one.whole, budget * one.pixels // total) for one in wanted]
    best: list[Payload] = []
    best_quality, fewest = -math.inf, budget + 1
    for _ in range(_ROUNDS):
        made: list[tuple[Payload | None, float]] = []
        for one, share in zip(wanted, shares, strict=True):
            try:
                made.append(one.attempt(share))
            except TooLarge:
                made.append((None, -math.inf))
        missing = [i for i, (part, _) in enumerate(made) if part is None]
        if missing:
            fewest = max(budget + 1, sum(shares) + sum(shares[i] for i in missing))
            shares = _made_room(made, shares, missing, budget)
            continue
        parts = [part for part, _ in made if part is not None]
        unsure = any(not one.tried and one.whole > _SMALL * budget for one in wanted)
        lossy = [q for one, (part, q) in zip(wanted, made, strict=True) if part and len(part.content) < one.whole]
        lowest = min((q for _, q in made), default=math.inf)
        if lowest > best_quality:
            best, best_quality = parts, lowest
        if not lossy or (max(lossy) - min(lossy) < NEAR and not unsure):
            break
        shares = _level(wanted, budget)
    if not best:
        raise TooLarge(fewest)
    return best


def _made_room(
    made: Sequence[tuple[Payload | None, float]], shares: Sequence[int], missing: Sequence[int], budget: int
) -> list[int]:
    """Twice the share for those that nothing fits into, at the cost of the others."""
    wished = [2 * share + 64 if i in missing else share for i, share in enumerate(shares)]
    over = sum(wished) - budget
    others = sum(share for i, share in enumerate(wished) if i not in missing)
    if over <= 0:
        return wished
    if others <= over:
        return [budget * share // sum(wished) for share in wished]
    return [share if i in missing else share - -(-over * share // others) for i, share in enumerate(wished)]


def _level(wanted: Sequence[Wanted], budget: int) -> list[int]:
    """Shares of a budget that give all about the same quality."""
    low, high = -200.0, 200.0
    for _ in range(60):
        middle = (low + high) / 2
        if sum(one.budget(middle) for one in wanted) <= budget:
            low = middle
        else:
            high = middle
    shares = [int(one.budget(low)) for one in wanted]
    return [one.whole if one.whole <= _SMALL * budget else share for one, share in zip(wanted, shares, strict=True)]
