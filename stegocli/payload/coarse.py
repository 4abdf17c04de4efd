"""A picture in few bytes: AVIF, JPEG XL or WebP, at its own size or a smaller one, whichever is nearest to it.

Content: width (4, big-endian), height (4), codec (1: AVIF, 2: JPEG XL, 3: WebP; 128
more: grey), then the codec's stream. An AVIF
begins with some 270 bytes of boxes that are nearly always the same: they are deflated against a dictionary of them
(2 bytes of length, then the deflated boxes, then the rest).
"""

import io
import math
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from ..errors import StegoError
from ..picture import claims, metrics

AVIF, JXL, WEBP = 1, 2, 3
_GREY = 0x80
_HEAD = struct.Struct(">IIB")
_LENGTH = struct.Struct(">H")
# Sizes tried, as shares of the own one.
_SCALES = (1.0, 0.71, 0.5, 0.35, 0.25, 0.18, 0.125, 0.06)
_SMALLEST_SIDE = 8
# Below so many bits a pixel a smaller size may be nearer; above, never.
_SCARCE = 0.35
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


# By how much the logarithm of a length grows with the quality, about.
_STEEP = 0.04


class TooSmall(ValueError):
    """The picture does not fit at any size."""


def need_jxl() -> None:
    """Register JPEG XL with Pillow, which has it only through a plug-in.

    Raises:
        StegoError: when that is not installed.
    """
    try:
        import pillow_jxl  # noqa: F401
    except ImportError:
        raise StegoError("JPEG XL is missing: install it with `pip install pillow-jxl-plugin`.") from None


def has_jxl() -> bool:
    """Whether that would work; what can be coded otherwise is, without it."""
    try:
        need_jxl()
    except StegoError:
        return False
    return True


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
        speed = (3 if pixels <= 400_000 else 4 if pixels <= 2_000_000 else 6) if careful else 8
        picture.save(file, "AVIF", quality=quality, speed=speed, subsampling="4:4:4", advanced={"tune": "psnr"})
        return _deflated(file.getvalue())
    if codec == JXL:
        need_jxl()
        picture.save(file, "JXL", quality=quality, effort=7)
    else:
        picture.save(file, "WEBP", quality=quality, method=6 if careful else 4)
    return file.getvalue()


def _decoded(stream: bytes, codec: int, size: tuple[int, int]) -> np.ndarray:
    """At the given size, which the stream may not exceed: a picture is coded at its own size or a smaller one."""
    known = {AVIF: "AVIF", JXL: "JXL", WEBP: "WEBP"}
    kind = codec & ~_GREY
    if kind not in known:
        raise ValueError(f"codec {codec}")
    if kind == JXL:
        # The plug-in decodes as soon as it opens.
        _check_size(claims.jxl_size(stream), size)
        need_jxl()
    if kind == WEBP:
        _check_size(claims.webp_size(stream), size)
    with Image.open(io.BytesIO(_inflated(stream) if kind == AVIF else stream), formats=[known[kind]]) as picture:
        _check_size(picture.size, size)
        picture.load()
        if codec & _GREY:
            picture = picture.convert("L")
        elif picture.mode not in ("RGB", "RGBA"):
            picture = picture.convert("RGB")
        return np.asarray(picture if picture.size == size else picture.resize(size, Image.Resampling.BICUBIC))


def _check_size(coded: tuple[int, int], size: tuple[int, int]) -> None:
    if coded[0] > size[0] or coded[1] > size[1]:
        raise ValueError(f"a picture of {coded[0]}x{coded[1]} for one of {size[0]}x{size[1]}")


def _finest(code: Callable[[int], bytes], budget: int, low: int, high: int) -> tuple[int, bytes] | None:
    """The highest quality from `low` to `high` whose stream is within the budget, and the stream."""
    best, lengths = None, {}
    guess = (low + high) // 2
    while low <= high:
        stream = code(guess)
        lengths[guess] = math.log(len(stream))
        if len(stream) <= budget:
            best, low = (guess, stream), guess + 1
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
        for codec in (AVIF, *((JXL,) if has_jxl() else ()), WEBP) if plenty else (AVIF,):
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
        careful = _finest(coder(small, codec, True), room, quality, min(99, quality + 3))
        for final in (stream, careful[1] if careful else stream):
            picture = seen(final, codec)
            psnr = metrics.psnr(picture, samples)
            if psnr > best[0]:
                best = psnr, _HEAD.pack(width, height, codec | grey) + final, picture
    return best[1], best[2]


def words(content: bytes) -> str:
    """How `fit_picture` coded a picture, for people."""
    return {AVIF: "AVIF", JXL: "JPEG XL", WEBP: "WebP"}[content[_HEAD.size - 1] & ~_GREY]


def open_picture(content: bytes, carrier: int | None = None) -> np.ndarray:
    """The samples in `fit_picture`'s content: uint8, (height, width), or with 3 or 4 channels.

    Args:
        content: the bytes.
        carrier: pixels of the picture that it was embedded in, which bound what is decoded (`claims`).

    Raises:
        ValueError: for content that `fit_picture` did not write.
    """
    try:
        width, height, codec = _HEAD.unpack_from(content)
        claims.check_revealed(width, height, carrier)
        return _decoded(content[_HEAD.size :], codec, (width, height))
    except (OSError, struct.error, zlib.error, SyntaxError) as error:
        raise ValueError(f"the picture can't be decoded: {error}") from None
