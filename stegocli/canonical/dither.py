"""Bits in coefficients by dithered quantisation index modulation (Chen & Wornell, 2001), distortion-compensated.

A coefficient is pulled part of the way towards a point of a lattice that is shifted by a key stream, and by half a step
for a 1: what the lattice is can't be seen without the key.
"""

from dataclasses import dataclass

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from . import grid

# Share of coefficients that tell nothing, as the reader takes it.
_STRAY = 0.02
# Terms of the Fourier series of the density, and the least noise, in steps, that they are enough for.
_TERMS, _LEAST_NOISE = 8, 0.06
# The nonce of the key stream of shifts, behind the block counter: not that of any `keys.shuffle`.
_NONCE = bytes(4) + b"shifts".ljust(12, b"\0")


def shifts(key: bytes, count: int) -> np.ndarray:
    """So many shifts, in steps, 0 to 1: float64 (count,), of a ChaCha20 key stream of their own."""
    stream = Cipher(algorithms.ChaCha20(key, _NONCE), mode=None).encryptor().update(bytes(2 * count))
    return np.frombuffer(stream, "<u2") / 65536.0


@dataclass(frozen=True)
class Layout:
    """Coefficients that carry something, and how.

    Attributes:
        positions: int64 (n,), into the flattened (down, across, 8, 8) of a grid.
        step: float64 (n,), grey levels of the grid.
        alpha: float64 (n,), share of the way to the lattice's point that they go, 0 to 1.
        shift: float64 (n,), of the lattice, in steps.
    """

    positions: np.ndarray
    step: np.ndarray
    alpha: np.ndarray
    shift: np.ndarray

    @property
    def blocks(self) -> np.ndarray:
        """The block of each."""
        return self.positions // grid.SIDE**2

    @property
    def frequencies(self) -> np.ndarray:
        """The frequency of each: row times 8 plus column."""
        return self.positions % grid.SIDE**2

    def __len__(self) -> int:
        return len(self.positions)

    def part(self, chosen: np.ndarray | slice) -> "Layout":
        """Some of them."""
        return Layout(self.positions[chosen], self.step[chosen], self.alpha[chosen], self.shift[chosen])

    @classmethod
    def together(cls, layouts: list["Layout"]) -> "Layout":
        """Several, one after another."""
        fields = ("positions", "step", "alpha", "shift")
        return cls(*(np.concatenate([getattr(layout, field) for layout in layouts]) for field in fields))


def design(power: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Step and alpha that spend a mean squared change of `power` where the channel's noise has a variance of `noise`.

    Alpha is the best of this scheme, as fitted by Eggers, Bäuml, Tzschoppe & Girod ("Scalar Costa scheme for
    information embedding", IEEE Transactions on Signal Processing 51, 2003).
    """
    alpha = np.sqrt(power / (power + 2.71 * noise))
    return np.sqrt(12 * power) / alpha, alpha


def embed(host: np.ndarray, layout: Layout, bits: np.ndarray) -> np.ndarray:
    """Where coefficients should go, float64 (n,), so that each carries its bit."""
    phase = layout.shift + bits / 2
    nearest = (np.rint(host / layout.step - phase) + phase) * layout.step
    return host + layout.alpha * (nearest - host)


def offsets(received: np.ndarray, layout: Layout, bits: np.ndarray | int = 0) -> np.ndarray:
    """How far coefficients are, in steps, from a point that stands for these bits, float64 (n,), -0.5 to 0.5."""
    offset = received / layout.step - layout.shift - np.asarray(bits) / 2
    return offset - np.rint(offset)


def waves(offset: np.ndarray) -> np.ndarray:
    """Cosines of the multiples of offsets in steps, (terms, n): what `density` is made of."""
    return np.cos(2 * np.pi * np.arange(1, _TERMS + 1)[:, None] * offset)


def density(cosines: np.ndarray, alpha: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """How much likelier each offset is than if nothing were embedded, from its `waves`.

    The rest of the way is uniform over 1 - alpha steps, and the channel's noise normal, of `noise` steps.
    """
    term = np.arange(1, _TERMS + 1)[:, None]
    weights = np.sinc(term * (1 - alpha)) * np.exp(-2 * np.square(np.pi * term * np.maximum(noise, _LEAST_NOISE)))
    return _STRAY + (1 - _STRAY) * np.maximum(1 + 2 * (weights * cosines).sum(0), 0)


def log_odds(received: np.ndarray, layout: Layout, sigma: np.ndarray) -> np.ndarray:
    """ln P(0) / P(1) of each coefficient's bit, float64 (n,), where the channel's noise has this deviation."""
    cosines = waves(offsets(received, layout))
    turned = cosines * np.where(np.arange(_TERMS) % 2, 1, -1)[:, None]
    noise = sigma / layout.step
    return np.log(density(cosines, layout.alpha, noise) / density(turned, layout.alpha, noise))
