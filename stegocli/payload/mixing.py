"""Numbers that look random and are the same for ever, unlike those of a library's generators."""

import numpy as np


def splitmix64(counters: np.ndarray, seed: int = 0) -> np.ndarray:
    """SplitMix64 (Steele, Lea and Flood, 2014) of each counter, uint64 in and out."""
    z = (counters + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
