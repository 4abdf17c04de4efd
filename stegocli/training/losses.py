"""What training minimises: squared error on both sides, rounded stego included, and a multi-scale wavelet term."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..flow import wavelet
from ..flow.quantize import PEAK

SCALES = 3
# Pairs count linearly up to about this squared error and by its logarithm, so by dB, beyond it: one crop of pure
# noise, which nothing can hide, must not outweigh the rest of its batch.
KNEE = 30.0
# Weight of what the real-valued stego has past black and white: a file can't hold it, and reveal suffers for it.
OVERFLOW_WEIGHT = 4.0
# Beside a pair's mean error its blocks of so many pixels a side are looked at, and their root mean square has this
# part of the energy: an error gathered in one place is seen, the same error spread out is not.
BLOCK = 16
GATHERED = 0.33


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms; the hide error has weight 1."""

    reveal: float = 0.85
    wavelet: float = 0.05


@dataclass(frozen=True)
class Losses:
    """total: what is differentiated; hide, reveal: mean squared errors in squared grey levels."""

    total: Tensor
    hide: Tensor
    reveal: Tensor


def _energy(error: Tensor) -> Tensor:
    return error.square().mean((1, 2, 3))


def _energy_of_blocks(error: Tensor) -> Tensor:
    """For each pair, the squared error, more where it is gathered in a few blocks; for an even error the same."""
    mean = _energy(error)
    if min(error.shape[-2:]) < BLOCK:
        return mean
    blocks = F.avg_pool2d(error.square().mean(1, keepdim=True), BLOCK)
    # The small constant: the gradient of a root at zero is infinite.
    gathered = (blocks.square().mean((1, 2, 3)) + 1e-16).sqrt()
    return (1 - GATHERED) * mean + GATHERED * gathered


def _low_pass_energy(error: Tensor) -> Tensor:
    """For each pair, the mean over the scales of the squared error left in the low-pass quarter.

    Squared error alone is blind to how an error is spread. One that survives averaging is a colour cast or a
    ghost, which the eye finds sooner than noise of the same energy (HiNet's low-frequency loss, at more scales).
    """
    total = error.new_zeros(error.shape[0])
    for _ in range(SCALES):
        if min(error.shape[-2:]) < 2:
            break
        error = wavelet.to_subbands(error[..., : error.shape[-2] // 2 * 2, : error.shape[-1] // 2 * 2])[:, :3]
        total = total + _energy(error)
    return total / SCALES


def combine(
    cover: Tensor, wanted: Tensor, stego: Tensor, secret: Tensor, revealed: Tensor, weights: LossWeights
) -> Losses:
    """Judge a batch.

    Args:
        cover, secret, revealed: float, (batch, 3, height, width), range -1..1.
        wanted: the stego before rounding.
        stego: the same, rounded.
        weights: of the terms.
    """
    hide_error = (stego - cover) * (PEAK / 2)
    reveal_error = (revealed - secret) * (PEAK / 2)
    hide, reveal = _energy(hide_error), _energy(reveal_error)
    overflow = _energy((wanted.abs() - 1).clamp_min(0) * (PEAK / 2))
    joint = (
        _energy_of_blocks(hide_error) + OVERFLOW_WEIGHT * overflow + weights.reveal * _energy_of_blocks(reveal_error)
    )
    if weights.wavelet:
        low_pass = _low_pass_energy(hide_error) + weights.reveal * _low_pass_energy(reveal_error)
        joint = joint + weights.wavelet * low_pass
    # The logarithm is of both errors together. Of each alone, it is lowest for a stego that equals the cover.
    total = KNEE * torch.log1p(joint / KNEE).mean()
    return Losses(total, hide.detach().mean(), reveal.detach().mean())
