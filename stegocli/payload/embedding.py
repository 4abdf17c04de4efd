"""Embed bytes in a picture and take them out bit for bit, openly or under a password.

Openly: the header tells the extent, its checksum guards the whole picture. Under a password
nothing tells: the header's samples hold a random salt and nonce, and in an order that only the key gives follow
the picture's MAC, the encrypted plan, and the encrypted content. Without the password all of it is noise.
"""

import os
import struct
from dataclasses import dataclass

import numpy as np

from . import header, keys, trellis
from .trellis import LARGEST_BASE, Plan

# Public, so that an open picture spreads its changes as evenly as a private one.
_OPEN_ORDER = b"stego: open order of the samples"
_SEALED_PLAN = 16 + keys.TAG
_RESERVED = 8 * (keys.MAC + _SEALED_PLAN)


class Rejected(Exception):
    """Wrong password or altered picture: the two can't be told apart."""


@dataclass(frozen=True)
class Extent:
    """What a reader must know of embedded bytes, 16 bytes packed: how many, and how they lie in the samples."""

    length: int
    plan: Plan

    _FORM = struct.Struct(">IBI7x")

    def pack(self) -> bytes:
        return self._FORM.pack(self.length, self.plan.base, self.plan.larger)

    @classmethod
    def unpack(cls, packed: bytes, samples: int) -> "Extent":
        """Undo `pack` for a picture with `samples` samples of room.

        Raises:
            ValueError: when it says what can't be.
        """
        length, base, larger = cls._FORM.unpack(packed)
        plan = Plan(samples, base, larger)
        if base >= LARGEST_BASE or larger > samples or 8 * length > plan.bits:
            raise ValueError(f"{length} bytes in {samples} samples")
        return cls(length, plan)


def _bits(content: bytes) -> np.ndarray:
    return np.unpackbits(np.frombuffer(content, np.uint8))


def _free_places(samples: int) -> np.ndarray:
    free = np.ones(samples, bool)
    free[header.places(samples)] = False
    return np.flatnonzero(free)


def room(samples: int, private: bool) -> int:
    """Samples left for content in a picture of so many; negative when even the frame does not fit."""
    return samples - 8 * header.SIZE - (_RESERVED if private else 0)


def overhead(private: bool) -> int:
    """Bytes that encryption adds to the content."""
    return keys.TAG if private else 0


def embed_open(rgb: np.ndarray, content: bytes, plan: Plan) -> np.ndarray:
    """A copy of the picture that holds the content; the header that tells its `Extent` is the caller's.

    Args:
        rgb: uint8, (height, width, 3).
        content: any bytes.
        plan: for `room` samples, with at least 8 bits for each byte of content.
    """
    flat = rgb.reshape(-1).copy()
    order = keys.shuffle(_OPEN_ORDER, _free_places(flat.size))
    flat[order] = trellis.write(flat[order], _bits(content), plan)
    return flat.reshape(rgb.shape)


def embed_private(rgb: np.ndarray, content: bytes, plan: Plan, password: str) -> np.ndarray:
    """A copy of the picture that holds the content for those who know the password.

    Args:
        rgb, content: as for `embed_open`.
        plan: for `room` samples, with at least 8 bits for each byte of content and `overhead`.
        password: not empty.
    """
    flat = rgb.reshape(-1).copy()
    salt, nonce = os.urandom(keys.SALT), os.urandom(keys.NONCE)
    secret = keys.derive(password, salt)
    order = keys.shuffle(secret.order, _free_places(flat.size))
    mac, sealed_plan, rest = np.split(order, (8 * keys.MAC, _RESERVED))
    # Bits that the content leaves over must look random too.
    noise = os.urandom(-(-plan.bits // 8) - len(content) - keys.TAG)
    sealed = keys.encrypt(secret.content, nonce, content) + noise
    header.write_bits(flat, header.places(flat.size), salt + nonce)
    header.write_bits(flat, sealed_plan, keys.encrypt(secret.plan, nonce, Extent(len(content), plan).pack()))
    flat[rest] = trellis.write(flat[rest], _bits(sealed)[: plan.bits], plan)
    flat[mac] &= 0xFE
    header.write_bits(flat, mac, keys.picture_mac(secret.picture, rgb.shape, flat))
    return flat.reshape(rgb.shape)


def extract_open(rgb: np.ndarray, found: Extent) -> bytes:
    """The content of an openly embedded picture, whose header gave the extent and whose checksum was right."""
    flat = rgb.reshape(-1)
    order = keys.shuffle(_OPEN_ORDER, _free_places(flat.size))
    return np.packbits(trellis.read(flat[order], found.plan)[: 8 * found.length]).tobytes()


def extract_private(rgb: np.ndarray, password: str) -> bytes:
    """The content of a picture embedded under a password.

    Raises:
        Rejected: wrong password, or a sample was changed, or nothing is there.
    """
    flat = rgb.reshape(-1).copy()
    if room(flat.size, True) < 0:
        raise Rejected
    start = header.read_bits(flat, header.places(flat.size))
    salt, nonce = start[: keys.SALT], start[keys.SALT :]
    secret = keys.derive(password, salt)
    order = keys.shuffle(secret.order, _free_places(flat.size))
    mac, sealed_plan, rest = np.split(order, (8 * keys.MAC, _RESERVED))
    given = header.read_bits(flat, mac)
    flat[mac] &= 0xFE
    if not keys.same(given, keys.picture_mac(secret.picture, rgb.shape, flat)):
        raise Rejected
    opened = keys.decrypt(secret.plan, nonce, header.read_bits(flat, sealed_plan))
    if opened is None:
        raise Rejected
    found = Extent.unpack(opened, len(rest))
    sealed = np.packbits(trellis.read(flat[rest], found.plan)[: 8 * (found.length + keys.TAG)]).tobytes()
    content = keys.decrypt(secret.content, nonce, sealed)
    if content is None:
        raise Rejected
    return content
