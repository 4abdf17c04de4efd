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
# Without loss small pictures are coded with more effort than that, and come out so much smaller than strips tell.
SHARE = 0.98
# What photographs mostly come to, and what none goes below.
USUAL_SHARE, LEAST_SHARE = 0.93, 0.6


def lost_psnr(rgb: np.ndarray, psnr: float) -> float:
    """By how many dB bytes that leave other covers at a PSNR leave one with black and white, which go only one way.

    Args:
        rgb: the cover, uint8, any shape.
        psnr: in dB; tells the base of the digits.
    """
    base = math.sqrt(255**2 / 10 ** (psnr / 10) / trellis.COST)
    # Fitted to the trellis on covers with 0 to 100 % of black, bases 1 to 5: within 0.4 dB.
    weight = float(np.interp(base, (1, 2, 3), (0.3, 0.9, 1.1)))
    ends = np.count_nonzero((rgb == 0) | (rgb == 255)) / rgb.size
    return 10 * math.log10(1 + weight * (ends + ends**2))


def cover_psnr(rgb: np.ndarray, length: int) -> float:
    """PSNR in dB that a cover (uint8, (height, width, 3)) keeps with so many bytes in it; -inf when they don't fit."""
    room = embedding.capacity(rgb.size, False)
    spread = embedding.plan(room, 8 * length) if min(room) > 0 else None
    if spread is None:
        return -math.inf
    plan = trellis.Plan(sum(room), spread.base, spread.larger)
    psnr = metrics.psnr_of(trellis.expected_mse(plan))
    return psnr - lost_psnr(rgb, psnr)


def exact_length(own: bytes, suffix: str, limit: int) -> int | None:
    """About how many bytes `codings.exact` makes of a file's own; None when that is clearly over a limit."""
    plain = codings.plain(own, suffix)
    if plain is None:
        return len(own)
    samples, rest = plain
    quick = len(codings.jxl(samples, QUICK))
    if LEAST_SHARE * quick > limit:
        return None
    return min(len(own), rest + int(SHARE * _share(samples) * quick))


def fitted_psnr(picture: Picture, limit: int, least: float) -> float | None:
    """About the PSNR in dB that `codings.fitted` gives a picture within a limit in bytes; None for under `least`.

    Of its two ways it looks at rounding, the better one down to 45 dB.
    """
    good: list[tuple[float, int]] = []
    levels = sum(np.bincount(row.reshape(-1), minlength=256) for row in picture.rgb)
    for step in codings.STEPS:
        squares = np.square(codings.rounding(step) - np.arange(256.0))
        psnr = metrics.psnr_of(float(np.average(squares, weights=levels)))
        if psnr < least:
            break
        good.append((psnr, step))
    tried: list[tuple[float, int]] = []
    finest = None
    for psnr, step in reversed(good):
        finest = codings.rounded(picture, step)
        quick = len(codings.jxl(finest, QUICK))
        tried.append((psnr, quick))
        if USUAL_SHARE * quick > limit:
            break
    if finest is None or LEAST_SHARE * tried[0][1] > limit:
        return None
    # The finest that was tried is nearest to the limit; its neighbours' streams shrink as it does.
    share = _share(finest)
    return max((psnr for psnr, quick in tried if share * quick <= limit), default=None)


def _share(samples: np.ndarray) -> float:
    """Of the length that the quick effort gives, what the usual one gives: from strips across the picture."""
    height = len(samples)
    strip = max(STRIP, height // (4 * STRIPS))
    if height > STRIPS * strip:
        tops = [(2 * i + 1) * height // (2 * STRIPS) - strip // 2 for i in range(STRIPS)]
        samples = np.concatenate([samples[top : top + strip] for top in tops])
    usual, quick = (len(codings.jxl(samples, effort)) for effort in (USUAL, QUICK))
    return usual / quick
