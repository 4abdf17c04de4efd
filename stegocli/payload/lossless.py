"""A secret so that it comes back whole: its file's own bytes, or a picture's samples and the rest of its file.

What a file is, its content tells; its name has no say in how it is coded.
"""

import io
import lzma
import warnings
import zlib
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, TiffImagePlugin

from ..picture import claims, files, png
from ..picture.files import Picture
from .container import (
    AROUND,
    FILE,
    JXL,
    LENGTH,
    MOST_PART,
    PACKED,
    PNG_PIXELS,
    PNG_REBUILT,
    SAME_FILE,
    SAME_PIXELS,
    WEBP,
    Frame,
    Payload,
    pack,
    pack_part,
    pack_profile,
    take_part,
    unframe,
)  # fmt: skip
from .errors import InvalidContent
from .streams import decode, decode_either, has_jxl, jxl, picture_of, samples_of, webp

_LZMA = ({"id": lzma.FILTER_LZMA2, "preset": 6},)
# A file that is compressed already is known by its beginning: packing it would take long for nothing.
_BEGINNING, _COMPRESSED = 1 << 16, 0.97
# Baseline structure (TIFF 6.0), predictor, tiles and the ICC profile: what is lost with other tags would be missed.
_TIFF_STRUCTURE = {256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 322, 323, 324, 325, 338, 339, 34675}


@dataclass(frozen=True)
class Stored:
    """A picture file taken apart.

    Attributes:
        samples: all of its samples, uint8, (height, width) or (height, width, 3 or 4).
        kind: of content; None for kind 1 or 2, whichever the stream is.
        head: all of the content's body that comes before the stream.
        fidelity: whether the file comes back, or its pixels.
    """

    samples: np.ndarray
    kind: int | None
    head: bytes
    fidelity: str


def file_content(name: str, own: bytes) -> bytes:
    """The content for a file's own bytes, packed where that is shorter."""
    plain = pack(FILE, name, own)
    beginning = own[:_BEGINNING]
    if len(own) > claims.MOST_UNPACKED or len(zlib.compress(beginning, 1)) > _COMPRESSED * len(beginning):
        return plain
    packed = pack(PACKED, name, LENGTH.pack(len(own)), lzma.compress(own, lzma.FORMAT_RAW, filters=_LZMA))
    return min(plain, packed, key=len)


def _unpacked(body: bytes) -> bytes:
    if len(body) < LENGTH.size:
        raise InvalidContent("a packed file that is cut")
    (size,) = LENGTH.unpack_from(body)
    if size > claims.MOST_UNPACKED:
        raise InvalidContent(f"a packed file of {size:,} bytes")
    try:
        own = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_LZMA).decompress(body[LENGTH.size :], size)
    except (lzma.LZMAError, EOFError):
        raise InvalidContent("a packed file that is damaged") from None
    if len(own) != size:
        raise InvalidContent("a packed file that is cut")
    return own


def _bare(samples: np.ndarray, layout: int) -> bytes:
    """Samples as files without compression store them: 0 from the top, 1 BMP (from the bottom, BGR, rows of 4n)."""
    if layout == 0:
        return samples.tobytes()
    if layout != 1:
        raise InvalidContent(f"samples in layout {layout}")
    if samples.ndim == 3:
        samples = samples[..., [2, 1, 0, 3][: samples.shape[2]]]
    rows = samples[::-1].reshape(len(samples), -1)
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4))).tobytes()


def _around(own: bytes, samples: np.ndarray) -> Stored | None:
    for layout in (0, 1):
        bare = _bare(samples, layout)
        at = own.find(bare)
        before, after = own[: max(0, at)], own[at + len(bare) :]
        if at >= 0 and max(len(before), len(after)) <= MOST_PART:
            return Stored(samples, AROUND, bytes([layout]) + pack_part(before) + pack_part(after), SAME_FILE)
    return None


def _png(own: bytes, samples: np.ndarray, rebuild: bool) -> Stored | None:
    parts = png.chunks(own)
    if not png.is_plain(parts):
        return None
    remarks, recipe = png.remarks(parts), png.recipe(parts, samples) if rebuild else None
    if len(remarks) > MOST_PART:
        return None
    if recipe:
        return Stored(samples, PNG_REBUILT, pack_part(remarks) + pack_part(recipe), SAME_FILE)
    return Stored(samples, PNG_PIXELS, pack_part(remarks), SAME_PIXELS)


def _tiff(opened: TiffImagePlugin.TiffImageFile, samples: np.ndarray) -> Stored | None:
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
    return Stored(samples, None, pack_profile(icc), SAME_PIXELS) if plain and not (icc and bands == 1) else None


def stored(own: bytes, rebuild: bool = True, carrier: int | None = None) -> Stored | None:
    """A picture file taken apart; None for any other file, or when that would lose something.

    Without `rebuild`, which takes its time, a PNG counts as one whose compression can't be repeated.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            opened = Image.open(io.BytesIO(own), formats=files.FORMATS)
            if opened.mode not in ("L", "RGB", "RGBA"):
                return None
            upright = opened.getexif().get(0x0112, 1) == 1
            samples = np.asarray(opened)
            rebuild = rebuild and claims.may_rebuild(opened.size[0] * opened.size[1], carrier)
            if opened.format == "PNG":
                return _png(own, samples, rebuild) if upright else None
            if opened.format not in ("BMP", "TIFF", "PPM"):
                return None
            found = _around(own, samples)
            if not found and upright and isinstance(opened, TiffImagePlugin.TiffImageFile):
                return _tiff(opened, samples)
            return found
    except Exception:  # no picture, or a damaged one, whatever the decoders say: its bytes are hidden as they are
        return None


def _effort(samples: np.ndarray) -> int:
    """The highest effort saves 1 % and takes 6 s a megapixel: not for photographs of many."""
    return 9 if samples.shape[0] * samples.shape[1] <= 1_000_000 else 7


def recoded(own: bytes, name: str, carrier: int | None) -> list[Payload]:
    """The file by way of its samples, once for each codec; only what was seen to come back.

    A PNG is rebuilt where a stego of `carrier` pixels may ask for that.
    """
    taken = stored(own, carrier=carrier)
    if taken is None:
        return []
    streams = {JXL: jxl(taken.samples, _effort(taken.samples))} if has_jxl() else {}
    if max(taken.samples.shape[:2]) <= files.WEBP_SIDE:
        streams[WEBP] = webp(taken.samples)
    found = []
    for codec, stream in streams.items():
        content = pack(codec if taken.kind is None else taken.kind, name, taken.head, stream)
        if _comes_back(content, own, taken):
            words = ("JPEG XL" if codec == JXL else "WebP") + " without loss"
            found.append(Payload(content, None, words, taken.fidelity))
    return found


def _comes_back(content: bytes, own: bytes, taken: Stored) -> bool:
    try:
        back = open_frame(unframe(content), None)
    except InvalidContent:
        return False
    if isinstance(back, bytes):
        return back == own
    return taken.fidelity == SAME_PIXELS and np.array_equal(samples_of(back), taken.samples)


def open_frame(frame: Frame, carrier: int | None) -> Picture | bytes:
    """The file's own bytes, or a picture with its very samples.

    A rebuilt PNG (kind 8) comes as bytes, or, where this machine's zlib does not repeat the writer's, as a picture.

    Args:
        frame: of kind 0 to 2 or 6 to 9.
        carrier: as for `streams.decode`.

    Raises:
        InvalidContent: for content that no `hide` wrote.
        StegoError: when JPEG XL is not installed.
    """
    kind, body = frame.kind, frame.body
    if kind == FILE:
        return body
    if kind == PACKED:
        return _unpacked(body)
    if kind in (JXL, WEBP):
        profile, stream = take_part(body)
        return picture_of(decode(stream, "WEBP" if kind == WEBP else "JXL", carrier), profile or None)
    if kind == AROUND:
        before, after_and_stream = take_part(body[1:])
        after, stream = take_part(after_and_stream)
        return before + _bare(decode_either(stream, carrier), body[0]) + after
    remarks, rest = take_part(body)
    recipe, stream = take_part(rest) if kind == PNG_REBUILT else (b"", rest)
    samples = decode_either(stream, carrier)
    try:
        rebuilt = kind == PNG_REBUILT and claims.may_rebuild(samples.shape[0] * samples.shape[1], carrier)
        own = png.rebuild(samples, recipe, remarks) if rebuilt else None
        # The profile of a grey file does not describe the RGB samples that it becomes; in the remarks it stays.
        icc = png.profile(remarks)
    except ValueError as error:
        raise InvalidContent(f"a PNG of {error}") from None
    return replace(picture_of(samples, icc if samples.ndim == 3 else None), remarks=remarks) if own is None else own


def as_file(frame: Frame, picture: Picture) -> Picture | bytes:
    """What `open_frame` gave, as a file where no picture can be written under its name.

    Kinds 1 and 2 go into whatever lossless format the name's extension says, and are a TIFF else; the others are a PNG.
    """
    if frame.kind in (JXL, WEBP):
        return picture if frame.extension in files.LOSSLESS else files.encode(picture, ".tif")
    return picture if frame.extension == ".png" else files.encode(picture, ".png")
