"""What training minimises: squared error on both sides, in squared grey levels, and a multi-scale wavelet term."""

from dataclasses import dataclass

from torch import Tensor

from . import ilwt
from .channel import PEAK

SCALES = 3


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms; the hide error has weight 1."""

    reveal: float = 1.3
    wavelet: float = 0.05


@dataclass(frozen=True)
class Losses:
    """total: what is differentiated; hide, reveal: mean squared errors in squared grey levels."""

    total: Tensor
    hide: Tensor
    reveal: Tensor


def _low_pass_error(error: Tensor) -> Tensor:
    """Mean over the scales of the squared error left in the low-pass quarter.

    Squared error alone is blind to how an error is spread. One that survives averaging is a colour cast or a
    ghost, which the eye finds sooner than noise of the same energy (HiNet's low-frequency loss, at more scales).
    """
    total = error.new_zeros(())
    for _ in range(SCALES):
        if min(error.shape[-2:]) < 2:
            break
        error = ilwt.to_subbands(error[..., : error.shape[-2] // 2 * 2, : error.shape[-1] // 2 * 2])[:, :3]
        total = total + error.square().mean()
    return total / SCALES


def combine(cover: Tensor, stego: Tensor, secret: Tensor, revealed: Tensor, weights: LossWeights) -> Losses:
    """All arguments: float, (batch, 3, height, width), range -1..1; the stego already rounded to 8 bits."""
    hide_error = (stego - cover) * (PEAK / 2)
    reveal_error = (revealed - secret) * (PEAK / 2)
    hide, reveal = hide_error.square().mean(), reveal_error.square().mean()
    total = hide + weights.reveal * reveal
    if weights.wavelet:
        total = total + weights.wavelet * (_low_pass_error(hide_error) + weights.reveal * _low_pass_error(reveal_error))
    return Losses(total, hide.detach(), reveal.detach())
