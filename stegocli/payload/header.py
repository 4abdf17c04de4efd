"""The few bytes inside the stego's pixels that tell how to read the rest: where their bits lie, and what guards them.

Layout, big-endian: magic ``Sg``, version, method, 16 bytes that the method packs for itself, CRC-32 of the picture
(4), CRC-32 of all before (4); 28 bytes, one bit in the lowest bit of each of 224 samples. The samples are spread
evenly, one at a hashed position in each of 224 equal stretches of the array, so that no region shows or loses
anything.

The picture's CRC covers its shape (from version 3 on) and its colours, the header's own bits excepted. Transparency
is not covered: nothing is hidden in it, and some formats drop it.

A picture with a password has no such header: see `embedding`.
"""

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from .errors import InvalidContent, LaterVersion
from .mixing import splitmix64

MAGIC = b"Sg"
# Of the newest format; every method reads the older ones too.
VERSION = 3
OWN = 16
_BODY = struct.Struct(f">2sBB{OWN}sI")
_CRC = struct.Struct(">I")
_SHAPE = struct.Struct(">II")
SIZE = _BODY.size + _CRC.size


@dataclass(frozen=True)
class Header:
    """What a stego says of itself.

    Attributes:
        method: number of the method that hid something.
        own: the 16 bytes that this method packed.
        version: of the format.
        intact: whether the picture's colours, and from version 3 on its shape, are still as they were written.
    """

    method: int
    own: bytes
    version: int = VERSION
    intact: bool = True


def positions(samples: int) -> np.ndarray:
    """Sorted indices of the samples that carry the header's bits, from the sample count alone."""
    z = splitmix64(np.arange(SIZE * 8, dtype=np.uint64), samples)
    edges = np.linspace(0, samples, SIZE * 8 + 1).astype(np.int64)
    return edges[:-1] + (z % np.diff(edges).astype(np.uint64)).astype(np.int64)


def write_bits(flat: np.ndarray, where: np.ndarray, content: bytes) -> None:
    """Put bytes into the lowest bits of some samples of a flat uint8 array, in place."""
    flat[where] = (flat[where] & 0xFE) | np.unpackbits(np.frombuffer(content, np.uint8))


def read_bits(flat: np.ndarray, where: np.ndarray) -> bytes:
    """Undo `write_bits`."""
    return np.packbits(flat[where] & 1).tobytes()


def fits(rgb: np.ndarray) -> bool:
    """Whether the array has a sample for each bit."""
    return rgb.size >= SIZE * 8


def _picture_crc(rgb: np.ndarray, where: np.ndarray, version: int) -> int:
    bare = rgb.reshape(-1).copy()
    bare[where] &= 0xFE
    return zlib.crc32(bare, zlib.crc32(_SHAPE.pack(*rgb.shape[:2])) if version >= 3 else 0)


def embed(rgb: np.ndarray, header: Header) -> np.ndarray:
    """A copy of `rgb` (uint8, (height, width, 3), at least 224 samples) that carries the header."""
    flat = rgb.reshape(-1).copy()
    where = positions(flat.size)
    crc = _picture_crc(rgb, where, header.version)
    body = _BODY.pack(MAGIC, header.version, header.method, header.own, crc)
    write_bits(flat, where, body + _CRC.pack(zlib.crc32(body)))
    return flat.reshape(rgb.shape)


def extract(rgb: np.ndarray) -> Header | None:
    """Read the header of a stego; None where there is none or it is damaged (recompressed, resized, cropped).

    Raises:
        LaterVersion: when it was written by a later version of the format.
        InvalidContent: for version 0, which never was.
    """
    if not fits(rgb):
        return None
    flat = rgb.reshape(-1)
    where = positions(flat.size)
    content = read_bits(flat, where)
    body = content[: _BODY.size]
    if content[:2] != MAGIC or _CRC.pack(zlib.crc32(body)) != content[_BODY.size :]:
        return None
    _, version, method, own, crc = _BODY.unpack(body)
    if version > VERSION:
        raise LaterVersion(f"format version {version}")
    if version == 0:
        raise InvalidContent("format version 0")
    return Header(method, own, version, crc == _picture_crc(rgb, where, version))
