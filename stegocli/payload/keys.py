"""Keys from a password, and what they do: encrypt, authenticate, order the samples.

Argon2id (RFC 9106, its second recommended option: 3 passes, 64 MiB, 4 lanes) turns password and salt into a
master key, HKDF-SHA256 (RFC 5869) that into one key a purpose. ChaCha20-Poly1305 (RFC 8439) encrypts; HMAC-SHA256
authenticates the whole picture. The parameters belong to format version 1.
"""

import hashlib
import hmac
from dataclasses import dataclass

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

SALT, NONCE, TAG, MAC = 16, 12, 16, 16
PASSES, MEMORY_KIB, LANES = 3, 64 * 1024, 4


@dataclass(frozen=True)
class Keys:
    """One 32-byte key for each purpose."""

    order: bytes
    plan: bytes
    content: bytes
    picture: bytes


def derive(password: str, salt: bytes) -> Keys:
    """Slow on purpose: about a tenth of a second and 64 MiB for each guess."""
    argon = Argon2id(salt=salt, length=32, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)
    master = argon.derive(password.encode())

    def key(use: str) -> bytes:
        return HKDFExpand(hashes.SHA256(), 32, f"stego 1 {use}".encode()).derive(master)

    return Keys(*map(key, Keys.__annotations__))


def encrypt(key: bytes, nonce: bytes, content: bytes) -> bytes:
    """`content` and a tag of `TAG` bytes."""
    return ChaCha20Poly1305(key).encrypt(nonce, content, None)


def decrypt(key: bytes, nonce: bytes, content: bytes) -> bytes | None:
    """Undo `encrypt`; None when key or content are not what they were."""
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, content, None)
    except InvalidTag:
        return None


def picture_mac(key: bytes, shape: tuple[int, ...], flat: np.ndarray) -> bytes:
    """`MAC` bytes over the samples and the picture's shape."""
    return hmac.new(key, repr(tuple(map(int, shape))).encode() + flat.tobytes(), hashlib.sha256).digest()[:MAC]


def same(a: bytes, b: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(a, b)


def shuffle(key: bytes, places: np.ndarray) -> np.ndarray:
    """The places in an order that only the key tells: sorted by a ChaCha20 key stream, 64 bits each."""
    stream = Cipher(algorithms.ChaCha20(key, bytes(16)), mode=None).encryptor().update(bytes(8 * len(places)))
    return places[np.argsort(np.frombuffer(stream, "<u8"), kind="stable")]
