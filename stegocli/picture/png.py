"""PNG chunk by chunk (PNG, third edition, W3C 2025): what a file says besides its samples, and putting it back."""

import functools
import io
import itertools
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = struct.Struct(">I4s")
_IHDR = struct.Struct(">IIBBBBB")
# Where the samples stood among the other chunks.
_SAMPLES = b"IDAT"
TEXT = (b"tEXt", b"zTXt", b"iTXt")
# They change the samples, or bring more pictures: a file with one of these is more than samples and remarks.
_MEANINGFUL = {b"tRNS", b"acTL", b"fcTL", b"fdAT"}
MOST_ICC = 1 << 24
# CRC-32 of the file, size of its IDATs, zlib's level, window, memory and strategy; the rows' filters follow,
# each less the usual one, modulo 5.
_RECIPE = struct.Struct(">II4B")
# zlib's levels by what a stream's second byte tells of them, those in use first.
_LEVELS = ((1, 0), (5, 4, 3, 2), (6,), (9, 8, 7))
_TRIAL = 1 << 17
# In photographs there are no repetitions that are worth looking for: with runs alone deflate takes a sixth of the time,
# and the file is up to 4 % smaller. Whether it is not more than so much larger is tried on strips of so many rows.
_WORSE = 1.02
_STRIPS, _ROWS_OF_STRIP = 4, 24
# Chunks that a file's samples may lie in: so many of 8 kB are 512 MB. A forged recipe may ask for one a byte.
_MOST_IDATS = 1 << 16


def chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    """(type, data) of each chunk of a whole file.

    Raises:
        ValueError: when it is no PNG from the first byte to the last.
    """
    if not content.startswith(SIGNATURE):
        raise ValueError("no PNG")
    found, at = [], len(SIGNATURE)
    while at < len(content):
        if at + 12 > len(content):
            raise ValueError("a cut chunk")
        size, kind = _HEAD.unpack_from(content, at)
        end = at + 12 + size
        if content[end - 4 : end] != zlib.crc32(content[at + 4 : end - 4]).to_bytes(4, "big"):
            raise ValueError("a damaged chunk")
        found.append((kind, content[at + 8 : end - 4]))
        at = end
    if not found or found[0][0] != b"IHDR" or len(found[0][1]) != _IHDR.size or found[-1] != (b"IEND", b""):
        raise ValueError("no whole PNG")
    return found


def _extents(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(type, where it begins, where it ends) of each whole chunk, as far as the file is well formed; CRCs unseen."""
    at = len(SIGNATURE) if content.startswith(SIGNATURE) else len(content)
    while at + 12 <= len(content):
        size, kind = _HEAD.unpack_from(content, at)
        end = at + 12 + size
        if end > len(content) or not kind.isalpha():
            return
        yield kind, at, end
        at = end
        if kind == b"IEND":
            return


def walk(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, data) of the chunks of a file that may be damaged or followed by something; no samples."""
    for kind, at, end in _extents(content):
        if kind not in (b"IHDR", _SAMPLES, b"PLTE", b"fdAT", b"IEND"):
            yield kind, content[at + 8 : end - 4]


def stripped(content: bytes) -> io.BytesIO:
    """A PNG without text and profile: Pillow refuses long ones, though the picture is intact. Others as they are."""
    out, last = [], 0
    for kind, at, end in _extents(content):
        if kind == b"iCCP" or kind in TEXT:
            out.append(content[last:at])
            last = end
    return io.BytesIO(b"".join([*out, content[last:]]) if out else content)


def join(parts: list[tuple[bytes, bytes]]) -> bytes:
    """Undo `chunks`."""
    out = [SIGNATURE]
    for kind, data in parts:
        out += [_HEAD.pack(len(data), kind), data, zlib.crc32(data, zlib.crc32(kind)).to_bytes(4, "big")]
    return b"".join(out)


def is_plain(parts: list[tuple[bytes, bytes]]) -> bool:
    """Whether one picture of 8 bits a sample, grey, RGB or RGBA, and remarks are all that the file holds."""
    _, _, depth, colour, *_ = _IHDR.unpack(parts[0][1])
    kinds = {kind for kind, _ in parts[1:-1]} - {b"IDAT"}
    # A critical chunk (capital first letter) besides these is a palette, or something unknown.
    return depth == 8 and colour in (0, 2, 6) and not kinds & _MEANINGFUL and all(kind[0] & 32 for kind in kinds)


def remarks(parts: list[tuple[bytes, bytes]]) -> bytes:
    """The chunks that only describe (text, EXIF, resolution, profile ...) as bytes; none: empty.

    Each is its length (4, big-endian), type (4) and data; an empty IDAT stands for the samples.
    """
    out: list[bytes] = []
    for kind, data in parts[1:-1]:
        if kind != _SAMPLES:
            out += [_HEAD.pack(len(data), kind), data]
        elif _HEAD.pack(0, _SAMPLES) not in out:
            out.append(_HEAD.pack(0, _SAMPLES))
    return b"".join(out) if len(out) > 1 else b""


def _parse(described: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 0
    while at < len(described):
        if at + _HEAD.size > len(described):
            raise ValueError("a cut chunk")
        size, kind = _HEAD.unpack_from(described, at)
        at += _HEAD.size + size
        describes = kind.isalpha() and kind[0] & 32 and kind not in _MEANINGFUL
        if at > len(described) or not (describes or (kind, size) == (_SAMPLES, 0)):
            raise ValueError(f"chunk {kind!r}")
        found.append((kind, described[at - size : at]))
    if described and [kind for kind, _ in found].count(_SAMPLES) != 1:
        raise ValueError("no place for the samples")
    return found


def profile(described: bytes) -> bytes | None:
    """The ICC profile among `remarks`; None where there is none that can be read.

    Raises:
        ValueError: for bytes that are no `remarks`.
    """
    return _profile_in(_parse(described))


def own_profile(content: bytes) -> bytes | None:
    """The ICC profile of a file; None where there is none that can be read."""
    return _profile_in(walk(content))


def _profile_in(parts: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    try:
        named = next(data for kind, data in parts if kind == b"iCCP")
        unpacker = zlib.decompressobj()
        # A name, a zero, the method of compression, the profile.
        icc = unpacker.decompress(named.partition(b"\0")[2][1:], MOST_ICC)
        return bytes(icc) if unpacker.eof else None
    except (StopIteration, zlib.error):
        return None


def describe(content: bytes, described: bytes) -> bytes:
    """A PNG with its own remarks replaced by the given ones.

    Raises:
        ValueError: for bytes that are no `remarks`.
    """
    if not described:
        return content
    parts = chunks(content)
    samples = [part for part in parts if part[0] == _SAMPLES]
    out = parts[:1]
    for part in _parse(described):
        out += samples if part[0] == _SAMPLES else [part]
    return join([*out, parts[-1]])


def saved(picture: Image.Image, options: dict[str, Any]) -> bytes:
    """A PNG of a picture, with these options of Pillow's."""
    content = io.BytesIO()
    picture.save(content, "PNG", **options)
    return content.getvalue()


def quickly_saved(picture: Image.Image, options: dict[str, Any]) -> bytes:
    """As `saved`; but photographs are compressed by runs alone, which hardly any program does."""
    runs, strips = {**options, "compress_type": zlib.Z_RLE}, _strips(picture)
    is_busy = len(saved(strips, runs)) <= _WORSE * len(saved(strips, options))
    return saved(picture, runs if is_busy else options)


def _strips(picture: Image.Image) -> Image.Image:
    """Some strips across a picture, as one below the other."""
    width, height = picture.size
    if height <= _STRIPS * _ROWS_OF_STRIP:
        return picture
    out = Image.new(picture.mode, (width, _STRIPS * _ROWS_OF_STRIP))
    for i in range(_STRIPS):
        top = (2 * i + 1) * height // (2 * _STRIPS) - _ROWS_OF_STRIP // 2
        out.paste(picture.crop((0, top, width, top + _ROWS_OF_STRIP)), (0, i * _ROWS_OF_STRIP))
    return out


def recipe(parts: list[tuple[bytes, bytes]], samples: np.ndarray) -> bytes | None:
    """What `rebuild` needs to make the very file of its samples; None when it was not written by libpng's means.

    Args:
        parts: of a file that `is_plain`.
        samples: uint8, (height, width) or (height, width, 3 or 4).
    """
    _, height, _, _, _, _, interlaced = _IHDR.unpack(parts[0][1])
    stored = [data for kind, data in parts if kind == _SAMPLES]
    stream = b"".join(stored)
    step = samples.size // height + 1
    unpacker = zlib.decompressobj()
    try:
        rows = unpacker.decompress(stream, step * height + 1)
    except zlib.error:
        return None
    if interlaced or len(rows) != step * height or unpacker.unused_data:
        return None
    window = (stream[0] >> 4) + 8
    filters = np.frombuffer(rows[::step], np.uint8)
    if filters.max() > 4:
        return None
    unusual = ((filters + 5 - _usual_filters(samples)) % 5).tobytes()
    for level, memory, strategy in itertools.product(_LEVELS[stream[1] >> 6], (8, 9), (1, 0, 3, 2)):
        trial = zlib.compressobj(level, zlib.DEFLATED, window, memory, strategy)
        if not stream.startswith(trial.compress(rows[:_TRIAL])):
            continue
        settings = (zlib.crc32(join(parts)), len(stored[0]), level, window, memory, strategy)
        found = _RECIPE.pack(*settings) + unusual
        if rebuild(samples, found, remarks(parts)) is not None:
            return found
    return None


def rebuild(samples: np.ndarray, found: bytes, described: bytes) -> bytes | None:
    """The file that `recipe` was given; None where this machine's zlib writes otherwise than that file's writer, or
    for more chunks of samples than any writer makes.

    Raises:
        ValueError: for a recipe that does not fit the samples.
    """
    if len(found) < _RECIPE.size:
        raise ValueError("a cut recipe")
    crc, size, level, window, memory, strategy = _RECIPE.unpack_from(found)
    height, width = samples.shape[:2]
    unusual = np.frombuffer(found, np.uint8, offset=_RECIPE.size)
    if len(unusual) != height or unusual.max() > 4 or size == 0:
        raise ValueError("a recipe for another picture")
    filters = (_usual_filters(samples) + unusual) % 5
    packer = zlib.compressobj(level, zlib.DEFLATED, window, memory, strategy)
    stream = packer.compress(_filtered(samples, filters)) + packer.flush()
    if len(stream) > size * _MOST_IDATS:
        return None
    stored = [(_SAMPLES, stream[at : at + size]) for at in range(0, len(stream), size)]
    colour = {1: 0, 3: 2, 4: 6}[samples.size // (height * width)]
    out = [(b"IHDR", _IHDR.pack(width, height, 8, colour, 0, 0, 0))]
    for part in _parse(described) or [(_SAMPLES, b"")]:
        out += stored if part[0] == _SAMPLES else [part]
    content = join([*out, (b"IEND", b"")])
    return content if zlib.crc32(content) == crc else None


def _predictions(samples: np.ndarray) -> Iterator[tuple[np.ndarray, Callable[[int], np.ndarray]]]:
    """For each row its samples, (width, channels) int16, and what each filter, 0 to 4, predicts of them."""
    height = samples.shape[0]
    # A pixel of zeros to the left, a row of them above.
    wide = np.pad(samples.reshape(height, samples.shape[1], -1), ((1, 0), (1, 0), (0, 0))).astype(np.int16)
    for above, here in itertools.pairwise(wide):
        yield here[1:], functools.partial(_predicted, here[:-1], above[1:], above[:-1])


def _predicted(left: np.ndarray, up: np.ndarray, corner: np.ndarray, kind: int) -> np.ndarray:
    if kind == 0:
        return np.zeros_like(up)
    if kind < 4:
        return (left, up, (left + up) >> 1)[kind - 1]
    # Paeth: the neighbour nearest to left + up - corner, ties to the left, then up.
    by_left, by_up, by_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    nearest = np.where(by_up <= by_corner, up, corner)
    return np.where((by_left <= by_up) & (by_left <= by_corner), left, nearest)


def _usual_filters(samples: np.ndarray) -> np.ndarray:
    """For each row the filter that leaves the least sum of magnitudes: what most writers take (PNG, 12.7)."""
    chosen = [
        np.argmin([np.abs((row - predict(kind)).astype(np.int8).astype(np.int16)).sum() for kind in range(5)])
        for row, predict in _predictions(samples)
    ]
    return np.array(chosen, np.uint8)


def _filtered(samples: np.ndarray, filters: np.ndarray) -> bytes:
    """The rows as PNG compresses them: each one's filter (0 to 4), then its samples less what the filter predicts."""
    out = np.empty((len(samples), 1 + samples.size // len(samples)), np.uint8)
    out[:, 0] = filters
    for line, kind, (row, predict) in zip(out, filters, _predictions(samples), strict=True):
        line[1:] = (row - predict(kind)).astype(np.uint8).reshape(-1)
    return out.tobytes()
