"""Hide and reveal arrays with a model: sizes, tiles, and the one order of the steps."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

from . import channel
from .precision import Precision

if TYPE_CHECKING:
    from .model import Model

# Pictures larger than this are worked on in tiles, so that memory stays bounded whatever the photo's size.
# Part of the file format: reveal must cut where hide did.
TILE = 1024


def frame_size(width: int, height: int, stride: int) -> tuple[int, int]:
    """(width, height) of the part of a cover that carries the secret: the last few rows and columns stay."""
    return width // stride * stride, height // stride * stride


def _spans(length: int, stride: int) -> list[slice]:
    """Cut a length, a multiple of the stride, into nearly equal spans of at most TILE."""
    count = -(-length // TILE)
    units = np.linspace(0, length // stride, count + 1).astype(int) * stride
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(units)]


def _tiles(height: int, width: int, stride: int) -> Iterator[tuple[slice, slice]]:
    for rows in _spans(height, stride):
        for columns in _spans(width, stride):
            yield rows, columns


def _tensor(model: "Model", pixels: np.ndarray) -> torch.Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]
    return channel.from_bytes(tensor.to(model.precision.device))


def _array(picture: torch.Tensor) -> np.ndarray:
    return channel.to_bytes(picture)[0].permute(1, 2, 0).cpu().numpy()


@contextmanager
def _full_precision(model: "Model"):
    # What goes into the file and comes out of it: half precision on either side costs 0.5 to 2 dB of the secret.
    model.network.set_precision(Precision(model.precision.device, torch.float32))
    try:
        yield
    finally:
        model.network.set_precision(model.precision)


@torch.inference_mode()
def hide(model: "Model", cover: np.ndarray, secret: np.ndarray, progress=lambda share: None) -> np.ndarray:
    """Hide one picture in another.

    Args:
        cover: uint8, (height, width, 3).
        secret: uint8, the size that `frame_size` gives for the cover.

    Returns:
        The stego: uint8, the cover's shape.

    Raises:
        ValueError: when the sizes don't go together.
    """
    stride = model.network.config.stride
    height, width = secret.shape[:2]
    if (width, height) != frame_size(cover.shape[1], cover.shape[0], stride) or not secret.size:
        raise ValueError(f"a secret of {width}x{height} does not fit a cover of {cover.shape[1]}x{cover.shape[0]}")
    stego = cover.copy()
    for place in _tiles(height, width, stride):
        with _full_precision(model):
            stego[place] = _array(model.network.hide(_tensor(model, cover[place]), _tensor(model, secret[place])))
    return stego


@torch.inference_mode()
def reveal(model: "Model", stego: np.ndarray, progress=lambda share: None, tiled: bool = False) -> np.ndarray:
    """The secret hidden by `hide`: uint8, the size that `frame_size` gives for the stego. Always in float32."""
    stride = model.network.config.stride
    width, height = frame_size(stego.shape[1], stego.shape[0], stride)
    secret = np.empty((height, width, 3), np.float32)
    with _full_precision(model):
        for place in _tiles(height, width, stride):
            revealed = model.network.reveal(_tensor(model, stego[place]))
            secret[place] = ((revealed[0].permute(1, 2, 0).cpu().numpy() + 1) * 127.5).clip(0, 255)
    return secret
