"""Rounding that looks again: samples of a stego move together, by whole levels, to where reveal minds less.

Rounding one sample after another (`quantize`) finds a good point of the lattice of whole numbers, not the closest one.
Distance means here what an error costs: its square in the stego, and the mean square of what reveal makes of it. Both
are a quadratic form of the errors, the same at every tile. Adding a vector of whole numbers to a tile lowers the form
when the vector's product with the errors is more than half its own square. A list of short vectors, none of which is
the sum of two that point the same way, finds nearly what a search over all points finds. This is the iterative slicer
(Sommer, Feder and Shalvi, "Finding the closest lattice point by iterative slicing", SIAM Journal on Discrete
Mathematics 23, 2009) with a list that is cut short.
"""

from functools import cached_property, partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .cores import MOST, side_by_side
from .network import StegoNetwork
from .quantize import PEAK

# How far apart tiles are that move together, and how far errors are taken to act upon each other, in tiles. What acts
# farther is a hundredth of a decibel; of tiles nearer than that each would make up for what the other does, too.
_APART, _REACH = 3, 3
# What an error in the stego weighs beside one in the secret.
_COVER_WEIGHT = 0.5
# Frequencies along each axis with which the feedback is inverted: its echo must be over before it comes round.
_FREQUENCIES = 12
# Vectors in the list, those that it is chosen from, and the most that a tile is moved by, one after another.
_MOVES, _TRIED, _STEPS = 256, 1024, 2
# Pairs of samples that vectors begin with: more than the 48 samples of a tile of 4x4 pixels have is of no use.
_PAIRS = 1200
# A move that gains less is float noise.
_LEAST = 1e-3
# Tiles along each side of the made-up pictures: on which sensitivity is measured, and on which the list is tried.
_SIDE = 14
# Tiles that are looked at together: bounds memory.
_TOGETHER = 4096
# Of equal parts of the list, for `Descent._best`.
_GROUPS = 16


class Descent:
    """What moves a stego's samples, for one network.

    Args:
        gram: (samples, samples, 2 * reach + 1, 2 * reach + 1), the quadratic form: what an error of sample i in a tile
            and one of sample j in a tile so many rows and columns farther cost together.
        moves: (moves, samples), whole numbers, to be added to a tile or taken from it.
    """

    def __init__(self, gram: Tensor, moves: Tensor):
        self.gram, self.reach = gram, gram.shape[-1] // 2
        self.moves = F.pad(moves, (0, 0, 0, -len(moves) % _GROUPS))
        self._moved = self.moves @ gram[:, :, self.reach, self.reach]
        half = (self._moved * self.moves).sum(1) / 2
        # What only fills up the list is no move.
        self._half = torch.where(half > 0, half, torch.inf)

    @classmethod
    def of(cls, network: StegoNetwork) -> "Descent":
        """For a network's feedback and sensitivity; without moves where they would not lower what errors cost."""
        with torch.inference_mode(False), torch.no_grad():
            kernel = network.rounding.kernel()
            weights = _weights(network, kernel)
            gram = _gram(kernel, weights)
            found = cls(gram, _moves(gram[:, :, _REACH, _REACH]))
            before, after = _try(found, network, kernel, weights)
            return found if after < before else cls(gram, found.moves[:0])

    def toggled(self, stego: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray] | None:
        """The cheapest move of a tile that changes one sample by an odd number of levels.

        Args:
            stego: uint8, (height, width, 3).
            index: of the sample, in the flat array.

        Returns:
            Indices of samples in the flat array and their new values; None where no move does that, or it would pass
            black or white.
        """
        stride, width = round((len(self.gram) / 3) ** 0.5), stego.shape[1]
        row, column, colour = np.unravel_index(index, stego.shape)
        top, left = row // stride * stride, column // stride * stride
        if top + stride > len(stego) or left + stride > width:
            return None
        tile = stego[top : top + stride, left : left + stride].transpose(2, 0, 1)  # in the order of its samples
        moves = self._integers[self._integers[:, (colour * stride + row - top) * stride + column - left] % 2 == 1]
        values = tile.reshape(-1) + np.concatenate([moves, -moves], 1).reshape(-1, tile.size)
        # Shorter ones come first.
        possible = np.flatnonzero(((values >= 0) & (values <= PEAK)).all(1))
        if not len(possible):
            return None
        after = values[possible[0]].reshape(tile.shape)
        colours, rows, columns = np.nonzero(after != tile)
        samples = ((top + rows) * width + left + columns) * 3 + colours
        return samples, after[colours, rows, columns].astype(np.uint8)

    @cached_property
    def _integers(self) -> np.ndarray:
        """The moves as NumPy's whole numbers: (moves, samples)."""
        moves: np.ndarray = self.moves.cpu().numpy().astype(int)
        return moves

    def lower_(self, rounded: Tensor, noise: Tensor) -> None:
        """Move samples in place wherever that lowers the quadratic form of the noise.

        Args:
            rounded: (1, samples, rows, columns), whole levels 0..255; stays so.
            noise: the same shape, what rounding added to each sample; moves with `rounded`.
        """
        height, width = noise.shape[2:]
        if not len(self.moves):
            return
        stride = max(1, _TOGETHER * _APART // width) * _APART
        for first in range(min(_APART, height)):
            parts = [slice(top, min(height, top + stride), _APART) for top in range(first, height, stride)]
            for left in range(min(_APART, width)):
                # A part sees what moves in those next to it, so these wait for each other.
                for some in (parts[::2], parts[1::2]):
                    lower_some = partial(self._lower_some, rounded, noise, left)
                    for _ in side_by_side(lower_some, some, MOST[noise.device.type]):
                        pass

    def _lower_some(self, rounded: Tensor, noise: Tensor, left: int, rows: slice) -> None:
        """Of one in nine tiles of some rows."""
        near = self._slope(noise, rows, left)
        part = (slice(None), slice(None), rows, slice(left, None, _APART))
        shape = rounded[part].shape
        levels = rounded[part][0].flatten(1).T.contiguous()
        before, here = levels.clone(), levels
        active = torch.arange(len(levels), device=levels.device)
        for _ in range(_STEPS):
            gain, best = self._best(near)
            step = self.moves[best]
            sign = -(step * near).sum(1, keepdim=True).sign_()
            after = here + step * sign
            good = (gain > _LEAST) & ((after >= 0) & (after <= PEAK)).all(1)
            active, best, sign, here = active[good], best[good], sign[good], after[good]
            if not len(active):
                break
            levels[active] = here
            near = near[good] + self._moved[best] * sign
        rounded[part] = levels.T.reshape(shape)
        noise[part] += (levels - before).T.reshape(shape)

    def _slope(self, noise: Tensor, rows: slice, left: int) -> Tensor:
        """Half the derivative of the form by each sample of some tiles: (tiles, samples)."""
        bottom = rows.start + (rows.stop - rows.start - 1) // _APART * _APART + 1
        above, below = max(0, self.reach - rows.start), max(0, bottom + self.reach - noise.shape[2])
        around = noise[:, :, max(0, rows.start - self.reach) : bottom + self.reach]
        padded = F.pad(around, (self.reach - left, self.reach, above, below))
        slope = F.conv2d(padded, self.gram, stride=_APART)
        return slope[0].flatten(1).T.contiguous()

    def _best(self, slope: Tensor) -> tuple[Tensor, Tensor]:
        """By how much, halved, the best move lowers the form at each tile, and that move's index."""
        gain = (slope @ self.moves.T).abs_().sub_(self._half).view(len(slope), _GROUPS, -1)
        # The largest at each place of a group first: of a whole row with its index PyTorch takes ten times as long.
        most, place = gain.amax(1).max(1)
        group = gain[torch.arange(len(gain), device=gain.device), :, place].argmax(1)
        return most, group * gain.shape[2] + place


def _weights(network: StegoNetwork, kernel: Tensor) -> Tensor:
    """What an error of each sample costs when the later samples have made up for it: (samples,).

    The sensitivity of reveal is that on a made-up picture, from one random vector (Hutchinson, "A stochastic estimator
    of the trace of the influence matrix for Laplacian smoothing splines", 1990).
    """
    draw, stride = torch.Generator().manual_seed(1), network.config.stride
    coarse = torch.rand(1, 3, 5, 5, generator=draw).to(kernel.device) * 1.6 - 0.8
    stego = F.interpolate(coarse, size=_SIDE * stride, mode="bilinear")
    with torch.enable_grad():
        secret = network.reveal(stego.requires_grad_())
        probe = torch.randn(secret.shape, generator=draw).to(kernel.device)
        # Of one number: for the gradient of several PyTorch imports SymPy.
        (slope,) = torch.autograd.grad((secret * probe).sum(), stego)
    slope = F.pixel_unshuffle(slope, stride)
    # The transpose of what feedback makes of errors.
    slope = slope - F.conv_transpose2d(slope, kernel, padding=1)
    in_secret = slope[:, :, 2:-2, 2:-2].square().mean((0, 2, 3))
    in_stego = 1 + kernel.square().sum((0, 2, 3))
    weights: Tensor = _COVER_WEIGHT * in_stego + in_secret
    return weights


def _gram(kernel: Tensor, weights: Tensor) -> Tensor:
    """The quadratic form to which this feedback and these weights belong, as far as errors are taken to act."""
    samples, count = len(kernel), _FREQUENCIES
    spread = kernel.new_zeros(samples, samples, count, count)
    near = torch.arange(-1, 2) % count
    spread[:, :, near[:, None], near] = -kernel
    # An error's row and column are those of the tile it comes from: hence the conjugate.
    response = torch.fft.fft2(spread).conj().permute(2, 3, 0, 1)
    unit = torch.eye(samples, dtype=response.dtype, device=kernel.device)
    echo = torch.linalg.solve_triangular(response + unit, unit.expand_as(response), upper=False, unitriangular=True)
    form = (echo.mH * weights) @ echo
    taps: Tensor = torch.fft.ifft2(form.conj().permute(2, 3, 0, 1)).real
    side = torch.arange(-_REACH, _REACH + 1) % count
    return taps[:, :, side[:, None], side].contiguous()


def _moves(gram: Tensor) -> Tensor:
    """Short vectors of whole numbers: one or two samples moved, and the later ones rounded to make up for it.

    Args:
        gram: (samples, samples), the form within one tile.
    """
    samples = len(gram)
    factor, failed = torch.linalg.cholesky_ex(gram.flip(0, 1))
    if failed:  # so with weights that give no numbers
        return gram.new_zeros(0, samples)
    factor = factor.flip(0, 1).T
    factor = factor / factor.diagonal()[:, None]
    first, second = torch.triu_indices(samples, samples, device=gram.device)
    some = second - first <= max(1, _PAIRS // samples)
    first, second = first[some].repeat(2), second[some].repeat(2)
    sign = torch.ones(len(first), device=gram.device)
    sign[len(first) // 2 :] = -1
    # A column for each vector, from its first sample to its last.
    moves = gram.new_zeros(samples, len(first))
    for i in range(samples):
        wanted = -(factor[i, :i] @ moves[:i])
        nearest = wanted.round()
        next_nearest = nearest + torch.where(wanted > nearest, sign, -sign)
        moves[i] = torch.where(second == i, next_nearest, nearest)
        moves[i] = torch.where(first == i, 1, moves[i])
    found = torch.unique(moves.T, dim=0)
    norms, order = ((found @ gram) * found).sum(1).sort()
    found, norms = found[order[:_TRIED]], norms[:_TRIED]
    products = (found @ gram @ found.T).abs_()
    is_sum = (products >= norms) & (norms < norms[:, None] * (1 - 1e-6))
    return found[~is_sum.any(1)][:_MOVES]


def _try(descent: Descent, network: StegoNetwork, kernel: Tensor, weights: Tensor) -> tuple[float, float]:
    """What errors cost on a made-up picture without the moves, and with them; no error's action is cut off."""
    wanted = torch.rand(1, len(kernel), _SIDE, _SIDE, generator=torch.Generator().manual_seed(2)) * 200 + 28
    rounded = wanted.to(kernel.device)
    errors = torch.empty_like(rounded)
    network.rounding.round_(rounded, errors, kernel)
    before = errors.square().mean((0, 2, 3)) @ weights
    network.rounding.noise_(errors, kernel)
    descent.lower_(rounded, errors)
    noise = errors.clone()
    for i in range(len(kernel)):
        fed = F.conv2d(errors[:, :i], kernel[i : i + 1, :i], padding=1) if i else 0
        errors[:, i : i + 1] = fed - noise[:, i : i + 1]
    return float(before), float(errors.square().mean((0, 2, 3)) @ weights)
