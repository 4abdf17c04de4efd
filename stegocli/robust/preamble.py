"""What a reader must know first: the front, found without knowing anything, and the fields that it leads to.

Front, 36 bytes, big-endian: format and whether a password is needed (1), design quality (1), bytes of the sealed
fields (2), salt (16), nonce (12), CRC-32 of all before (4). Fields: strength (2), bytes of content (4), trust (1),
the map of `strength.pack`; with a CRC-32 after them, or encrypted under the password.

Both lie in coefficients of low frequency, one bit each, by quantisation index modulation (Chen & Wornell, 2001)
with a code of low rate. The front's step is the same for every quality and survives quality 40.
"""

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from ..payload.keys import shuffle
from . import blocks, ldpc

FORMAT = 1
_PRIVATE = 0x80
_FRONT = struct.Struct(">BBH16s12s")
_FIELDS = struct.Struct(">HIB")
_CRC = struct.Struct(">I")
CRC = _CRC.size
FRONT_SIZE = _FRONT.size + _CRC.size
FIELDS_SIZE = _FIELDS.size
# Low frequencies (row, column) that few contents need most: the lowest stay with the content.
FREQUENCIES = ((1, 2), (2, 1), (2, 2), (0, 3), (3, 0), (3, 1))
FRONT_STEP = 20.0
# One place for every so many blocks, within bounds.
_SPREAD, _FEWEST, _MOST = 4, 800, 4096
SMALLEST_BLOCKS = 400
# Bits written for each bit of the fields.
_REDUNDANCY = 1.7
_FINEST_STEP = 6
_OPEN_ORDER = b"stego: places of what comes first".ljust(32, b"\0")[:32]
# Log-odds for each step between a value and the middle of its two neighbours.
_SLOPE = 12.0


@dataclass(frozen=True)
class Front:
    """The first 36 bytes.

    Attributes:
        quality: design quality.
        size: bytes of the sealed fields.
        salt, nonce: for the password; empty when it is open.
    """

    quality: int
    size: int
    salt: bytes = b""
    nonce: bytes = b""

    def pack(self) -> bytes:
        kind = FORMAT | (_PRIVATE if self.salt else 0)
        head = _FRONT.pack(kind, self.quality, self.size, self.salt, self.nonce)
        return head + _CRC.pack(zlib.crc32(head))

    @classmethod
    def unpack(cls, content: bytes) -> "Front | None":
        """None when this is no front, or damaged.

        Raises:
            ValueError: for a later format.
        """
        head, crc = content[: _FRONT.size], content[_FRONT.size :]
        if _CRC.pack(zlib.crc32(head)) != crc:
            return None
        kind, quality, size, salt, nonce = _FRONT.unpack(head)
        if kind & ~_PRIVATE != FORMAT or not 1 <= quality <= 100:
            raise ValueError(f"format {kind & ~_PRIVATE}, quality {quality}")
        return cls(quality, size, salt, nonce) if kind & _PRIVATE else cls(quality, size)


@dataclass(frozen=True)
class Fields:
    """What the front leads to.

    Attributes:
        strength: see `strength.bit_table`.
        length: bytes of content, sealed.
        trust: how sure the reader may be of a value, see `embedding`.
        levels: of the cells, packed.
    """

    strength: int
    length: int
    trust: int
    levels: bytes

    def pack(self) -> bytes:
        return _FIELDS.pack(self.strength, self.length, self.trust) + self.levels

    @classmethod
    def unpack(cls, content: bytes) -> "Fields":
        strength, length, trust = _FIELDS.unpack_from(content)
        return cls(strength, length, trust, content[_FIELDS.size :])


def sealed_open(content: bytes) -> bytes:
    """With a CRC-32 behind."""
    return content + _CRC.pack(zlib.crc32(content))


def unsealed_open(content: bytes) -> bytes | None:
    """Undo `sealed_open`; None when damaged."""
    body = content[: -_CRC.size]
    return body if sealed_open(body) == content else None


def _places(shape: tuple[int, int]) -> np.ndarray:
    """All places that the preamble may take, as flat indices of coefficients."""
    inside = [row * blocks.SIDE + column for row, column in FREQUENCIES]
    return (np.arange(shape[0] * shape[1])[:, None] * blocks.SIDE**2 + inside).reshape(-1)


def _split(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    order = shuffle(_OPEN_ORDER, _places(shape))
    front = int(np.clip(shape[0] * shape[1] // _SPREAD, _FEWEST, _MOST))
    return order[:front], order[front:]


def front_places(shape: tuple[int, int]) -> np.ndarray:
    """Where the front lies in so many blocks."""
    return _split(shape)[0]


def fields_places(shape: tuple[int, int], size: int, key: bytes) -> np.ndarray | None:
    """Where `size` bytes of sealed fields lie; None when there is no room for so many."""
    rest = _split(shape)[1]
    count = int(8 * size * _REDUNDANCY)
    return shuffle(key, np.sort(rest))[:count] if 0 < count <= len(rest) else None


def fields_step(quality: int, places: np.ndarray) -> np.ndarray:
    """Steps of the fields' places: multiples of the design quality's quantiser, and none too fine."""
    quantisers = blocks.quantisers(quality).reshape(-1)[places % blocks.SIDE**2]
    return (quantisers * -(-_FINEST_STEP // quantisers)).astype(np.float64)


def write(values: np.ndarray, content: bytes) -> np.ndarray:
    """Whole steps nearest to `values` (in steps) that carry the content: their parities are its code word."""
    bits = np.unpackbits(np.frombuffer(content, np.uint8))
    word = ldpc.code(len(bits), len(values)).encode(bits[None])[0]
    return (2 * np.rint((values - word) / 2) + word).astype(np.int32)


def read(values: np.ndarray, size: int) -> bytes:
    """`size` bytes from values in steps; wrong ones where nothing is."""
    # Distance to the nearest even value, 0 to 1: half-way is no knowledge.
    distance = np.abs(values - 2 * np.rint(values / 2))
    bits, _ = ldpc.code(8 * size, len(values)).decode(_SLOPE * (0.5 - distance)[None])
    return np.packbits(bits[0]).tobytes()
