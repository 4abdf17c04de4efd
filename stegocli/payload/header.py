"""The few bytes inside the stego's pixels that tell how to read the rest.

Layout, big-endian: magic ``Sg``, version, method, 16 bytes that the method defines, CRC-32 of the picture (4),
CRC-32 of all before (4); 28 bytes, one bit in the lowest bit of each of 224 samples. The samples are spread
evenly, one at a hashed place in each of 224 equal stretches of the array, so that no region shows or loses
anything.

    method 1, the flow:  weights' identity (4), secret's width (4) and height (4), flags (1; bit 0: grey), zeros
    method 2, exact:     content's bytes (4), smaller base (1), samples with the larger base (4), zeros

A picture with a password has no such header: see `exact`.
"""

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from .trellis import LARGEST_BASE, Plan

MAGIC = b"Sg"
VERSION = 1
# A forged header must not make reveal fill the memory: the limit at which Pillow refuses a file.
MOST_PIXELS = 2 * 89_478_485
_BODY = struct.Struct(">2sBB16sI")
_CRC = struct.Struct(">I")
SIZE = _BODY.size + _CRC.size


@dataclass(frozen=True)
class FlowHeader:
    """What reveal must know of a picture hidden by the network.

    Attributes:
        weights_id: first 4 bytes of the weights' SHA-256.
        width, height: the secret's own size in pixels.
        grey: the secret had no colour.
    """

    weights_id: bytes
    width: int
    height: int
    grey: bool = False

    METHOD = 1
    _FORM = struct.Struct(">4sIIB3x")

    def pack(self) -> bytes:
        return self._FORM.pack(self.weights_id, self.width, self.height, self.grey)

    @classmethod
    def unpack(cls, body: bytes, samples: int) -> "FlowHeader":
        weights_id, width, height, flags = cls._FORM.unpack(body)
        if not 0 < width * height <= MOST_PIXELS:
            raise ValueError(f"a secret of {width}x{height}")
        return cls(weights_id, width, height, bool(flags & 1))


@dataclass(frozen=True)
class ExactHeader:
    """What reveal must know of embedded bytes: how many, and how they lie in the samples."""

    length: int
    plan: Plan

    METHOD = 2
    _FORM = struct.Struct(">IBI7x")

    def pack(self) -> bytes:
        return self._FORM.pack(self.length, self.plan.base, self.plan.larger)

    @classmethod
    def unpack(cls, body: bytes, samples: int) -> "ExactHeader":
        length, base, larger = cls._FORM.unpack(body)
        plan = Plan(samples, base, larger)
        if base >= LARGEST_BASE or larger > samples or 8 * length > plan.bits:
            raise ValueError(f"{length} bytes in {samples} samples")
        return cls(length, plan)


Header = FlowHeader | ExactHeader
_KINDS = {kind.METHOD: kind for kind in (FlowHeader, ExactHeader)}


def places(samples: int) -> np.ndarray:
    """Sorted indices of the samples that carry the header's bits, from the sample count alone."""
    bits = np.arange(SIZE * 8, dtype=np.uint64)
    # SplitMix64 (Steele et al., 2014): fixed for ever, unlike a library's generators.
    z = (bits + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(samples)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
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


def _picture_crc(flat: np.ndarray, where: np.ndarray) -> int:
    bare = flat.copy()
    bare[where] &= 0xFE
    return zlib.crc32(bare)


def embed(rgb: np.ndarray, header: Header) -> np.ndarray:
    """A copy of `rgb` (uint8, (height, width, 3), at least 224 samples) that carries the header."""
    flat = rgb.reshape(-1).copy()
    where = places(flat.size)
    body = _BODY.pack(MAGIC, VERSION, header.METHOD, header.pack(), _picture_crc(flat, where))
    write_bits(flat, where, body + _CRC.pack(zlib.crc32(body)))
    return flat.reshape(rgb.shape)


def extract(rgb: np.ndarray) -> tuple[Header, bool] | None:
    """Read the header of a stego.

    Returns:
        The header and whether the picture is still as it was written; None where there is no header or it is
        damaged (the picture was recompressed or resized).

    Raises:
        ValueError: when it was written by a later version of the format, or says what can't be.
    """
    if not fits(rgb):
        return None
    flat = rgb.reshape(-1)
    where = places(flat.size)
    content = read_bits(flat, where)
    body = content[: _BODY.size]
    if content[:2] != MAGIC or _CRC.pack(zlib.crc32(body)) != content[_BODY.size :]:
        return None
    _, version, method, own, crc = _BODY.unpack(body)
    if version != VERSION or method not in _KINDS:
        raise ValueError(f"format version {version}, method {method}")
    return _KINDS[method].unpack(own, flat.size - len(where)), crc == _picture_crc(flat, where)
