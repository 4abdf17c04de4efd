"""What a picture file holds besides the samples of its first picture, and what of it another format can keep."""

import contextlib
import math
import re
import struct
from dataclasses import dataclass

from PIL import Image, TiffImagePlugin

from . import png

_ORIENTATION = 0x0112
# Chunks that say what samples mean; the profile is kept beside them.
COLOUR = (b"cICP", b"sRGB", b"gAMA", b"cHRM", b"mDCV", b"cLLI")
# H.273 primaries and transfers that viewers show as sRGB: unspecified, and those of television.
_AS_SRGB = {1, 2, 5, 6}, {1, 2, 6, 13, 14, 15}
_TEXT = png.TEXT
# Kept another way, told of another way, or true of the file's own samples alone.
_OF_SAMPLES = {b"iCCP", b"tRNS", b"eXIf", b"sBIT", b"hIST", b"bKGD", b"acTL", b"fcTL", b"sPLT"}
# A JPEG's segment holds no more.
_JPEG_EXIF = 65_000
# Tags of a TIFF that describe the picture, as a photograph's EXIF does, and those that say how it is stored.
_DIRECTORIES = {0x8769, 0x8825}
_DESCRIBING = {270, 271, 272, 305, 306, 315, 33432} | _DIRECTORIES
_STORING = {
    254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 292, 293, 296, 297,
    317, 318, 319, 320, 322, 323, 324, 325, 330, 332, 336, 338, 339, 347, 529, 530, 531, 532, 34675,
}  # fmt: skip
_KNOWN_TAGS = {700: "XMP", 33723: "IPTC", 34377: "Photoshop data"}
_INFO = {"xmp": "XMP", "XML:com.adobe.xmp": "XMP", "photoshop": "IPTC", "comment": "comment"}


@dataclass(frozen=True)
class Metadata:
    """Attributes:
    exif: EXIF as a TIFF structure, its orientation 1, since pixels are turned when they are read; empty without.
    dpi: pixels an inch across and down, or None.
    chunks: PNG's own, (type, data), that may follow the samples into another PNG: colour, text, resolution; an AVIF's
        colours are told as PNG tells them.
    others: names of what no output keeps.
    """

    exif: bytes = b""
    dpi: tuple[float, float] | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    others: tuple[str, ...] = ()

    @property
    def colour(self) -> dict[bytes, bytes]:
        """The chunks that say what samples mean."""
        return {kind: data for kind, data in self.chunks if kind in COLOUR}

    @property
    def named(self) -> list[str]:
        """All but the colours, for people."""
        text = any(kind in _TEXT for kind, _ in self.chunks)
        present = {"EXIF": bool(self.exif), "resolution": self.dpi is not None, "text": text}
        return [name for name, there in present.items() if there] + list(self.others)


NONE = Metadata()


def of(opened: Image.Image, content: bytes) -> Metadata:
    """Of a file that Pillow has opened."""
    exif, others = _exif(opened), {name for key, name in _INFO.items() if opened.info.get(key)}
    chunks: list[tuple[bytes, bytes]] = []
    if opened.format == "PNG":
        chunks, dropped = _png_chunks(content)
        others |= dropped
    elif isinstance(opened, TiffImagePlugin.TiffImageFile):
        more = opened.tag_v2.get(277, 1) - len(opened.getbands())
        others |= {f"{more} more channels"} if more > 0 else set()
        others |= {_KNOWN_TAGS.get(t, f"tag {t}") for t in opened.tag_v2 if t not in _STORING | _DESCRIBING}
    elif opened.format == "AVIF" and not opened.info.get("icc_profile"):
        chunks = _avif_colour(content)
    upright = _upright(exif)
    if exif and not upright:
        others.add("EXIF")
    return Metadata(upright, _dpi(opened), tuple(chunks), tuple(sorted(others)))


def _png_chunks(content: bytes) -> tuple[list[tuple[bytes, bytes]], set[str]]:
    """Those to keep, and names of others. PNG marks by a small fourth letter what may be copied to changed samples."""
    kept, dropped = [], set()
    for kind, data in png.walk(content):
        if kind in COLOUR or (kind[0] & 32 and kind[3] & 32 and kind != b"eXIf"):
            kept.append((kind, data))
        elif kind[0] & 32 and kind not in _OF_SAMPLES:
            dropped.add(f"{kind.decode()} chunk")
    return kept, dropped


def _avif_colour(content: bytes) -> list[tuple[bytes, bytes]]:
    """What an AVIF's colr box (ISO/IEC 23000-22, nclx) says, as PNG's cICP: its samples are full-range RGB by now."""
    at = content.find(b"colrnclx", 0, 4096)
    if not 0 <= at < len(content) - 12:
        return []
    primaries, transfer = struct.unpack_from(">HH", content, at + 8)
    if (primaries in _AS_SRGB[0] and transfer in _AS_SRGB[1]) or max(primaries, transfer) > 255:
        return []
    return [(b"cICP", bytes([1 if primaries == 2 else primaries, 13 if transfer == 2 else transfer, 0, 1]))]


def profile(opened: Image.Image, content: bytes) -> bytes | None:
    """The ICC profile of a file. Pillow reads none of a JPEG 2000 (ISO/IEC 15444-1, I.5.3.3), nor a PNG's long ones."""
    if opened.format == "PNG":
        return png.own_profile(content)
    if opened.format == "JPEG2000":
        at = content.find(b"colr", 0, 4096)
        if not 4 <= at < len(content) - 7 or content[at + 4] not in (2, 3):
            return None
        return content[at + 7 : at - 4 + int.from_bytes(content[at - 4 : at], "big")] or None
    return opened.info.get("icc_profile")


def _exif(opened: Image.Image) -> bytes:
    if isinstance(opened, TiffImagePlugin.TiffImageFile):
        with contextlib.suppress(Exception):  # what a tag holds is not known, and nor is what it raises
            exif = opened.getexif()
            if not set(exif) & _DESCRIBING:
                return b""
            for tag in set(exif) - _DESCRIBING:
                del exif[tag]
            return exif.tobytes()
        return b""
    return opened.info.get("exif") or b""


def _upright(exif: bytes) -> bytes:
    """EXIF with its orientation set to 1, every other byte as it is; empty where that can't be done."""
    exif = re.sub(b"^(Exif\0\0){1,2}", b"", exif)
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 14:
        return b""
    out = bytearray(exif)
    try:
        (at,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            if struct.unpack_from(f"{order}HH", exif, entry) == (_ORIENTATION, 3):
                struct.pack_into(f"{order}H", out, entry + 8, 1)
        again = Image.Exif()
        again.load(bytes(out))
        return bytes(out) if again.get(_ORIENTATION, 1) == 1 else b""
    except Exception:  # EXIF that can't be read is not passed on
        return b""


def _dpi(opened: Image.Image) -> tuple[float, float] | None:
    if opened.format in ("JPEG", "MPO") and not opened.info.get("jfif_unit") and 0x011A not in opened.getexif():
        return None  # Pillow makes one up; for a TIFF, 1
    try:
        across, down = (float(value) for value in opened.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if all(math.isfinite(v) and 1 < v <= 65_535 for v in (across, down)) else None


def is_several(opened: Image.Image) -> bool:
    """Whether a file has pages or frames after the first."""
    try:
        return bool(getattr(opened, "is_animated", False))
    except Exception:  # a second frame that can't be read is none
        return False


def bits(opened: Image.Image, content: bytes) -> int:
    """Bits a sample; 8 where the format has no more, or does not say."""
    if opened.format == "PNG":
        return content[24]
    if isinstance(opened, TiffImagePlugin.TiffImageFile):
        return int(max(opened.tag_v2.get(258, (1,))))
    if opened.format == "AVIF":
        at = content.find(b"pixi", 0, 4096)
        return content[at + 9] if 0 <= at < len(content) - 9 else 8
    if opened.format == "JPEG2000":
        at = content.find(b"\xff\x4f\xff\x51", 0, 4096)
        return (content[at + 42] & 0x7F) + 1 if 0 <= at < len(content) - 42 else 8
    if opened.format == "PPM" and opened.mode == "F":
        return 32
    if opened.format == "PPM":
        header = re.match(rb"P[2356](?:\s|#[^\n]*\n)+\d+(?:\s|#[^\n]*\n)+\d+(?:\s|#[^\n]*\n)+(\d+)", content[:4096])
        return int(header[1]).bit_length() if header else 8
    return 8


def options(kind: str, held: Metadata) -> tuple[dict[str, object], list[tuple[bytes, bytes]]]:
    """What Pillow is told to save a file of a kind with, and a PNG's chunks to be added to it."""
    found: dict[str, object] = {}
    chunks = [*held.chunks] if kind == "PNG" else []
    if held.exif and kind != "BMP":
        found["exif"] = _for_tiff(held.exif) if kind == "TIFF" else b"Exif\0\0" + held.exif
    if held.dpi and kind != "WEBP" and all(name != b"pHYs" for name, _ in chunks):
        found["dpi"] = held.dpi
    return found, chunks


def _for_tiff(exif: bytes) -> Image.Exif:
    """Its texts: camera, author and the like. How a photograph's own file stores it is not true of another, and
    libtiff, by way of Pillow, writes no directory of exposure or position."""
    found = Image.Exif()
    found.load(exif)
    for tag in [t for t, value in found.items() if t not in _DESCRIBING or not isinstance(value, str)]:
        del found[tag]
    return found


def _is_more_than_texts(exif: bytes) -> bool:
    found = Image.Exif()
    found.load(exif)
    return any(tag in _DIRECTORIES for tag in found)


def kept_in(kind: str, held: Metadata) -> tuple[Metadata, list[str]]:
    """What a file of a kind can hold of it, and names of the rest."""
    kept = Metadata(
        held.exif if kind != "BMP" and (kind != "JPEG" or len(held.exif) < _JPEG_EXIF) else b"",
        held.dpi if kind != "WEBP" else None,
        held.chunks if kind == "PNG" else (),
    )
    there = kept.named
    lost = [name for name in held.named if name not in there]
    if kind == "TIFF" and held.exif and _is_more_than_texts(held.exif):
        lost.insert(0, "EXIF but for its texts")
    return kept, lost


def with_chunks(content: bytes, chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG as Pillow writes it, with chunks more, before its samples and palette."""
    if not chunks:
        return content
    first, *rest = png.chunks(content)
    return png.join([first, *chunks, *rest])
