"""The secret file as the fewest bytes that give it back, and the way back.

Content: kind (1 byte), length of the extension (1), the extension (UTF-8), then

    kind 0  the file's own bytes
    kind 1  a picture, lossless: ICC profile's length (4, big-endian), profile (deflate), JPEG XL
    kind 2  the same with lossless WebP
    kind 3  a picture, near-lossless: as kind 1, but after the profile a step in halves of a grey level (1);
            the JPEG XL holds the samples divided by the step
    kind 4  a picture, lossy: as kind 1 with lossy JPEG XL
"""

import io
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import StegoError
from ..picture import files, metrics
from ..picture.files import Picture

# The format's limit.
WEBP_SIDE = 16383
FILE, JXL, WEBP, NEAR_LOSSLESS, LOSSY = range(5)
# The extension becomes part of a file name at reveal, whoever wrote the stego.
_EXTENSION = re.compile(r"(\.[^\W_][\w-]{0,30})?")
_LENGTH = struct.Struct(">I")
# Steps in halves of a grey level. For PSNR, dividing the samples and coding them without loss beats lossy
# JPEG XL down to about 45 dB, which is most of what anyone asks of a hidden picture.
STEPS = (3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32)
QUALITIES = np.linspace(20, 99.8, 64)


@dataclass(frozen=True)
class Payload:
    """What is embedded.

    Attributes:
        content: the bytes.
        extension: of the secret's name, with its dot, lower case.
        picture: what the receiver sees; None when the secret is no picture.
        coding: in words.
    """

    content: bytes
    extension: str
    picture: Picture | None
    coding: str


def _need_jxl() -> None:
    """Register JPEG XL with Pillow, which has it only through a plug-in."""
    try:
        import pillow_jxl  # noqa: F401
    except ImportError:
        raise StegoError("JPEG XL is missing: install it with `pip install pillow-jxl-plugin`.") from None


def _jxl(array: np.ndarray, **options) -> bytes:
    _need_jxl()
    content = io.BytesIO()
    Image.fromarray(array).save(content, "JXL", **options)
    return content.getvalue()


def _decode(content: bytes) -> np.ndarray:
    _need_jxl()
    return np.asarray(Image.open(io.BytesIO(content)))


def _effort(samples: np.ndarray) -> int:
    """The highest effort saves 1 % and takes 6 s a megapixel: not for photographs of many."""
    return 9 if samples.shape[0] * samples.shape[1] <= 1_000_000 else 7


def _webp(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(array).save(content, "WEBP", lossless=True, exact=True)
    return content.getvalue()


def _content(kind: int, extension: str, *parts: bytes) -> bytes:
    name = extension.encode()
    return bytes([kind, len(name)]) + name + b"".join(parts)


def _profile(icc: bytes | None) -> bytes:
    packed = zlib.compress(icc, 9) if icc else b""
    return _LENGTH.pack(len(packed)) + packed


def _samples(picture: Picture) -> np.ndarray:
    """Grey as (height, width), else RGB or RGBA as the codecs take them."""
    if picture.alpha is not None:
        return np.dstack([picture.rgb, picture.alpha])
    return picture.rgb[..., 0] if picture.grey else picture.rgb


def _picture(samples: np.ndarray, icc: bytes | None) -> Picture:
    if samples.ndim == 2:
        return Picture(np.repeat(samples[..., None], 3, -1), None, icc, grey=True)
    alpha = samples[..., 3] if samples.shape[2] == 4 else None
    return Picture(np.ascontiguousarray(samples[..., :3]), alpha, icc)


def _codable(path: Path) -> Picture | None:
    """The picture, if its samples are all that the file says: 8 bits, upright, in a format that we can write."""
    if path.suffix.lower() not in files.LOSSLESS:
        return None
    try:
        with Image.open(path) as opened:
            upright = opened.getexif().get(0x0112, 1) == 1
            plain = opened.mode in ("L", "RGB", "RGBA") and "transparency" not in opened.info
            single = getattr(opened, "n_frames", 1) == 1
        return files.read(path) if upright and plain and single else None
    except Exception:  # no picture, or a damaged one: its bytes are hidden as they are
        return None


def exact(path: str | Path) -> Payload:
    """The file in the fewest bytes: its own, or, for a picture, JPEG XL or WebP without loss.

    Raises:
        StegoError: when the file can't be read.
    """
    path = Path(path)
    try:
        own = path.read_bytes()
    except OSError as error:
        raise StegoError(f"{path} can't be read ({error.strerror}): check name and permissions.") from None
    # A suffix that could not safely become part of a file name again is not worth a refusal.
    extension = path.suffix.lower() if _EXTENSION.fullmatch(path.suffix.lower()) else ""
    picture = _codable(path)
    candidates = [(_content(FILE, extension, own), f"the file itself, {len(own):,} bytes")]
    if picture is not None:
        samples, profile = _samples(picture), _profile(picture.icc)
        coded = {JXL: _jxl(samples, lossless=True, effort=_effort(samples))}
        if max(samples.shape[:2]) <= WEBP_SIDE:
            coded[WEBP] = _webp(samples)
        for kind, stream in coded.items():
            # Trust no codec with "bit for bit" unseen.
            if np.array_equal(_decode(stream), samples):
                words = ("JPEG XL" if kind == JXL else "WebP") + " without loss"
                candidates.append((_content(kind, extension, profile, stream), words))
    content, coding = min(candidates, key=lambda c: len(c[0]))
    if picture is None and extension in files.READABLE:
        try:
            picture = files.read(path)
        except StegoError:
            picture = None
    return Payload(content, extension, picture, coding)


def fitted(path: str | Path, budget: int) -> Payload:
    """A picture coded as finely as a budget in bytes allows.

    Raises:
        StegoError: when the secret is no picture or does not fit at any quality.
    """
    path = Path(path)
    whole = exact(path)
    if len(whole.content) <= budget:
        return whole
    picture = files.read(path)
    extension = whole.extension if whole.extension in files.LOSSLESS else ".png"
    samples, profile = _samples(picture), _profile(picture.icc)

    def near(step: int) -> bytes:
        divided = np.round(samples / (step / 2)).astype(np.uint8)
        return _content(NEAR_LOSSLESS, extension, profile, bytes([step]), _jxl(divided, lossless=True, effort=7))

    def lossy(quality: float) -> bytes:
        return _content(LOSSY, extension, profile, _jxl(samples, quality=float(quality), effort=7))

    found = []
    for code, settings, words in (
        (near, STEPS, lambda s: f"near-lossless JPEG XL, step {s / 2:g}"),
        (lossy, QUALITIES[::-1], lambda q: f"JPEG XL of quality {q:.1f}"),
    ):
        fitting = _first_that_fits(code, settings, budget)
        if fitting:
            content = fitting[0]
            seen = unpack(content)[1]
            found.append((metrics.psnr(seen.rgb, picture.rgb), Payload(content, extension, seen, words(fitting[1]))))
    if not found:
        raise StegoError(f"{path} does not fit into {budget:,} bytes at any quality: use a larger cover.")
    return max(found, key=lambda f: f[0])[1]


def _first_that_fits(code: Callable, settings, budget: int) -> tuple[bytes, float] | None:
    """Bisect settings, ordered from the finest, for the first whose content is within the budget."""
    low, high, best = 0, len(settings), None
    while low < high:
        middle = (low + high) // 2
        content = code(settings[middle])
        if len(content) <= budget:
            best, high = (content, settings[middle]), middle
        else:
            low = middle + 1
    return best


def unpack(content: bytes) -> tuple[str, Picture | bytes]:
    """(extension, the picture or the file's bytes).

    Raises:
        ValueError: for a kind of a later version, or content that no `hide` wrote.
    """
    try:
        return _unpack(content)
    except (OSError, struct.error, zlib.error, IndexError, SyntaxError) as error:
        raise ValueError(f"content can't be decoded: {error}") from None


def _unpack(content: bytes) -> tuple[str, Picture | bytes]:
    kind, length = content[0], content[1]
    extension, rest = content[2 : 2 + length].decode(), content[2 + length :]
    if not _EXTENSION.fullmatch(extension):
        raise ValueError(f"extension {extension!r}")
    if kind == FILE:
        return extension, rest
    if kind > LOSSY:
        raise ValueError(f"content of kind {kind}")
    (size,) = _LENGTH.unpack_from(rest)
    icc = zlib.decompress(rest[4 : 4 + size]) if size else None
    rest = rest[4 + size :]
    if kind == NEAR_LOSSLESS:
        step, rest = rest[0] / 2, rest[1:]
        samples = np.round(_decode(rest) * step).clip(0, 255).astype(np.uint8)
    else:
        samples = _decode(rest)
    return extension, _picture(samples, icc)
