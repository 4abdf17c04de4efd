"""The training loop, top to bottom: settings, one step, validation, checkpoints, epochs."""

import copy
import csv
import io
import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import __version__
from ..errors import StegoError
from ..flow import channel, precision, weights
from ..flow.couplings import FlowConfig
from ..flow.network import StegoNetwork, draw_in
from ..picture import files, look, metrics
from . import data, fallback, losses
from .fallback import Event
from .optimizer import Muon

log = logging.getLogger(__name__)
# Callers decide whether the log is seen; the display shows every event anyway.
log.addHandler(logging.NullHandler())

CHECKPOINT = "last.pt"
BEST = "best.safetensors"
LAST = "last.safetensors"
GRID_PAIRS = 3


@dataclass(frozen=True)
class Settings:
    """One training run.

    Attributes:
        out: folder for checkpoints, weights, metrics and pictures.
        data: folder of pictures, or None for the built-in procedural set.
        epochs: passes over the pictures; the learning rate falls to zero over them.
        batch_size: pairs in a step.
        crop: side of the random crops in pixels, rounded down to a multiple of the network's stride.
        amp: half precision for the subnets where the device gains from it.
        amp_share: of the epochs in half precision; the last ones are in float32. Where secrets come back at 45 dB,
            bfloat16's own errors, which the flow's inverse amplifies, are as large as those that are left.
        workers: loader processes for training; validation takes half as many.
        seed: decides the initial weights, the split and every crop.
        learning_rate: its highest value.
        reveal_weight: weight of the reveal error against the hide error.
        init: weights file to start from instead of random ones.
        pin_memory, non_blocking: the copies to a GPU; off only for `bench`'s ablation.
    """

    out: Path = Path("runs/train")
    data: Path | None = None
    epochs: int = 50
    batch_size: int = 2
    crop: int = 224
    amp: bool = True
    amp_share: float = 0.8
    workers: int = 4
    seed: int = 0
    learning_rate: float = 1e-3
    reveal_weight: float = 0.85
    init: Path | None = None
    flow: FlowConfig = field(default_factory=FlowConfig)
    pin_memory: bool = True
    non_blocking: bool = True
    warmup_steps: int = 200
    ema_decay: float = 0.998
    checkpoint_minutes: float = 3.0

    def as_json(self) -> dict:
        return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}


class Trainer:
    """The state of a run and the one step that everything (training, bench, tests) takes."""

    def __init__(self, settings: Settings, on_event: Callable[[Event], None] = lambda event: None, pictures=None):
        self.settings = settings
        self.on_event = on_event
        self.events: list[Event] = []
        self.precision = precision.choose(amp=settings.amp)
        self.micro_batch = settings.batch_size
        self.memory_rung = 0
        self.bad_steps = 0
        self.usual_norm = 0.0
        self.step = 0
        crop = settings.crop // settings.flow.stride * settings.flow.stride
        if crop < 16:
            raise StegoError(f"--crop {settings.crop} is too small: use 16 or more.")
        if pictures is not None:
            self.pictures = pictures
        elif settings.data:
            self.pictures = data.FolderPictures.scan(Path(settings.data), crop)
        elif crop > 256:
            raise StegoError(
                f"--crop {settings.crop} is larger than the built-in pictures: use 256 or less, or --data."
            )
        else:
            self.pictures = data.ProceduralPictures()
        train_indices, val_indices = data.split(self.pictures, settings.seed)
        pin = settings.pin_memory and self.precision.device.type == "cuda"
        self.sampler = data.FreshPairs(train_indices, settings.seed)
        self.crops = data.PairCrops(self.pictures, crop, settings.seed)
        self.whole = data.WholePairs(self.pictures, val_indices, settings.flow.stride)
        self._pin = pin
        self._build_loaders(settings.workers)
        self.steps_total = settings.epochs * len(self.train_loader)
        self._build_network(settings.flow)

    def _build_loaders(self, workers: int) -> None:
        self.workers = workers
        self.train_loader = data.loader(self.crops, self.settings.batch_size, workers, self._pin, self.sampler)
        # Whole pictures differ in size, so they can't share a batch.
        self.val_loader = data.loader(self.whole, 1, workers // 2, self._pin)

    def _build_network(self, config: FlowConfig) -> None:
        torch.manual_seed(self.settings.seed)
        self.network = StegoNetwork(config)
        if self.settings.init:
            start = weights.load_model(self.settings.init).network
            if start.config != config:
                raise StegoError(
                    f"{self.settings.init} holds another architecture ({start.config}): train with that one."
                )
            self.network.load_state_dict(start.state_dict())
        self.network.set_precision(self.precision).train()
        self.network.flow.checkpointing = self.memory_rung > 0
        self.ema = copy.deepcopy(self.network).requires_grad_(False).eval()
        rate, kernels = self.settings.learning_rate, list(self.network.flow.kernels())
        others = [p for p in self.network.parameters() if not any(p is kernel for kernel in kernels)]
        half = torch.bfloat16 if self.precision.dtype is torch.bfloat16 else torch.float32
        self.optimizers = [Muon(kernels, rate, dtype=half), torch.optim.Adam(others, lr=rate)]
        self.scaler = torch.amp.GradScaler("cuda", enabled=self.precision.needs_scaler)

    # -- one step ---------------------------------------------------------------------------------------------

    def to_device(self, pixels: Tensor) -> Tensor:
        return channel.from_bytes(pixels.to(self.precision.device, non_blocking=self.settings.non_blocking))

    def learning_rate(self) -> float:
        """Linear warm-up, then half a cosine down to zero."""
        warm = min(1.0, (self.step + 1) / max(1, min(self.settings.warmup_steps, self.steps_total // 5)))
        done = min(1.0, self.step / max(1, self.steps_total))
        return self.settings.learning_rate * warm * (0.5 + 0.5 * math.cos(math.pi * done))

    def train_step(self, cover: Tensor, secret: Tensor) -> dict[str, float]:
        """One optimiser step on uint8 batches, with as many fallbacks as it takes.

        Returns:
            loss, hide_mse and reveal_mse; empty when the step was skipped.
        """
        while True:
            try:
                return self._try_step(cover, secret)
            except Exception as error:
                if not fallback.is_out_of_memory(error):
                    raise
                reason = fallback.first_line(error)
            # Outside the handler, since the exception keeps the failed step's tensors alive.
            self._descend(reason)

    def _try_step(self, cover: Tensor, secret: Tensor) -> dict[str, float]:
        rate = self.learning_rate()
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        self.network.zero_grad(set_to_none=True)
        parts = list(zip(cover.split(self.micro_batch), secret.split(self.micro_batch), strict=True))
        weighting = losses.LossWeights(reveal=self.settings.reveal_weight)
        sums = torch.zeros(3, device=self.precision.device)
        for part_cover, part_secret in parts:
            c, s = self.to_device(part_cover), self.to_device(part_secret)
            wanted = self.network.embed(draw_in(c), s)
            stego = self.network.rounding(wanted)
            revealed = self.network.reveal(stego)
            loss = losses.combine(c, wanted, stego, s, revealed, weighting)
            self.scaler.scale(loss.total / len(parts)).backward()
            sums += torch.stack([loss.total.detach(), loss.hide, loss.reveal]) / len(parts)
        for optimizer in self.optimizers:
            self.scaler.unscale_(optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), max_norm=1.0)
        total, hide, reveal = sums.tolist()
        if math.isfinite(total) and not math.isfinite(norm) and self.scaler.is_enabled():
            # float16 gradients that overflow are the scaler's business: it tries a lower scale with the next step.
            self.scaler.update()
            return {}
        if not math.isfinite(total) or not math.isfinite(norm):
            self._skip(total)
            return {}
        self.bad_steps = 0
        if self._is_spike(norm.item()):
            self.record("skipped step", "step skipped", f"gradient of {norm:.0f}, usually {self.usual_norm:.0f}")
            self.scaler.update()
            return {}
        for optimizer in self.optimizers:
            self.scaler.step(optimizer)
        self.scaler.update()
        self.step += 1
        self._update_ema()
        return {"loss": total, "hide_mse": hide, "reveal_mse": reveal}

    def _is_spike(self, norm: float) -> bool:
        """Whether a gradient is far larger than those before; keeps their running geometric mean."""
        if not math.isfinite(norm):
            return False
        self.usual_norm = self.usual_norm or norm
        ratio = norm / max(self.usual_norm, 1e-12)
        # Moves by a bounded factor a step, so that a lasting change is accepted after some dozens of steps.
        self.usual_norm *= min(max(ratio, 1 / fallback.SPIKE), fallback.SPIKE) ** 0.02
        return ratio > fallback.SPIKE and self.step > self.settings.warmup_steps

    @torch.no_grad()
    def _update_ema(self) -> None:
        # Early weights are far off: the average forgets them at first faster than later.
        decay = min(self.settings.ema_decay, (1 + self.step) / (10 + self.step))
        averages, values = list(self.ema.parameters()), list(self.network.parameters())
        torch._foreach_lerp_(averages, values, 1 - decay)
        for average, value in zip(self.ema.buffers(), self.network.buffers(), strict=True):
            average.copy_(value)

    # -- fallbacks --------------------------------------------------------------------------------------------

    def record(self, kind: str, action: str, reason: str) -> None:
        event = Event(kind, action, reason, self.step)
        self.events.append(event)
        log.warning("%s", event)
        self.on_event(event)

    def _descend(self, reason: str) -> None:
        """Take the next rung of the memory ladder, or give up with a sentence."""
        self.network.zero_grad(set_to_none=True)
        if self.precision.device.type == "cuda":
            torch.cuda.empty_cache()
        config = self.network.config
        while self.memory_rung < len(fallback.MEMORY_LADDER):
            action = fallback.MEMORY_LADDER[self.memory_rung]
            self.memory_rung += 1
            if self.memory_rung == 1:
                self.network.flow.checkpointing = True
            elif self.memory_rung == 2:
                if self.micro_batch == 1:
                    continue
                self.micro_batch = 1
            elif self.memory_rung == 3:
                if config.hidden_channels <= fallback.SMALLER_HIDDEN:
                    continue
                self._shrink(replace(config, hidden_channels=fallback.SMALLER_HIDDEN))
            else:
                if config.num_blocks <= fallback.FEWER_BLOCKS:
                    continue
                self._shrink(replace(config, num_blocks=fallback.FEWER_BLOCKS))
            self.record("memory", action, reason)
            return
        raise StegoError("Memory is full even with the smallest network: use a smaller --crop.")

    def _shrink(self, config: FlowConfig) -> None:
        # A smaller network can't take over the weights of a larger one: it starts anew.
        self.settings = replace(self.settings, init=None)
        self._build_network(config)

    def _skip(self, loss: float) -> None:
        self.bad_steps += 1
        self.record("skipped step", "step skipped", f"loss or gradient is not finite ({loss})")
        if self.scaler.is_enabled():
            self.scaler.update()
        if self.bad_steps < fallback.BAD_STEPS_BEFORE_FLOAT32:
            return
        if not self.precision.is_mixed:
            raise StegoError("The loss stays infinite in float32: lower --learning-rate.")
        self.leave_mixed_precision()
        self.record("precision", "mixed precision off", f"{fallback.BAD_STEPS_BEFORE_FLOAT32} such steps in a row")

    def leave_mixed_precision(self) -> None:
        """Go on in float32, as a run resumed from here does."""
        self.precision = precision.choose(self.precision.device.type, amp=False)
        self.network.set_precision(self.precision)
        self.ema.set_precision(self.precision)
        self.scaler = torch.amp.GradScaler("cuda", enabled=False)
        self.optimizers[0].dtype = torch.float32
        self.bad_steps = 0

    def _drop_workers(self, error: RuntimeError) -> None:
        self.record("worker", "num_workers=0", fallback.first_line(error))
        self._build_loaders(0)

    def batches(self, epoch: int, start: int = 0):
        """The epoch's batches from the given one on; goes on without workers when one dies."""
        self.sampler.epoch = epoch
        done = start
        while True:
            self.sampler.start = done * self.settings.batch_size
            try:
                for batch in data.start(self.train_loader):
                    yield batch
                    done += 1
                return
            except RuntimeError as error:
                if not fallback.is_dead_worker(error):
                    raise
                self._drop_workers(error)

    # -- validation -------------------------------------------------------------------------------------------

    def _val_batches(self) -> list[tuple[Tensor, Tensor]]:
        """All of them at once: they are few, and a worker that dies half-way must not count a pair twice."""
        try:
            return list(data.start(self.val_loader))
        except RuntimeError as error:
            if not fallback.is_dead_worker(error):
                raise
            self._drop_workers(error)
            return list(data.start(self.val_loader))

    @torch.no_grad()
    def validate(self) -> tuple[dict[str, float], list[tuple[np.ndarray, ...]]]:
        """Score the averaged weights on whole pictures through rounding, in the precision of training.

        Returns:
            Mean figures, and (cover, stego, secret, revealed) uint8 of the first pairs for the grid.
        """
        scores, shown = [], []
        for cover, secret in self._val_batches():
            c, s = self.to_device(cover), self.to_device(secret)
            stego = self.ema.hide(c, s)
            revealed = self.ema.reveal(stego)
            four = [cover, channel.to_bytes(stego), secret, channel.to_bytes(revealed)]
            four = tuple(t[0].permute(1, 2, 0).cpu().numpy() for t in four)
            scores.append(metrics.score(*four))
            if len(shown) < GRID_PAIRS:
                shown.append(four)
        mean = metrics.mean(scores)
        names = ("hide_psnr", "hide_ssim", "reveal_psnr", "reveal_ssim", "bit_accuracy")
        return {f"val_{name}": getattr(mean, name) for name in names}, shown

    # -- checkpoints ------------------------------------------------------------------------------------------

    def state(self) -> dict:
        return {
            "settings": self.settings.as_json(),
            "config": asdict(self.network.config),
            "network": self.network.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "scaler": self.scaler.state_dict(),
            "step": self.step,
            "usual_norm": self.usual_norm,
            "memory_rung": self.memory_rung,
            "micro_batch": self.micro_batch,
            "mixed": self.precision.is_mixed,
            "events": [event.as_dict() for event in self.events],
        }

    def load_state(self, state: dict) -> None:
        self.memory_rung = state["memory_rung"]
        self.micro_batch = state["micro_batch"]
        if not state["mixed"]:
            self.precision = precision.choose(self.precision.device.type, amp=False)
        self._build_network(FlowConfig(**state["config"]))
        self.network.load_state_dict(state["network"])
        self.ema.load_state_dict(state["ema"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.scaler.load_state_dict(state["scaler"])
        self.step = state["step"]
        self.usual_norm = state["usual_norm"]
        self.events = [Event(**event) for event in state["events"]]


def read_checkpoint(path: Path) -> dict:
    """Read a `last.pt`; weights_only, so that a stranger's file can't run code.

    Raises:
        StegoError: when it is missing or not a checkpoint.
    """
    if not path.is_file():
        raise StegoError(f"{path} does not exist: --resume goes on with the run in --out.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {**state, "settings": state["settings"]}
    except Exception:  # a damaged zip, a pickle of something else, a dict of something else
        raise StegoError(f"{path} is not a checkpoint of `stego train`: start a new run.") from None


def resumed_settings(saved: dict, given: Settings, changed: set[str]) -> Settings:
    """The checkpoint's settings, but for what the user gave this time and may change in mid-run."""
    settings = {**saved, "flow": FlowConfig(**saved["flow"])}
    for name in ("out", "data", "init"):
        settings[name] = Path(settings[name]) if settings[name] else None
    settings = Settings(**settings)
    free = {"out", "data", "epochs", "workers", "amp", "reveal_weight"}
    if changed - free:
        raise StegoError(f"A resumed run keeps its {', '.join(sorted(changed - free))}: leave that option out.")
    return replace(settings, **{name: getattr(given, name) for name in changed | {"out"}})


def train(settings: Settings, resume: bool = False, changed: set[str] = frozenset(), display=None) -> dict:
    """Train a network and leave in `settings.out` the best and the last weights, a checkpoint, metrics and pictures.

    Args:
        settings: the run.
        resume: go on with the run in `settings.out`; it ends as if it had never stopped.
        changed: names of settings that replace the checkpoint's when resuming.
        display: gets `start`, `step`, `epoch` and `event` calls; see `look.TrainingDisplay`.

    Returns:
        What is written to metrics.json: settings, events, history, best epoch, hardware.

    Raises:
        StegoError: for unusable data or settings, or a memory too small for the smallest network.
    """
    display = display or look.Silent()
    saved = read_checkpoint(settings.out / CHECKPOINT) if resume else None
    if saved:
        settings = resumed_settings(saved["settings"], settings, changed)
    trainer = Trainer(settings, display.event)
    history, best, epoch, batches_done = [], None, 0, 0
    sums = {"loss": 0.0, "hide_mse": 0.0, "reveal_mse": 0.0, "steps": 0, "seconds": 0.0}
    if saved:
        trainer.load_state(saved)
        history, best, epoch, batches_done, sums = (
            saved[k] for k in ("history", "best", "epoch", "batches_done", "sums")
        )
    if epoch >= settings.epochs:
        raise StegoError(f"{settings.out} has finished its {epoch} epochs: give more --epochs to go on.")
    try:
        settings.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StegoError(f"{settings.out} can't be created ({error.strerror}): choose another --out.") from None

    def keep() -> None:
        content = io.BytesIO()
        extra = {"history": history, "best": best, "epoch": epoch, "batches_done": batches_done, "sums": sums}
        torch.save({**trainer.state(), **extra}, content)
        files.write_beside(settings.out / CHECKPOINT, content.getvalue())

    display.start(trainer, epoch)
    kept_at = time.monotonic()
    while epoch < settings.epochs:
        if epoch >= settings.amp_share * settings.epochs and trainer.precision.is_mixed:
            trainer.leave_mixed_precision()
        for cover, secret in trainer.batches(epoch, batches_done):
            began = time.monotonic()
            figures = trainer.train_step(cover, secret)
            batches_done += 1
            for name, value in figures.items():
                sums[name] += value
            sums["steps"] += bool(figures)
            display.step(epoch, batches_done, figures, len(cover))
            sums["seconds"] += time.monotonic() - began
            if time.monotonic() - kept_at > 60 * settings.checkpoint_minutes:
                keep()
                kept_at = time.monotonic()

        figures, shown = trainer.validate()
        steps = max(1, sums["steps"])
        row = {
            "epoch": epoch + 1,
            "step": trainer.step,
            "learning_rate": trainer.learning_rate(),
            "loss": sums["loss"] / steps,
            "train_hide_psnr": metrics.psnr_of(sums["hide_mse"] / steps),
            "train_reveal_psnr": metrics.psnr_of(sums["reveal_mse"] / steps),
            **figures,
            "samples_per_second": batches_done * settings.batch_size / max(sums["seconds"], 1e-9),
        }
        history.append(row)
        epoch, batches_done = epoch + 1, 0
        sums = dict.fromkeys(sums, 0) | {"seconds": 0.0}
        card = model_card(trainer, row)
        weights.save_weights(settings.out / LAST, trainer.ema, card)
        if best is None or _merit(row) > _merit(best):
            best = row
            weights.save_weights(settings.out / BEST, trainer.ema, card)
        keep()
        summary = write_reports(trainer, history, best, shown)
        display.epoch(row, best)
    return summary


def _merit(row: dict) -> float:
    return row["val_hide_psnr"] + row["val_reveal_psnr"]


def model_card(trainer: Trainer, row: dict) -> dict:
    """What the weights file says of itself."""
    return {
        "made_by": f"stego {__version__} train",
        "recipe": {
            k: v
            for k, v in trainer.settings.as_json().items()
            if k not in ("out", "flow", "pin_memory", "non_blocking")
        },
        "pictures": len(trainer.pictures),
        "machine": f"{trainer.precision}, torch {torch.__version__}",
        "validation": {k.removeprefix("val_"): round(v, 4) for k, v in row.items() if k.startswith("val_")},
        "epoch": row["epoch"],
        "steps": row["step"],
        "gigaflops_per_megapixel": round(trainer.network.operations_per_megapixel() / 1e9, 1),
        "licence": "MIT",
    }


def write_reports(trainer: Trainer, history: list[dict], best: dict, shown: list) -> dict:
    """metrics.csv, metrics.json, curves.png and grid.png in the run's folder."""
    out = trainer.settings.out
    table = io.StringIO()
    writer = csv.DictWriter(table, history[0].keys())
    writer.writeheader()
    writer.writerows(history)
    files.write_beside(out / "metrics.csv", table.getvalue().encode())
    summary = {
        "settings": trainer.settings.as_json(),
        "flow": asdict(trainer.network.config),
        "pictures": {"used": len(trainer.pictures), "skipped": trainer.pictures.skipped},
        "precision": str(trainer.precision),
        "events": [event.as_dict() for event in trainer.events],
        "best": best,
        "history": history,
    }
    files.write_beside(out / "metrics.json", json.dumps(summary, indent=1).encode())
    files.write(out / "curves.png", files.Picture(look.training_curves(history)))
    files.write(out / "grid.png", files.Picture(look.picture_grid(shown)))
    return summary
