"""How strongly the pilots of a stego that survives anything are in a picture."""

import numpy as np

from stegocli.canonical import estimate, fixed, reading


def score(picture: np.ndarray, size: tuple[int, int], where: fixed.Places = fixed.OPEN) -> float:
    """-1 to 1, under no gain: about 0 (deviation .05) where nothing is, .3 and more where something is."""
    return estimate.agreement(reading.receive(picture, size), where.pilots(size), 0, np.zeros(3))
