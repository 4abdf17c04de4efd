"""Keys from a password, and what they do: encrypt, authenticate, order the samples.

Argon2id (RFC 9106, its second recommended option: 3 passes, 64 MiB, 4 lanes) turns password and salt into a
master key, HKDF-SHA256 (RFC 5869) that into one key a purpose. ChaCha20-Poly1305 (RFC 8439) encrypts; HMAC-SHA256
authenticates the whole picture. The parameters belong to the format since version 1.
"""

import hashlib
import hmac
import struct
import unicodedata
from dataclasses import dataclass

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from ..errors import StegoError

SALT, NONCE, TAG, MAC = 16, 12, 16, 16
_AT_ONCE = 1 << 20
PASSES, MEMORY_KIB, LANES = 3, 64 * 1024, 4


@dataclass(frozen=True)
class Keys:
    """One 32-byte key for each purpose."""

    order: bytes
    plan: bytes
    content: bytes
    picture: bytes


def normalized(password: str) -> str:
    """The password as new stegos take it: composed (NFC, Unicode Standard Annex 15).

    Keyboards of different systems type one letter differently: é as one code point, or as e and an accent.
    """
    return unicodedata.normalize("NFC", password)


def candidates(password: str) -> tuple[str, ...]:
    """The passwords that `reveal` tries, each once: composed, as typed, decomposed.

    New stegos are `normalized`. Earlier versions took what the sender's system typed, composed or decomposed.
    """
    return tuple(dict.fromkeys((normalized(password), password, unicodedata.normalize("NFD", password))))


def derive(password: str, salt: bytes) -> Keys:
    """Keys from the password's very bytes: slow on purpose, about a tenth of a second and 64 MiB for each guess.

    Args:
        password: `normalized` for a new stego, one of the `candidates` to read one. A byte of the environment that is
            no UTF-8, which Python holds as a surrogate, counts as that byte.
        salt: `SALT` bytes.

    Raises:
        StegoError: for half a character that no system types.
    """
    try:
        typed = password.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raise StegoError("The password holds half a character (a lone surrogate): give another.") from None
    argon = Argon2id(salt=salt, length=32, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)
    master = argon.derive(typed)

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


def picture_mac(key: bytes, shape: tuple[int, ...], flat: np.ndarray, alpha: np.ndarray | None, version: int) -> bytes:
    """`MAC` bytes over the picture: its shape, its samples, and from private format version 3 on its transparency.

    Args:
        shape: (height, width, 3).
        flat: the samples, uint8.
        alpha: uint8, (height, width). Absent and fully opaque count the same, since formats drop what is opaque.
        version: of the format.
    """
    code = hmac.new(key, f"stego {version}".encode() if version >= 3 else b"", hashlib.sha256)
    code.update(repr(tuple(map(int, shape))).encode())
    code.update(np.ascontiguousarray(flat).data)
    if version >= 3 and alpha is not None and alpha.min(initial=255) < 255:
        code.update(np.ascontiguousarray(alpha).data)
    return code.digest()[:MAC]


def same(a: bytes, b: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(a, b)


def _stream(key: bytes, segment: int) -> CipherContext:
    # The nonce's first four bytes are the cipher's block counter.
    return Cipher(algorithms.ChaCha20(key, struct.pack("<4I", 0, segment, 0, 0)), mode=None).encryptor()


def shuffle(key: bytes, positions: np.ndarray, segment: int = 0) -> np.ndarray:
    """The positions in an order that only the key tells: sorted by a ChaCha20 key stream, 64 bits each.

    Each segment of a picture has a key stream of its own.
    """
    drawn = np.frombuffer(_stream(key, segment).update(bytes(8 * len(positions))), "<u8")
    # Numbers sort faster than indices by numbers: so the lowest bits make room for the index first. The few that differ
    # in those bits alone are put right after, in a sort that takes no time where nearly all is in order.
    bits = np.uint64(len(positions).bit_length())
    indexed = drawn >> bits << bits
    indexed |= np.arange(len(positions), dtype=np.uint64)
    indexed.sort()
    indexed &= (np.uint64(1) << bits) - np.uint64(1)
    order = indexed.view(np.int64)
    return positions[order[np.argsort(drawn[order], kind="stable")]]


def first_of_shuffle(key: bytes, positions: np.ndarray, count: int) -> np.ndarray:
    """`shuffle(key, positions)[:count]` in little memory, for as many positions as may be."""
    stream = _stream(key, 0)
    drawn, kept = np.zeros(0, np.uint64), np.zeros(0, np.int64)
    for begin in range(0, len(positions), _AT_ONCE):
        more = np.frombuffer(stream.update(bytes(8 * min(_AT_ONCE, len(positions) - begin))), "<u8")
        drawn = np.concatenate([drawn, more])
        kept = np.concatenate([kept, positions[begin : begin + len(more)]])
        if len(drawn) > count:
            small = np.flatnonzero(drawn <= np.partition(drawn, count - 1)[count - 1])
            drawn, kept = drawn[small], kept[small]
    return kept[np.argsort(drawn, kind="stable")][:count]
