"""Prunes a trained network: whole hidden channels go, and what is left is fitted to give what the subnet gave.

A channel is chosen as in "optimal brain surgeon" (Hassibi & Stork, NeurIPS 1993), with all of its weights at once: for
the linear layer that reads it there is a closed form of the squared error that its loss costs when all other weights
move to make up for it. How narrow each subnet gets is decided by what that costs the whole network in decibels.
"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import StegoError, option
from ..flow.couplings import Subnet
from ..flow.network import StegoNetwork, clip_margin

# Pairs looked at, half of them to fit what is left, half to judge it, and their side in pixels: each of hundreds of
# choices is judged on them, so that larger ones would take an hour.
PAIRS = 48
SIDE = 64
# Of each hidden layer's width, what is tried.
WIDTHS = (1.0, 0.75, 0.5, 0.375, 0.25, 0.125)
# Positions of the subbands that a fit sees.
_SAMPLES = 8192
# Of the mean diagonal of the normal equations: they are singular where a channel is always off.
_RIDGE = 1e-4


@dataclass
class _Choice:
    """A subnet that could take another's place.

    Attributes:
        cost: multiplications for each position.
        loss: decibels of cover and secret that the network loses by it.
    """

    subnet: Subnet
    cost: int
    loss: float


def fewer(x: Tensor, weights: Tensor, group: int, sizes: Iterable[int]) -> Iterator[tuple[list[int], Tensor, Tensor]]:
    """Of a linear layer's inputs keep those with which it does best.

    Args:
        x: inputs seen, (samples, channels * group): those of a channel lie side by side.
        weights: (channels * group, outputs).
        group: inputs a channel.
        sizes: how many channels to keep.

    Yields:
        For each of the sizes, the largest first: the channels kept, their new weights (size * group, outputs), and
        what the bias gains (outputs).
    """
    x, before = x.double(), weights.double()
    mean = x.mean(0)
    gram = (x - mean).T @ (x - mean)
    gram.diagonal().add_(_RIDGE * gram.diagonal().mean() + 1e-9)
    inverse, left = torch.linalg.inv(gram), before
    kept = torch.arange(len(gram)).view(-1, group)
    for size in sorted(sizes, reverse=True):
        while len(kept) > size:
            count = len(kept)
            numbers = torch.arange(len(inverse)).view(count, group)
            blocks = inverse.view(count, group, count, group).diagonal(dim1=0, dim2=2).permute(2, 0, 1)
            grouped = left.view(count, group, -1)
            cheapest = int((grouped * torch.linalg.solve(blocks, grouped)).sum((1, 2)).argmin())
            own = numbers[cheapest]
            rest = torch.cat([numbers[:cheapest], numbers[cheapest + 1 :]]).flatten()
            making_up = torch.linalg.solve(blocks[cheapest], torch.cat([left[own], inverse[own][:, rest]], 1))
            reach = inverse[rest][:, own]
            left = left[rest] - reach @ making_up[:, : left.shape[1]]
            inverse = inverse[rest][:, rest] - reach @ making_up[:, before.shape[1] :]
            kept = torch.cat([kept[:cheapest], kept[cheapest + 1 :]])
        bias = mean @ before - mean[kept.flatten()] @ left
        yield (kept[:, 0] // group).tolist(), left.float(), bias.float()


def _thinned(rows: Tensor, most: int) -> Tensor:
    """At most so many of the rows, evenly."""
    return rows[:: -(-len(rows) // max(1, most))]


def _sizes(width: int) -> set[int]:
    return {max(1, round(share * width)) for share in WIDTHS}


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def _set(layer: nn.Conv2d, weight: Tensor, bias: Tensor) -> None:
    layer.weight.copy_(weight)
    _bias(layer).copy_(bias)


@torch.no_grad()
def narrower(subnet: Subnet, x: Tensor) -> Iterator[Subnet]:
    """Subnets of all widths tried that do on these inputs, (batch, inputs, height, width), about what this one does."""
    first, middle, last = subnet.convolutions
    layers = list(subnet.children())
    hidden = nn.Sequential(*layers[:2])(x)
    read = nn.Sequential(*layers[2:4])(hidden)
    hidden_seen = _thinned(hidden.permute(0, 2, 3, 1).flatten(0, 2), _SAMPLES)
    taps, reach = last.weight[0, 0].numel(), last.kernel_size[0] // 2
    # Thinned out picture by picture: unfolded, all positions would fill the memory.
    unfolded = (F.unfold(one[None], last.kernel_size, padding=reach)[0].T for one in read)
    read_seen = torch.cat([_thinned(rows, _SAMPLES // len(read)) for rows in unfolded])
    for seconds, kernel, bias in fewer(read_seen, last.weight.flatten(1).T, taps, _sizes(middle.out_channels)):
        outputs = kernel.T.reshape(last.out_channels, len(seconds), *last.kernel_size)
        # An error of a channel counts as much as what reads it makes of it.
        weight_of = outputs.square().sum((0, 2, 3)).sqrt().clamp_min(1e-6)
        wanted = middle.weight[seconds].flatten(1).T * weight_of
        for firsts, mixing, middle_bias in fewer(hidden_seen, wanted, 1, _sizes(first.out_channels)):
            slim = Subnet(first.in_channels, (len(firsts), len(seconds)), last.out_channels)
            slim.precision = subnet.precision
            into, between, out = slim.convolutions
            _set(into, first.weight[firsts], _bias(first)[firsts])
            mixed = (mixing / weight_of).T[..., None, None]
            _set(between, mixed, _bias(middle)[seconds] + middle_bias / weight_of)
            _set(out, outputs, _bias(last) + bias)
            yield slim.to(x.device)


def _cost(subnet: Subnet) -> int:
    return sum(layer.weight.numel() for layer in subnet.convolutions)


@torch.no_grad()
def _decibels(network: StegoNetwork, cover: Tensor, secret: Tensor) -> float:
    """Mean PSNR of the covers and of the secrets, added up."""
    stego = network.rounding(network.embed(clip_margin(cover), secret)).clamp(-1, 1)
    revealed = network.reveal(stego).clamp(-1, 1)
    errors = torch.stack([(stego - cover), (revealed - secret)]).square().mean((2, 3, 4))
    return float((-10 * errors.clamp_min(1e-12).log10()).mean(1).sum())


def _inputs(network: StegoNetwork, cover: Tensor, secret: Tensor) -> dict[Subnet, Tensor]:
    """What each subnet is given when these pairs are embedded."""
    seen: dict[Subnet, Tensor] = {}
    subnets = [m for m in network.modules() if isinstance(m, Subnet)]
    hooks = [m.register_forward_pre_hook(lambda own, given: seen.update({own: given[0]})) for m in subnets]
    with torch.no_grad():
        network.embed(clip_margin(cover), secret)
    for hook in hooks:
        hook.remove()
    return seen


def _choose(choices: list[list[_Choice]], most: float) -> list[_Choice]:
    """One of each, together within a cost, with the least loss (Lagrangian relaxation, by bisection)."""

    def cheapest(price: float) -> list[_Choice]:
        return [min(own, key=lambda c: (max(0.0, c.loss) + price * c.cost, c.cost)) for own in choices]

    low, high = 0.0, 1e3
    for _ in range(60):
        price = (low + high) / 2
        low, high = (low, price) if sum(c.cost for c in cheapest(price)) <= most else (price, high)
    return cheapest(high)


def prune(
    network: StegoNetwork,
    cover: Tensor,
    secret: Tensor,
    share: float,
    progress: Callable[[float], None] = lambda share: None,
) -> StegoNetwork:
    """A network of the same blocks with narrower subnets; it should be trained on.

    Args:
        network: trained, in float32.
        cover, secret: float, (pairs, 3, height, width), range -1..1.
        share: of the subnets' multiplications, how much may be left.
        progress: called with the share that is done, 0 to 1.

    Raises:
        StegoError: when not so much can be cut.
    """
    network = copy.deepcopy(network).to(cover.device).eval().requires_grad_(False)
    fitted, judged = (slice(0, None, 2), slice(1, None, 2))
    before = _decibels(network, cover[judged], secret[judged])
    inputs = _inputs(network, cover[fitted], secret[fitted])
    subnets = [(block.coupling, name) for block in network.flow.blocks for name in ("add", "affine")]
    choices: list[list[_Choice]] = []
    for number, (coupling, name) in enumerate(subnets):
        whole = getattr(coupling, name)
        choices.append([])
        for slim in narrower(whole, inputs[whole]):
            setattr(coupling, name, slim)
            lost = before - _decibels(network, cover[judged], secret[judged])
            choices[-1].append(_Choice(slim, _cost(slim), lost))
        setattr(coupling, name, whole)
        progress((number + 1) / len(subnets))
    total = sum(_cost(whole) for whole in inputs)
    chosen = _choose(choices, share * total)
    least = sum(c.cost for c in chosen) / total
    if least > share:
        enough = math.ceil(100 * least) / 100
        raise StegoError(f"{option('prune')} {share:g} cuts more than there is: use {enough:g} or more.")
    for (coupling, name), choice in zip(subnets, chosen, strict=True):
        setattr(coupling, name, choice.subnet)
    widths = tuple(c.subnet.widths for c in chosen)
    slimmer = StegoNetwork(replace(network.config, widths=widths))
    slimmer.load_state_dict(network.state_dict())
    return slimmer
