"""The cosine transform of a few samples, as a matrix."""

import numpy as np


def cosines(rows: int, size: int) -> np.ndarray:
    """The lowest `rows` of the orthonormal DCT-II of this size: float64 (rows, size)."""
    waves = np.cos(np.pi / size * np.arange(rows)[:, None] * (np.arange(size) + 0.5)) * np.sqrt(2 / size)
    waves[0] /= np.sqrt(2)
    return waves
