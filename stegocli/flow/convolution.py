"""Convolutions with fewer multiplications, on CPUs that gain from them: Winograd's, as PyTorch's NNPACK has them.

Winograd's minimal filtering (Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016) makes
6x6 values of a 3x3 convolution by 64 multiplications a channel instead of 324, and pays for it in memory's bandwidth.
The result is the same to some units of float rounding.
"""

from functools import cache

import torch
from torch import Tensor

# Output rows and columns of a tile.
TILE = 6


@cache
def available() -> bool:
    """Whether this processor computes them faster than PyTorch's usual convolutions: so with vectors of 256 bits.

    Wider ones are as fast without. NNPACK keeps as many threads as PyTorch has when it is first used, and one call at a
    time has all of them; with one, each of our threads computes on its own.
    """
    if torch.backends.cpu.get_cpu_capability() != "AVX2":
        return False
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        # Both are private to PyTorch. NNPACK works only after the first.
        if not torch._nnpack_available():
            return False
        of_ones = torch._nnpack_spatial_convolution(torch.ones(1, 1, 8, 8), torch.ones(1, 1, 3, 3), torch.zeros(1), 1)
    except (AttributeError, RuntimeError):
        return False
    finally:
        torch.set_num_threads(threads)
    return bool(abs(of_ones[0, 0, 4, 4] - 9) < 1e-3)


def convolve(x: Tensor, weight: Tensor, bias: Tensor, padding: tuple[int, int]) -> Tensor:
    """As `torch.nn.functional.conv2d`, for float32 and channels first in memory.

    Args:
        x: (1, inputs, height, width).
        weight: (outputs, inputs, 3, 3) or (outputs, inputs, 1, 1).
        padding: rows and columns of zeros on each side.
    """
    if weight.shape[2:] == (1, 1) and padding == (0, 0):
        flat = torch.addmm(bias[:, None], weight[:, :, 0, 0], x.flatten(2)[0])
        return flat.view(1, len(bias), *x.shape[2:])
    return torch._nnpack_spatial_convolution(x, weight, bias, padding)


def channels_first(x: Tensor) -> Tensor:
    """(1, channels, height, width) with the channels last in memory to the same with the channels first."""
    _, channels, height, width = x.shape
    # As a matrix it is transposed in blocks, which takes a fraction of the time.
    return x.permute(0, 2, 3, 1).reshape(-1, channels).T.contiguous().view(1, channels, height, width)


def channels_last(x: Tensor) -> Tensor:
    """Undo `channels_first`."""
    _, channels, height, width = x.shape
    return x.reshape(channels, -1).T.contiguous().view(1, height, width, channels).permute(0, 3, 1, 2)
