"""Scores the averaged weights on whole pictures."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from ..flow import quantize
from ..picture import metrics
from .trainer import Trainer

GRID_PAIRS = 3
# Figures that are kept of an epoch.
VALIDATED = ("hide_psnr", "hide_ssim", "reveal_psnr", "reveal_ssim", "bit_accuracy")
# Of a pair: cover, stego, secret, revealed.
Four = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _picture(batch: Tensor) -> np.ndarray:
    return batch[0].permute(1, 2, 0).cpu().numpy()


@torch.no_grad()
def _hide_and_reveal(trainer: Trainer, cover: Tensor, secret: Tensor) -> Four:
    """One pair through rounding, in the precision of training; uint8 (height, width, 3) each."""
    c, s = trainer.to_device(cover), trainer.to_device(secret)
    stego = trainer.ema.hide(c, s)
    revealed = trainer.ema.reveal(stego)
    return (
        _picture(cover), _picture(quantize.to_bytes(stego)), _picture(secret), _picture(quantize.to_bytes(revealed))
    )  # fmt: skip


def validate(trainer: Trainer, pairs: Iterable[tuple[Tensor, Tensor]]) -> tuple[dict[str, float], list[Four]]:
    """Score this process's pairs; the figures are those of all processes.

    Args:
        pairs: uint8 batches of one.

    Returns:
        Mean figures, and the first pairs for the grid.
    """
    scores = []
    shown: list[Four] = []
    for cover, secret in pairs:
        four = _hide_and_reveal(trainer, cover, secret)
        scores.append(metrics.score(*four))
        if len(shown) < GRID_PAIRS:
            shown.append(four)
    mean = metrics.mean(trainer.group.gather(scores))
    return {f"val_{name}": getattr(mean, name) for name in VALIDATED}, shown
