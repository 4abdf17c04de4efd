"""What bytes would make of a pair, from coded sizes, the plan and a trial on some samples: nothing is embedded.

So a choice between methods, or a refusal, needs neither the network nor the embedding of a whole picture.
"""

import math

import numpy as np

from ..picture import metrics
from ..picture.files import Picture
from . import embedding, lossless, lossy, slots, streams, trellis
from .codings import Secret

# What a cover gives up of the PSNR that was asked for, in dB: less than any figure shows.
TOLERANCE = 0.05
# Samples of a trial, whose mean squared change is then known to half a percent.
TRIAL = 1 << 15
# Standard deviations by which content and order may make a cover worse than its trial said.
SURE = 3.0
# The search for what a cover holds ends within this share of the squared change.
NEAR = 0.003
_STEPS = 8
# Efforts of JPEG XL: 3 takes an eighth of the time of 7, and how much larger it comes out is seen on strips of a
# quarter of the picture, of at least so many rows each. Of a large picture even the quick one sees strips alone.
QUICK, USUAL = 3, 7
STRIPS, STRIP = 4, 25
SAMPLED = 1_000_000
# Without loss small pictures are coded with more effort than that, and come out so much smaller than strips tell.
SHARE = 0.98
# What photographs mostly come to, and what none goes below.
USUAL_SHARE, LEAST_SHARE = 0.93, 0.6


def holds(rgb: np.ndarray, private: bool, psnr: float) -> int:
    """Bytes of content that go into a cover without leaving it more than `TOLERANCE` below a PSNR.

    Black and white can change only one way, so that covers with much of them hold less.

    Args:
        rgb: the cover, uint8, (height, width, 3).
        private: whether under a password.
        psnr: in dB.
    """
    plan = _largest_plan(rgb, embedding.capacity(rgb.size, private), psnr)
    return max(0, plan.bits // 8 - embedding.overhead(private)) if plan else 0


def slot_holds(rgb: np.ndarray, psnr: float) -> int:
    """As `holds` under a password, of one of two slots, both filled; arguments as there."""
    sizes = [capacity for slot in range(slots.SLOTS) for capacity in slots.capacity(rgb.size, slot)]
    plan = _largest_plan(rgb, tuple(sizes), psnr)
    return slots.largest(rgb.size, plan.base, plan.larger) if plan else 0


def _largest_plan(rgb: np.ndarray, sizes: tuple[int, ...], psnr: float) -> embedding.EmbeddingPlan | None:
    """The plan for so many samples that holds most without leaving the cover below a PSNR; None where none does."""
    allowed = 255**2 / 10 ** ((psnr - TOLERANCE) / 10) - _reserved_mse(rgb, sizes)
    if min(sizes) <= 0 or allowed <= 0:
        return None
    aim, best = allowed, None
    for _ in range(_STEPS):
        plan = embedding.largest(sizes, aim)
        found = _trial_mse(rgb, plan)
        if found <= allowed and (best is None or plan.bits > best.bits):
            best = plan
        if (1 - NEAR) * allowed <= found <= allowed or not found:
            break
        # A little below what the last trial says, so as to end on the right side.
        aim *= (1 - NEAR / 2) * allowed / found
    return best


def cover_psnr(rgb: np.ndarray, length: int, private: bool = False) -> float:
    """PSNR in dB that a cover (uint8, (height, width, 3)) keeps at least with so many bytes; -inf where they don't fit.

    The longest that `holds` allows at this PSNR is about as long.
    """
    sizes = embedding.capacity(rgb.size, private)
    bits = 8 * (length + embedding.overhead(private))
    plan = embedding.plan(sizes, bits) if min(sizes) > 0 else None
    if plan is None:
        return -math.inf
    return metrics.psnr_of(_trial_mse(rgb, plan) + _reserved_mse(rgb, sizes))


def _reserved_mse(rgb: np.ndarray, sizes: tuple[int, ...]) -> float:
    """Mean squared change of all samples by the bits that every stego holds: half of them or so are right already."""
    bits = rgb.size - sum(sizes)
    return (bits / 2 + SURE * math.sqrt(bits) / 2) / rgb.size


def _trial_mse(rgb: np.ndarray, plan: embedding.EmbeddingPlan) -> float:
    """Mean squared change of all samples by a plan, from random bits in some; an embedding hardly ever exceeds it."""
    used = plan.used
    if not used:
        return 0.0
    count = min(used, TRIAL)
    rng = np.random.default_rng(0)
    # Without drawing any twice where that costs nothing.
    drawn = rng.permutation(rgb.size)[:count] if rgb.size <= 4 * TRIAL else rng.integers(0, rgb.size, count)
    samples = rgb.reshape(-1)[drawn]
    small = trellis.Plan(count, plan.base, plan.larger * count // used)
    written = trellis.write(samples, rng.integers(0, 2, small.bits, dtype=np.uint8), small)
    squares = np.square(written.astype(np.float64) - samples)
    mean, spread = squares.mean(), squares.std()
    return float(mean + SURE * spread * math.sqrt(1 / count + 1 / used)) * used / rgb.size


def exact_length(secret: Secret, limit: int) -> int | None:
    """About how many bytes `Encoder.exact` makes of a secret; None when that is clearly over a limit."""
    taken = lossless.stored(secret.content, rebuild=False)
    if taken is None:
        return len(secret.encoder.exact().content)
    samples, factor = _strips(taken.samples, SAMPLED)
    quick = factor * len(streams.jxl(samples, QUICK))
    if LEAST_SHARE * quick > limit:
        return None
    return min(len(secret.content), len(taken.head) + int(SHARE * _share(samples) * quick))


def fitted_psnr(picture: Picture, limit: int, least: float) -> float | None:
    """About the PSNR in dB that `Encoder.within` gives a picture within a limit in bytes; None for under `least`.

    Of its two ways it looks at rounding, the better one down to 45 dB.
    """
    good: list[tuple[float, int]] = []
    levels = sum(np.bincount(row.reshape(-1), minlength=256) for row in picture.rgb)
    for step in lossy.STEPS:
        squares = np.square(lossy.rounding(step) - np.arange(256.0))
        psnr = metrics.psnr_of(float(np.average(squares, weights=levels)))
        if psnr < least:
            break
        good.append((psnr, step))
    tried: list[tuple[float, int]] = []
    finest = None
    for psnr, step in reversed(good):
        finest, factor = _strips(lossy.rounded(picture, step), SAMPLED)
        quick = int(factor * len(streams.jxl(finest, QUICK)))
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
    few, _ = _strips(samples, samples[..., :1].size // 4)
    usual, quick = (len(streams.jxl(few, effort)) for effort in (USUAL, QUICK))
    return usual / quick


def _strips(samples: np.ndarray, pixels: int) -> tuple[np.ndarray, float]:
    """Strips across a picture of about so many pixels, and by how much the whole is more."""
    height, width = samples.shape[:2]
    strip = max(STRIP, pixels // (STRIPS * width))
    if height <= STRIPS * strip:
        return samples, 1.0
    tops = [(2 * i + 1) * height // (2 * STRIPS) - strip // 2 for i in range(STRIPS)]
    return np.concatenate([samples[top : top + strip] for top in tops]), height / (STRIPS * strip)
