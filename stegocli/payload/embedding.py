"""Embed bytes in a picture and take them out bit for bit, openly or under a password.

Openly: the header tells how many bytes there are and how they lie, and its checksum guards the picture's shape and
colours. Under a password nothing tells (and where a second secret finds room, `slots` takes over): the header's samples
hold a random salt and nonce, and in an order that only the key gives follow the MAC of the whole picture (shape,
colours and, from format version 3 on, transparency), the encrypted plan, and the encrypted content. Without the
password all of it is noise.

Large pictures are worked on in n segments, so that memory stays bounded: segment k holds the samples k, k + n,
k + 2n ..., n = ceil(samples / 2**22), and every segment has its own order, its share of the larger digits, and the
bits that follow those of the segment before. Format version 1 knew one segment only, whatever the picture's size.
"""

import itertools
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from . import header, keys, trellis
from .errors import AuthenticationError, InvalidContent
from .trellis import LARGEST_BASE, Plan

# Public, so that an open picture spreads its changes as evenly as a private one.
_OPEN_ORDER = b"stego: open order of the samples"
# Samples that are ordered and embedded together, at most.
SEGMENT = 1 << 22
SEALED_PLAN = 16 + keys.TAG
_RESERVED = 8 * (keys.MAC + SEALED_PLAN)
# Indices, within a segment, of the samples that may carry content.
Free = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class EmbeddingPlan:
    """A plan for all segments of a picture.

    Attributes:
        sizes: samples of each segment that can carry content.
        base: of the smaller digits, the same everywhere.
        larger: how many samples of all segments together have base + 1; each has its share of them.
    """

    sizes: tuple[int, ...]
    base: int
    larger: int

    def plans(self) -> list[Plan]:
        """The plan of each segment."""
        ends = [0, *itertools.accumulate(self.sizes)]
        shares = [self.larger * end // max(1, ends[-1]) for end in ends]
        larger = (b - a for a, b in itertools.pairwise(shares))
        return [Plan(size, self.base, count) for size, count in zip(self.sizes, larger, strict=True)]

    @property
    def bits(self) -> int:
        """How much fits."""
        return sum(plan.bits for plan in self.plans())

    @property
    def used(self) -> int:
        """Samples that carry anything."""
        return sum(plan.used for plan in self.plans())


@dataclass(frozen=True)
class PayloadDescriptor:
    """What a reader must know of embedded bytes, 16 bytes packed: how many, and how they lie in the samples."""

    length: int
    plan: EmbeddingPlan

    _FORM = struct.Struct(">IBI7x")

    def pack(self) -> bytes:
        return self._FORM.pack(self.length, self.plan.base, self.plan.larger)

    @classmethod
    def unpack(cls, packed: bytes, sizes: tuple[int, ...]) -> "PayloadDescriptor":
        """Undo `pack` for a picture with a `capacity` of so many samples in each segment.

        Raises:
            InvalidContent: when it says what can't be.
        """
        length, base, larger = cls._FORM.unpack(packed)
        plan = EmbeddingPlan(sizes, base, larger)
        if base >= LARGEST_BASE or larger > sum(sizes) or 8 * length > plan.bits:
            raise InvalidContent(f"{length} bytes in {sum(sizes)} samples")
        return cls(length, plan)


def segments_of(samples: int, version: int) -> int:
    return 1 if version == 1 else -(-samples // SEGMENT)


def free_positions(samples: int, segment: int, segments: int) -> np.ndarray:
    """Indices within a segment of the samples that the header leaves free."""
    taken = header.positions(samples)
    taken = taken[taken % segments == segment] // segments
    return np.delete(np.arange(len(range(segment, samples, segments))), taken)


def _free(samples: int, plan: EmbeddingPlan) -> Free:
    return lambda segment: free_positions(samples, segment, len(plan.sizes))


def capacity(samples: int, private: bool, version: int = header.VERSION) -> tuple[int, ...]:
    """Samples of each segment left for content in a picture of so many; negative where not even the header fits."""
    if samples < 8 * header.SIZE:
        return (-1,)
    segments = segments_of(samples, version)
    taken = np.bincount(header.positions(samples) % segments, minlength=segments)
    sizes = [len(range(k, samples, segments)) - int(taken[k]) for k in range(segments)]
    return sizes[0] - (_RESERVED if private else 0), *sizes[1:]


def plan(sizes: tuple[int, ...], bits: int) -> EmbeddingPlan | None:
    """The plan with the least change that holds `bits` in a `capacity`; None when none does."""
    found = trellis.least(sum(sizes), bits, lambda base, larger: EmbeddingPlan(sizes, base, larger).bits)
    return found and EmbeddingPlan(sizes, *found)


def largest(sizes: tuple[int, ...], mse: float) -> EmbeddingPlan:
    """The plan that holds most within a mean squared change."""
    one = trellis.largest(sum(sizes), mse)
    return EmbeddingPlan(sizes, one.base, one.larger)


def overhead(private: bool) -> int:
    """Bytes that encryption adds to the content."""
    return keys.TAG if private else 0


def _bits(content: bytes, begin: int, count: int) -> np.ndarray:
    """Some of the bits of content, uint8 0 or 1; fewer where it ends."""
    part = np.frombuffer(content, np.uint8, offset=min(len(content), begin // 8))[: -(-count // 8) + 1]
    return np.unpackbits(part)[begin % 8 :][:count]


def _orders(free: Free, key: bytes, segments: int) -> Iterator[np.ndarray]:
    """For each segment the indices within it, in the order in which they are to be used."""

    def order(segment: int) -> np.ndarray:
        return keys.shuffle(key, free(segment), segment)

    # The next is sorted while the last is used.
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(order, 0)
        for segment in range(1, segments):
            found, coming = coming.result(), thread.submit(order, segment)
            yield found
        yield coming.result()


def write(flat: np.ndarray, key: bytes, content: bytes, plan: EmbeddingPlan, skip: int, free: Free) -> None:
    """Embed content in place, in the order that a key gives to the free positions of each segment.

    Args:
        skip: so many of the first segment's order are not for it.
        free: the positions within a segment.
    """
    plans, begin = plan.plans(), 0
    for segment, order in enumerate(_orders(free, key, len(plans))):
        samples, own = flat[segment :: len(plans)], plans[segment]
        order = order[0 if segment else skip :]
        samples[order] = trellis.write(samples[order], _bits(content, begin, own.bits), own)
        begin += own.bits


def read(flat: np.ndarray, key: bytes, length: int, plan: EmbeddingPlan, skip: int, free: Free) -> bytes:
    """The first `length` bytes that `write` embedded."""
    plans = plan.plans()
    content, left = bytearray(), np.zeros(0, np.uint8)
    for segment, order in enumerate(_orders(free, key, len(plans))):
        samples = flat[segment :: len(plans)]
        found = trellis.read(samples[order[0 if segment else skip :]], plans[segment])
        bits = np.concatenate([left, found])
        whole = len(bits) // 8 * 8
        content += np.packbits(bits[:whole]).tobytes()
        left = bits[whole:]
        if len(content) >= length:
            break
    return bytes(content[:length])


def embed_open(rgb: np.ndarray, content: bytes, plan: EmbeddingPlan) -> np.ndarray:
    """A copy of the picture that holds the content; the header that tells its `PayloadDescriptor` is the caller's.

    Args:
        rgb: uint8, (height, width, 3).
        content: any bytes.
        plan: for its `capacity`, with at least 8 bits for each byte of content.
    """
    flat = rgb.reshape(-1).copy()
    write(flat, _OPEN_ORDER, content, plan, 0, _free(flat.size, plan))
    return flat.reshape(rgb.shape)


def embed_private(
    rgb: np.ndarray, content: bytes, plan: EmbeddingPlan, password: str, alpha: np.ndarray | None = None
) -> np.ndarray:
    """A copy of the picture that holds the content, and has no room for another, for those who know the password.

    Args:
        rgb, content: as for `embed_open`.
        plan: for its `capacity`, with at least 8 bits for each byte of content and `overhead`.
        password: not empty.
        alpha: the picture's transparency, uint8, (height, width), which the MAC guards too.
    """
    flat = rgb.reshape(-1).copy()
    salt, nonce = os.urandom(keys.SALT), os.urandom(keys.NONCE)
    secret = keys.derive(keys.normalized(password), salt)
    # Bits that the content leaves over must look random too.
    noise = os.urandom(-(-plan.bits // 8) - len(content) - keys.TAG)
    sealed = keys.encrypt(secret.content, nonce, content) + noise
    header.write_bits(flat, header.positions(flat.size), salt + nonce)
    mac, sealed_plan = _reserved(flat.size, secret.order, len(plan.sizes))
    header.write_bits(flat, sealed_plan, keys.encrypt(secret.plan, nonce, PayloadDescriptor(len(content), plan).pack()))
    write(flat, secret.order, sealed, plan, _RESERVED, _free(flat.size, plan))
    flat[mac] &= 0xFE
    header.write_bits(flat, mac, keys.picture_mac(secret.picture, rgb.shape, flat, alpha, header.VERSION))
    return flat.reshape(rgb.shape)


def _reserved(samples: int, key: bytes, segments: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the samples that hold a private picture's MAC, and of those that hold its plan."""
    first = keys.first_of_shuffle(key, free_positions(samples, 0, segments), _RESERVED) * segments
    return first[: 8 * keys.MAC], first[8 * keys.MAC :]


def extract_open(rgb: np.ndarray, found: PayloadDescriptor) -> bytes:
    """The content of an openly embedded picture, whose header gave the descriptor and whose checksum was right."""
    return read(rgb.reshape(-1), _OPEN_ORDER, found.length, found.plan, 0, _free(rgb.size, found.plan))


def extract_private(
    rgb: np.ndarray, candidates: Iterable[keys.Keys], nonce: bytes, alpha: np.ndarray | None = None
) -> tuple[bytes, int]:
    """The content of a picture embedded under a password, and the version of the format: 3, 2 or 1.

    Args:
        rgb: uint8, (height, width, 3), of `capacity` for something private.
        candidates: the keys that the password may give.
        nonce: as it stands in the picture.
        alpha: the picture's transparency, uint8, (height, width); versions 1 and 2 did not guard it.

    Raises:
        AuthenticationError: wrong password, or a sample was changed, or nothing is there.
        InvalidContent: for a plan that no `embed_private` writes.
    """
    flat = rgb.reshape(-1).copy()
    segments = segments_of(flat.size, 3)
    # Nothing open tells the version. Versions 1 and 2 are the same where there is one segment.
    layouts = [(segments, 3), (segments, 2)] + [(1, 1)] * (segments > 1)
    for secret in candidates:
        for count, version in layouts:
            mac, sealed_plan = _reserved(flat.size, secret.order, count)
            last = flat[mac]
            flat[mac] &= 0xFE
            code = keys.picture_mac(secret.picture, rgb.shape, flat, alpha, version)
            if keys.same(np.packbits(last & 1).tobytes(), code):
                content = _decrypted(flat, secret, nonce, sealed_plan, capacity(flat.size, True, version))
                return content, version
            flat[mac] = last
    raise AuthenticationError


def _decrypted(
    flat: np.ndarray, secret: keys.Keys, nonce: bytes, sealed_plan: np.ndarray, sizes: tuple[int, ...]
) -> bytes:
    """The content of a picture whose MAC was right."""
    opened = keys.decrypt(secret.plan, nonce, header.read_bits(flat, sealed_plan))
    if opened is None:
        raise AuthenticationError
    found = PayloadDescriptor.unpack(opened, sizes)
    sealed = read(flat, secret.order, found.length + keys.TAG, found.plan, _RESERVED, _free(flat.size, found.plan))
    content = keys.decrypt(secret.content, nonce, sealed)
    if content is None:
        raise AuthenticationError
    return content
