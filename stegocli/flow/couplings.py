"""The normalizing flow: cover and secret subbands in, stego subbands and a latent out, and back exactly.

Two streams, as in HiNet (Jing et al., "HiNet: deep image hiding by invertible network", ICCV 2021), coupled as in
RealNVP (Dinh et al., "Density estimation using Real NVP", 2017). Every module maps two tensors to (tensor, tensor,
log-determinant per sample) and has an exact `inverse`. Convolutions inside couplings may run in half precision; sums
and products never do.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from . import convolution
from .precision import Precision
from .wavelet import WAVELETS

# Far beyond what is of use, and small enough for a network to be built: weights files come from strangers, too.
MOST = {"levels": 3, "num_blocks": 64, "hidden_channels": 1024}

# Layers that the architecture once had and no trained set used. They stay in what is stored: a set's identity is made
# of it, and earlier versions read it.
_ABSENT = {"actnorm": False, "conv1x1": False}

# Slope of the subnets' activation below zero.
_SLOPE = 0.2

# Multiplications for each position from which on a subnet gains by `convolution`; smaller ones are bound by memory.
_LARGE = 50_000

# Calls a step (top, bottom) for one strip of rows after another until all of a height is done.
InStrips = Callable[[int, Callable[[int, int], None]], None]


@dataclass(frozen=True)
class FlowConfig:
    """Everything needed to build the network; stored inside the weights file.

    Attributes:
        wavelet: ``haar`` or ``legall53``.
        levels: wavelet levels; 1 gives 12 subbands a stream at half resolution, 2 gives 48 at a quarter.
        num_blocks: coupling blocks.
        hidden_channels: width of the subnets.
        widths: of the two hidden layers of each subnet, where pruning has left fewer: (first, second) for the additive
            and the affine one of every block in turn. None: all `hidden_channels`.

    Raises:
        ValueError: for an unknown wavelet, or a number that is no integer from 1 to its limit in `MOST`.
    """

    wavelet: str = "haar"
    levels: int = 2
    num_blocks: int = 8
    hidden_channels: int = 128
    widths: tuple[tuple[int, int], ...] | None = None

    def __post_init__(self) -> None:
        if self.wavelet not in WAVELETS:
            raise ValueError(f"wavelet is {self.wavelet!r}: it must be one of {', '.join(WAVELETS)}")
        for name, most in MOST.items():
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise ValueError(f"{name} is {value!r}: it must be an integer from 1 to {most}")
        if self.widths is not None:
            object.__setattr__(self, "widths", self._checked_widths())

    def _checked_widths(self) -> tuple[tuple[int, int], ...]:
        """JSON gives lists, and anything at all."""
        most = MOST["hidden_channels"]
        if not isinstance(self.widths, (list, tuple)) or len(self.widths) != 2 * self.num_blocks:
            raise ValueError(f"widths must be {2 * self.num_blocks} pairs of integers: two subnets a block")
        for pair in self.widths:
            good = isinstance(pair, (list, tuple)) and len(pair) == 2
            if not good or not all(type(width) is int and 1 <= width <= most for width in pair):
                raise ValueError(f"widths holds {pair!r}: it must be two integers from 1 to {most}")
        return tuple((first, second) for first, second in self.widths)

    def as_json(self) -> dict[str, Any]:
        """What `from_json` takes; without widths they are left out, as before there were any."""
        return {name: value for name, value in asdict(self).items() if value is not None} | _ABSENT

    @classmethod
    def from_json(cls, saved: Any) -> "FlowConfig":
        """Undo `as_json`.

        Raises:
            ValueError: for what is no architecture, or one that this version has no more.
        """
        if not isinstance(saved, dict):
            raise ValueError("an architecture is an object with names")
        if any(saved.get(name, False) is not False for name in _ABSENT):
            raise ValueError(f"{' and '.join(_ABSENT)} must be false: such layers are not supported any more")
        own = {name: value for name, value in saved.items() if name not in _ABSENT}
        if unknown := own.keys() - cls.__dataclass_fields__.keys():
            raise ValueError(f"unknown: {', '.join(sorted(map(str, unknown)))}")
        return cls(**own)

    def in_words(self) -> str:
        """The architecture for people."""
        width = f"{self.hidden_channels} hidden channels"
        if self.widths:
            narrowest, widest = (of(map(of, self.widths)) for of in (min, max))
            width = f"{narrowest} to {widest} hidden channels (pruned)"
        counts = (
            f"{n} {what}{'' if n == 1 else 's'}" for n, what in ((self.num_blocks, "block"), (self.levels, "level"))
        )
        return f"{next(counts)}, {width}, wavelet {self.wavelet} on {next(counts)}"

    def subnet_widths(self, block: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Of the additive and of the affine subnet of a block."""
        if self.widths is None:
            return ((self.hidden_channels,) * 2,) * 2
        return self.widths[2 * block], self.widths[2 * block + 1]

    def limited(self, num_blocks: int, hidden_channels: int) -> "FlowConfig":
        """The same architecture with at most so many blocks of at most so wide subnets."""
        blocks, hidden = min(self.num_blocks, num_blocks), min(self.hidden_channels, hidden_channels)
        widths = self.widths and tuple((min(a, hidden), min(b, hidden)) for a, b in self.widths[: 2 * blocks])
        return replace(self, num_blocks=blocks, hidden_channels=hidden, widths=widths)

    @property
    def stride(self) -> int:
        """Picture sizes that the network takes are multiples of this."""
        return int(2**self.levels)

    @property
    def channels(self) -> int:
        """Subbands of one RGB picture."""
        return int(3 * 4**self.levels)


class Subnet(nn.Sequential):
    """3x3, 1x1, 3x3 convolutions; the last starts at zero, so that an untrained coupling is the identity."""

    def __init__(self, inputs: int, widths: tuple[int, int], outputs: int):
        first, second = widths
        super().__init__(
            nn.Conv2d(inputs, first, 3, padding=1),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(first, second, 1),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(second, outputs, 3, padding=1),
        )
        for parameter in self[-1].parameters():
            nn.init.zeros_(parameter)
        self.precision: Precision | None = None
        # In which `rows` computes, and whether by fewer multiplications.
        self.dtype = torch.float32
        self.fast = False

    def forward(self, x: Tensor) -> Tensor:
        with self.precision.autocast() if self.precision else nullcontext():
            y: Tensor = super().forward(  # type: ignore[no-untyped-call]
                x.contiguous(memory_format=torch.channels_last)
            )
        return y.float()

    @property
    def convolutions(self) -> tuple[nn.Conv2d, ...]:
        return tuple(layer for layer in self if isinstance(layer, nn.Conv2d))

    @property
    def macs(self) -> int:
        """Multiplications for each position."""
        return sum(layer.weight.numel() for layer in self.convolutions)

    @property
    def widths(self) -> tuple[int, int]:
        """Of the two hidden layers."""
        first, second, _ = self.convolutions
        return first.out_channels, second.out_channels

    @property
    def radius(self) -> int:
        """How many rows away an output depends on its input."""
        return sum(layer.kernel_size[0] // 2 for layer in self.convolutions)

    def rows(self, x: Tensor, top: int, bottom: int) -> Tensor:
        """Rows `top` to `bottom` of what `forward` gives, from no more rows of x than that takes.

        Computed in `dtype`, then float32. The weights are taken in that type each time: beside a strip's convolutions
        it costs nothing.
        """
        left, height = self.radius, x.shape[2]
        y = x[:, :, max(0, top - left) : bottom + left].to(self.dtype)
        fast, last = self.fast and self.dtype == torch.float32, self.convolutions[-1]
        if fast:
            y = convolution.channels_first(y)
        convolve = convolution.convolve if fast else F.conv2d
        for layer in self.convolutions:
            reach = layer.kernel_size[0] // 2
            # The picture's border is padded with zeros, layer by layer; inside it the neighbouring rows are there. To
            # pad one side alone would copy everything: both are padded, and what the other side gets is left out.
            above = min(reach, max(0, left - top))
            below = min(reach, max(0, bottom + left - height))
            padded = reach if above or below else 0
            weight, bias = layer.weight.to(self.dtype), layer.bias.to(self.dtype)  # type: ignore[union-attr]
            y = convolve(y, weight, bias, padding=(padded, reach))
            if padded:
                y = y[:, :, reach - above : y.shape[2] - (reach - below)]
            if layer is not last:
                y = F.leaky_relu_(y, _SLOPE)
            left -= reach
        y = convolution.channels_last(y) if fast else y.float()
        # Past the range of float16 there is infinity; as no number it comes through to the end, where it is noticed.
        return y.add_(y * 0) if self.dtype == torch.float16 else y


class AffineCoupling(nn.Module):
    """cover' = cover + f(secret); secret' = secret * exp(s(cover')) + t(cover').

    s is kept within ``-limit..limit``, so that no block can amplify rounding noise by more than exp(limit), and f
    within ``-reach..reach``, three times what ordinary pictures need: without it, stark ones (black on white) send
    the two streams into a spiral from block to block, in which training ends sooner or later.
    Both streams have shape (batch, channels, height, width).
    """

    limit = 2.0
    reach = 0.5

    def __init__(self, channels: int, add: tuple[int, int], affine: tuple[int, int]):
        super().__init__()
        self.add = Subnet(channels, add, channels)
        self.affine = Subnet(channels, affine, 2 * channels)

    def _addend(self, secret: Tensor) -> Tensor:
        return self.reach * torch.tanh(self.add(secret) / self.reach)

    def _scale_shift(self, cover: Tensor) -> tuple[Tensor, Tensor]:
        raw, shift = self.affine(cover).chunk(2, 1)
        return self.limit * torch.tanh(raw / self.limit), shift

    def forward(self, cover: Tensor, secret: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        cover = cover + self._addend(secret)
        log_scale, shift = self._scale_shift(cover)
        return cover, secret * log_scale.exp() + shift, log_scale.sum((1, 2, 3))

    def inverse(self, cover: Tensor, secret: Tensor) -> tuple[Tensor, Tensor]:
        log_scale, shift = self._scale_shift(cover)
        secret = (secret - shift) * (-log_scale).exp()
        return cover - self._addend(secret), secret

    # In place, strip by strip. Each half reads one stream and writes the other, row for row, so that neither the
    # order of the strips nor a strip done twice up to its last line changes anything.
    # tanh(x) = 2 * sigmoid(2 * x) - 1, which takes a quarter of its time.

    def _move(self, cover: Tensor, secret: Tensor, sign: int, strips: InStrips) -> None:
        def step(top: int, bottom: int) -> None:
            half_tanh = self.add.rows(secret, top, bottom).mul_(2 / self.reach).sigmoid_().sub_(0.5)
            cover[:, :, top:bottom].add_(half_tanh, alpha=2 * sign * self.reach)

        strips(cover.shape[2], step)

    def _scale_shift_of(self, cover: Tensor, top: int, bottom: int, sign: int) -> tuple[Tensor, Tensor]:
        """Some rows of exp(sign * s) and of t; both may be changed."""
        raw, shift = self.affine.rows(cover, top, bottom).chunk(2, 1)
        half_tanh = raw.mul(2 / self.limit).sigmoid_().sub_(0.5)
        return half_tanh.mul_(2 * sign * self.limit).exp_(), shift

    def embed_(self, cover: Tensor, secret: Tensor, strips: InStrips) -> None:
        """The first half of `forward`: cover to stego."""
        self._move(cover, secret, 1, strips)

    def forward_(self, cover: Tensor, secret: Tensor, strips: InStrips) -> None:
        def step(top: int, bottom: int) -> None:
            scale, shift = self._scale_shift_of(cover, top, bottom, 1)
            secret[:, :, top:bottom].mul_(scale).add_(shift)

        self.embed_(cover, secret, strips)
        strips(cover.shape[2], step)

    def extract_(self, cover: Tensor, secret: Tensor, strips: InStrips) -> None:
        """The first half of `inverse`: stego and latent to secret."""

        def step(top: int, bottom: int) -> None:
            scale, shift = self._scale_shift_of(cover, top, bottom, -1)
            secret[:, :, top:bottom].sub_(shift).mul_(scale)

        strips(cover.shape[2], step)

    def inverse_(self, cover: Tensor, secret: Tensor, strips: InStrips) -> None:
        self.extract_(cover, secret, strips)
        self._move(cover, secret, -1, strips)


class Block(nn.Module):
    """A coupling, under the name that weights files give it."""

    def __init__(self, config: FlowConfig, number: int = 0):
        super().__init__()
        self.coupling = AffineCoupling(config.channels, *config.subnet_widths(number))

    def forward(self, cover: Tensor, secret: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        result: tuple[Tensor, Tensor, Tensor] = self.coupling(cover, secret)
        return result

    def inverse(self, cover: Tensor, secret: Tensor) -> tuple[Tensor, Tensor]:
        return self.coupling.inverse(cover, secret)


class StegoFlow(nn.Module):
    """A bijection between (cover, secret) and (stego, latent) subbands.

    With two wavelet levels each is (batch, 48, height/4, width/4); with one, (batch, 12, height/2, width/2),
    24 channels together.
    """

    def __init__(self, config: FlowConfig | None = None):
        super().__init__()
        self.config = config or FlowConfig()
        blocks = nn.ModuleList(Block(self.config, number) for number in range(self.config.num_blocks))
        self.blocks: Sequence[Block] = blocks  # type: ignore[assignment]
        self.checkpointing = False

    def set_precision(self, precision: Precision) -> "StegoFlow":
        """Move to the device and run the subnets in the given type; returns self."""
        for module in self.modules():
            if isinstance(module, Subnet):
                module.precision = precision
        # Convolutions in bfloat16 run about twice as fast on CPUs with the channels stored last.
        self.to(precision.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    def subnets(self) -> dict[str, Subnet]:
        """By name: the block's number and which of its two, as in ``0.add`` and ``7.affine``."""
        couplings = [(number, block.coupling) for number, block in enumerate(self.blocks)]
        return {f"{number}.{name}": getattr(c, name) for number, c in couplings for name in ("add", "affine")}

    def set_inference(self, precision: Precision, tolerant: Collection[str] = ()) -> None:
        """Let `forward_` and `inverse_` compute the subnets in the precision's type; in bfloat16 these alone.

        On a CPU the large ones take fewer multiplications where that is faster.
        """
        fast = precision.device.type == "cpu" and convolution.available()
        for name, subnet in self.subnets().items():
            half = precision.dtype != torch.bfloat16 or name in tolerant
            subnet.dtype = precision.dtype if half else torch.float32
            subnet.fast = fast and subnet.macs >= _LARGE

    @contextmanager
    def in_float32(self) -> Iterator[None]:
        """Meanwhile `forward_` and `inverse_` compute all subnets in float32."""
        before = {subnet: subnet.dtype for subnet in self.subnets().values()}
        try:
            for subnet in before:
                subnet.dtype = torch.float32
            yield
        finally:
            for subnet, dtype in before.items():
                subnet.dtype = dtype

    def _run(self, step: Callable[..., Any], *streams: Tensor) -> Any:
        if self.checkpointing and torch.is_grad_enabled():
            # Nothing in a block is drawn at random, and a card's generator can't be looked at while a step is recorded.
            return checkpoint(step, *streams, use_reentrant=False, preserve_rng_state=False)
        return step(*streams)

    def forward(self, cover: Tensor, secret: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(cover, secret) to (stego, latent, log-determinant of the Jacobian for each sample, in nats)."""
        logdet = cover.new_zeros(cover.shape[0])
        for block in self.blocks:
            cover, secret, d = self._run(block, cover, secret)
            logdet = logdet + d
        return cover, secret, logdet

    def inverse(self, stego: Tensor, latent: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(stego, latent) to (cover, secret). Without a latent it is zero: what a file doesn't carry."""
        latent = torch.zeros_like(stego) if latent is None else latent
        for block in reversed(self.blocks):
            stego, latent = self._run(block.inverse, stego, latent)
        return stego, latent

    def forward_(self, cover: Tensor, secret: Tensor, strips: InStrips) -> None:
        """The stego that `forward` gives, in place and without gradient, for one picture of any size.

        Beside the streams memory holds the activations of one strip; the result is the same to float rounding.

        Args:
            cover, secret: (1, channels, height, width), best with the channels last in memory; the cover becomes the
                stego, and the secret is used up.
            strips: decides how many rows are worked on together.
        """
        *before, last = self.blocks
        for block in before:
            block.coupling.forward_(cover, secret, strips)
        last.coupling.embed_(cover, secret, strips)

    def inverse_(self, stego: Tensor, latent: Tensor, strips: InStrips) -> None:
        """The secret that `inverse` gives, in place of the latent (zeros for what a file doesn't carry).

        The stego is used up.
        """
        first, *after = self.blocks
        for block in reversed(after):
            block.coupling.inverse_(stego, latent, strips)
        first.coupling.extract_(stego, latent, strips)

    @property
    def radius(self) -> int:
        """How many rows of subbands away the stego depends on a cover."""
        return sum(m.radius for m in self.modules() if isinstance(m, Subnet))

    def kernels(self) -> Iterator[Tensor]:
        """The kernels of the subnets' convolutions."""
        return (m.weight for m in self.modules() if isinstance(m, nn.Conv2d))

    def macs_per_position(self) -> int:
        """Multiplications for each position of the subbands in one direction."""
        return sum(subnet.macs for subnet in self.subnets().values())
