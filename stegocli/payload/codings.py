"""The secret file as the fewest bytes that give it back, and the way back.

Content: kind (1 byte), length of the name (1), the file's name or only its extension (UTF-8), then

    kind 0  the file's own bytes
    kind 1  a picture, lossless: ICC profile's length (4, big-endian), profile (deflate), JPEG XL
    kind 2  the same with lossless WebP
    kind 3  a picture, near-lossless: as kind 1, but after the profile a step in halves of a grey level (1);
            the JPEG XL holds the samples divided by the step
    kind 4  a picture, lossy: as kind 1 with lossy JPEG XL
    kind 5  a picture in sRGB, as `coarse` gives it
    kind 6  a PNG's samples and remarks: the latter as `png.remarks` gives them, in a part; a stream
    kind 7  a file around bare samples (BMP, TIFF, PPM): layout (1), the part before, the part after; a stream
    kind 8  a PNG to be rebuilt: its remarks in a part, its `png.recipe` in a part; a stream
    kind 9  the file's own bytes, packed: their number (4), LZMA2 without a container (dictionary of 8 MiB)

A part is its length (4, big-endian) and that many bytes of deflate, a stream lossless JPEG XL or WebP.
"""

import io
import lzma
import re
import struct
import unicodedata
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin

from ..errors import StegoError
from ..picture import files, metrics, png
from ..picture.files import Picture
from ..picture.inputs import Source
from . import coarse

FILE, JXL, WEBP, NEAR_LOSSLESS, LOSSY, COARSE = range(6)
PNG_PIXELS, AROUND, PNG_REBUILT, PACKED = 6, 7, 8, 9
# What a receiver gets.
SAME_FILE, SAME_PIXELS, APPROXIMATE = "same file", "same pixels", "approximate"
# A file for other bytes with the same pixels is only worth it for so much less.
WORTH_RECODING = 0.95
MOST_PART = 1 << 24
# Larger files are not packed: what a forged stego unpacks to must fill no memory.
MOST_PACKED = 1 << 26
_LZMA = ({"id": lzma.FILTER_LZMA2, "preset": 6},)
# A file that is compressed already is known by its beginning: packing it would take long for nothing.
_BEGINNING, _COMPRESSED = 1 << 16, 0.97
# The extension becomes part of a file name at reveal, whoever wrote the stego, and the name may become one.
_EXTENSION = re.compile(r"(\.[^\W_][\w-]{0,30})?")
LONGEST_NAME = 200
# What one system or another gives a meaning of its own: separators and wildcards, and the names of devices.
_SPECIAL = set('<>:"/\\|?*')
_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³])[ .]*(\..*)?", re.IGNORECASE)
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
        picture: what the receiver sees; None when the secret is no picture.
        coding: in words.
        fidelity: `SAME_FILE` when the receiver gets every byte; `SAME_PIXELS` when a picture comes back in another
            file, with the same samples, profile and remarks; `APPROXIMATE`.
    """

    content: bytes
    picture: Picture | None
    coding: str
    fidelity: str


def _need_jxl() -> None:
    """Register JPEG XL with Pillow, which has it only through a plug-in."""
    try:
        import pillow_jxl  # noqa: F401
    except ImportError:
        raise StegoError("JPEG XL is missing: install it with `pip install pillow-jxl-plugin`.") from None


def _jxl(array: np.ndarray, **options: Any) -> bytes:
    _need_jxl()
    content = io.BytesIO()
    Image.fromarray(array).save(content, "JXL", **options)
    return content.getvalue()


def jxl(samples: np.ndarray, effort: int) -> bytes:
    """A JPEG XL stream without loss: uint8, (height, width) or (height, width, 3 or 4), at an effort of 1 to 9."""
    return _jxl(samples, lossless=True, effort=effort)


def _jxl_size(content: bytes) -> tuple[int, int]:
    """(width, height) that a bare JPEG XL stream says (ISO/IEC 18181-1, SizeHeader)."""
    if content[:2] != b"\xff\x0a":
        raise ValueError("no JPEG XL stream")
    bits = int.from_bytes(content[2:14], "little")

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & ((1 << count) - 1), bits >> count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (1 + take(5)) if small else 1 + take((9, 13, 18, 30)[take(2)])

    height = side()
    ratio = take(3)
    if not ratio:
        return side(), height
    across, down = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
    return height * across // down, height


def _webp_size(content: bytes) -> tuple[int, int]:
    """(width, height) that a lossless WebP file without extras says (RFC 9649)."""
    if content[:4] != b"RIFF" or content[8:16] != b"WEBPVP8L" or content[20:21] != b"\x2f":
        raise ValueError("no lossless WebP")
    bits = int.from_bytes(content[21:25], "little")
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)


def _decode(content: bytes, codec: str) -> np.ndarray:
    """Samples, uint8, (height, width) or (height, width, 3 or 4), by the given decoder and no other.

    Raises:
        ValueError: for another format, other samples, or more pixels than is safe; the decoders raise much else.
    """
    _need_jxl()
    # The JPEG XL plug-in decodes as soon as it opens: the size is looked at before.
    width, height = _jxl_size(content) if codec == "JXL" else _webp_size(content)
    if width * height > files.MOST_PIXELS:
        raise ValueError(f"a picture of {width}x{height}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = Image.open(io.BytesIO(content), formats=(codec,))
        if picture.mode not in ("L", "RGB", "RGBA") or picture.size != (width, height):
            raise ValueError(f"samples of kind {picture.mode}")
        return np.asarray(picture)


def _decode_stream(content: bytes) -> np.ndarray:
    """Of kinds 6 to 8, which tell the codec by the stream's start."""
    return _decode(content, "WEBP" if content[:4] == b"RIFF" else "JXL")


def _effort(samples: np.ndarray) -> int:
    """The highest effort saves 1 % and takes 6 s a megapixel: not for photographs of many."""
    return 9 if samples.shape[0] * samples.shape[1] <= 1_000_000 else 7


def _webp(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(array).save(content, "WEBP", lossless=True, exact=True)
    return content.getvalue()


def _content(kind: int, name: str, *parts: bytes) -> bytes:
    field = name.encode()
    return bytes([kind, len(field)]) + field + b"".join(parts)


def _is_plain(name: str) -> bool:
    """Whether a file may be called so in any folder of any system, and everyone sees what it is called.

    No separators, control or direction characters, nor private or half ones; neither hidden nor taken for an option;
    no device; no more than `LONGEST_NAME` bytes.
    """
    odd = any(c in _SPECIAL or unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for c in name)
    return (
        not odd
        and 0 < len(name.encode(errors="replace")) <= LONGEST_NAME
        and name[0] not in ".-~ "
        and name[-1] not in ". "
        and not _DEVICE.fullmatch(name)
        and bool(_EXTENSION.fullmatch(PurePosixPath(name).suffix))
    )


def _extension(path: Path) -> str:
    """A suffix that could not safely become part of a file name again is not worth a refusal."""
    return path.suffix.lower() if _EXTENSION.fullmatch(path.suffix.lower()) else ""


def _named(path: Path) -> str:
    """What of a file's name goes with its content: all of it, or of an odd one the extension."""
    return path.name if _is_plain(path.name) else _extension(path)


def _file(name: str, own: bytes) -> bytes:
    """The content for a file's own bytes, packed where that is shorter."""
    plain = _content(FILE, name, own)
    beginning = own[:_BEGINNING]
    if len(own) > MOST_PACKED or len(zlib.compress(beginning, 1)) > _COMPRESSED * len(beginning):
        return plain
    packed = _content(PACKED, name, _LENGTH.pack(len(own)), lzma.compress(own, lzma.FORMAT_RAW, filters=_LZMA))
    return min(plain, packed, key=len)


def _unpacked(content: bytes) -> bytes:
    (size,) = _LENGTH.unpack_from(content)
    if size > MOST_PACKED:
        raise ValueError(f"a packed file of {size:,} bytes")
    own = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_LZMA).decompress(content[_LENGTH.size :], size)
    if len(own) != size:
        raise ValueError("a packed file that is cut")
    return own


def _part(content: bytes) -> bytes:
    packed = zlib.compress(content, 9) if content else b""
    return _LENGTH.pack(len(packed)) + packed


def _take_part(content: bytes) -> tuple[bytes, bytes]:
    """(the part at the start, what follows)."""
    (size,) = _LENGTH.unpack_from(content)
    packed, rest = content[4 : 4 + size], content[4 + size :]
    unpacker = zlib.decompressobj()
    part = unpacker.decompress(packed, MOST_PART) if size else b""
    if size and not unpacker.eof:
        raise ValueError("a part that is cut or too long")
    return part, rest


def _profile(icc: bytes | None) -> bytes:
    return _part(icc if icc and len(icc) <= MOST_PART else b"")


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


# -- without loss -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Frame:
    """What a file is besides its samples: the kind of content, all before the stream, and what comes back."""

    kind: int | None
    head: bytes
    fidelity: str


# Baseline structure (TIFF 6.0), predictor, tiles and the ICC profile: what is lost with other tags would be missed.
_TIFF_STRUCTURE = {256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 322, 323, 324, 325, 338, 339, 34675}


def _bare(samples: np.ndarray, layout: int) -> bytes:
    """Samples as files without compression store them: 0 from the top, 1 BMP (from the bottom, BGR, rows of 4n)."""
    if layout == 0:
        return samples.tobytes()
    if layout != 1:
        raise ValueError(f"layout {layout}")
    if samples.ndim == 3:
        samples = samples[..., [2, 1, 0, 3][: samples.shape[2]]]
    rows = samples[::-1].reshape(len(samples), -1)
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4))).tobytes()


def _around(own: bytes, samples: np.ndarray) -> _Frame | None:
    for layout in (0, 1):
        bare = _bare(samples, layout)
        at = own.find(bare)
        before, after = own[: max(0, at)], own[at + len(bare) :]
        if at >= 0 and max(len(before), len(after)) <= MOST_PART:
            return _Frame(AROUND, bytes([layout]) + _part(before) + _part(after), SAME_FILE)
    return None


def _png_frame(own: bytes, samples: np.ndarray, rebuild: bool) -> _Frame | None:
    parts = png.chunks(own)
    if not png.is_plain(parts):
        return None
    remarks, recipe = png.remarks(parts), png.recipe(parts, samples) if rebuild else None
    if len(remarks) > MOST_PART:
        return None
    if recipe:
        return _Frame(PNG_REBUILT, _part(remarks) + _part(recipe), SAME_FILE)
    # Kinds 1 and 2 are what earlier versions read too.
    return _Frame(PNG_PIXELS, _part(remarks), SAME_PIXELS) if remarks else _Frame(None, _part(b""), SAME_PIXELS)


def _tiff_frame(opened: TiffImagePlugin.TiffImageFile, samples: np.ndarray) -> _Frame | None:
    tags, bands = opened.tag_v2, len(opened.getbands())
    plain = (
        set(tags) <= _TIFF_STRUCTURE
        and opened.n_frames == 1
        and set(tags.get(258, (1,))) == {8}
        and tags.get(277, 1) == bands
        and tags.get(338, (2,)) == (2,)
    )
    icc = opened.info.get("icc_profile")
    # A grey picture's profile would not come back: `files` drops it.
    return _Frame(None, _profile(icc), SAME_PIXELS) if plain and not (icc and bands == 1) else None


def _stored(own: bytes, suffix: str, rebuild: bool = True) -> tuple[np.ndarray, _Frame] | None:
    """The samples of a picture file and the rest of it, when they are all that the file says.

    Without `rebuild`, which takes its time, a PNG counts as one whose compression can't be repeated.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = Image.open(io.BytesIO(own), formats=files.FORMATS)
        if opened.mode not in ("L", "RGB", "RGBA"):
            return None
        upright = opened.getexif().get(0x0112, 1) == 1
        samples = np.asarray(opened)
        frame = None
        if opened.format in ("BMP", "TIFF", "PPM"):
            frame = _around(own, samples)
        # These two may come back as a picture, to be written in the format that the suffix names.
        if upright and opened.format == "PNG" and suffix == ".png":
            frame = _png_frame(own, samples, rebuild)
        elif upright and not frame and isinstance(opened, TiffImagePlugin.TiffImageFile) and suffix[:4] == ".tif":
            frame = _tiff_frame(opened, samples)
    return (samples, frame) if frame else None


def _recoded(own: bytes, path: Path) -> list[Payload]:
    """The file by way of its samples, once for each codec; only what was seen to come back."""
    try:
        stored = _stored(own, path.suffix.lower())
    except Exception:  # no picture, or a damaged one: its bytes are hidden as they are
        return []
    if stored is None:
        return []
    samples, frame = stored
    streams = {JXL: jxl(samples, _effort(samples))}
    if max(samples.shape[:2]) <= files.WEBP_SIDE:
        streams[WEBP] = _webp(samples)
    found = []
    for codec, stream in streams.items():
        kind = codec if frame.kind is None else frame.kind
        content = _content(kind, _named(path), frame.head, stream)
        if _comes_back(content, own, samples, frame.fidelity):
            words = ("JPEG XL" if codec == JXL else "WebP") + " without loss"
            found.append(Payload(content, None, words, frame.fidelity))
    return found


def _comes_back(content: bytes, own: bytes, samples: np.ndarray, promised: str) -> bool:
    try:
        back = unpack(content)[1]
    except ValueError:
        return False
    if isinstance(back, bytes):
        return back == own
    return promised == SAME_PIXELS and np.array_equal(_samples(back), samples)


def exact(path: str | Path, content: bytes | None = None) -> Payload:
    """The file in the fewest bytes: its own, or, for a picture, JPEG XL or WebP without loss.

    The receiver gets the same file, but for PNG and TIFF pictures whose compression can't be repeated: those come
    back with the same pixels, profile and remarks. Whatever else a file holds (16 bits a sample, palettes,
    animations, tags of a camera) goes as the file's own bytes.

    Args:
        path: of the file.
        content: its bytes, where they are at hand; for `fitted` and `squeezed` too.

    Raises:
        StegoError: when the file can't be read.
    """
    path = Path(path)
    own = Source.read(path).content if content is None else content
    best = Payload(_file(_named(path), own), None, f"the file itself, {len(own):,} bytes", SAME_FILE)
    for candidate in _recoded(own, path):
        worth = WORTH_RECODING if best.fidelity == SAME_FILE and candidate.fidelity != SAME_FILE else 1
        if len(candidate.content) < worth * len(best.content):
            best = candidate
    try:
        seen = files.read(path, content=own) if files.is_picture(path, own) else None
    except StegoError:  # damaged: bytes like any other
        seen = None
    return replace(best, picture=seen)


# -- into a budget ----------------------------------------------------------------------------------------------


def fitted(path: str | Path, budget: int, content: bytes | None = None) -> Payload:
    """A picture coded as finely as a budget in bytes allows.

    Raises:
        StegoError: when the secret is no picture or does not fit at any quality.
    """
    path = Path(path)
    own = Source.read(path).content if content is None else content
    whole = exact(path, own)
    if len(whole.content) <= budget:
        return whole
    picture = whole.picture or files.read(path, content=own)  # which says why there is none
    name, samples, profile = _named(path), _samples(picture), _profile(picture.icc)

    def near(step: int) -> bytes:
        return _content(NEAR_LOSSLESS, name, profile, bytes([step]), jxl(_divided(samples, step), 7))

    def lossy(quality: float) -> bytes:
        return _content(LOSSY, name, profile, _jxl(samples, quality=float(quality), effort=7))

    found = []
    for code, settings, words in (
        (near, STEPS, lambda s: f"near-lossless JPEG XL, step {s / 2:g}"),
        (lossy, QUALITIES[::-1], lambda q: f"JPEG XL of quality {q:.1f}"),
    ):
        fitting = _first_that_fits(code, settings, budget)
        if fitting:
            content = fitting[0]
            seen = unpack(content)[1]
            assert isinstance(seen, Picture)
            payload = Payload(content, seen, words(fitting[1]), APPROXIMATE)
            found.append((metrics.psnr(seen.rgb, picture.rgb), payload))
    if not found:
        raise StegoError(f"{path} does not fit into {budget:,} bytes at any quality: use a larger cover.")
    return max(found, key=lambda f: f[0])[1]


def squeezed(path: str | Path, budget: int, content: bytes | None = None) -> Payload:
    """The file's own bytes where they fit a small budget; a picture as well as AVIF, JPEG XL or WebP can in it.

    Raises:
        StegoError: when it does not fit.
    """
    path = Path(path)
    own = Source.read(path).content if content is None else content
    whole = _file(_named(path), own)
    if len(whole) > budget:
        whole = _file(_extension(path), own)
    if len(whole) <= budget:
        picture = files.read(path, content=own) if files.is_picture(path, own) else None
        return Payload(whole, picture, f"the file itself, {len(own):,} bytes", SAME_FILE)
    if not files.is_picture(path, own):
        raise StegoError(f"{path} needs {len(whole):,} bytes and {budget:,} survive in this cover: use a larger cover.")
    picture = files.read(path, srgb=True, content=own)
    # No name: every byte is dear here.
    head = _content(COARSE, _extension(path))
    try:
        coded, samples = coarse.fit_picture(_samples(picture), budget - len(head))
    except coarse.TooSmall:
        raise StegoError(
            f"{path} fits at no quality into the {budget:,} bytes that survive: use a larger cover."
        ) from None
    return Payload(head + coded, _picture(samples, None), coarse.words(coded), APPROXIMATE)


_LEVELS = np.arange(256, dtype=np.uint8)


def _divided(samples: np.ndarray, step: int) -> np.ndarray:
    return np.round(_LEVELS / (step / 2)).astype(np.uint8)[samples]


def _multiplied(divided: np.ndarray, step: int) -> np.ndarray:
    return np.round(_LEVELS * (step / 2)).clip(0, 255).astype(np.uint8)[divided]


def _first_that_fits(
    code: Callable[..., bytes], settings: Sequence[float] | np.ndarray, budget: int
) -> tuple[bytes, float] | None:
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


def is_whole(own: bytes, picture: Picture) -> bool:
    """Whether a picture as `files.read` gives it has every sample that its file's own bytes hold."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            opened = Image.open(io.BytesIO(own), formats=files.FORMATS)
            if opened.format in ("JPEG", "WEBP"):  # 8 bits a sample at most
                whole = opened.mode in ("L", "RGB", "RGBA") and getattr(opened, "n_frames", 1) == 1
                samples = np.asarray(opened) if whole else None
            else:
                found = plain(own, {"PNG": ".png", "TIFF": ".tif"}.get(opened.format or "", ""))
                samples = found[0] if found else None
    except Exception:  # whatever the decoders make of it
        return False
    return samples is not None and np.array_equal(samples, _samples(picture))


# -- without making it: for estimates -----------------------------------------------------------------------------


def plain(own: bytes, suffix: str) -> tuple[np.ndarray, int] | None:
    """The samples that `exact` would code for a file's own bytes, and about how many bytes come beside them."""
    try:
        stored = _stored(own, suffix, rebuild=False)
    except Exception:  # no picture, or a damaged one
        stored = None
    return (stored[0], len(stored[1].head)) if stored else None


def rounded(picture: Picture, step: int) -> np.ndarray:
    """What near-lossless coding with a step in `STEPS` codes of a picture."""
    return _divided(_samples(picture), step)


def rounding(step: int) -> np.ndarray:
    """What a receiver gets of each of the 256 levels with a step in `STEPS`, uint8."""
    return _multiplied(_divided(_LEVELS, step), step)


# -- and back ---------------------------------------------------------------------------------------------------


def unpack(content: bytes) -> tuple[str, Picture | bytes]:
    """(extension, the picture or the file's bytes).

    Raises:
        ValueError: for a kind of a later version, or content that no `hide` wrote, whatever it is.
        StegoError: when JPEG XL is not installed.
    """
    try:
        return _unpack(content)
    except (ValueError, StegoError):
        raise
    except Exception as error:  # the decoders raise what they like on forged streams
        raise ValueError(f"content can't be decoded: {type(error).__name__}") from None


def name(content: bytes) -> str | None:
    """What the file was called, from content that `unpack` took; None where it holds no more than an extension."""
    field = content[2 : 2 + content[1]].decode()
    return None if field[:1] in ("", ".") else field


def fidelity(content: bytes, secret: Picture | bytes) -> str:
    """`SAME_FILE`, `SAME_PIXELS` or `APPROXIMATE`: what `unpack` made of the content.

    A rebuilt PNG (kind 8) comes as bytes, or, where this machine's zlib does not repeat the writer's, as a picture.
    """
    if isinstance(secret, bytes):
        return SAME_FILE
    return SAME_PIXELS if content[0] in (JXL, WEBP, PNG_PIXELS, PNG_REBUILT) else APPROXIMATE


def _unpack(content: bytes) -> tuple[str, Picture | bytes]:
    kind, rest = content[0], content[2 + content[1] :]
    field = content[2 : 2 + content[1]].decode()
    if not (_EXTENSION.fullmatch(field) or _is_plain(field)):
        raise ValueError(f"a file called {field!r}")
    extension = field.lower() if field[:1] in ("", ".") else PurePosixPath(field).suffix.lower()
    if kind in (NEAR_LOSSLESS, LOSSY, COARSE) and extension not in files.LOSSLESS:
        extension = ".png"
    if kind == FILE:
        return extension, rest
    if kind == PACKED:
        return extension, _unpacked(rest)
    if kind in (JXL, WEBP, NEAR_LOSSLESS, LOSSY):
        profile, rest = _take_part(rest)
        return extension, _picture(_unpack_samples(kind, rest), profile or None)
    if kind == COARSE:
        return extension, _picture(coarse.open_picture(rest, files.MOST_PIXELS), None)
    if kind == AROUND:
        before, after_and_stream = _take_part(rest[1:])
        after, stream = _take_part(after_and_stream)
        return extension, before + _bare(_decode_stream(stream), rest[0]) + after
    if kind not in (PNG_PIXELS, PNG_REBUILT):
        raise ValueError(f"content of kind {kind}")
    remarks, rest = _take_part(rest)
    recipe, stream = _take_part(rest) if kind == PNG_REBUILT else (b"", rest)
    samples = _decode_stream(stream)
    own = png.rebuild(samples, recipe, remarks) if kind == PNG_REBUILT else None
    if own is not None:
        return extension, own
    # The profile of a grey file does not describe the RGB samples that it becomes; in the remarks it stays.
    icc = png.profile(remarks) if samples.ndim == 3 else None
    return extension, replace(_picture(samples, icc), remarks=remarks)


def _unpack_samples(kind: int, stream: bytes) -> np.ndarray:
    if kind != NEAR_LOSSLESS:
        return _decode(stream, "WEBP" if kind == WEBP else "JXL")
    return _multiplied(_decode(stream[1:], "JXL"), stream[0])
