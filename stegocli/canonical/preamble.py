"""What a reader must know before the content: how strongly it was embedded, and how long it is.

Open, big-endian bits: version (4), strength (6), bytes of the sealed content (14), CRC-16. Under
a password: a random salt (64), and the first three encrypted, with a shortened tag (64).
"""

import binascii
import os
from dataclasses import dataclass

import numpy as np

from . import convolution, dither, grid
from .dither import Layout
from .lock import Lock

VERSION = 1
# Names the keys under a password.
LOCK = "stego canonical 1"
_FIELDS = 3
_CRC, _TAG, SALT = 2, 8, 8
LONGEST = (1 << 14) - 1
# Coefficients for each bit of the preamble and of its code's tail, at least; and for each block of the grid, since most
# blocks may be too flat to hold any.
_SPREAD, _A_BLOCK = 8, 0.6


class LaterFormat(ValueError):
    """Made by a later version."""


def size_of(private: bool) -> int:
    """Bytes of the preamble."""
    return _FIELDS + (SALT + _TAG if private else _CRC)


def count_of(size: tuple[int, int], private: bool) -> int:
    """Coefficients that it takes on a grid."""
    return max(_SPREAD * (8 * size_of(private) + 8), int(_A_BLOCK * size[0] * size[1] / grid.SIDE**2))


@dataclass(frozen=True)
class Preamble:
    """What it tells.

    Attributes:
        strength: index, see `design`.
        length: bytes of the sealed content.
        salt: random; empty in an open stego.
    """

    strength: int
    length: int
    salt: bytes = b""

    @classmethod
    def new(cls, strength: int, length: int, private: bool) -> "Preamble":
        """For a stego in the making."""
        return cls(strength, length, os.urandom(SALT) if private else b"")

    def pack(self, lock: Lock | None) -> bytes:
        """As bytes."""
        fields = VERSION << 20 | self.strength << 14 | self.length
        body = fields.to_bytes(_FIELDS, "big")
        if lock is None:
            return body + binascii.crc_hqx(body, 0).to_bytes(_CRC, "big")
        return self.salt + lock.seal("preamble", self.salt).close(body, _TAG)

    @classmethod
    def unpack(cls, content: bytes, lock: Lock | None) -> "Preamble | None":
        """None when this is none, a damaged one, or another password's.

        Raises:
            LaterFormat: for what a later version made.
        """
        salt, body = b"", content[:-_CRC]
        if lock is not None:
            salt = content[:SALT]
            opened = lock.seal("preamble", salt).open(content[SALT:], _TAG)
            if opened is None:
                return None
            body = opened
        elif binascii.crc_hqx(body, 0).to_bytes(_CRC, "big") != content[-_CRC:]:
            return None
        fields = int.from_bytes(body, "big")
        if fields >> 20 > VERSION:
            raise LaterFormat(f"version {fields >> 20}")
        found = cls(fields >> 14 & 63, fields & LONGEST, salt)
        return found if fields >> 20 == VERSION and found.length else None


def bits(content: bytes, count: int) -> np.ndarray:
    """The coded bits of a packed preamble, uint8 (count,)."""
    return convolution.encode(np.unpackbits(np.frombuffer(content, np.uint8)), count)


def read(values: np.ndarray, layout: Layout, sigma: np.ndarray, written: np.ndarray, size: int) -> bytes:
    """The likeliest `size` bytes.

    Args:
        values: of the coefficients, the gain undone, float64 (n,).
        layout: theirs.
        sigma: deviation of their noise, (n,).
        written: how likely each was written to, (n,).
        size: of the packed preamble.
    """
    odds = weakened(dither.log_odds(values, layout, sigma), written)
    return np.packbits(convolution.decode(odds, 8 * size)).tobytes()


def weakened(log_odds: np.ndarray, written: np.ndarray) -> np.ndarray:
    """Log-odds of bits that were written with a probability, and otherwise tell nothing."""
    tanh = written * np.tanh(np.clip(log_odds, -30, 30) / 2)
    return 2 * np.arctanh(np.clip(tanh, -0.9999999, 0.9999999))


def append_crc(content: bytes) -> bytes:
    """With a CRC-32 behind."""
    return content + binascii.crc32(content).to_bytes(4, "big")


def check_crc(content: bytes) -> bytes | None:
    """Undo `append_crc`; None when damaged."""
    body = content[:-4]
    return body if len(content) >= 4 and append_crc(body) == content else None
