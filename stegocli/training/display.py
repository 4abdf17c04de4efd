"""What a run shows in the terminal while it lasts."""

import shlex
import time
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..flow import precision
from ..flow.precision import Precision
from ..picture import metrics
from .checkpoint import BEST, Row
from .events import Event
from .loaders import DataLoaders
from .trainer import Trainer

# Under these a stego shows its change, or a secret can hardly be recognised: nobody should use such weights.
LEAST_HIDE_PSNR = 25.0
LEAST_REVEAL_PSNR = 20.0


class Silent:
    """A display that shows nothing."""

    def pruning(self, done: float) -> None:
        """Before a run's start that share of its pruning is done, 0 to 1."""

    def start(self, trainer: Trainer, loaders: DataLoaders, epoch: int) -> None:
        """The run begins, or goes on, with this epoch, counted from 0."""

    def step(self, epoch: int, batch: int, taken: list[dict[str, float]]) -> None:
        """That many steps of the epoch are done; `taken` are figures read since the last call."""

    def epoch(self, row: Row, best: bool) -> None:
        """An epoch is done and validated."""

    def event(self, event: Event) -> None:
        """A fallback was taken."""

    def stopped(self, out: Path, epoch: int) -> None:
        """The run was asked to stop after so many whole epochs, and has been saved."""

    def end(self, out: Path, best: Row | None) -> None:
        """The run is over; `best` is the row of the best epoch."""


class TrainingDisplay(Silent):
    """A bar with the live loss, PSNRs, samples/s and time left, and a line for each epoch and fallback."""

    def __init__(self, console: Console):
        self.console = console
        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[live]}"),
            TextColumn("left"), TimeRemainingColumn(), console=console,
        )  # fmt: skip
        self.averages: dict[str, float] = {}

    def __enter__(self) -> "TrainingDisplay":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.progress.tasks:
            self.progress.stop()

    def _line(self, text: str) -> None:
        self.console.print(text, soft_wrap=True, markup=False)

    def pruning(self, done: float) -> None:
        if not self.progress.tasks:
            self.progress.start()
            self.progress.add_task("pruning", total=16, live="")
        self.progress.update(self.progress.task_ids[0], completed=round(16 * done), visible=done < 1)

    def start(self, trainer: Trainer, loaders: DataLoaders, epoch: int) -> None:
        pictures = loaders.pictures
        skipped = f", {pictures.skipped} unreadable or too small skipped" if pictures.skipped else ""
        together = f"; {trainer.group.size} processes" if trainer.group.size > 1 else ""
        where = f"{trainer.precision}{_reason(trainer.precision, loaders.settings.amp)}"
        self._line(f"{len(pictures)} pictures{skipped}; {where}; {loaders.workers} workers{together}")
        parameters = sum(p.numel() for p in trainer.network.parameters())
        self._line(f"{trainer.network.config.in_words()}; {parameters:,} parameters")
        self.begin(loaders.settings.epochs, loaders.steps_per_epoch, loaders.pairs_per_step, epoch)

    def begin(self, epochs: int, steps_per_epoch: int, pairs_per_step: int, epoch: int) -> None:
        """Show the bar, at the beginning of an epoch counted from 0."""
        self.epochs, self.per_epoch, self.per_step = epochs, steps_per_epoch, pairs_per_step
        self.progress.start()
        self.task = self.progress.add_task(
            "", total=epochs * steps_per_epoch, completed=epoch * steps_per_epoch, live=""
        )
        self.began, self.steps = time.monotonic(), 0

    def step(self, epoch: int, batch: int, taken: list[dict[str, float]]) -> None:
        for figures in taken:
            for name, value in figures.items():
                self.averages[name] = 0.95 * self.averages.get(name, value) + 0.05 * value
        self.steps += 1
        speed = self.steps * self.per_step / max(time.monotonic() - self.began, 1e-9)
        live = ""
        if self.averages:
            hide, reveal = (metrics.psnr_of(self.averages[k]) for k in ("hide_mse", "reveal_mse"))
            live = (
                f"loss {self.averages['loss']:.2f}  hide {hide:.2f} dB  reveal {reveal:.2f} dB  {speed:.1f} samples/s"
            )
        self.progress.update(
            self.task,
            completed=epoch * self.per_epoch + batch,
            description=f"epoch {epoch + 1}/{self.epochs}",
            live=live,
        )

    def epoch(self, row: Row, best: bool) -> None:
        # Validation is no part of an epoch's speed.
        self.began, self.steps = time.monotonic(), 0
        loss = "no step taken" if row["loss"] is None else f"loss {row['loss']:.2f}"
        self.console.print(
            f"epoch {row['epoch']}/{self.epochs}  {loss}  validation: "
            f"hide {row['val_hide_psnr']:.2f} dB {row['val_hide_ssim']:.4f}, "
            f"reveal {row['val_reveal_psnr']:.2f} dB {row['val_reveal_ssim']:.4f}, "
            f"{row['samples_per_second']:.1f} samples/s{'  best' if best else ''}",
            soft_wrap=True,
        )

    def event(self, event: Event) -> None:
        self.console.print(f"fallback: {event}", style="yellow", soft_wrap=True, markup=False)

    def stopped(self, out: Path, epoch: int) -> None:
        self.progress.stop()
        self._line(
            f"stopped in epoch {epoch + 1} of {self.epochs}, saved; go on with: "
            f"stego train --resume --out {shlex.quote(str(out))}"
        )

    def end(self, out: Path, best: Row | None) -> None:
        self.progress.stop()
        if not best:
            return
        hide, reveal = best["val_hide_psnr"], best["val_reveal_psnr"]
        said = f"best: epoch {best['epoch']}, hide {hide:.2f} dB, reveal {reveal:.2f} dB; "
        if hide >= LEAST_HIDE_PSNR and reveal >= LEAST_REVEAL_PSNR:
            self._line(f"{said}use it with --weights {shlex.quote(str(out / BEST))}")
        else:
            self._line(
                f"{said}not fit for use: it takes {LEAST_HIDE_PSNR:.0f} dB and {LEAST_REVEAL_PSNR:.0f} dB; "
                "train for more --epochs, or on more pictures"
            )


def _reason(where: Precision, wanted: bool) -> str:
    """Why a run that asked for half precision has none."""
    if not wanted or precision.choose(str(where.device)).is_mixed:
        return ""
    lacking = "bfloat16" if where.device.type == "cpu" else "half precision"
    return f" (no mixed precision: this {where.device.type.upper()} computes no {lacking})"
