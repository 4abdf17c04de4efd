"""What a password opens: an order of positions, a key stream, and a seal.

Argon2id turns the password into first keys: nothing random can be known before the first thing is found. What they
lead to begins with a random salt, and HKDF-SHA256 (RFC 5869) makes of both the keys of one stego.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from ..payload import keys
from ..payload.keys import NONCE, SALT, TAG

# Each key seals one message.
_NO_NONCE = bytes(NONCE)


def key_stream(key: bytes, count: int) -> np.ndarray:
    """So many bits, uint8: SHAKE-256 (FIPS 202) of the key."""
    return np.unpackbits(np.frombuffer(hashlib.shake_256(key).digest(-(-count // 8)), np.uint8))[:count]


@dataclass(frozen=True)
class Seal:
    """What seals and hides one part of a stego; `None` stands for an open part.

    Attributes:
        key: 32 bytes, for this part of this stego alone.
        format: names what is sealed and its version.
    """

    key: bytes
    format: str

    def _use(self, use: str) -> bytes:
        return HKDFExpand(hashes.SHA256(), 32, f"{self.format} {use}".encode()).derive(self.key)

    @property
    def order(self) -> bytes:
        """Orders the part's positions."""
        return self._use("order")

    def whitening(self, count: int) -> np.ndarray:
        """Bits to add to the part's code words, uint8 (count,)."""
        return key_stream(self._use("whitening"), count)

    def close(self, content: bytes, tag: int = TAG) -> bytes:
        """Encrypted, with a tag of so many bytes behind."""
        sealed = keys.encrypt(self._use("content"), _NO_NONCE, content)
        return sealed[: len(content) + tag]

    def open(self, content: bytes, tag: int = TAG) -> bytes | None:
        """Undo `close`; None when it was not made by it."""
        if len(content) < tag:
            return None
        # A key stream undoes itself, and a shortened tag is no matter for the library: it is made again.
        body = keys.encrypt(self._use("content"), _NO_NONCE, content[: len(content) - tag])[:-TAG]
        return body if keys.same(self.close(body, tag), content) else None


@dataclass(frozen=True)
class Lock:
    """The first keys.

    Attributes:
        order: of the positions of the sync header (`robust.sync`).
        whitening: of the sync header's code word.
        first: makes the keys of each stego.
        format: names what is locked and its version.
    """

    order: bytes
    whitening: bytes
    first: bytes
    format: str

    @classmethod
    def of(cls, password: str, format: str, shape: tuple[int, ...] = ()) -> "Lock":
        """The lock of a password, in pictures of one shape where that is told; slow on purpose (see `keys.derive`)."""
        salt = hashlib.sha256(" ".join([format, *map(str, shape)]).encode()).digest()[:SALT]
        derived = keys.derive(password, salt)
        return cls(derived.order, derived.plan, derived.content, format)

    def header_whitening(self, count: int) -> np.ndarray:
        """Bits to add to the first thing's code word, uint8 (count,)."""
        return key_stream(self.whitening, count)

    def seal(self, part: str, salt: bytes) -> Seal:
        """Of one part of the stego that has this salt."""
        info = f"{self.format} {part}".encode() + salt
        return Seal(HKDFExpand(hashes.SHA256(), 32, info).derive(self.first), self.format)
