"""What the key alone tells: where a discreet payload lies, how long it is, and how it is sealed.

Nothing is open. The salt is what some samples already are: a hash of them, so they look like all others because they
are as the cover had them. Password and salt give the keys. In keyed order follow a front (a random nonce, the size
class and the shares of the channels, encrypted) and the content, padded to its class and sealed.

There are two slots, each with half of the samples, of which one password opens one: the other may hold what a second
password opens, or noise, and is embedded in the same way. Content that takes more than a slot has no second beside it,
and all samples to itself.
"""

import hashlib
import hmac
import math
import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import SystemRandom

import numpy as np

from ..payload import keys
from ..payload.keys import Keys
from ..payload.mixing import splitmix64

# Bytes a square root of a pixel of three samples: by the square root law (Ker et al., 2008) this shows about equally at
# every size.
CAPS = {"small": 1.5, "normal": 3.0, "large": 6.0}
# Class k holds isqrt(12 * samples) >> k bytes: class 0 is `large`, 1 `normal`, 2 `small`, the others are for less.
_CLASSES = 8
_LENGTH = struct.Struct(">I")
OVERHEAD = _LENGTH.size + keys.TAG
_FIELDS = 3
FRONT = keys.NONCE + _FIELDS
SLOTS = 2
# Pixels whose samples make the salt: at most this many, and this share of a small picture's.
_SALT_PIXELS, _SALT_SHARE = 1024, 32


@dataclass(frozen=True)
class Front:
    """How the content lies in the picture.

    Attributes:
        nonce: of the content's encryption.
        size_class: of the sealed content's length.
        shares: of the first channel in the content, and of the second in the rest, in 255ths.
    """

    nonce: bytes
    size_class: int
    shares: tuple[int, int] = (0, 0)

    def pack(self, secret: Keys) -> bytes:
        """`FRONT` bytes that look random."""
        return self.nonce + _masked(secret, self.nonce, bytes([self.size_class, *self.shares]))

    @classmethod
    def unpack(cls, packed: bytes, secret: Keys) -> "Front":
        """Undo `pack`; with another key the result is any."""
        nonce = packed[: keys.NONCE]
        size_class, *shares = _masked(secret, nonce, packed[keys.NONCE :])
        return cls(nonce, size_class, (shares[0], shares[1]))

    def weights(self, channels: int) -> list[int]:
        """The channels' parts of the content, in any unit."""
        first, second = self.shares
        if channels == 1:
            return [1]
        return [255 * first, (255 - first) * second, (255 - first) * (255 - second)]


def _masked(secret: Keys, nonce: bytes, fields: bytes) -> bytes:
    mask = hmac.new(secret.plan, nonce, hashlib.sha256).digest()
    return bytes(a ^ b for a, b in zip(fields, mask, strict=False))


def new_front(size_class: int, weights: list[float]) -> Front:
    """A front with a fresh nonce, for channels that hold content in about these proportions."""
    total, rest = sum(weights), sum(weights[1:])
    shares = (round(255 * weights[0] / total), round(255 * weights[1] / rest)) if rest > 0 else (255, 0)
    return Front(os.urandom(keys.NONCE), size_class, shares if len(weights) > 1 else (0, 0))


def class_bytes(samples: int, size_class: int, slots: int = 1) -> int:
    """Length of the sealed content of a class in a picture of so many samples; both slots together have as much."""
    return math.isqrt(12 * samples) // slots >> size_class


def _classes(samples: int, size: str, most: float, slots: int) -> list[int]:
    classes = range(_largest_class(size), _CLASSES)
    return [k for k in classes if slots * (class_bytes(samples, k, slots) + FRONT) <= most]


def capacity(samples: int, size: str, most: float = math.inf, slots: int = 1) -> int:
    """Bytes of content that a cover of so many samples may carry.

    Args:
        size: a name of `CAPS`.
        most: bytes that the cover bears in all.
        slots: `SLOTS` for what one of them carries, 1 for content alone.
    """
    lengths = [class_bytes(samples, k, slots) for k in _classes(samples, size, most, slots)]
    return max(0, max(lengths, default=0) - OVERHEAD)


def same_class(samples: int, length: int, size: str, most: float = math.inf) -> range:
    """The lengths of content that go into slots of the same class as this one."""
    lengths = sorted(class_bytes(samples, k, SLOTS) - OVERHEAD for k in _classes(samples, size, most, SLOTS))
    below = max((n for n in lengths if 0 < n < length), default=0)
    return range(below + 1, min(n for n in lengths if n >= length) + 1)


def _largest_class(size: str) -> int:
    return round(math.log2(6.0 / CAPS[size]))


def fitting_class(samples: int, length: int, size: str, most: float = math.inf, slots: int = 1) -> int | None:
    """The smallest class that holds content of this length; None when none within `capacity` does."""
    classes = _classes(samples, size, most, slots)
    return max((k for k in classes if class_bytes(samples, k, slots) >= length + OVERHEAD), default=None)


def known_class(size_class: int) -> bool:
    """Whether a front may say this."""
    return size_class < _CLASSES


def seal(secret: Keys, nonce: bytes, content: bytes, length: int) -> bytes:
    """Content, padded, encrypted and authenticated, in `length` bytes."""
    padded = (_LENGTH.pack(len(content)) + content).ljust(length - keys.TAG, b"\0")
    return keys.encrypt(secret.content, nonce, padded)


def unseal(secret: Keys, nonce: bytes, sealed: bytes) -> bytes | None:
    """Undo `seal`; None when the key is wrong or anything was changed."""
    padded = keys.decrypt(secret.content, nonce, sealed)
    if padded is None:
        return None
    (length,) = _LENGTH.unpack_from(padded)
    return padded[_LENGTH.size : _LENGTH.size + length]


@dataclass(frozen=True)
class Load:
    """What one slot carries: what a key opens, or noise under a key that nobody knows.

    Attributes:
        order: the key that gives the positions.
        front, sealed: bytes that look random.
    """

    order: bytes
    front: bytes
    sealed: bytes

    @classmethod
    def of(cls, secret: Keys, front: Front, content: bytes, length: int) -> "Load":
        """Content sealed in `length` bytes behind its front."""
        return cls(secret.order, front.pack(secret), seal(secret, front.nonce, content, length))

    @classmethod
    def noise(cls, length: int) -> "Load":
        """Of a slot that nobody uses."""
        return cls(os.urandom(32), os.urandom(FRONT), os.urandom(length))


def loads(secrets: Sequence[tuple[Keys, bytes]], front: Callable[[], Front], length: int, slots: int) -> list[Load]:
    """What the slots carry: one content or two with their keys, each in either slot with equal chance.

    Args:
        front: gives one for each content.
        length: of the sealed content, in every slot.
        slots: how many there are; one for content alone.
    """
    found = [Load.of(secret, front(), content, length) for secret, content in secrets]
    found += [Load.noise(length) for _ in range(slots - len(found))]
    SystemRandom().shuffle(found)
    return found


def salt_positions(pixels: int) -> np.ndarray:
    """Sorted indices of the pixels that make the salt, one at a hashed position in each of equal stretches."""
    count = min(_SALT_PIXELS, pixels // _SALT_SHARE)
    edges = np.linspace(0, pixels, count + 1).astype(np.int64)
    drawn = splitmix64(np.arange(count, dtype=np.uint64), pixels)
    return edges[:-1] + (drawn % np.diff(edges).astype(np.uint64)).astype(np.int64)


def salt(samples: np.ndarray, shape: tuple[int, ...]) -> bytes:
    """`keys.SALT` bytes from the samples at the salt's positions and the picture's shape."""
    code = hashlib.sha256(repr(tuple(map(int, shape))).encode())
    code.update(np.ascontiguousarray(samples).data)
    return code.digest()[: keys.SALT]
