"""A picture with loss, as finely as a budget allows: near-lossless or lossy JPEG XL."""

from collections.abc import Callable, Sequence

import numpy as np

from ..picture import metrics
from ..picture.files import Picture
from . import compact, streams
from .container import (
    APPROXIMATE,
    LARGER_THUMBNAIL,
    LOSSY,
    NEAR_LOSSLESS,
    SMALL,
    UPPER,
    Frame,
    Payload,
    TooLarge,
    pack,
    pack_profile,
    take_part,
    unframe,
)
from .errors import InvalidContent

# Steps in halves of a grey level. For PSNR, dividing the samples and coding them without loss beats lossy
# JPEG XL down to about 45 dB, which is most of what anyone asks of a hidden picture.
STEPS = (3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32)
_QUALITIES = tuple(float(q) for q in np.linspace(99.8, 20, 64))
_EFFORT = 7
_LEVELS = np.arange(256, dtype=np.uint8)


def _divided(samples: np.ndarray, step: int) -> np.ndarray:
    divided: np.ndarray = np.round(_LEVELS / (step / 2)).astype(np.uint8)[samples]
    return divided


def _multiplied(divided: np.ndarray, step: int) -> np.ndarray:
    samples: np.ndarray = np.round(_LEVELS * (step / 2)).clip(0, 255).astype(np.uint8)[divided]
    return samples


def rounded(picture: Picture, step: int) -> np.ndarray:
    """What near-lossless coding with a step in `STEPS` codes of a picture."""
    return _divided(streams.samples_of(picture), step)


def rounding(step: int) -> np.ndarray:
    """What a receiver gets of each of the 256 levels with a step in `STEPS`, uint8."""
    return _multiplied(_divided(_LEVELS, step), step)


def fit(picture: Picture, name: str, budget: int) -> Payload:
    """A picture coded as finely as a budget in bytes allows.

    Raises:
        TooLarge: when it does not fit at any quality.
    """
    samples, profile = streams.samples_of(picture), pack_profile(picture.icc)

    def near(step: int) -> bytes:
        stream = streams.jxl(_divided(samples, step), _EFFORT)
        return pack(NEAR_LOSSLESS, name, profile, bytes([step]), stream)

    def lossy(quality: float) -> bytes:
        return pack(LOSSY, name, profile, streams.encode_jxl(samples, quality=quality, effort=_EFFORT))

    fitting: list[tuple[bytes, str]] = []
    fewest = []
    index, content = _first_that_fits(near, STEPS, budget)
    fewest.append(len(content))
    if index is not None:
        fitting.append((content, f"near-lossless JPEG XL, step {STEPS[index] / 2:g}"))
    index, content = _first_that_fits(lossy, _QUALITIES, budget)
    fewest.append(len(content))
    if index is not None:
        fitting.append((content, f"JPEG XL of quality {_QUALITIES[index]:.1f}"))
    if not fitting:
        raise TooLarge(min(fewest))
    seen = [(open_frame(unframe(content), None), content, words) for content, words in fitting]
    nearest, content, words = max(seen, key=lambda found: metrics.psnr(found[0].rgb, picture.rgb))
    return Payload(content, nearest, words, APPROXIMATE)


def _first_that_fits(code: Callable[..., bytes], settings: Sequence[float], budget: int) -> tuple[int | None, bytes]:
    """Bisect settings, ordered from the finest, for the first whose content is within the budget.

    Returns:
        (its index, its content), or (None, the content of the coarsest).
    """
    low, high = 0, len(settings)
    best, content = None, b""
    while low < high:
        middle = (low + high) // 2
        tried = code(settings[middle])
        if len(tried) <= budget:
            best, content, high = middle, tried, middle
        else:
            low = middle + 1
            content = content if best is not None else tried
    return best, content


def open_frame(frame: Frame, carrier: int | None) -> Picture:
    """The picture in content of kind 3, 4, 5, 11 or 14.

    Args:
        carrier: as for `streams.decode`.

    Raises:
        InvalidContent: for content that no `hide` wrote.
        LaterVersion: for a codec that this version does not know.
        StegoError: when JPEG XL is not installed.
    """
    if frame.kind in (SMALL, UPPER, LARGER_THUMBNAIL):
        return streams.picture_of(compact.open_picture(frame.body, carrier))
    profile, body = take_part(frame.body)
    if frame.kind == LOSSY:
        return streams.picture_of(streams.decode(body, "JXL", carrier), profile or None)
    if not body:
        raise InvalidContent("content that is cut")
    return streams.picture_of(_multiplied(streams.decode(body[1:], "JXL", carrier), body[0]), profile or None)
