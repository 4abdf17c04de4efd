"""What a run shows in the terminal while it lasts."""

from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..picture import metrics
from .checkpoint import BEST
from .feed import Feed
from .journal import Event
from .step import Learner


class Silent:
    """A display that shows nothing."""

    def pruning(self, done: float) -> None:
        """Before a run's start that share of its pruning is done, 0 to 1."""

    def start(self, learner: Learner, feed: Feed, epoch: int) -> None:
        """The run begins, or goes on, with this epoch, counted from 0."""

    def step(self, epoch: int, batch: int, taken: list[dict[str, float]]) -> None:
        """That many steps of the epoch are done; `taken` are figures read since the last call."""

    def epoch(self, row: dict[str, Any], best: bool) -> None:
        """An epoch is done and validated."""

    def event(self, event: Event) -> None:
        """A fallback was taken."""

    def end(self, out: Path, best: dict[str, Any] | None) -> None:
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

    def pruning(self, done: float) -> None:
        if not self.progress.tasks:
            self.progress.start()
            self.progress.add_task("pruning", total=16, live="")
        self.progress.update(self.progress.task_ids[0], completed=round(16 * done), visible=done < 1)

    def start(self, learner: Learner, feed: Feed, epoch: int) -> None:
        pictures = feed.pictures
        skipped = f", {pictures.skipped} unreadable or too small skipped" if pictures.skipped else ""
        together = f"; {learner.team.size} processes" if learner.team.size > 1 else ""
        self.console.print(
            f"{len(pictures)} pictures{skipped}; {learner.precision}; {feed.workers} workers{together}", soft_wrap=True
        )
        parameters = sum(p.numel() for p in learner.network.parameters())
        self.console.print(f"{learner.network.config}: {parameters:,} parameters", soft_wrap=True)
        self.per_epoch, self.per_step = feed.steps_per_epoch, feed.pairs_per_step
        self.epochs = feed.settings.epochs
        self.progress.start()
        total = self.epochs * self.per_epoch
        self.task = self.progress.add_task("", total=total, completed=epoch * self.per_epoch, live="")

    def step(self, epoch: int, batch: int, taken: list[dict[str, float]]) -> None:
        for figures in taken:
            for name, value in figures.items():
                self.averages[name] = 0.95 * self.averages.get(name, value) + 0.05 * value
        speed = self.progress.tasks[self.task].speed or 0
        live = ""
        if self.averages:
            hide, reveal = (metrics.psnr_of(self.averages[k]) for k in ("hide_mse", "reveal_mse"))
            live = (
                f"loss {self.averages['loss']:.2f}  hide {hide:.2f} dB  reveal {reveal:.2f} dB  "
                f"{speed * self.per_step:.1f} samples/s"
            )
        self.progress.update(
            self.task,
            completed=epoch * self.per_epoch + batch,
            description=f"epoch {epoch + 1}/{self.epochs}",
            live=live,
        )

    def epoch(self, row: dict[str, Any], best: bool) -> None:
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

    def end(self, out: Path, best: dict[str, Any] | None) -> None:
        self.progress.stop()
        if best:
            self.console.print(
                f"best: epoch {best['epoch']}, hide {best['val_hide_psnr']:.2f} dB, reveal "
                f"{best['val_reveal_psnr']:.2f} dB; use it with --weights {out / BEST}",
                soft_wrap=True,
                markup=False,
            )
