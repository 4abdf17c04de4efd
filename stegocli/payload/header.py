"""The few bytes inside the stego's pixels that tell how to read the rest: where their bits lie, and what guards them.

Layout, big-endian: magic ``Sg``, version, method, 16 bytes that the method packs for itself, CRC-32 of the picture
(4), CRC-32 of all before (4); 28 bytes, one bit in the lowest bit of each of 224 samples. The samples are spread
evenly, one at a hashed position in each of 224 equal stretches of the array, so that no region shows or loses
anything.

The picture's CRC covers its shape (from version 3 on) and its colours, the header's own bits excepted. Transparency
is not covered: nothing is hidden in it, and some formats drop it.

A lowest bit may be changed together with other samples, whose change makes up for it. That changes the picture's CRC,
of which 64 of the header's bits are made: which of these are changed is found so that all of them agree (`crc`).

A picture with a password has no such header: see `embedding`.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import crc
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
# Samples of a flat picture, and new values for them.
Change = tuple[np.ndarray, np.ndarray]
# Gives for a picture and one of its samples the change that flips this one's lowest bit and costs least; None where
# there is none but the flip itself.
Toggle = Callable[[np.ndarray, int], Change | None]


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


def embed(rgb: np.ndarray, header: Header, toggle: Toggle | None = None) -> np.ndarray:
    """A copy of `rgb` (uint8, (height, width, 3), at least 224 samples) that carries the header.

    Args:
        toggle: what else is changed with a lowest bit, and makes up for it; by default nothing.
    """
    out = np.array(rgb, order="C")
    flat = out.reshape(-1)
    where = positions(flat.size)
    changes = _changes(out, where, toggle)
    fixed = _BODY.pack(MAGIC, header.version, header.method, header.own, 0)[: -_CRC.size]
    bits = np.unpackbits(np.frombuffer(fixed, np.uint8))
    for number in np.flatnonzero(flat[where[: bits.size]] & 1 != bits):
        _make(flat, changes[number])
    for change in _agreeing(out, where[bits.size :], changes[bits.size :], where, fixed, header.version):
        _make(flat, change)
    return out


def _make(flat: np.ndarray, change: Change) -> None:
    flat[change[0]] = change[1]


def _changes(rgb: np.ndarray, where: np.ndarray, toggle: Toggle | None) -> list[Change]:
    """For each bit of the header the change that flips it; they don't meet, and none touches another bit's sample."""
    flat, taken, changes = rgb.reshape(-1), set[int](), []
    for index in where:
        alone = np.array([index]), flat[[index]] ^ 1
        samples, values = (toggle(rgb, int(index)) if toggle else None) or alone
        own = samples[np.isin(samples, where)]
        flips = np.array_equal(own, [index]) and (flat[index] ^ values[samples == index]) & 1
        if not (flips and taken.isdisjoint(samples.tolist())):
            samples, values = alone
        taken.update(samples.tolist())
        changes.append((samples, values))
    return changes


def _agreeing(
    rgb: np.ndarray, own: np.ndarray, changes: list[Change], where: np.ndarray, fixed: bytes, version: int
) -> list[Change]:
    """Those of the changes after which the bits at `own` are the CRCs of all, these changes included."""
    flat, count = rgb.reshape(-1), len(own)

    def both(picture: int) -> int:
        body = fixed + _CRC.pack(picture)
        return picture << 32 | zlib.crc32(body)

    now = _picture_crc(rgb, where, version)
    target = both(now) ^ int.from_bytes(read_bits(flat, own), "big")
    flips = [1 << (count - 1 - number) for number in range(count)]
    effects = [both(now ^ _effect(flat, change, where)) ^ both(now) for change in changes]
    for plain in range(count + 1):
        # A flip alone leaves the picture's CRC as it is; with nothing else there always is a solution.
        columns = [
            flip ^ (effect if n >= plain else 0) for n, (flip, effect) in enumerate(zip(flips, effects, strict=True))
        ]
        found = crc.solve(columns, target)
        if found is not None:
            break
    alone = [(own[n : n + 1], flat[own[n : n + 1]] ^ 1) for n in range(plain)]
    return [(alone + changes[plain:])[n] for n in found or []]


def _effect(flat: np.ndarray, change: Change, where: np.ndarray) -> int:
    """What a change adds to the picture's CRC."""
    samples, values = change
    first, last = int(samples.min()), int(samples.max()) + 1
    added = np.zeros(last - first, np.uint8)
    added[samples - first] = flat[samples] ^ values
    added[where[(where >= first) & (where < last)] - first] &= 0xFE
    return crc.of_change(added.tobytes(), flat.size - last)


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
