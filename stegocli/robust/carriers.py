"""The coefficients that carry a content, and the content as the stream of bits that they carry."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..payload.keys import shuffle
from . import blocks, lattice, ldpc, strength

# A code word's length, about.
WORD = 16384
# Words that are tried before the rest: where none of them can be corrected, none of the others will be.
_SAMPLE = 4
_SUREST = 8


@dataclass(frozen=True)
class Carriers:
    """Coefficients of the content.

    Attributes:
        quality: design quality.
        all_bits: of every coefficient of the picture, uint8, flat; 0 where it carries nothing of the content.
        key: which orders them.
    """

    quality: int
    all_bits: np.ndarray
    key: bytes

    @cached_property
    def capacity(self) -> int:
        """Bits of the stream, error correction included."""
        return int(self.all_bits.sum(dtype=np.int64))

    @cached_property
    def positions(self) -> np.ndarray:
        """Flat indices in the key's order."""
        return shuffle(self.key, np.flatnonzero(self.all_bits))

    @cached_property
    def bits(self) -> np.ndarray:
        """Of each position."""
        return self.all_bits[self.positions]

    @cached_property
    def steps(self) -> np.ndarray:
        """Of each position, float32."""
        return strength.steps(self.quality).reshape(-1)[self.positions % blocks.SIDE**2].astype(np.float32)

    def read(self, coefficients: np.ndarray, llr_scale: int) -> np.ndarray:
        """The stream's log-odds, float32 (capacity,).

        Args:
            coefficients: as received, any shape.
            llr_scale: log-odds of a value at distance 1 from the middle of two grid points, in eighths.
        """
        values = coefficients.reshape(-1)[self.positions] / self.steps
        margin = self.steps * (0.5 - np.abs(values - np.rint(values)))
        doubt = np.minimum(llr_scale / 8 * margin**0.75, _SUREST).astype(np.float32)
        return lattice.read(values, self.bits, doubt)


def carriers(
    shape: tuple[int, int], quality: int, strong: int, levels: np.ndarray, taken: list[np.ndarray], key: bytes
) -> Carriers:
    """The carriers in (down, across) blocks at a strength and levels; `taken` positions belong to others."""
    bits = strength.bits(quality, strong, levels, shape).reshape(-1)
    for positions in taken:
        bits[positions] = 0
    return Carriers(quality, bits, key)


def _words(bits: int, capacity: int) -> tuple[int, int, int]:
    """(words, message bits of each, length of each) for so many bits in a capacity."""
    words = max(1, round(capacity / WORD))
    return words, -(-bits // words), capacity // words


def encode(content: bytes, capacity: int) -> np.ndarray:
    """The content's code words, interleaved, as a stream that fills the capacity."""
    bits = np.unpackbits(np.frombuffer(content, np.uint8))
    words, message, length = _words(len(bits), capacity)
    padded = np.zeros(words * message, np.uint8)
    padded[: len(bits)] = bits
    stream = np.zeros(capacity, np.uint8)
    stream[: words * length] = ldpc.code(message, length).encode(padded.reshape(words, message)).T.reshape(-1)
    return stream


def decode(llr: np.ndarray, size: int) -> tuple[bytes, float]:
    """`size` bytes from a stream's log-odds, and the share of words that can't be corrected: wrong bytes, if any."""
    words, message, length = _words(8 * size, len(llr))
    code = ldpc.code(message, length)
    rows = llr[: words * length].reshape(length, words).T
    bits, right = code.decode(rows[:_SAMPLE])
    if words > _SAMPLE:
        if not right.any():
            return b"", 1.0
        more, more_right = code.decode(rows[_SAMPLE:])
        bits, right = np.concatenate([bits, more]), np.concatenate([right, more_right])
    return np.packbits(bits.reshape(-1)[: 8 * size]).tobytes(), 1 - float(right.mean())
