"""The frame around a coded secret: its kind, the file's name, and parts that are deflated.

Content: kind (1 byte), length of the name (1), the file's name or only its extension (UTF-8), then

    kind 0  the file's own bytes
    kind 1  a picture, lossless: ICC profile's length (4, big-endian), profile (deflate), JPEG XL
    kind 2  the same with lossless WebP
    kind 3  a picture, near-lossless: as kind 1, but after the profile a step in halves of a grey level (1);
            the JPEG XL holds the samples divided by the step
    kind 4  a picture, lossy: as kind 1 with lossy JPEG XL
    kind 5  a picture in sRGB, as `compact.fit` gives it
    kind 6  a PNG's samples and remarks: the latter as `png.remarks` gives them, in a part; a stream
    kind 7  a file around bare samples (BMP, TIFF, PPM): layout (1), the part before, the part after; a stream
    kind 8  a PNG to be rebuilt: its remarks in a part, its `png.recipe` in a part; a stream
    kind 9  the file's own bytes, packed: their number (4), LZMA2 without a container (dictionary of 8 MiB)
    kind 10 several files, each as content of its own: see `several`
    kind 11 as kind 5, of a picture whose thumbnail lies in another layer
    kind 12 a thumbnail, as `tiny.fit` gives it
    kind 13 the same, of a picture that lies in another layer
    kind 14 as kind 5, such a thumbnail

A part is its length (4, big-endian) and that many bytes of deflate, a stream lossless JPEG XL or WebP.
"""

import re
import struct
import unicodedata
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..picture.files import Picture
from .errors import InvalidContent

FILE, JXL, WEBP, NEAR_LOSSLESS, LOSSY, SMALL = range(6)
PNG_PIXELS, AROUND, PNG_REBUILT, PACKED, SEVERAL = 6, 7, 8, 9, 10
UPPER, TINY, THUMBNAIL, LARGER_THUMBNAIL = 11, 12, 13, 14
CODINGS = {
    FILE: "the file itself",
    PACKED: "the file itself, packed",
    JXL: "JPEG XL without loss",
    WEBP: "WebP without loss",
    NEAR_LOSSLESS: "JPEG XL, nearly without loss",
    LOSSY: "JPEG XL with loss",
    SMALL: "a picture made small",
    PNG_PIXELS: "a PNG's samples",
    AROUND: "a file around bare samples",
    PNG_REBUILT: "a PNG to be rebuilt",
    SEVERAL: "several files",
    UPPER: "a picture made small, with its thumbnail beneath",
    TINY: "a thumbnail",
    THUMBNAIL: "the thumbnail of a picture that lay above it",
    LARGER_THUMBNAIL: "the thumbnail of a picture that lay above it",
}
# What a receiver gets.
SAME_FILE, SAME_PIXELS, APPROXIMATE = "same file", "same pixels", "approximate"
MOST_PART = 1 << 24
# The extension becomes part of a file name at reveal, whoever wrote the stego, and the name may become one.
_EXTENSION = re.compile(r"(\.[^\W_][\w-]{0,30})?")
LONGEST_NAME = 200
# What one system or another gives a meaning of its own: separators and wildcards, and the names of devices.
_SPECIAL = set('<>:"/\\|?*')
_ODD = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³])[ .]*(\..*)?", re.IGNORECASE)
LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class Payload:
    """What is embedded.

    Attributes:
        content: the bytes.
        picture: what the receiver sees; None when the secret is no picture.
        coding: in words.
        fidelity: `SAME_FILE` when the receiver gets every byte; `SAME_PIXELS` when a picture comes back in another
            file, with the same samples, profile and remarks; `APPROXIMATE`; of several the worst.
        parts: of several, each by itself, in order; none of one.
    """

    content: bytes
    picture: Picture | None
    coding: str
    fidelity: str
    parts: tuple["Payload", ...] = ()


class TooLarge(Exception):
    """A secret does not fit into a budget.

    Attributes:
        fewest: bytes of content that it takes at the least.
    """

    def __init__(self, fewest: int):
        super().__init__(f"{fewest:,} bytes")
        self.fewest = fewest


@dataclass(frozen=True)
class Frame:
    """Content without its frame.

    Attributes:
        kind: as listed above.
        name: the file's name, safe to show and to call a file by; None where only its extension is known.
        extension: in lower case with its dot, or nothing.
        body: what follows the name.
    """

    kind: int
    name: str | None
    extension: str
    body: bytes


def pack(kind: int, name: str, *parts: bytes) -> bytes:
    """Content of a kind, under a name that `name_to_keep` gave."""
    field = name.encode()
    return bytes([kind, len(field)]) + field + b"".join(parts)


def as_kind(kind: int, content: bytes) -> bytes:
    """Content of another kind whose body is the same."""
    return bytes([kind]) + content[1:]


def unframe(content: bytes) -> Frame:
    """Undo `pack`, for content that anyone may have made.

    Raises:
        InvalidContent: when it is cut, or its name is none that may become a file's.
    """
    if len(content) < 2 or len(content) < 2 + content[1]:
        raise InvalidContent("content that is cut")
    try:
        field = content[2 : 2 + content[1]].decode()
    except UnicodeDecodeError:
        raise InvalidContent("a name that is no text") from None
    if not (_EXTENSION.fullmatch(field) or is_plain(field)):
        raise InvalidContent(f"a file called {field!r}")
    is_name = field[:1] not in ("", ".")
    extension = PurePosixPath(field).suffix.lower() if is_name else field.lower()
    return Frame(content[0], field if is_name else None, extension, content[2 + content[1] :])


def is_plain(name: str) -> bool:
    """Whether a file may be called so in any folder of any system, and everyone sees what it is called.

    No separators, control or direction characters, nor private or half ones; neither hidden nor taken for an option;
    no device; no more than `LONGEST_NAME` bytes.
    """
    odd = any(c in _SPECIAL or unicodedata.category(c) in _ODD for c in name)
    return (
        not odd
        and 0 < len(name.encode(errors="replace")) <= LONGEST_NAME
        and name[0] not in ".-~ "
        and name[-1] not in ". "
        and not _DEVICE.fullmatch(name)
        and bool(_EXTENSION.fullmatch(PurePosixPath(name).suffix))
    )


def extension_to_keep(name: str) -> str:
    """A suffix that could not safely become part of a file name again is not worth a refusal."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if _EXTENSION.fullmatch(suffix) else ""


def name_to_keep(name: str) -> str:
    """What of a file's name goes with its content: all of it, or of an odd one the extension."""
    return name if is_plain(name) else extension_to_keep(name)


def plain_name(name: str) -> str:
    """A name that `is_plain`, as near to any other as can be: what is odd in it becomes a low line."""
    plain = "".join("_" if c in _SPECIAL or unicodedata.category(c) in _ODD else c for c in name).rstrip(". ")
    suffix = PurePosixPath(plain).suffix
    if not _EXTENSION.fullmatch(suffix):
        plain, suffix = plain.removesuffix(suffix) + suffix.replace(".", "_").replace(" ", "_"), ""
    stem = plain.removesuffix(suffix)
    if not stem or stem[0] in ".-~ " or _DEVICE.fullmatch(plain):
        stem = f"_{stem}"
    room = LONGEST_NAME - len(suffix.encode(errors="replace"))
    stem = stem.encode(errors="replace")[:room].decode(errors="ignore").rstrip(". ")
    return f"{stem}{suffix}" if is_plain(f"{stem}{suffix}") else f"file{extension_to_keep(suffix and name)}"


def pack_part(content: bytes) -> bytes:
    """At most `MOST_PART` bytes, deflated, with their length in front."""
    packed = zlib.compress(content, 9) if content else b""
    return LENGTH.pack(len(packed)) + packed


def take_part(content: bytes) -> tuple[bytes, bytes]:
    """(the part at the start, what follows).

    Raises:
        InvalidContent: for a part that is cut, damaged, or longer than `MOST_PART`.
    """
    if len(content) < LENGTH.size:
        raise InvalidContent("a part that is cut")
    (size,) = LENGTH.unpack_from(content)
    packed, rest = content[LENGTH.size : LENGTH.size + size], content[LENGTH.size + size :]
    if not size:
        return b"", rest
    unpacker = zlib.decompressobj()
    try:
        part = unpacker.decompress(packed, MOST_PART)
    except zlib.error:
        raise InvalidContent("a part that is damaged") from None
    if not unpacker.eof:
        raise InvalidContent("a part that is cut or too long")
    return part, rest


def pack_profile(icc: bytes | None) -> bytes:
    """An ICC profile as a part; none where there is none, or one beyond reason."""
    return pack_part(icc if icc and len(icc) <= MOST_PART else b"")
