"""Two slots for two passwords in one picture: who knows one password can't tell whether the other slot is used.

Private format version 4. The samples that the header of an open picture would have hold a random salt and nonce, 256
more at public positions the MACs of both slots, and every second of the others belongs to each slot. There lie, in an
order that only the slot's key gives, the encrypted plan and the encrypted content, filled with noise to a length that
both slots have in common. A MAC covers the whole picture but the bits of both MACs, so each password guards all of it.

A slot that nobody uses is filled with the same noise under a key that nobody knows: all that depends on a second secret
being there is which of two streams of random bits are ciphertext. The common length (`slot_length`) follows from one
content's length alone, whichever of the two it is, so two contents go together only if they have it in common.

Content that takes more than half of what a cover holds goes without slots (`embedding.embed_private`).
"""

import hashlib
import itertools
import math
import os
from collections.abc import Iterator, Sequence
from random import SystemRandom

import numpy as np

from . import embedding, header, keys
from .embedding import SEALED_PLAN, EmbeddingPlan, PayloadDescriptor
from .errors import AuthenticationError

VERSION = 4
SLOTS = 2
# The lengths that a slot is filled to, as shares of the most that it holds: half, a quarter, and from there on steps of
# four, down to the root of 12 times the samples. Wider steps let more pairs go together, and change more of the cover;
# where little of it changes that costs least.
_UPPER, _STEP = (1, 2, 4), 4
_PUBLIC = hashlib.sha256(b"stego 4: where the codes of both slots lie").digest()
_PLAN_BITS = 8 * SEALED_PLAN


class _Layout:
    """Where all lies in a picture of so many samples."""

    def __init__(self, samples: int):
        self.samples = samples
        self.segments = embedding.segments_of(samples, VERSION)
        free = embedding.free_positions(samples, 0, self.segments)
        self._macs = keys.first_of_shuffle(_PUBLIC, free, SLOTS * 8 * keys.MAC)
        self.macs = self._macs * self.segments

    def free(self, slot: int, segment: int) -> np.ndarray:
        """Indices within a segment of the samples of a slot."""
        positions = embedding.free_positions(self.samples, segment, self.segments)
        if segment == 0:
            positions = np.setdiff1d(positions, self._macs, assume_unique=True)
        return positions[slot::SLOTS]

    def plan_positions(self, slot: int, order: bytes) -> np.ndarray:
        """Indices of the samples that hold a slot's encrypted plan."""
        return keys.first_of_shuffle(order, self.free(slot, 0), _PLAN_BITS) * self.segments


def capacity(samples: int, slot: int) -> tuple[int, ...]:
    """Samples of each segment left for a slot's content; negative where not even the rest fits."""
    first, *others = embedding.capacity(samples, False, VERSION)
    first -= SLOTS * 8 * keys.MAC
    if first <= 0:
        return (-1,)
    shares = [(size + SLOTS - 1 - slot) // SLOTS for size in (first, *others)]
    return shares[0] - _PLAN_BITS, *shares[1:]


def largest(samples: int, base: int, larger: int) -> int:
    """Bytes of content that either slot holds by a plan for the samples of both (a base, how many are larger)."""
    plans = [EmbeddingPlan(capacity(samples, slot), base, larger // SLOTS) for slot in range(SLOTS)]
    return max(0, min(plan.bits for plan in plans) // 8 - keys.TAG)


def _steps(samples: int, length: int, most: int) -> tuple[int, int]:
    """Of the lengths that a slot may be filled to, the longest that is too short for so many bytes, and the next.

    The least grows with the root of the samples: at the same share a change shows more in a larger picture.
    """
    least = math.isqrt(12 * samples)
    shares = itertools.chain(_UPPER, (_UPPER[-1] * _STEP**n for n in itertools.count(1)))
    filled = most
    for shorter in (most // share for share in shares):
        if shorter < max(length, least):
            return (shorter if shorter >= least else 0), filled
        filled = shorter
    raise AssertionError("shares do not end")


def slot_length(samples: int, length: int, most: int) -> int | None:
    """Bytes that both slots are filled to for content of so many; None where that is too long.

    Args:
        samples: of the picture.
        length: of the content.
        most: what a slot holds in the cover.
    """
    return None if length > most else _steps(samples, length, most)[1]


def same_length(samples: int, length: int, most: int) -> range:
    """The lengths of content that have the same `slot_length` as this one."""
    below, filled = _steps(samples, length, most)
    return range(below + 1, filled + 1)


def embed(
    rgb: np.ndarray, contents: Sequence[tuple[bytes, str]], length: int, alpha: np.ndarray | None = None
) -> np.ndarray:
    """A copy of the picture that holds one content or two, each for those who know its password.

    Args:
        rgb: uint8, (height, width, 3).
        contents: one or two contents, each with its password.
        length: what both slots are filled to, `slot_length` of each content.
        alpha: the picture's transparency, uint8, (height, width), which the MACs guard too.
    """
    flat = rgb.reshape(-1).copy()
    layout = _Layout(flat.size)
    salt, nonce = os.urandom(keys.SALT), os.urandom(keys.NONCE)
    header.write_bits(flat, header.positions(flat.size), salt + nonce)
    used: list[keys.Keys | None] = []
    filled: list[tuple[bytes, str] | None] = [*contents, *[None] * (SLOTS - len(contents))]
    SystemRandom().shuffle(filled)
    for slot, what in enumerate(filled):
        plan = embedding.plan(capacity(flat.size, slot), 8 * (length + keys.TAG))
        assert plan is not None  # `largest` has found one
        key = None if what is None else keys.derive(keys.normalized(what[1]), salt)
        used.append(key)
        order, sealed_plan, sealed = os.urandom(32), os.urandom(SEALED_PLAN), b""
        if key is not None and what is not None:
            order, sealed = key.order, keys.encrypt(key.content, nonce, what[0])
            sealed_plan = keys.encrypt(key.plan, nonce, PayloadDescriptor(len(what[0]), plan).pack())
        sealed += os.urandom(-(-plan.bits // 8) - len(sealed))
        header.write_bits(flat, layout.plan_positions(slot, order), sealed_plan)
        embedding.write(flat, order, sealed, plan, _PLAN_BITS, _free(layout, slot))
    flat[layout.macs] &= 0xFE
    codes = [
        os.urandom(keys.MAC) if key is None else keys.picture_mac(key.picture, rgb.shape, flat, alpha, VERSION)
        for key in used
    ]
    header.write_bits(flat, layout.macs, b"".join(codes))
    return flat.reshape(rgb.shape)


def _free(layout: _Layout, slot: int) -> embedding.Free:
    return lambda segment: layout.free(slot, segment)


def extract(rgb: np.ndarray, password: str, alpha: np.ndarray | None = None) -> tuple[bytes, int]:
    """The content of a picture embedded under a password, and the version of the format, 1 to `VERSION`.

    Args:
        rgb: uint8, (height, width, 3).
        password: however its letters are composed, see `keys.candidates`.
        alpha: the picture's transparency, uint8, (height, width); versions 1 and 2 did not guard it.

    Raises:
        AuthenticationError: wrong password, or a sample was changed, or nothing is there.
        InvalidContent: for a plan that no writer writes.
    """
    if min(embedding.capacity(rgb.size, True)) < 0:
        raise AuthenticationError
    start = header.read_bits(rgb.reshape(-1), header.positions(rgb.size))
    salt, nonce = start[: keys.SALT], start[keys.SALT :]
    derived = [keys.derive(candidate, salt) for candidate in keys.candidates(password)]
    if min(capacity(rgb.size, SLOTS - 1)) > 0:
        for content in _found(rgb, derived, nonce, alpha):
            return content, VERSION
    return embedding.extract_private(rgb, derived, nonce, alpha)


def _found(rgb: np.ndarray, derived: Sequence[keys.Keys], nonce: bytes, alpha: np.ndarray | None) -> Iterator[bytes]:
    """The content of whichever slot one of the keys opens."""
    flat = rgb.reshape(-1).copy()
    layout = _Layout(flat.size)
    codes = header.read_bits(flat, layout.macs)
    flat[layout.macs] &= 0xFE
    for key in derived:
        code = keys.picture_mac(key.picture, rgb.shape, flat, alpha, VERSION)
        for slot in range(SLOTS):
            if not keys.same(codes[slot * keys.MAC :][: keys.MAC], code):
                continue
            opened = keys.decrypt(key.plan, nonce, header.read_bits(flat, layout.plan_positions(slot, key.order)))
            if opened is None:
                raise AuthenticationError
            found = PayloadDescriptor.unpack(opened, capacity(flat.size, slot))
            length = found.length + keys.TAG
            sealed = embedding.read(flat, key.order, length, found.plan, _PLAN_BITS, _free(layout, slot))
            content = keys.decrypt(key.content, nonce, sealed)
            if content is None:
                raise AuthenticationError
            yield content
