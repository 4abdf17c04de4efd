"""Message bits in host samples, by distortion-compensated quantisation: the scalar Costa scheme.

A sample x is pulled towards the nearest point of the coset that its bit chooses: multiples of `step` for 0, shifted by
half a step for 1. It goes only a share `alpha` of the way (Eggers, Bauml, Tzschoppe & Girod, "Scalar Costa scheme for
information embedding", IEEE Transactions on Signal Processing 51, 2003): what is left of the way is a noise that the
reader knows, and the change is smaller. The mean squared change is (alpha * step)**2 / 12.
"""

from functools import cache

import numpy as np

# Share of samples that tell nothing, as the reader takes it: a clipped or edited place must not outvote the others.
_STRAY = 0.02
# Terms of the Fourier series of the density: enough for a noise of `_LEAST_NOISE` steps.
_TERMS = 16
_LEAST_NOISE = 0.03
# Ratios of power to noise (dB) at which `information` is tabulated.
_RATIOS_DB = np.arange(-20.0, 20.5, 0.5)


def embed(host: np.ndarray, step: np.ndarray, alpha: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Where the samples should go so that they carry `bits`.

    Args:
        host: float64 (n,), the samples as they are.
        step: (n,), distance between points of one coset, in the host's unit; more than 0.
        alpha: (n,), share of the way, 0 to 1.
        bits: 0 or 1, (n,), one a sample.

    Returns:
        float64 (n,).
    """
    half = bits / 2
    return host + alpha * ((np.rint(host / step - half) + half) * step - host)


def log_odds(received: np.ndarray, step: np.ndarray, alpha: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """ln P(0) / P(1) of each sample's bit, float32 (n,).

    Args:
        received: (n,), in the host's unit, the channel's gain undone.
        step, alpha: as for `embed`.
        sigma: (n,), standard deviation of the channel's noise, in the host's unit.
    """
    even, odd = _series(received / step, alpha, sigma / step)
    # The series is exact but for the terms left out, which may take it a little below zero.
    zero, one = (np.maximum(density, 0) * (1 - _STRAY) + _STRAY for density in (1 + even + odd, 1 + even - odd))
    return np.log(zero / one).astype(np.float32)


def _series(offset: np.ndarray, alpha: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Even and odd terms of the density (over a uniform one's) of a sample `offset` steps from a point of its coset.

    The error is the rest of the way, uniform over (1 - alpha) steps, and normal noise of `noise` steps, folded into one
    step. A shift by half a step, the other bit, turns the sign of the odd terms.
    """
    noise = np.maximum(noise, _LEAST_NOISE)
    cosine = np.cos(2 * np.pi * (offset - np.rint(offset)))
    sums = [np.zeros(()), np.zeros(())]
    before, now = np.ones_like(cosine), cosine
    for term in range(1, _TERMS + 1):
        weight = 2 * np.sinc(term * (1 - alpha)) * np.exp(-2 * np.square(np.pi * term * noise))
        sums[term & 1] = sums[term & 1] + weight * now
        before, now = now, 2 * cosine * now - before
    return sums[0], sums[1]


def design(power: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Step and alpha that spend a mean squared change of `power` where the channel's noise has a variance of `noise`.

    Alpha is the best of this scheme, as Eggers et al. fitted it. All of one shape; all more than 0.
    """
    alpha = np.sqrt(power / (power + 2.71 * noise))
    return np.sqrt(12 * power) / alpha, alpha


def information(ratio: np.ndarray) -> np.ndarray:
    """Bits that a sample of `design` brings through, for ratios of power to noise (not in dB), 0 to 1."""
    ratios, bits = _table()
    return np.interp(ratio, ratios, bits)


@cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    ratios = 10 ** (_RATIOS_DB / 10)
    step, alpha = design(ratios, np.ones_like(ratios))
    offset = (np.arange(256) + 0.5)[:, None] / 256
    even, odd = _series(offset, alpha, 1 / step)
    zero, one = (np.maximum(density, 1e-12) for density in (1 + even + odd, 1 + even - odd))
    bits = (zero * np.log2(2 * zero / (zero + one))).mean(0)
    return np.concatenate([[0], ratios]), np.concatenate([[0], bits])
