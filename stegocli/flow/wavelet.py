"""Integer lifting wavelet transform: exact on integers, differentiable on real numbers, without state.

Two wavelets, both as lifting steps:

* ``legall53``: the reversible LeGall 5/3 filter of JPEG 2000 (ITU-T T.800, Annex F.3.8.2.1), with
  whole-sample symmetric extension at the borders;
* ``haar``: the S-transform (Calderbank et al., "Wavelet transforms that map integers to integers", 1998).

`forward` and `inverse` keep the shape: the coefficients lie as in JPEG 2000, the low-pass half (the larger
one where a size is odd) first along each axis. So the inverse needs nothing but the array, whatever its size.
"""

import torch
from torch import Tensor

WAVELETS = ("haar", "legall53")


def _shift(x: Tensor, bits: int) -> Tensor:
    """x / 2**bits, rounded down where x holds integers."""
    return x / (1 << bits) if x.is_floating_point() else x >> bits


def _neighbours(even: Tensor, count: int) -> Tensor:
    """even[n] + even[n+1] for each odd sample, mirrored past the end."""
    following = even[..., 1:] if even.shape[-1] > count else torch.cat([even[..., 1:], even[..., -1:]], -1)
    return even[..., :count] + following


def _details_around(odd: Tensor, count: int) -> Tensor:
    """odd[n-1] + odd[n] for each even sample, mirrored past both ends."""
    before = torch.cat([odd[..., :1], odd], -1)[..., :count]
    after = odd if count == odd.shape[-1] else torch.cat([odd, odd[..., -1:]], -1)
    return before + after


def _update(odd: Tensor, count: int) -> Tensor:
    # The + 2 rounds to nearest (T.800 equation F-6); the real-valued form has nothing to round.
    around = _details_around(odd, count)
    return _shift(around if around.is_floating_point() else around + 2, 2)


def _analyse(x: Tensor, wavelet: str) -> Tensor:
    if x.shape[-1] == 1:
        return x
    even, odd = x[..., 0::2], x[..., 1::2]
    low, high = even.shape[-1], odd.shape[-1]
    if wavelet == "legall53":
        odd = odd - _shift(_neighbours(even, high), 1)
        even = even + _update(odd, low)
    else:
        odd = odd - even[..., :high]
        paired = even[..., :high] + _shift(odd, 1)
        even = paired if low == high else torch.cat([paired, even[..., high:]], -1)
    return torch.cat([even, odd], -1)


def _synthesise(y: Tensor, wavelet: str) -> Tensor:
    if y.shape[-1] == 1:
        return y
    low = (y.shape[-1] + 1) // 2
    even, odd = y[..., :low], y[..., low:]
    high = odd.shape[-1]
    if wavelet == "legall53":
        even = even - _update(odd, low)
        odd = odd + _shift(_neighbours(even, high), 1)
    else:
        paired = even[..., :high] - _shift(odd, 1)
        even = paired if low == high else torch.cat([paired, even[..., high:]], -1)
        odd = odd + paired
    x = torch.empty_like(y)
    x[..., 0::2] = even
    x[..., 1::2] = odd
    return x


def _check(x: Tensor, wavelet: str) -> None:
    if wavelet not in WAVELETS:
        raise ValueError(f"unknown wavelet {wavelet!r}: choose one of {', '.join(WAVELETS)}")
    if x.dim() < 2:
        raise ValueError(f"need an array of shape (..., height, width), got {tuple(x.shape)}")
    if x.dtype in (torch.uint8, torch.int8, torch.bool):
        raise ValueError(f"{x.dtype} can't hold the coefficients: convert to torch.int16 or wider first")


def forward(x: Tensor, levels: int = 1, wavelet: str = "legall53") -> Tensor:
    """Analyse the last two axes.

    Args:
        x: shape (..., height, width), any size from 1x1. An integer type of 16 bits or more gives the exact
            integer transform; a floating type the same lifting steps without rounding, differentiable.
        levels: how many times the low-pass quarter is split again.
        wavelet: ``legall53`` or ``haar``.

    Returns:
        The coefficients: same shape, same type; low-pass first along each axis.

    Raises:
        ValueError: for an unknown wavelet, fewer than two axes, or an 8-bit type.
    """
    _check(x, wavelet)
    height, width = x.shape[-2:]
    if levels == 0 or height * width == 0:
        return x
    y = _analyse(x, wavelet)
    y = _analyse(y.transpose(-1, -2), wavelet).transpose(-1, -2)
    low_h, low_w = (height + 1) // 2, (width + 1) // 2
    if levels > 1 and (low_h, low_w) != (height, width):
        y = y.clone()
        y[..., :low_h, :low_w] = forward(y[..., :low_h, :low_w].clone(), levels - 1, wavelet)
    return y


def inverse(y: Tensor, levels: int = 1, wavelet: str = "legall53") -> Tensor:
    """Undo `forward` called with the same `levels` and `wavelet`; bit for bit on integers."""
    _check(y, wavelet)
    height, width = y.shape[-2:]
    if levels == 0 or height * width == 0:
        return y
    low_h, low_w = (height + 1) // 2, (width + 1) // 2
    if levels > 1 and (low_h, low_w) != (height, width):
        deeper = inverse(y[..., :low_h, :low_w].clone(), levels - 1, wavelet)
        y = y.clone()
        y[..., :low_h, :low_w] = deeper
    x = _synthesise(y.transpose(-1, -2), wavelet).transpose(-1, -2)
    return _synthesise(x, wavelet)


def to_subbands(x: Tensor, levels: int = 1, wavelet: str = "haar") -> Tensor:
    """Real-valued subbands as channels, for a network: every channel is split into LL, HL, LH, HH at each level.

    (From the second level on the details are split too, a wavelet packet, so that all subbands have one size.)
    Low-pass halves are scaled by sqrt(2) and high-pass halves by 1/sqrt(2), which makes Haar orthonormal and
    LeGall 5/3 nearly so: an error of one unit in any subband weighs about the same in the picture.

    Args:
        x: float, shape (batch, channels, height, width), height and width divisible by 2**levels.

    Returns:
        Shape (batch, channels * 4**levels, height / 2**levels, width / 2**levels); the subbands of all
        channels together, LL first.

    Raises:
        ValueError: when a size is not divisible.
    """
    for _ in range(levels):
        height, width = x.shape[-2:]
        if height % 2 or width % 2:
            raise ValueError(f"{width}x{height} can't be split into equal subbands: use an even size")
        y = forward(x, 1, wavelet)
        h, w = height // 2, width // 2
        x = torch.cat([y[..., :h, :w] * 2, y[..., :h, w:], y[..., h:, :w], y[..., h:, w:] / 2], 1)
    return x


def from_subbands(y: Tensor, levels: int = 1, wavelet: str = "haar") -> Tensor:
    """Undo `to_subbands`: (batch, channels * 4**levels, h, w) to (batch, channels, h * 2**levels, w * 2**levels)."""
    for _ in range(levels):
        ll, hl, lh, hh = y.chunk(4, 1)
        packed = torch.cat([torch.cat([ll / 2, hl], -1), torch.cat([lh, hh * 2], -1)], -2)
        y = inverse(packed, 1, wavelet)
    return y
