"""What a password opens in pictures of one size: an order of positions, whitening, and a seal.

Argon2id turns the password and the picture's size into first keys: nothing random can be known before the sync
header is found. What they lead to begins with a random salt, and HKDF-SHA256 (RFC 5869) makes of both the keys of
one stego. Whatever is embedded is added to a key stream (SHAKE-256, FIPS 202), code words included, so that without
the password it can't be told from random bits.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from ..payload import keys
from ..payload.keys import NONCE, SALT

# Each key seals one message.
_NO_NONCE = bytes(NONCE)


def _stream(key: bytes, count: int) -> np.ndarray:
    return np.unpackbits(np.frombuffer(hashlib.shake_256(key).digest(-(-count // 8)), np.uint8))[:count]


@dataclass(frozen=True)
class Seal:
    """What seals and hides one part of a stego; `None` stands for an open part.

    Attributes:
        key: 32 bytes, for this part of this stego alone.
    """

    key: bytes

    def _use(self, use: str) -> bytes:
        return HKDFExpand(hashes.SHA256(), 32, f"stego survive 2 {use}".encode()).derive(self.key)

    @property
    def order(self) -> bytes:
        """Orders the part's positions."""
        return self._use("order")

    def whitening(self, count: int) -> np.ndarray:
        """Bits to add to the part's code words, uint8 (count,)."""
        return _stream(self._use("whitening"), count)

    def close(self, content: bytes) -> bytes:
        """Encrypted, with `keys.TAG` bytes behind."""
        return keys.encrypt(self._use("content"), _NO_NONCE, content)

    def open(self, content: bytes) -> bytes | None:
        """Undo `close`; None when it was not made by it."""
        return keys.decrypt(self._use("content"), _NO_NONCE, content)


@dataclass(frozen=True)
class Lock:
    """The first keys.

    Attributes:
        order: of the sync header's positions.
        whitening: of its code word.
        first: makes the keys of each stego.
    """

    order: bytes
    whitening: bytes
    first: bytes

    @classmethod
    def of(cls, password: str, shape: tuple[int, int]) -> "Lock":
        """The lock of a password in pictures of (down, across) blocks; slow on purpose (see `keys.derive`)."""
        salt = hashlib.sha256(f"stego survive 2 {shape[0]} {shape[1]}".encode()).digest()[:SALT]
        derived = keys.derive(password, salt)
        return cls(derived.order, derived.plan, derived.content)

    def header_whitening(self, count: int) -> np.ndarray:
        """Bits to add to the sync header's code word, uint8 (count,)."""
        return _stream(self.whitening, count)

    def seal(self, part: str, salt: bytes) -> Seal:
        """Of one part of the stego that has this salt."""
        info = f"stego survive 2 {part}".encode() + salt
        return Seal(HKDFExpand(hashes.SHA256(), 32, info).derive(self.first))
