"""What happens to a stego between hide and reveal: samples become whole numbers from 0 to 255."""

import torch
from torch import Tensor

PEAK = 255.0


def from_bytes(pixels: Tensor) -> Tensor:
    """uint8 samples 0..255 to float32 in -1..1, the range in which the network works."""
    return pixels.to(torch.float32) / (PEAK / 2) - 1


def to_bytes(x: Tensor) -> Tensor:
    """Float samples in -1..1 to uint8, clamped and rounded to nearest: what a file holds."""
    return ((x.to(torch.float32) + 1) * (PEAK / 2)).round().clamp(0, PEAK).to(torch.uint8)


def round_trip(x: Tensor) -> Tensor:
    """The picture that a reader of the 8-bit file sees, shape and range (-1..1) kept.

    The gradient passes straight through the rounding (Bengio et al., "Estimating or propagating gradients
    through stochastic neurons", 2013), and through the clamp as well: a sample pushed past black or white
    must still feel the pull back.
    """
    scaled = (x + 1) * (PEAK / 2)
    stored = scaled.detach().round().clamp(0, PEAK)
    return (scaled + (stored - scaled.detach())) / (PEAK / 2) - 1
