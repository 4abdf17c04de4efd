"""The whole path from pixels to pixels: wavelet, flow, rounding, and back."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import wavelet
from .couplings import FlowConfig, StegoFlow
from .precision import Precision
from .quantize import PEAK, NoiseShapedRounding

# Three grey levels. As a learned parameter it goes to zero early in training, when the stego is far off anyway.
CLIP_MARGIN = 3 / 127.5
# How far a cover is drawn in for each level that its stego went past black or white: once is not quite enough, since
# the stego changes with the cover, and more costs the cover more than the secret gains.
BACK_OFF = 1.5
# A stego is left as it is when what it has beyond black and white is, as a mean square in any block of 16x16 pixels,
# at most this many squared grey levels: more costs the secret's worst block decibels, less costs it nothing.
MOST_OVERFLOW = 0.02
BLOCK = 16
MOST_PASSES = 4


def clip_margin(cover: Tensor) -> Tensor:
    """The cover with a margin to black and white, where there is room on one side only."""
    return cover.clamp(-1 + CLIP_MARGIN, 1 - CLIP_MARGIN)


def block_energy(overflow: Tensor) -> Tensor:
    """The mean square of each block of 16x16 pixels, in squared grey levels: (batch, 1, rows, columns) of blocks."""
    energy = (overflow * (PEAK / 2)).square().mean(1, keepdim=True)
    window = tuple(min(BLOCK, side) for side in energy.shape[-2:])
    return F.avg_pool2d(energy, window, BLOCK, ceil_mode=True)


class StegoNetwork(nn.Module):
    """Hide and reveal on float pictures of shape (batch, 3, height, width), range -1..1.

    Height and width are multiples of `config.stride`.
    """

    def __init__(self, config: FlowConfig | None = None):
        super().__init__()
        self.flow = StegoFlow(config)
        self.rounding = NoiseShapedRounding(self.config.stride)

    @property
    def config(self) -> FlowConfig:
        return self.flow.config

    @property
    def device(self) -> torch.device:
        return self.rounding.feedback.device

    def set_precision(self, precision: Precision) -> "StegoNetwork":
        """Move to the device and run the subnets in the given type; returns self."""
        self.flow.set_precision(precision)
        return self.to(precision.device)

    def _subbands(self, pixels: Tensor) -> Tensor:
        return wavelet.to_subbands(pixels, self.config.levels, self.config.wavelet)

    def _pixels(self, subbands: Tensor) -> Tensor:
        return wavelet.from_subbands(subbands, self.config.levels, self.config.wavelet)

    def embed(self, cover: Tensor, secret: Tensor) -> Tensor:
        """The stego that the flow wants: real-valued, and perhaps a little beyond -1..1."""
        stego, _, _ = self.flow(self._subbands(cover), self._subbands(secret))
        return self._pixels(stego)

    def embed_inside(self, cover: Tensor, secret: Tensor) -> Tensor:
        """As `embed`, with a cover that is drawn in from black and white as far as this secret needs.

        What a stego has beyond -1..1 is lost in the file, and reveal amplifies the loss into specks and discs. So
        where that happens the cover is moved back, and embedded again until the stego stays inside or this helps no
        more; a pair with room enough is done in one pass.
        """
        cover, before = clip_margin(cover), float("inf")
        for left in reversed(range(MOST_PASSES)):
            stego = self.embed(cover, secret)
            overflow = stego - stego.clamp(-1, 1)
            energy = block_energy(overflow).max().item()
            if not left or energy <= MOST_OVERFLOW or energy > before / 2:
                break
            cover, before = cover - BACK_OFF * overflow, energy
        return stego

    def hide(self, cover: Tensor, secret: Tensor) -> Tensor:
        """The stego as its file holds it: every sample one of 256 levels."""
        stego: Tensor = self.rounding(self.embed_inside(cover, secret))
        return stego

    def reveal(self, stego: Tensor) -> Tensor:
        """The secret, not yet rounded."""
        _, secret = self.flow.inverse(self._subbands(stego))
        return self._pixels(secret)

    def operations_per_megapixel(self) -> float:
        """Multiplications and additions to hide in a megapixel in one pass, each counted as one.

        What is embedded again, up to three times, comes on top; reveal takes as much, but for the rounding.
        """
        feedback = self.rounding.feedback.numel() / 2  # the lower triangle
        return 2e6 * (self.flow.macs_per_position() + feedback) / self.config.stride**2
