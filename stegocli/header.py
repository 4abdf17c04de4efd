"""The few bytes inside the stego's pixels that tell how to read the rest: format, weights, the secret's size.

Layout, big-endian: magic ``Sg``, version, method, weights' identity (4), secret's width (4) and height (4),
flags, CRC-32 of the picture (4), CRC-32 of all before (4); 26 bytes, one bit in the lowest bit of each of 208
samples. The samples are spread evenly, one at a hashed place in each of 208 equal stretches of the array, so
that no region shows or loses anything.
"""

import struct
import zlib
from dataclasses import dataclass

import numpy as np

MAGIC = b"Sg"
VERSION = 1
FLOW = 1
_BODY = struct.Struct(">2sBB4sIIBI")
_CRC = struct.Struct(">I")
SIZE = _BODY.size + _CRC.size
_GREY = 1


@dataclass(frozen=True)
class Header:
    """What `reveal` must know.

    Attributes:
        weights_id: first 4 bytes of the weights' SHA-256.
        width, height: the secret's own size in pixels.
        grey: the secret had no colour.
        method: how the secret is embedded; `FLOW` is the network.
        intact: on reading, whether the picture is still as it was written; ignored on writing.
    """

    weights_id: bytes
    width: int
    height: int
    grey: bool = False
    method: int = FLOW
    intact: bool = True


def _places(samples: int) -> np.ndarray:
    """Sorted indices of the samples that carry the header's bits, from the sample count alone."""
    bits = np.arange(SIZE * 8, dtype=np.uint64)
    # SplitMix64 (Steele et al., 2014): fixed for ever, unlike a library's generators.
    z = (bits + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(samples)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    edges = np.linspace(0, samples, SIZE * 8 + 1).astype(np.int64)
    return edges[:-1] + (z % np.diff(edges).astype(np.uint64)).astype(np.int64)


def fits(rgb: np.ndarray) -> bool:
    """Whether the array has a sample for each bit."""
    return rgb.size >= SIZE * 8


def _picture_crc(flat: np.ndarray, places: np.ndarray) -> int:
    bare = flat.copy()
    bare[places] &= 0xFE
    return zlib.crc32(bare)


def embed(rgb: np.ndarray, header: Header) -> np.ndarray:
    """A copy of `rgb` (uint8, (height, width, 3), at least 208 samples) that carries the header."""
    flat = rgb.reshape(-1).copy()
    places = _places(flat.size)
    body = _BODY.pack(
        MAGIC, VERSION, header.method, header.weights_id, header.width, header.height,
        _GREY if header.grey else 0, _picture_crc(flat, places),
    )  # fmt: skip
    bits = np.unpackbits(np.frombuffer(body + _CRC.pack(zlib.crc32(body)), np.uint8))
    flat[places] = (flat[places] & 0xFE) | bits
    return flat.reshape(rgb.shape)


def extract(rgb: np.ndarray) -> Header | None:
    """Read the header of a stego; None where there is none or it is damaged (recompressed, resized).

    Raises:
        ValueError: when it was written by a later version of the format.
    """
    if not fits(rgb):
        return None
    flat = rgb.reshape(-1)
    places = _places(flat.size)
    content = np.packbits(flat[places] & 1).tobytes()
    body = content[: _BODY.size]
    if content[:2] != MAGIC or _CRC.pack(zlib.crc32(body)) != content[_BODY.size :]:
        return None
    _, version, method, weights_id, width, height, flags, crc = _BODY.unpack(body)
    if version != VERSION:
        raise ValueError(f"format version {version}")
    intact = crc == _picture_crc(flat, places)
    return Header(weights_id, width, height, bool(flags & _GREY), method, intact)
