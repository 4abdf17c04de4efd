"""The training loop, top to bottom: open the run, step through each epoch, validate, keep, report."""

import errno
import os
import time
from contextlib import ExitStack
from typing import Any

from ..errors import StegoError, option
from ..flow import precision, weights
from ..flow.network import StegoNetwork
from ..picture import metrics
from ..picture.inputs import short
from . import checkpoint, oom, pruning, reports, validation
from .checkpoint import BEST, LAST, Progress, Row
from .display import Silent
from .events import EventLog
from .loaders import DataLoaders, pictures_for
from .process_group import ProcessGroup, join
from .settings import Settings
from .step_monitor import StepMonitor
from .stopping import Stopped, StopRequests
from .trainer import Trainer, learning_rate


def train(
    settings: Settings,
    resume: bool = False,
    changed: frozenset[str] | set[str] = frozenset(),
    display: Silent | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Train a network and leave in `settings.out` the best and the last weights, a checkpoint, metrics and pictures.

    Under `torchrun` all processes train one network; the first alone writes and shows.

    Args:
        settings: the run.
        resume: go on with the run in `settings.out`; it ends as if it had never stopped.
        changed: names of settings that replace the checkpoint's when resuming.
        display: gets `start`, `step`, `epoch` and `event` calls; see `display.TrainingDisplay`.
        force: replace a run that `settings.out` holds.

    Returns:
        What is written to metrics.json: settings, events, history, best epoch, hardware.

    Raises:
        StegoError: for unusable data or settings, a folder that holds a run, or a memory too small for the
            smallest network.
        KeyboardInterrupt, SystemExit: after Ctrl-C and SIGTERM; the first of them saves a checkpoint before.
    """
    with ExitStack() as stack:
        group = stack.enter_context(join())
        display = display if display and group.is_main else Silent()
        saved = checkpoint.read(settings.out) if resume else None
        if saved:
            with checkpoint.believed(settings.out):
                begun = Settings.from_json(saved["settings"])
            settings = begun.resumed(settings, changed)
        elif not force:
            checkpoint.refuse_another(settings.out)
        run = _open(settings, saved, group, display)
        progress = run.progress
        if progress.epoch >= settings.epochs:
            raise StegoError(
                f"{settings.out} has finished its {progress.epoch} epochs: give more {option('epochs')} to go on."
            )
        _judge_by(run.loaders.validation_set(), progress, run.loaders.log)
        if group.is_main:
            _prepare_folder(settings, fresh=saved is None)
        group.any(False)  # no process is ahead of the folder
        display.start(run.trainer, run.loaders, progress.epoch)
        stop = stack.enter_context(StopRequests(group))
        try:
            while progress.epoch < settings.epochs:
                run.epoch(stop)
        except Stopped:
            if group.is_main:
                run.keep()
                display.stopped(settings.out, progress.epoch)
            stop.obey()
        display.end(settings.out, progress.best)
        return reports.summary(run.trainer, run.loaders, progress)


def _open(settings: Settings, saved: dict[str, Any] | None, group: ProcessGroup, display: Silent) -> "_Run":
    """The run as it begins, or as its checkpoint left it."""
    log = EventLog(display.event)
    where = precision.choose(group.device, amp=settings.amp)
    loaders = DataLoaders(settings, pictures_for(settings), log, where.device.type == "cuda", group)
    trainer = Trainer(settings, where, group)
    if saved is None:
        if settings.init:
            trainer.begin_with(_initial(settings, trainer, loaders, display))
        return _Run(trainer, loaders, Progress(), display)
    with checkpoint.believed(settings.out):
        trainer.load(saved["learner"])
        log.load(saved["journal"])
    return _Run(trainer, loaders, saved["progress"], display)


def _initial(settings: Settings, trainer: Trainer, loaders: DataLoaders, display: Silent) -> StegoNetwork:
    """The network of `init`, pruned if that is wanted."""
    start = weights.shared_model(settings.init).network
    if start.config != settings.flow:
        raise StegoError(
            f"{settings.init} holds another architecture ({start.config.in_words()}): train with that one."
        )
    if settings.prune is None:
        return start
    if trainer.group.size > 1:
        raise StegoError(f"Pruning is for one process: start there, and go on in several with {option('resume')}.")
    side = pruning.SIDE
    cover, secret = (trainer.to_device(pixels[..., :side, :side]) for pixels in loaders.sample(pruning.PAIRS))
    return pruning.prune(start, cover, secret, settings.prune, display.pruning)


def _judge_by(validation_set: str, progress: Progress, log: EventLog) -> None:
    """Forget the best epoch when it was judged by other pictures."""
    if progress.best and progress.validation_set != validation_set:
        progress.best = None
        log.record("validation", "the best epoch is chosen anew", "other pictures to validate with")
    progress.validation_set = validation_set


def _prepare_folder(settings: Settings, fresh: bool) -> None:
    try:
        settings.out.mkdir(parents=True, exist_ok=True)
        if not os.access(settings.out, os.W_OK | os.X_OK):  # told now, and not after the first epoch
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        for name in checkpoint.RUN_FILES if fresh else ():
            (settings.out / name).unlink(missing_ok=True)
    except OSError as error:
        raise StegoError(
            f"{short(settings.out)} can't be created ({error.strerror}): choose another {option('out')}."
        ) from None


def _rate(settings: Settings, loaders: DataLoaders, progress: Progress) -> float:
    of_epoch = progress.pairs_done / (loaders.steps_per_epoch * loaders.pairs_per_step)
    done = (progress.epoch + of_epoch) / settings.epochs
    return learning_rate(settings, done, settings.epochs * loaders.steps_per_epoch)


class _Run:
    """A run under way."""

    def __init__(self, trainer: Trainer, loaders: DataLoaders, progress: Progress, display: Silent):
        self.trainer, self.loaders, self.progress, self.display = trainer, loaders, progress, display
        self.settings, self.monitor = loaders.settings, StepMonitor(trainer, loaders.log)

    def epoch(self, stop: StopRequests) -> None:
        """The epoch's remaining steps, its validation, and all that it leaves in the folder.

        Raises:
            Stopped: when the run was asked to stop; what was done up to then is in `progress`.
        """
        progress, trainer = self.progress, self.trainer
        stop.check()
        if progress.epoch >= self.settings.amp_share * self.settings.epochs and trainer.precision.is_mixed:
            trainer.leave_mixed_precision()
        self._steps(stop)
        figures, shown = validation.validate(trainer, stop.between(self.loaders.validation_pairs()))
        self.loaders.report_skips()
        row = _close_epoch(progress, self.loaders, figures)
        if trainer.group.is_main:
            _keep_weights(trainer, self.loaders, progress)
            reports.write(trainer, self.loaders, progress, shown)
            # Last of all: a run that is killed before it does this epoch's end again.
            self.keep()
        self.display.epoch(row, row is progress.best)

    def _steps(self, stop: StopRequests) -> None:
        """The epoch's remaining steps, with a checkpoint every few minutes."""
        progress, monitor, per_step = self.progress, self.monitor, self.loaders.pairs_per_step
        kept_at = began = time.monotonic()
        for cover, secret in self.loaders.batches(progress.epoch, progress.pairs_done):
            rate = _rate(self.settings, self.loaders, progress)
            taken = monitor.add(oom.attempt(self.trainer, self.loaders.log, cover, secret, rate))
            progress.pairs_done += per_step
            self._add(taken)
            self.display.step(progress.epoch, progress.pairs_done // per_step, taken)
            now = time.monotonic()
            progress.add(seconds=now - began)
            began = now
            if (
                now - kept_at > 60 * self.settings.checkpoint_minutes
                and self.trainer.group.is_main
                and not monitor.unread
            ):
                self.keep()
                kept_at = now
            stop.check()
        self._add(monitor.read())

    def _add(self, taken: list[dict[str, float]]) -> None:
        for figures in taken:
            self.progress.add(steps=1, **figures)

    def keep(self) -> None:
        """Write the checkpoint; the figures of all steps taken are read before."""
        self._add(self.monitor.read())
        parts = {
            "settings": self.settings.as_json(),
            "learner": self.trainer.state(),
            "journal": self.loaders.log.state(),
        }
        checkpoint.write(self.settings.out, self.progress, parts)


def _close_epoch(progress: Progress, loaders: DataLoaders, validated: dict[str, float]) -> Row:
    """Turn the epoch's sums into a row of the history; where no step was taken there is no loss to tell."""
    sums, steps = progress.sums, progress.sums.get("steps", 0)
    pairs, progress.pairs_done, progress.sums = progress.pairs_done, 0, {}
    progress.epoch += 1
    row: Row = {
        "epoch": progress.epoch,
        "step": loaders.log.step,
        "learning_rate": _rate(loaders.settings, loaders, progress),
        "loss": sums.get("loss", 0.0) / steps if steps else None,
        "train_hide_psnr": metrics.psnr_of(sums.get("hide_mse", 0.0) / steps) if steps else None,
        "train_reveal_psnr": metrics.psnr_of(sums.get("reveal_mse", 0.0) / steps) if steps else None,
        **validated,  # type: ignore[typeddict-item]
        "samples_per_second": pairs / max(sums.get("seconds", 0.0), 1e-9),
    }
    progress.history.append(row)
    if progress.best is None or _merit(row) > _merit(progress.best):
        progress.best = row
    return row


def _merit(row: Row) -> float:
    return row["val_hide_psnr"] + row["val_reveal_psnr"]


def _keep_weights(trainer: Trainer, loaders: DataLoaders, progress: Progress) -> None:
    row = progress.history[-1]
    card = reports.model_card(trainer, loaders, row)
    weights.save_weights(loaders.settings.out / LAST, trainer.ema, card)
    if row is progress.best:
        weights.save_weights(loaders.settings.out / BEST, trainer.ema, card)
