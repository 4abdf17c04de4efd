"""Thumbnails of at most 64 pixels a side in some hundred bytes, of which AVIF takes 60 for its boxes and headers.

Each plane (luma, and both chroma's lower half, ITU-R BT.601) goes through one DCT-II of its whole size. Coefficients
are rounded to steps and sent from the lowest frequencies up, as unary numbers by a range coder whose contexts say how
large a coefficient is likely to be: photographs have amplitudes that fall about as 1 / frequency, and those around it
that were sent before tell how far this one departs from that. All that both sides must agree on is whole numbers.

Bytes: width (1), height (1), step (6 bits) and whether it is grey (64), then the range coder's stream.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..picture import metrics
from ..picture.cosines import cosines
from .errors import InvalidContent
from .rangecoder import Decoder, Encoder, Model

# Longest sides that are tried, the PSNR, dB, from which one is good enough to look at, and the side from which on a
# smaller one is only better than none.
_SIDES, _GOOD, _LEAST = (64, 56, 48, 40, 32, 24, 16), 24.0, 32
_LARGEST = _SIDES[0]
_GREY, _STEPS = 0x40, 64
_HEAD = 3
# Chroma has longer steps than luma, in 16ths.
_CHROMA = 21
# What is likely of luma and chroma at one half wave over the longest side, for one pixel, in 16ths of a grey level.
_AMPLITUDES = 272, 62
# A value is rounded up from this share of a step on, and put back a little lower.
_ROUND_UP, _LOWER = 0.62, 0.06
# Neighbours reach so far, and count by their distance in rows and columns together; the planes sent before; and what
# is likely without them.
_REACH, _WEIGHTS, _OTHERS, _PRIOR = 2, (0, 6, 4, 3, 2), 6, 12
# Of a step, in which sizes are counted; those of neighbours count up to 30 steps.
_UNIT = 4096
_MOST = 30 * _UNIT
_CLASSES, _UNARY, _LONGEST = 16, 4, 255
_MEAN_BITS = 7
# Probabilities of a zero, out of 4096, for each class of likely size and each further bit of a unary number: from
# copies of some hundred photographs at three steps. The last is of what is as likely 1.
_ZERO = (
    4080, 3072, 2048, 2048, 4080, 3413, 2048, 2048, 4080, 4059, 2048, 2048, 4080, 4074, 3072, 2048,
    4026, 4062, 3584, 3072, 3739, 4050, 3950, 3072, 3130, 3937, 3789, 2958, 2396, 3575, 3629, 3137,
    1700, 2909, 3103, 2930, 1160, 2056, 2347, 2258, 713, 1386, 1543, 1525, 575, 904, 1063, 1177,
    293, 589, 587, 703, 175, 450, 338, 471, 236, 336, 290, 327, 107, 183, 293, 185,
    2048,
)  # fmt: skip
_EVEN = _CLASSES * _UNARY
# ITU-R BT.601, as JFIF has it.
_TO_PLANES = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
_Rows = list[list[int]]


class _Scan(NamedTuple):
    """The order of a plane's coefficients.

    Attributes:
        at: (row, column) of each.
        near: of each, those before it that are near, with their weights.
        falls: of each, its frequency to the power 9/8, in 16ths.
    """

    at: list[tuple[int, int]]
    near: list[list[tuple[int, int, int]]]
    falls: list[int]


@lru_cache(maxsize=16)
def _scan(shape: tuple[int, int], kept: tuple[int, int]) -> _Scan:
    """Of a plane of this shape, of which the lowest frequencies are kept, (rows, columns)."""
    longest = max(shape)

    def frequency(at: tuple[int, int]) -> int:
        return math.isqrt(sum((16 * n * longest // side) ** 2 for n, side in zip(at, shape, strict=True)))

    at = sorted(((row, column) for row in range(kept[0]) for column in range(kept[1])), key=lambda a: (frequency(a), a))
    number = {one: n for n, one in enumerate(at)}
    offsets = [(y, x) for y in range(-_REACH, _REACH + 1) for x in range(-_REACH, _REACH + 1)]
    near = [
        [
            (row + y, column + x, _WEIGHTS[abs(y) + abs(x)])
            for y, x in offsets
            if number.get((row + y, column + x), len(at)) < number[row, column]
        ]
        for row, column in at
    ]
    falls = [_eighth_root(max(frequency(one), 10) ** 9 // 16) for one in at]
    return _Scan(at, near, falls)


def _eighth_root(number: int) -> int:
    return math.isqrt(math.isqrt(math.isqrt(number)))


@lru_cache(maxsize=64)
def _cosines(size: int) -> np.ndarray:
    return cosines(size, size)


def _step(index: int, plane: int) -> int:
    """The step of a plane's coefficients in 64ths of a grey level: eight to an octave, from 8 grey levels on."""
    step = _eighth_root(1 << index + 8 * 9)
    return step * _CHROMA // 16 if plane else step


def _shapes(shape: tuple[int, int], grey: bool) -> list[tuple[int, int]]:
    """How many coefficients of each plane are sent."""
    half = -(-shape[0] // 2), -(-shape[1] // 2)
    return [shape] if grey else [shape, half, half]


def _walk(shape: tuple[int, int], step: int, planes: list[_Rows], code: Callable[[int, int], int]) -> None:
    """Go through all coefficients but the mean of the luma, in steps: `code` is given a class of likely size and the
    number that there is, and gives the one that there should be."""
    root = math.isqrt(256 * shape[0] * shape[1])
    likely = [[[0] * len(rows[0]) for _ in rows] for rows in planes]
    for plane, rows in enumerate(planes):
        scan = _scan(shape, (len(rows), len(rows[0])))
        size = _AMPLITUDES[plane > 0] * root * 64 * _UNIT // (16 * _step(step, plane))
        for (row, column), near, fall in zip(*scan, strict=True):
            if not plane and not row and not column:
                continue
            here = size // fall
            likely[plane][row][column] = min(here, _MOST)
            found, expected = _PRIOR * _UNIT, _PRIOR * _UNIT
            for y, x, weight in near:
                found += weight * _UNIT * abs(rows[y][x])
                expected += weight * likely[plane][y][x]
            for other in range(plane):
                found += _OTHERS * _UNIT * abs(planes[other][row][column])
                expected += _OTHERS * likely[other][row][column]
            # One and a half classes an octave, from a 64th of a step on.
            class_ = ((here * found // expected) ** 3).bit_length() - 19 >> 1
            rows[row][column] = code(max(0, min(class_, _CLASSES - 1)), rows[row][column])


def _encoded(shape: tuple[int, int], step: int, mean: int, planes: list[_Rows]) -> bytes:
    encoder = Encoder(Model(list(_ZERO), None))

    def code(class_: int, value: int) -> int:
        for turn in range(min(abs(value), _LONGEST)):
            encoder.write(class_ * _UNARY + min(turn, _UNARY - 1), 1)
        if abs(value) < _LONGEST:
            encoder.write(class_ * _UNARY + min(abs(value), _UNARY - 1), 0)
        if value:
            encoder.write(_EVEN, int(value < 0))
        return value

    for bit in range(_MEAN_BITS):
        encoder.write(_EVEN, mean >> bit & 1)
    _walk(shape, step, planes, code)
    return bytes([shape[1], shape[0], step | (_GREY if len(planes) == 1 else 0)]) + encoder.finish()


def _samples(shape: tuple[int, int], step: int, mean: int, planes: list[_Rows]) -> np.ndarray:
    """What coefficients in steps stand for: uint8, (height, width) or (height, width, 3)."""
    found = []
    for plane, rows in enumerate(planes):
        values = np.array(rows, np.float64)
        full = np.zeros(shape)
        full[: values.shape[0], : values.shape[1]] = (values - _LOWER * np.sign(values)) * _step(step, plane) / 64
        found.append(_cosines(shape[0]).T @ full @ _cosines(shape[1]))
    found[0] += 2 * mean + 1
    samples = found[0] if len(found) == 1 else np.stack(found, -1) @ np.linalg.inv(_TO_PLANES).T
    return np.clip(np.rint(samples), 0, 255).astype(np.uint8)


def _fit(samples: np.ndarray, budget: int) -> tuple[bytes, np.ndarray] | None:
    """At its own size, as finely as fits; None where it does not."""
    grey = samples.ndim == 2
    shape = samples.shape[0], samples.shape[1]
    colours = [samples] if grey else list(np.moveaxis(samples @ _TO_PLANES.T, -1, 0))
    mean = int(np.clip(np.mean(colours[0]) / 2, 0, 127))
    whole = [_cosines(shape[0]) @ plane @ _cosines(shape[1]).T for plane in colours]
    waves = [one[:down, :across] for one, (down, across) in zip(whole, _shapes(shape, grey), strict=True)]
    waves[0][0, 0] = 0
    best, low, high = None, 0, _STEPS - 1
    while low <= high:
        step = (low + high) // 2
        steps = [wave * 64 / _step(step, plane) for plane, wave in enumerate(waves)]
        planes = [(np.sign(one) * np.floor(np.abs(one) + 1 - _ROUND_UP)).astype(int).tolist() for one in steps]
        content = _encoded(shape, step, mean, planes)
        if len(content) <= budget:
            best, high = (content, _samples(shape, step, mean, planes)), step - 1
        else:
            low = step + 1
    return best


def fit(samples: np.ndarray, budget: int) -> tuple[bytes, np.ndarray] | None:
    """A small copy of a picture in a budget: the largest that is good to look at.

    Args:
        samples: uint8, (height, width) grey or (height, width, 3).
        budget: bytes.

    Returns:
        The content, and what `open_` makes of it; None where it does not fit at all.
    """
    height, width = samples.shape[:2]
    longest = max(height, width)
    best: tuple[float, bytes, np.ndarray] | None = None
    for side in sorted({min(longest, side) for side in _SIDES}, reverse=True):
        size = max(1, round(width * side / longest)), max(1, round(height * side / longest))
        small = np.asarray(Image.fromarray(samples).resize(size, Image.Resampling.LANCZOS))
        found = _fit(small, budget)
        psnr = metrics.psnr(found[1], small) if found else 0.0
        if found and (best is None or psnr > best[0]):
            best = psnr, *found
        if psnr >= _GOOD or (best and side <= _LEAST):
            break
    return best[1:] if best else None


def open_(content: bytes) -> np.ndarray:
    """The samples in `fit`'s content: uint8, (height, width) or (height, width, 3).

    Raises:
        InvalidContent: for content that `fit` did not write.
    """
    if len(content) < _HEAD or not 0 < max(content[:2]) <= _LARGEST or not min(content[:2]):
        raise InvalidContent("a thumbnail that is cut")
    shape, step, grey = (content[1], content[0]), content[2] % _STEPS, bool(content[2] & _GREY)
    decoder = Decoder(content[_HEAD:], Model(list(_ZERO), None))
    mean = sum(decoder.read(_EVEN) << bit for bit in range(_MEAN_BITS))

    def code(class_: int, _: int) -> int:
        size = 0
        while size < _LONGEST and decoder.read(class_ * _UNARY + min(size, _UNARY - 1)):
            size += 1
        return -size if size and decoder.read(_EVEN) else size

    planes = [[[0] * across for _ in range(down)] for down, across in _shapes(shape, grey)]
    _walk(shape, step, planes, code)
    return _samples(shape, step, mean, planes)
