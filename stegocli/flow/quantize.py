"""What happens to a stego between hide and reveal: samples become whole numbers from 0 to 255.

Rounding noise is what limits a picture hidden in a file: reveal amplifies it, in some directions a hundred
times more than in others. The rounding here is free to choose where its noise goes. It rounds the samples of
each block one after another, and moves those still to come so that they make up, where reveal is sensitive,
for the error already made: noise shaping, as in sigma-delta conversion and error diffusion. By the Gerzon-Craven
theorem ("Optimal noise shaping and dither of digital signals", 1989) the noise that remains counts with the
geometric mean of the sensitivities instead of their arithmetic mean. What to feed back where is learned with
the flow. Only hide does this, and then looks again (`descent`); reveal reads the file as it is.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PEAK = 255.0
# Rows of tiles whose errors are convolved together: bounds memory, changes no result.
_ROWS = 64


def from_bytes(pixels: Tensor) -> Tensor:
    """uint8 samples 0..255 to float32 in -1..1, the range in which the network works."""
    return pixels.to(torch.float32) / (PEAK / 2) - 1


def to_bytes(x: Tensor) -> Tensor:
    """Float samples in -1..1 to uint8, clamped and rounded to nearest: what a file holds."""
    return ((x.to(torch.float32) + 1) * (PEAK / 2)).round().clamp(0, PEAK).to(torch.uint8)


def _feed(errors: Tensor, kernel: Tensor, later: Tensor) -> None:
    """Add to later samples what the errors of earlier ones send them, in place."""
    for top in range(0, later.shape[2], _ROWS):
        moved = F.conv2d(errors[:, :, max(0, top - 1) : top + _ROWS + 1], kernel, padding=1)
        rows = later[:, :, top : top + _ROWS]
        rows += moved[:, :, top > 0 :][:, :, : rows.shape[2]]


class NoiseShapedRounding(nn.Module):
    """Round to 8 bits, each sample with regard to the errors of the samples rounded before it.

    The samples of a block x block tile of all three channels are rounded in a fixed order, every tile at once; a
    sample sees the errors of the earlier ones in its own tile and in the eight around it. With all feedback at
    zero, as at the start of training, it is plain rounding.

    Args:
        block: side of a tile in pixels; height and width must be multiples of it.
    """

    # The optimiser moves every parameter by about the same step, and feedback is of the order of one.
    gain = 5.0

    def __init__(self, block: int):
        super().__init__()
        self.block = block
        samples = 3 * block * block
        self.feedback = nn.Parameter(torch.zeros(samples, samples, 3, 3))

    def kernel(self) -> Tensor:
        """What each sample takes from the errors of earlier ones: (samples, samples, 3, 3)."""
        return self.feedback.permute(2, 3, 0, 1).tril(-1).permute(2, 3, 0, 1) * self.gain

    @torch.no_grad()
    def round_(self, wanted: Tensor, errors: Tensor, kernel: Tensor | None = None) -> None:
        """Round in place.

        By halves: the first half's errors move the second half all at once, and so on within each half. The sums
        are those of one sample after another, but most of them are made by few large convolutions.

        Args:
            wanted: (batch, samples, rows, columns), grey levels; becomes the rounded samples.
            errors: the same shape, any content; becomes the errors.
            kernel: what `kernel` gives, where it is at hand.
        """
        kernel = self.kernel() if kernel is None else kernel
        count = wanted.shape[1]
        if count > 1:
            half = count // 2
            self.round_(wanted[:, :half], errors[:, :half], kernel[:half, :half])
            _feed(errors[:, :half], kernel[half:, :half], wanted[:, half:])
            self.round_(wanted[:, half:], errors[:, half:], kernel[half:, half:])
            return
        errors.copy_(wanted)
        wanted.round_()
        if not self.training:
            wanted.clamp_(0, PEAK)
        # Near black and white there are errors that no neighbour can make up for: don't let them pile up.
        errors.sub_(wanted).clamp_(-1, 1)

    @torch.no_grad()
    def noise_(self, errors: Tensor, kernel: Tensor) -> None:
        """Errors that `round_` made to what it added to each sample, in place, by the same halves backwards."""
        count = errors.shape[1]
        if count == 1:
            errors.neg_()
            return
        half = count // 2
        self.noise_(errors[:, half:], kernel[half:, half:])
        _feed(errors[:, :half], kernel[half:, :half], errors[:, half:])
        self.noise_(errors[:, :half], kernel[:half, :half])

    def forward(self, x: Tensor) -> Tensor:
        """The picture that a reader of the 8-bit file sees.

        The gradient passes straight through the rounding (Bengio et al., "Estimating or propagating gradients
        through stochastic neurons", 2013).

        In training nothing is clamped to black and white; the loss counts what goes past them instead. A flow that
        feels the clamp while it learns takes to shouting where covers are white, with errors of ten levels and more.

        Args:
            x: float, (batch, 3, height, width), range -1..1.

        Returns:
            The same shape and range, every sample one of the 256 levels; in training, any whole level.
        """
        wanted = F.pixel_unshuffle((x + 1) * (PEAK / 2), self.block)
        kernel = self.kernel()
        rounded, errors = wanted.detach().clone(), torch.empty_like(wanted)
        self.round_(rounded, errors, kernel.detach())
        moved = wanted + F.conv2d(errors, kernel, padding=1)
        return F.pixel_shuffle(moved + (rounded - moved).detach(), self.block) / (PEAK / 2) - 1
