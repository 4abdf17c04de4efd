"""What the tests of the network and its training share."""

import torch


def same_weights(a, b) -> bool:
    """Whether two state dicts hold the same values."""
    return a.keys() == b.keys() and all((a[name] == b[name]).all() for name in a)


def uint8_pairs(count: int = 2, side: int = 16) -> list:
    """A batch of random covers and one of random secrets."""
    return [torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8) for _ in range(2)]
