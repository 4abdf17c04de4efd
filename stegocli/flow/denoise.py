"""Takes noise off a picture that the network brought back: what rounding the stego left in it.

That noise is about a level strong, nearly white, and independent of the picture. In the discrete cosine transform of
each 4x4 block, of brightness and of colour, most of what is smaller than that is noise. Each coefficient but the mean
loses the noise's share of its energy (the non-negative garrote: Gao, "Wavelet shrinkage denoising using the
non-negative garrote", 1998), and the results of several positions of the blocks are averaged (Coifman and Donoho,
"Translation-invariant de-noising", 1995). No sample moves by much more than a level.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..picture.cosines import cosines
from .cores import MOST, side_by_side

# What is taken for the noise's strength, in levels: tuned on photographs that nothing was trained on.
_NOISE = 0.85
_SIDE = 4
# Rows and columns that the blocks are moved by: these four of the sixteen positions gain nine tenths of what all do.
_SHIFTS = (0, 1, 2, 3)
# Samples of the three colours that are worked on together.
_SAMPLES = 1 << 19


def _colours() -> np.ndarray:
    """From red, green and blue to brightness and two differences, orthonormal, (3, 3)."""
    return np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]]) / np.sqrt([[3], [2], [6]])


def _waves() -> np.ndarray:
    """The two-dimensional cosine transform of a block but for its mean, orthonormal, (15, 16)."""
    return np.kron(cosines(_SIDE, _SIDE), cosines(_SIDE, _SIDE))[1:]


@torch.inference_mode()
def denoise_(levels: np.ndarray) -> None:
    """Take the noise off in place.

    Args:
        levels: grey levels 0..255, float32, (height, width, 3), any size; stays within them.
    """
    height, width = levels.shape[:2]
    step = _SIDE * max(1, _SAMPLES // (3 * _SIDE * (width + 2 * _SIDE)))
    picture = torch.from_numpy(levels)
    noisy = picture.clone()

    def clean(top: int) -> None:
        rows = picture[top : top + step]
        rows.sub_(_noise(noisy, top, top + len(rows))).clamp_(0, 255)

    for _ in side_by_side(clean, range(0, height, step), MOST["cpu"]):
        pass


def _noise(picture: Tensor, top: int, bottom: int) -> Tensor:
    """What some rows have too much: (bottom - top, width, 3)."""
    height, width = picture.shape[:2]
    # In units of the noise.
    colours, waves = (torch.from_numpy(matrix).float() for matrix in (_colours() / _NOISE, _waves()))
    # With a tile more on each side, of what is there or repeats the border, and whole tiles.
    above, below = min(top, _SIDE), min(height - bottom, _SIDE)
    part = (picture[top - above : bottom + below] @ colours.T).permute(2, 0, 1)
    right, under = (_SIDE + -length % _SIDE for length in (width, bottom - top))
    part = F.pad(part[None], (_SIDE, right, _SIDE - above, under - below), mode="replicate")[0]
    rows, columns = (length // _SIDE for length in part.shape[1:])
    # All first samples of tiles, in a long line, then all second ones, and so on.
    lines = part.view(3, rows, _SIDE, columns, _SIDE).permute(2, 4, 0, 1, 3).reshape(_SIDE**2, -1)
    noise = torch.zeros_like(lines)
    # A block that begins within a tile has samples of the tiles to the right and below: so much farther along the line.
    # What passes a row's end lands in tiles that are left out.
    length = lines.shape[1] - columns - 1
    blocks, coefficients = lines.new_empty(_SIDE**2, length), lines.new_empty(len(waves), length)
    for shift in _SHIFTS:
        places = []
        for y, x in np.ndindex(_SIDE, _SIDE):
            (tile_y, y), (tile_x, x) = divmod(y + shift, _SIDE), divmod(x + shift, _SIDE)
            first = tile_y * columns + tile_x
            places.append((y * _SIDE + x, slice(first, first + length)))
        for block, place in zip(blocks, places, strict=True):
            block.copy_(lines[place])
        torch.mm(waves, blocks, out=coefficients)
        coefficients /= coefficients.square().clamp_min_(1)
        torch.mm(waves.T, coefficients, out=blocks)
        for block, place in zip(blocks, places, strict=True):
            noise[place] += block
    noise *= _NOISE**2 / len(_SHIFTS)
    pixels = noise.view(_SIDE, _SIDE, 3, rows, columns).permute(3, 0, 4, 1, 2).reshape(rows * _SIDE, -1, 3)
    return pixels[_SIDE : _SIDE + bottom - top, _SIDE : _SIDE + width] @ colours
