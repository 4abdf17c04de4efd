"""A picture in very few bytes: AVIF, JPEG XL or WebP, at its own size or a smaller one, whichever is nearest to it.

Its bytes: width (4, big-endian), height (4), codec (1: AVIF, 2: JPEG XL, 3: WebP, 4: faint AVIF; 128 more: grey), then
the codec's stream. An AVIF begins with some 270 bytes of boxes that are nearly always the same: they are deflated
against a dictionary of them (2 bytes of length, then the deflated boxes, then the rest). Before a faint one stands a
byte: by so many 255ths samples are nearer to the middle than they should be. An encoder's qualities lie a tenth of the
bytes apart; of a fainter picture a finer one is a little shorter, and so the room is filled.
"""

import io
import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..errors import StegoError
from ..picture import claims, metrics
from . import streams
from .errors import InvalidContent, LaterVersion

AVIF, JXL, WEBP, FAINT = 1, 2, 3, 4
_NAMES = {AVIF: "AVIF", JXL: "JXL", WEBP: "WEBP", FAINT: "AVIF"}
_GREY = 0x80
# Of the levels that a sample has.
_MIDDLE = 127.5
_HEAD = struct.Struct(">IIB")
_LENGTH = struct.Struct(">H")
# Sizes tried, as shares of the own one.
_SCALES = (1.0, 0.93, 0.82, 0.66, 0.5, 0.35, 0.25, 0.18, 0.125, 0.06)
_SMALLEST_SIDE = 8
# Below so many bits a pixel a smaller size may be nearer; above, never.
_SCARCE = 0.35
# Only above so many bits a pixel do the others come near AVIF.
_PLENTY = 2.0
# How careful an encoder is: to find out which size and quality are best, how long a stream becomes to some per cent,
# and for good. libaom's speeds for these; of more pixels the last takes too long.
_DRAFT, _SIZING, _CAREFUL = range(3)
_SPEEDS, _JXL_EFFORT = (8, 6, 4), 7
_LARGE = 2_000_000
# Qualities that differ, of an AVIF; the best of them is meant to be without loss, and is left out.
_LEVELS = 63
# Streams are longer or shorter with another effort: one within the budget is looked for so far around the level that
# was found before, with so few encodings.
_AROUND = {_SIZING: (4, 2), _CAREFUL: (2, 2)}
# A length is about as this power of the contrast; the share of the room that is aimed at, and that is full.
_GROWTH, _AIMED, _FULL = 1.16, 0.985, 0.97
# The least contrast, in 255ths: below, rounding shows.
_FAINTEST = 160
# dB that the logarithm of the bytes gains, about; and what a careful encoder gains more at the own size.
_GAIN, _OWN = 4.5, 0.15
# By how much the logarithm of a length grows with the level, about; and the share of that which is missing where the
# next level is hardly worth an encoding.
_STEEP, _UNLIKELY = 0.09, 0.7
# The level that is tried first, at the own size.
_USUAL = 24
# Longest sides of thumbnails, in pixels; bits a pixel below which none is tried; the PSNR, dB, that is good to look at.
_THUMBNAILS = (192, 160, 128, 112, 96, 80, 64, 48, 32)
_LEAST_THUMBNAIL, _GOOD_THUMBNAIL = 0.1, 26.5
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


class TooSmall(ValueError):
    """The picture does not fit at any size."""


@dataclass(frozen=True)
class _Found:
    """The highest level of quality that fits, its stream, and how much the logarithm of a length grows to the next."""

    level: int
    stream: bytes
    steep: float


@dataclass(frozen=True)
class _Draft:
    """A picture as a fast encoder makes it.

    Attributes:
        psnr: dB, about what a careful one would reach if the budget were full.
        scale: of the sides.
        codec: what coded it.
        found: what came out.
    """

    psnr: float
    scale: float
    codec: int
    found: _Found


@dataclass(frozen=True)
class _Coder:
    """Codes a picture within a budget.

    Attributes:
        samples: of the picture, uint8 (height, width), or with 3 or 4 channels.
        room: bytes that a stream may take.
    """

    samples: np.ndarray
    room: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.samples.shape[1], self.samples.shape[0]

    @property
    def grey(self) -> int:
        """What the codec's number has more for a grey picture."""
        return _GREY if self.samples.ndim == 2 else 0

    def seen(self, stream: bytes, codec: int) -> np.ndarray:
        """What a receiver gets."""
        return _decoded(stream, codec | self.grey, self.size)

    def drafts(self) -> list[_Draft]:
        """Of each size and codec that may be the best, the highest quality that fits, as a fast encoder has it."""
        found: list[_Draft] = []
        last: dict[int, _Draft] = {}
        best, scarce = 0.0, 8 * self.room < _SCARCE * self.size[0] * self.size[1]
        for scale in _SCALES if scarce else _SCALES[:1]:
            if scale < 1 and min(self.size) * scale < _SMALLEST_SIDE:
                break
            codecs = (AVIF, *((JXL,) if streams.has_jxl() else ()), WEBP) if self.is_plenty(scale) else (AVIF,)
            new = [draft for draft in (self._draft(scale, codec, last.get(codec)) for codec in codecs) if draft]
            # Once a smaller size is much worse, the next is too.
            if new and max(draft.psnr for draft in new) < best - 1:
                break
            found += new
            last |= {draft.codec: draft for draft in new}
            best = max([best, *(draft.psnr for draft in new)])
        return found

    def _draft(self, scale: float, codec: int, larger: _Draft | None) -> _Draft | None:
        small, start, steep = self._at(scale), _USUAL, _STEEP
        if larger:
            # Of one level a length is about as the area.
            start, steep = larger.found.level, larger.found.steep
            start += round(2 * math.log(larger.scale / scale) / steep)
        found = _finest(lambda level: _encoded(small, codec, level, _DRAFT), self.room, range(1, _LEVELS), start, steep)
        if found is None:
            return None
        psnr = metrics.psnr(self.seen(found.stream, codec), self.samples) + (_OWN if scale == 1 else 0)
        return _Draft(psnr + self.left(found.stream), scale, codec, found)

    def is_plenty(self, scale: float) -> bool:
        """Whether there are many bits for each pixel at a scale."""
        return 8 * self.room > _PLENTY * scale**2 * self.size[0] * self.size[1]

    def left(self, stream: bytes) -> float:
        """dB that a stream of the whole room would gain."""
        return _GAIN * math.log(self.room / len(stream))

    def whole(self, draft: _Draft) -> bytes:
        """The stream as a careful encoder has it; the draft where that is longer at any quality."""
        found, small = draft.found, self._at(draft.scale)
        for effort, (reach, tries) in _AROUND.items():

            def code(level: int, effort: int = effort) -> bytes:
                return _encoded(small, draft.codec, level, effort)

            levels = range(max(1, found.level - reach), min(_LEVELS - 1, found.level + reach) + 1)
            nearer = _finest(code, self.room, levels, found.level, found.steep, tries)
            if nearer is None:
                break
            found = nearer
        return found.stream

    def filling(self, draft: _Draft) -> bytes:
        """A faint AVIF that fills the room, as a careful encoder has it; empty where none was come upon."""
        small, best = self._at(draft.scale), b""
        level, contrast, length = draft.found.level, 1.0, len(draft.found.stream)
        # What a level changes of the contrast that is wanted.
        step = math.exp(draft.found.steep / _GROWTH)
        for attempt, effort in enumerate((_SIZING, _CAREFUL, _CAREFUL, _CAREFUL)):
            contrast *= (_AIMED * self.room / length) ** (1 / _GROWTH)
            while contrast > 1 and level < _LEVELS - 1:
                level, contrast = level + 1, contrast / step
            while contrast * step < 1 and level > 1:
                level, contrast = level - 1, contrast * step
            byte = min(255, max(_FAINTEST, round(255 * contrast)))
            contrast = byte / 255
            stream = bytes([byte]) + _encoded(_fainter(small, byte), AVIF, level, effort)
            length = len(stream)
            if effort == _CAREFUL and len(best) < length <= self.room:
                best = stream
            # The last attempt is for what came out too long each time.
            if len(best) >= _FULL * self.room or (best and attempt == 2):
                break
        return best

    def _at(self, scale: float) -> np.ndarray:
        width, height = (max(1, round(n * scale)) for n in self.size)
        if (width, height) == self.size:
            return self.samples
        return np.asarray(Image.fromarray(self.samples).resize((width, height), Image.Resampling.LANCZOS))


def fit(samples: np.ndarray, budget: int) -> tuple[bytes, np.ndarray]:
    """A picture in at most `budget` bytes, and what they give back.

    Args:
        samples: uint8, (height, width) grey, (height, width, 3) or (height, width, 4).
        budget: bytes.

    Returns:
        The content, and what `open_picture` makes of it: an array of the samples' shape.

    Raises:
        TooSmall: when it does not fit at any size.
    """
    coder = _Coder(samples, budget - _HEAD.size)
    drafts = coder.drafts()
    if not drafts:
        raise TooSmall(f"{coder.size[0]}x{coder.size[1]} pixels in {budget} bytes")
    best = max(drafts, key=lambda draft: draft.psnr)
    coded = [(best.found.stream, best.codec)]
    if coder.is_plenty(best.scale):
        coded.append((coder.whole(best), best.codec))
    elif filling := coder.filling(best):
        coded.append((filling, FAINT))
    seen = [(coder.seen(*one), *one) for one in coded]
    nearest, stream, codec = max(seen, key=lambda one: metrics.psnr(one[0], samples))
    return _HEAD.pack(*coder.size, codec | coder.grey) + stream, nearest


def thumbnail(samples: np.ndarray, budget: int) -> tuple[bytes, np.ndarray]:
    """A small copy of a picture in at most `budget` bytes: the largest that is still good to look at.

    Args:
        samples: as for `fit`.
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
            content, seen = fit(small, budget)
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
    """How `fit` coded a picture, for people."""
    return {AVIF: "AVIF", JXL: "JPEG XL", WEBP: "WebP", FAINT: "AVIF"}[content[_HEAD.size - 1] & ~_GREY]


def open_picture(content: bytes, carrier: int | None = None) -> np.ndarray:
    """The samples in `fit`'s content: uint8, (height, width), or with 3 or 4 channels.

    Args:
        content: the bytes.
        carrier: pixels of the picture that it was embedded in, which bound what is decoded (`claims`).

    Raises:
        InvalidContent: for content that `fit` did not write.
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


# -- streams of the codecs --------------------------------------------------------------------------------------


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


def _table(samples: np.ndarray, factor: float) -> np.ndarray:
    """Samples nearer to the middle of the range by a factor, or farther from it; transparency stays."""
    levels = np.rint(_MIDDLE + (np.arange(256) - _MIDDLE) * factor).clip(0, 255).astype(np.uint8)
    if samples.ndim == 3 and samples.shape[2] == 4:
        return np.dstack([levels[samples[..., :3]], samples[..., 3]])
    return np.asarray(levels[samples])


def _fainter(samples: np.ndarray, contrast: int) -> np.ndarray:
    """What a faint AVIF codes, for a contrast in 255ths."""
    return _table(samples, contrast / 255)


def _stronger(samples: np.ndarray, contrast: int) -> np.ndarray:
    """`_fainter`, undone."""
    return _table(samples, 255 / contrast)


def _encoded(samples: np.ndarray, codec: int, level: int, effort: int) -> bytes:
    file, picture = io.BytesIO(), Image.fromarray(samples)
    quality = round(level * 100 / _LEVELS)
    if codec == AVIF:
        # Tuned for squared error: libaom's own choice since 3.13 is for the eye, and 1 dB behind.
        speed = _SPEEDS[effort if samples.shape[0] * samples.shape[1] <= _LARGE else min(effort, _SIZING)]
        picture.save(file, "AVIF", quality=quality, speed=speed, subsampling="4:4:4", advanced={"tune": "psnr"})
        return _deflated(file.getvalue())
    if codec == JXL:
        return streams.encode_jxl(samples, quality=quality, effort=_JXL_EFFORT)
    picture.save(file, "WEBP", quality=quality, method=6 if effort == _CAREFUL else 4)
    return file.getvalue()


def _decoded(stream: bytes, codec: int, size: tuple[int, int]) -> np.ndarray:
    """At the given size, which the stream may not exceed: a picture is coded at its own size or a smaller one."""
    kind, contrast = codec & ~_GREY, 255
    if kind == FAINT:
        contrast, stream = stream[0], stream[1:]
    if kind == JXL:
        # The plug-in decodes as soon as it opens.
        _check_size(claims.jxl_size(stream), size)
        streams.need_jxl()
    if kind == WEBP:
        _check_size(claims.webp_size(stream), size)
    with Image.open(
        io.BytesIO(_inflated(stream) if kind in (AVIF, FAINT) else stream), formats=[_NAMES[kind]]
    ) as picture:
        _check_size(picture.size, size)
        picture.load()
        if codec & _GREY:
            picture = picture.convert("L")
        elif picture.mode not in ("RGB", "RGBA"):
            picture = picture.convert("RGB")
        if contrast < 255:
            picture = Image.fromarray(_stronger(np.asarray(picture), contrast))
        return np.asarray(picture if picture.size == size else picture.resize(size, Image.Resampling.BICUBIC))


def _check_size(coded: tuple[int, int], size: tuple[int, int]) -> None:
    if coded[0] > size[0] or coded[1] > size[1]:
        raise InvalidContent(f"a picture of {coded[0]}x{coded[1]} for one of {size[0]}x{size[1]}")


def _finest(
    code: Callable[[int], bytes], budget: int, levels: range, start: int, steep: float, tries: int = 99
) -> _Found | None:
    """Of some levels one whose stream is within the budget, and the next one's is likely not.

    Args:
        start: the level that is tried first.
        steep: by how much the logarithm of a length grows with the level, about.
        tries: with few of them it is the highest that was come upon.
    """
    best, lengths = None, {}
    low, high = levels[0], levels[-1]
    guess = min(max(start, low), high)
    while low <= high and tries > 0:
        tries -= 1
        stream = code(guess)
        lengths[guess] = math.log(len(stream))
        missing = math.log(max(1, budget)) - lengths[guess]
        if missing >= 0:
            best, low = (guess, stream), guess + 1
        else:
            high = guess - 1
        # Lengths grow about exponentially with the level: the next guess is on the line through the nearest two.
        below, above = lengths.get(low - 1), lengths.get(high + 1)
        if below is not None and above is not None and above > below:
            steep = (above - below) / (high - low + 2)
        if 0 <= missing < _UNLIKELY * steep:
            break
        guess = min(max(guess + math.floor(missing / steep), low), high)
    return _Found(*best, steep) if best else None
