"""A picture with loss: as finely as a budget allows (`fit`), or in very few bytes (`fit_picture`).

The latter takes AVIF, JPEG XL or WebP, at the picture's own size or a smaller one, whichever is nearest to it. Its
bytes: width (4, big-endian), height (4), codec (1: AVIF, 2: JPEG XL, 3: WebP; 128 more: grey), then the codec's stream.
An AVIF begins with some 270 bytes of boxes that are nearly always the same: they are deflated against a dictionary of
them (2 bytes of length, then the deflated boxes, then the rest).
"""

import io
import math
import struct
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from ..errors import StegoError
from ..picture import claims, metrics
from ..picture.files import Picture
from . import streams
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
from .errors import InvalidContent, LaterVersion

AVIF, JXL, WEBP = 1, 2, 3
_NAMES = {AVIF: "AVIF", JXL: "JXL", WEBP: "WEBP"}
_GREY = 0x80
_HEAD = struct.Struct(">IIB")
_LENGTH = struct.Struct(">H")
# Sizes tried, as shares of the own one.
_SCALES = (1.0, 0.71, 0.5, 0.35, 0.25, 0.18, 0.125, 0.06)
_SMALLEST_SIDE = 8
# Below so many bits a pixel a smaller size may be nearer; above, never.
_SCARCE = 0.35
# Longest sides of thumbnails, in pixels; bits a pixel below which none is tried; the PSNR, dB, that is good to look at.
_THUMBNAILS = (192, 160, 128, 112, 96, 80, 64, 48, 32)
_LEAST_THUMBNAIL, _GOOD_THUMBNAIL = 0.1, 26.5
# Only above so many bits a pixel do the others come near AVIF.
_PLENTY = 2.0
# Part of the format: the boxes of an AVIF of ISO/IEC 23000-22 as libavif writes them for three planes of 8 bits.
_BOXES = (
    b"\0\0\0 ftypavif\0\0\0\0avifmif1miafMA1A\0\0\0\xebmeta\0\0\0\0\0\0\0!hdlr\0\0\0\0\0\0\0\0pict"
    + bytes(14)
    + b"\x0epitm"
    b"\0\0\0\0\0\1\0\0\0\x1eiloc\0\0\0\0D\0\0\1\0\1\0\0\0\1\0\0\1\x13\0\0\x12\x30\0\0\0(iinf\0\0\0\0\0\1\0\0\0\x1ainfe\2"
    b"\0\0\0\0\1\0\0av01Color\0\0\0\0jiprp\0\0\0Kipco\0\0\0\x14ispe\0\0\0\0\0\0\1\xf4\0\0\1\xf4\0\0\0\x10pixi\0\0\0\0\3"
    b"\x08\x08\x08\0\0\0\x0cav1C\x81!\0\0\0\0\0\x13colrnclx\0\1\0\r\0\6\x80\0\0\0\x17ipma\0\0\0\0\0\0\0\1\0\1\4\1\2\x83\4"
    b"\0\0\x12\x38mdat"
)

# A careful encoder's stream is longer or shorter than the draft's of the same quality: it is looked for so far around
# it, with so few of its slow runs.
_REACH, _CAREFUL_TRIES = 8, 3
# A budget that is filled to so much is not worth another run: the next quality is mostly too long.
_FULL = 0.97

# By how much the logarithm of a length grows with the quality, about.
_STEEP = 0.04


# Steps in halves of a grey level. For PSNR, dividing the samples and coding them without loss beats lossy
# JPEG XL down to about 45 dB, which is most of what anyone asks of a hidden picture.
STEPS = (3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32)
_QUALITIES = tuple(float(q) for q in np.linspace(99.8, 20, 64))
_EFFORT = 7
_LEVELS = np.arange(256, dtype=np.uint8)


class TooSmall(ValueError):
    """The picture does not fit at any size."""


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
        return streams.picture_of(open_picture(frame.body, carrier))
    profile, body = take_part(frame.body)
    if frame.kind == LOSSY:
        return streams.picture_of(streams.decode(body, "JXL", carrier), profile or None)
    if not body:
        raise InvalidContent("content that is cut")
    return streams.picture_of(_multiplied(streams.decode(body[1:], "JXL", carrier), body[0]), profile or None)


# -- in very few bytes ------------------------------------------------------------------------------------------


def _deflated(stream: bytes) -> bytes:
    split = stream.find(b"mdat", 0, 4096) + 4
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=_BOXES)
    boxes = packer.compress(stream[:split]) + packer.flush()
    return _LENGTH.pack(len(boxes)) + boxes + stream[split:]


def _inflated(packed: bytes) -> bytes:
    (length,) = _LENGTH.unpack_from(packed)
    unpacker = zlib.decompressobj(-15, zdict=_BOXES)
    boxes = unpacker.decompress(packed[_LENGTH.size : _LENGTH.size + length], 1 << 16)
    return boxes + packed[_LENGTH.size + length :]


def _encoded(samples: np.ndarray, codec: int, quality: int, careful: bool) -> bytes:
    file = io.BytesIO()
    picture = Image.fromarray(samples)
    pixels = samples.shape[0] * samples.shape[1]
    if codec == AVIF:
        # Tuned for squared error: libaom's own choice since 3.13 is for the eye, and 1 dB behind.
        speed = (4 if pixels <= 2_000_000 else 6) if careful else 8
        picture.save(file, "AVIF", quality=quality, speed=speed, subsampling="4:4:4", advanced={"tune": "psnr"})
        return _deflated(file.getvalue())
    if codec == JXL:
        return streams.encode_jxl(samples, quality=quality, effort=_EFFORT)
    picture.save(file, "WEBP", quality=quality, method=6 if careful else 4)
    return file.getvalue()


def _decoded(stream: bytes, codec: int, size: tuple[int, int]) -> np.ndarray:
    """At the given size, which the stream may not exceed: a picture is coded at its own size or a smaller one."""
    kind = codec & ~_GREY
    if kind == JXL:
        # The plug-in decodes as soon as it opens.
        _check_size(claims.jxl_size(stream), size)
        streams.need_jxl()
    if kind == WEBP:
        _check_size(claims.webp_size(stream), size)
    with Image.open(io.BytesIO(_inflated(stream) if kind == AVIF else stream), formats=[_NAMES[kind]]) as picture:
        _check_size(picture.size, size)
        picture.load()
        if codec & _GREY:
            picture = picture.convert("L")
        elif picture.mode not in ("RGB", "RGBA"):
            picture = picture.convert("RGB")
        return np.asarray(picture if picture.size == size else picture.resize(size, Image.Resampling.BICUBIC))


def _check_size(coded: tuple[int, int], size: tuple[int, int]) -> None:
    if coded[0] > size[0] or coded[1] > size[1]:
        raise InvalidContent(f"a picture of {coded[0]}x{coded[1]} for one of {size[0]}x{size[1]}")


def _finest(
    code: Callable[[int], bytes], budget: int, low: int, high: int, tries: int = 99
) -> tuple[int, bytes] | None:
    """The highest quality from `low` to `high` whose stream is within the budget, and the stream.

    With few `tries` it is the highest that was come upon; the first is in the middle.
    """
    best, lengths = None, {}
    guess = (low + high) // 2
    while low <= high and tries > 0:
        tries -= 1
        stream = code(guess)
        lengths[guess] = math.log(len(stream))
        if len(stream) <= budget:
            best, low = (guess, stream), guess + 1
            if len(stream) > _FULL * budget:
                break
        else:
            high = guess - 1
        # Lengths grow about exponentially with the quality: the next guess is on the line through the nearest two.
        below, above = lengths.get(low - 1), lengths.get(high + 1)
        steep = (above - below) / (high - low + 2) if below is not None and above is not None else _STEEP
        missing = math.log(max(1, budget)) - lengths[guess]
        step = missing / steep if steep > 0 else 0.0
        guess = min(max(guess + round(step), low), high)
    return best


def fit_picture(samples: np.ndarray, budget: int) -> tuple[bytes, np.ndarray]:
    """A picture in at most `budget` bytes, and what they give back.

    Args:
        samples: uint8, (height, width) grey, (height, width, 3) or (height, width, 4).
        budget: bytes.

    Returns:
        The content, and what `open_picture` makes of it: an array of the samples' shape.

    Raises:
        TooSmall: when it does not fit at any size.
    """
    height, width = samples.shape[:2]
    room = budget - _HEAD.size
    grey = _GREY if samples.ndim == 2 else 0
    scarce = 8 * room < _SCARCE * height * width

    def at(scale: float) -> np.ndarray:
        size = tuple(max(1, round(n * scale)) for n in (width, height))
        if size == (width, height):
            return samples
        return np.asarray(Image.fromarray(samples).resize(size, Image.Resampling.LANCZOS))

    def coder(small: np.ndarray, codec: int, careful: bool) -> Callable[[int], bytes]:
        return lambda quality: _encoded(small, codec, quality, careful)

    def seen(stream: bytes, codec: int) -> np.ndarray:
        return _decoded(stream, codec | grey, (width, height))

    drafts = []
    for scale in _SCALES if scarce else _SCALES[:1]:
        if scale < 1 and min(height, width) * scale < _SMALLEST_SIDE:
            break
        small = at(scale)
        found = []
        plenty = 8 * room > _PLENTY * small.shape[0] * small.shape[1]
        for codec in (AVIF, *((JXL,) if streams.has_jxl() else ()), WEBP) if plenty else (AVIF,):
            draft = _finest(coder(small, codec, False), room, 1, 99)
            if draft:
                found.append((metrics.psnr(seen(draft[1], codec), samples), codec, draft, small))
        drafts += found
        # Once a smaller size is worse than the last, the next is too.
        if len({id(d[3]) for d in drafts}) > 2 and found and max(f[0] for f in found) < max(d[0] for d in drafts) - 1:
            break
    if not drafts:
        raise TooSmall(f"{width}x{height} pixels in {budget} bytes")
    best = (0.0, b"", samples)
    for _, codec, (quality, stream), small in sorted(drafts, key=lambda d: -d[0])[:1]:
        reach = min(_REACH, 99 - quality)
        careful = _finest(coder(small, codec, True), room, max(1, quality - reach), quality + reach, _CAREFUL_TRIES)
        for final in (stream, careful[1] if careful else stream):
            picture = seen(final, codec)
            psnr = metrics.psnr(picture, samples)
            if psnr > best[0]:
                best = psnr, _HEAD.pack(width, height, codec | grey) + final, picture
    return best[1], best[2]


def fit_thumbnail(samples: np.ndarray, budget: int) -> tuple[bytes, np.ndarray]:
    """A small copy of a picture in at most `budget` bytes: the largest that is still good to look at.

    Args:
        samples: as for `fit_picture`.
        budget: bytes.

    Returns:
        The content, and what `open_picture` makes of it: an array of the thumbnail's shape.

    Raises:
        TooSmall: when it fits at no size.
    """
    height, width = samples.shape[:2]
    longest = max(height, width)
    best: tuple[float, bytes, np.ndarray] | None = None
    for side in sorted({longest, *_THUMBNAILS}, reverse=True):
        size = tuple(max(1, round(n * side / longest)) for n in (width, height))
        scarce = 8 * budget < _LEAST_THUMBNAIL * size[0] * size[1]
        if side > min(longest, _THUMBNAILS[0]) or (scarce and side > _THUMBNAILS[-1]):
            continue
        small = np.asarray(Image.fromarray(samples).resize(size, Image.Resampling.LANCZOS))
        try:
            content, seen = fit_picture(small, budget)
        except TooSmall:
            continue
        psnr = metrics.psnr(seen, small)
        if best is None or psnr > best[0]:
            best = psnr, content, seen
        if psnr >= _GOOD_THUMBNAIL:
            break
    if best is None:
        raise TooSmall(f"{width}x{height} pixels in {budget} bytes")
    return best[1:]


def words(content: bytes) -> str:
    """How `fit_picture` coded a picture, for people."""
    return {AVIF: "AVIF", JXL: "JPEG XL", WEBP: "WebP"}[content[_HEAD.size - 1] & ~_GREY]


def open_picture(content: bytes, carrier: int | None = None) -> np.ndarray:
    """The samples in `fit_picture`'s content: uint8, (height, width), or with 3 or 4 channels.

    Args:
        content: the bytes.
        carrier: pixels of the picture that it was embedded in, which bound what is decoded (`claims`).

    Raises:
        InvalidContent: for content that `fit_picture` did not write.
        LaterVersion: for a codec that this version does not know.
        StegoError: when JPEG XL is not installed.
    """
    if len(content) < _HEAD.size:
        raise InvalidContent("a picture that is cut")
    width, height, codec = _HEAD.unpack_from(content)
    if codec & ~_GREY not in _NAMES:
        raise LaterVersion(f"codec {codec & ~_GREY}")
    try:
        claims.check_revealed(width, height, carrier)
    except ValueError as error:
        raise InvalidContent(str(error)) from None
    try:
        return _decoded(content[_HEAD.size :], codec, (width, height))
    except (InvalidContent, StegoError):
        raise
    except Exception as error:  # decoders raise what they like on forged streams
        raise InvalidContent(f"a picture that can't be decoded ({type(error).__name__})") from None
