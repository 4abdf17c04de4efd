"""What bytes would make of a pair, from coded sizes and the plan alone: nothing is embedded."""

import math

import numpy as np

from ..picture import metrics
from ..picture.files import Picture
from . import codings, embedding, trellis

# Efforts of JPEG XL: 3 takes an eighth of the time of 7, and how much larger it comes out is seen on strips of a
# quarter of the picture, of at least so many rows each.
QUICK, USUAL = 3, 7
STRIPS, STRIP = 4, 25
# Whole pictures at their own effort come out so much smaller than the strips tell; without loss up to 2 % more.
SHARE = 0.985
# No photograph's stream shrinks by more.
LEAST_SHARE = 0.6


def lost_psnr(rgb: np.ndarray) -> float:
    """By how many dB a cover's black and white, which leave only one way to go, raise what bytes change.

    Args:
        rgb: uint8, any shape.
    """
    # Fitted to the trellis on covers with 0 to 100 % of black, bases 1 to 5: within 0.4 dB.
    ends = np.count_nonzero((rgb == 0) | (rgb == 255)) / rgb.size
    return 10 * math.log10(1 + ends + ends**2)


def cover_psnr(rgb: np.ndarray, length: int) -> float:
    """PSNR in dB that a cover (uint8, (height, width, 3)) keeps with so many bytes in it; -inf when they don't fit."""
    room = embedding.room(rgb.size, False)
    plan = embedding.plan(room, 8 * length) if min(room) > 0 else None
    if plan is None:
        return -math.inf
    together = trellis.Plan(sum(room), plan.base, plan.larger)
    return metrics.psnr_of(trellis.expected_mse(together)) - lost_psnr(rgb)


def exact_length(own: bytes, suffix: str, limit: int) -> int | None:
    """About how many bytes `codings.exact` makes of a file's own; None when that is clearly over a limit."""
    plain = codings.plain(own, suffix)
    if plain is None:
        return len(own)
    samples, rest = plain
    quick = len(codings.jxl(samples, QUICK))
    if LEAST_SHARE * quick > limit:
        return None
    return min(len(own), rest + int(_share(samples) * quick))


def fitted_psnr(picture: Picture, limit: int, least: float) -> float | None:
    """About the PSNR in dB that `codings.fitted` gives a picture within a limit in bytes; None for under `least`.

    Of its two ways it looks at rounding, the better one down to 45 dB.
    """
    good = []
    for step in codings.STEPS:
        divided, seen = codings.rounded(picture, step)
        psnr = metrics.psnr(seen.rgb, picture.rgb)
        if psnr < least:
            break
        good.append((psnr, divided))
    # From the coarsest on; the streams of neighbouring steps shrink alike.
    reached, share = None, 0.0
    for psnr, divided in reversed(good):
        quick = len(codings.jxl(divided, QUICK))
        if (share or LEAST_SHARE) * quick > limit:
            break
        share = share or _share(divided)
        if share * quick > limit:
            break
        reached = psnr
    return reached


def _share(samples: np.ndarray) -> float:
    """Of the length that the quick effort gives, what the usual one gives: from strips across the picture."""
    height = len(samples)
    strip = max(STRIP, height // (4 * STRIPS))
    if height > STRIPS * strip:
        tops = [(2 * i + 1) * height // (2 * STRIPS) - strip // 2 for i in range(STRIPS)]
        samples = np.concatenate([samples[top : top + strip] for top in tops])
    usual, quick = (len(codings.jxl(samples, effort)) for effort in (USUAL, QUICK))
    return SHARE * usual / quick
