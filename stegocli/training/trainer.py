"""One optimiser step, and what it changes: the network, its running average, the optimisers.

Nothing in a step waits for the device: whether a gradient is fit to be used is decided where it lies, and its
figures are handed on unread. Nor does it hold a number that changes anywhere but there, so that it can be recorded.
"""

import copy
import math
from typing import Any, TypedDict

import torch
from torch import Tensor

from ..flow import cores, precision, quantize, weights
from ..flow.couplings import FlowConfig
from ..flow.network import StegoNetwork, clip_margin
from ..flow.precision import Precision
from . import graph, losses
from .conform import conform
from .optimizer import Muon
from .process_group import ProcessGroup
from .settings import Settings

# Where the flow amplifies a picture that it can't hold, gradients grow a thousandfold; clipped, they would still
# decide the whole step. Two such steps in a row have ended a run.
SPIKE = 10.0
# What a step hands on, in this order; `usual` is the running mean of the norms before it.
FIGURES = ("loss", "hide_mse", "reveal_mse", "norm", "usual", "taken")


def learning_rate(settings: Settings, done: float, steps_total: int) -> float:
    """Linear warm-up, then half a cosine down to zero.

    Args:
        done: share of the run that is done, 0..1.
        steps_total: steps of the whole run.
    """
    warm_steps = max(1, min(settings.warmup_steps, steps_total // 5))
    warm = min(1.0, (done * steps_total + 1) / warm_steps)
    return settings.learning_rate * warm * (0.5 + 0.5 * math.cos(math.pi * min(1.0, done)))


class Trainer:
    """A network that learns.

    Attributes:
        network: what is trained.
        average: the running average of its weights, which is what is validated and saved.
        micro_batch: pairs that go through the network at once; gradients add up to the batch.
        attempts: steps tried, those included that changed nothing; on the device.
        usual_norm: geometric running mean of the gradient's norm, on the device; 0 before the first.
        replay: takes the steps as a CUDA graph; None where they are launched kernel by kernel.
    """

    def __init__(self, settings: Settings, where: Precision, group: ProcessGroup | None = None):
        self.settings = settings
        self.precision = where
        self.group = group or ProcessGroup()
        self.micro_batch = settings.batch_size
        self.attempts, self.usual_norm, self.rate = (torch.zeros((), device=where.device) for _ in range(3))
        self.start(settings.flow)

    def start(self, config: FlowConfig, checkpointing: bool = False) -> None:
        """A new network with initial weights from the seed, and new optimisers."""
        torch.manual_seed(self.settings.seed)
        self.network = StegoNetwork(config).set_precision(self.precision).train()
        self.network.flow.checkpointing = checkpointing
        self.ema = copy.deepcopy(self.network).requires_grad_(False).eval()
        kernels = list(self.network.flow.kernels())
        others = [p for p in self.network.parameters() if not any(p is kernel for kernel in kernels)]
        rate = self.settings.learning_rate
        self.muon = Muon(kernels, rate, dtype=self._half())
        self.adam = torch.optim.Adam(others, lr=rate, fused=True, capturable=self.precision.device.type == "cuda")
        self.scaler = torch.amp.GradScaler("cuda", enabled=self.precision.needs_scaler)
        self.replay = self._replay()

    def _replay(self) -> graph.Replay | None:
        """None where a step can't be recorded, since it waits for others; or is untried."""
        device, unfit = self.precision.device, self.group.size > 1 or self.precision.needs_scaler
        if device.type != "cuda" or unfit or not self.settings.cuda_graph:
            return None
        return graph.Replay(device, self.settings.non_blocking)

    def _half(self) -> torch.dtype:
        return torch.bfloat16 if self.precision.dtype is torch.bfloat16 else torch.float32

    def begin_with(self, start: StegoNetwork) -> None:
        """Train this network on, whatever its architecture."""
        if start.config != self.network.config:
            self.start(start.config)
        for network in (self.network, self.ema):
            network.load_state_dict(start.state_dict())

    def step(self, cover: Tensor, secret: Tensor, rate: float) -> Tensor:
        """One optimiser step on uint8 batches of shape (pairs, 3, crop, crop).

        A gradient that is not finite, or a spike, changes nothing.

        Returns:
            `FIGURES`, a float tensor on the device.

        Raises:
            graph.CaptureError: when it can't be recorded; it was not taken then.
        """
        self.rate.fill_(rate)
        if self.replay is None:
            return self._step(cover, secret)
        return self.replay(self._step, cover, secret, (self.micro_batch, self.network.flow.checkpointing))

    def _step(self, cover: Tensor, secret: Tensor) -> Tensor:
        return self._update(self._gradient(cover, secret))

    def to_device(self, pixels: Tensor) -> Tensor:
        return quantize.from_bytes(pixels.to(self.precision.device, non_blocking=self.settings.non_blocking))

    def _gradient(self, cover: Tensor, secret: Tensor) -> Tensor:
        """Leave the batch's gradient in the parameters; returns the mean loss, hide and reveal errors."""
        scale = self.scaler.scale(torch.ones((), device=self.precision.device))

        # Each part counts for as many pairs as it has.
        def part(pixels: tuple[Tensor, Tensor]) -> list[Tensor]:
            return self._part_of_gradient(*pixels, len(pixels[0]) / len(cover), scale)

        with self.group.fail_together():
            totals = [torch.zeros(3, device=self.precision.device)]
            for p in self.network.parameters():
                p.grad = torch.zeros_like(p)
                totals.append(p.grad)
            for micro in zip(*(torch.split(pixels, self.micro_batch) for pixels in (cover, secret)), strict=True):
                parts = self._side_by_side(*micro)
                for figures in cores.side_by_side(part, parts, len(parts)):
                    torch._foreach_add_(totals, figures)
        self.group.average(totals)
        return totals[0]

    def _side_by_side(self, cover: Tensor, secret: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The parts that go through the network at the same time; on a card, which has one queue, all is one."""
        count = 1 if self.precision.device.type != "cpu" else min(len(cover), torch.get_num_threads())
        return list(zip(cover.tensor_split(count), secret.tensor_split(count), strict=True))

    def _part_of_gradient(self, cover: Tensor, secret: Tensor, share: float, scale: Tensor) -> list[Tensor]:
        """What a part of the batch adds to its figures, and to the gradient of each parameter."""
        c, s = self.to_device(cover), self.to_device(secret)
        wanted = self.network.embed(clip_margin(c), s)
        stego = self.network.rounding(wanted)
        revealed = self.network.reveal(stego)
        loss = losses.combine(c, wanted, stego, s, revealed, losses.LossWeights(reveal=self.settings.reveal_weight))
        gradient = torch.autograd.grad(loss.total * (share * scale), list(self.network.parameters()))
        return [share * torch.stack([loss.total.detach(), loss.hide, loss.reveal]), *gradient]

    @torch.no_grad()
    def _update(self, sums: Tensor) -> Tensor:
        for optimizer in (self.muon, self.adam):
            self.scaler.unscale_(optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), max_norm=1.0)
        usual, good = self._judge(sums[0], norm)
        for optimizer in (self.muon, self.adam):
            for group in optimizer.param_groups:
                group["lr"] = self.rate
            # The name and meaning are PyTorch's: 1 makes a fused optimiser leave everything as it is.
            optimizer.found_inf = 1 - good  # type: ignore[union-attr]
            optimizer.step()
        self.scaler.update()
        self.attempts += 1
        self._follow()
        return torch.cat([sums, torch.stack([norm, usual, good])])

    def _judge(self, loss: Tensor, norm: Tensor) -> tuple[Tensor, Tensor]:
        """The usual norm so far, and whether (1 or 0) the gradient is finite and not far above it."""
        finite = torch.isfinite(loss) & torch.isfinite(norm)
        usual = torch.where((self.usual_norm == 0) & finite, norm, self.usual_norm)
        ratio = norm / usual.clamp_min(1e-12)
        # Moves by a bounded factor a step, so that a lasting change is accepted after some dozens of steps.
        self.usual_norm.copy_(torch.where(finite, usual * ratio.clamp(1 / SPIKE, SPIKE) ** 0.02, usual))
        spike = (ratio > SPIKE) & (self.attempts > self.settings.warmup_steps)
        return usual, (finite & ~spike).float()

    def _follow(self) -> None:
        # Early weights are far off: the average forgets them at first faster than later.
        decay = ((1 + self.attempts) / (10 + self.attempts)).clamp(max=self.settings.ema_decay)
        averages: list[Tensor] = list(self.ema.parameters())
        values: list[Tensor] = list(self.network.parameters())
        ahead = torch._foreach_mul(torch._foreach_sub(values, averages), 1 - decay)
        torch._foreach_add_(averages, ahead)
        for average, value in zip(self.ema.buffers(), self.network.buffers(), strict=True):
            average.copy_(value)

    def leave_mixed_precision(self) -> None:
        """Go on in float32, as a run resumed from here does."""
        self.precision = precision.choose(str(self.precision.device), amp=False)
        self.network.set_precision(self.precision)
        self.ema.set_precision(self.precision)
        self.scaler = torch.amp.GradScaler("cuda", enabled=False)
        self.muon.dtype = torch.float32
        self.replay = self._replay()

    def state(self) -> dict[str, Any]:
        """What a resumed run needs of it; see `TrainerState`."""
        return {
            "config": self.network.config.as_json(),
            "checkpointing": self.network.flow.checkpointing,
            "micro_batch": self.micro_batch,
            "mixed": self.precision.is_mixed,
            "network": self.network.state_dict(),
            "average": self.ema.state_dict(),
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
            "scaler": self.scaler.state_dict(),
            "attempts": int(self.attempts),
            "usual_norm": float(self.usual_norm),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """Undo `state`.

        Raises:
            ValueError: for what can't be; nothing is built before the tensors are known to fit.
        """
        state: TrainerState = conform(saved, TrainerState)
        config = FlowConfig.from_json(state["config"])
        for part in ("network", "average"):
            weights.check_tensors(weights.skeleton(config), state[part])
        if not 1 <= state["micro_batch"] <= self.settings.batch_size or min(state["attempts"], state["usual_norm"]) < 0:
            raise ValueError("numbers out of their range")
        if not state["mixed"]:
            self.precision = precision.choose(str(self.precision.device), amp=False)
        self.start(config, state["checkpointing"])
        self.micro_batch = state["micro_batch"]
        self.network.load_state_dict(state["network"])
        self.ema.load_state_dict(state["average"])
        _load_moments(self.muon, state["muon"], {"momentum"})
        _load_moments(self.adam, state["adam"], {"step", "exp_avg", "exp_avg_sq"})
        if self.scaler.is_enabled() and state["scaler"]:
            names = self.scaler.state_dict()
            self.scaler.load_state_dict({name: conform(state["scaler"].get(name), float) for name in names})
        self.attempts.fill_(state["attempts"])
        self.usual_norm.fill_(state["usual_norm"])


class TrainerState(TypedDict):
    """What a checkpoint holds of a `Trainer`."""

    config: dict[str, Any]
    checkpointing: bool
    micro_batch: int
    mixed: bool
    network: dict[str, Tensor]
    average: dict[str, Tensor]
    muon: dict[str, Any]
    adam: dict[str, Any]
    scaler: dict[str, Any]
    attempts: int
    usual_norm: float


def _load_moments(optimizer: torch.optim.Optimizer, saved: dict[str, Any], names: set[str]) -> None:
    """What the optimiser remembers of each parameter; how it works is this program's own business."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    moments: dict[int, dict[str, Tensor]] = conform(saved.get("state"), dict[int, dict[str, Tensor]])
    for number, own in moments.items():
        if not 0 <= number < len(parameters) or own.keys() != names:
            raise ValueError(f"an optimiser's state of {sorted(own)} for parameter {number}")
        for name, value in own.items():
            shape = torch.Size() if name == "step" else parameters[number].shape
            if value.shape != shape or value.dtype != torch.float32 or not value.isfinite().all():
                raise ValueError(f"an optimiser's {name} is not what it should be")
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
