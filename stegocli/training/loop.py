"""The training loop, top to bottom: open the run, step through each epoch, validate, keep, report."""

import time
from contextlib import ExitStack
from typing import Any

from ..errors import StegoError
from ..flow import precision, weights
from ..flow.network import StegoNetwork
from ..picture import metrics
from . import checkpoint, ladder, pruning, reports, validation
from .checkpoint import BEST, LAST, Progress, Row
from .display import Silent
from .feed import Feed, pictures_for
from .journal import Journal
from .settings import Settings
from .step import Learner, learning_rate
from .stopping import Stopped, StopRequests
from .team import Team, join
from .watch import Watch


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
        team = stack.enter_context(join())
        display = display if display and team.leads else Silent()
        saved = checkpoint.read(settings.out) if resume else None
        if saved:
            with checkpoint.believed(settings.out):
                begun = Settings.from_json(saved["settings"])
            settings = begun.resumed(settings, changed)
        elif not force:
            checkpoint.refuse_another(settings.out)
        run = _open(settings, saved, team, display)
        progress = run.progress
        if progress.epoch >= settings.epochs:
            raise StegoError(f"{settings.out} has finished its {progress.epoch} epochs: give more --epochs to go on.")
        _judge_by(run.feed.validation_set(), progress, run.feed.journal)
        if team.leads:
            _prepare_folder(settings, fresh=saved is None)
        team.any(False)  # no process is ahead of the folder
        display.start(run.learner, run.feed, progress.epoch)
        stop = stack.enter_context(StopRequests(team))
        try:
            while progress.epoch < settings.epochs:
                run.epoch(stop)
        except Stopped:
            if team.leads:
                run.keep()
                display.stopped(settings.out, progress.epoch)
            stop.obey()
        display.end(settings.out, progress.best)
        return reports.summary(run.learner, run.feed, progress)


def _open(settings: Settings, saved: dict[str, Any] | None, team: Team, display: Silent) -> "_Run":
    """The run as it begins, or as its checkpoint left it."""
    journal = Journal(display.event)
    where = precision.choose(team.device, amp=settings.amp)
    feed = Feed(settings, pictures_for(settings), journal, where.device.type == "cuda", team)
    learner = Learner(settings, where, team)
    if saved is None:
        if settings.init:
            learner.begin_with(_initial(settings, learner, feed, display))
        return _Run(learner, feed, Progress(), display)
    with checkpoint.believed(settings.out):
        learner.load(saved["learner"])
        journal.load(saved["journal"])
    return _Run(learner, feed, saved["progress"], display)


def _initial(settings: Settings, learner: Learner, feed: Feed, display: Silent) -> StegoNetwork:
    """The network of `init`, pruned if that is wanted."""
    start = weights.shared_model(settings.init).network
    if start.config != settings.flow:
        raise StegoError(
            f"{settings.init} holds another architecture ({start.config.in_words()}): train with that one."
        )
    if settings.prune is None:
        return start
    if learner.team.size > 1:
        raise StegoError("Pruning is for one process: start there, and go on in several with --resume.")
    side = pruning.SIDE
    cover, secret = (learner.to_device(pixels[..., :side, :side]) for pixels in feed.sample(pruning.PAIRS))
    return pruning.prune(start, cover, secret, settings.prune, display.pruning)


def _judge_by(validation_set: str, progress: Progress, journal: Journal) -> None:
    """Forget the best epoch when it was judged by other pictures."""
    if progress.best and progress.validation_set != validation_set:
        progress.best = None
        journal.record("validation", "the best epoch is chosen anew", "other pictures to validate with")
    progress.validation_set = validation_set


def _prepare_folder(settings: Settings, fresh: bool) -> None:
    try:
        settings.out.mkdir(parents=True, exist_ok=True)
        for name in checkpoint.RUN_FILES if fresh else ():
            (settings.out / name).unlink(missing_ok=True)
    except OSError as error:
        raise StegoError(f"{settings.out} can't be created ({error.strerror}): choose another --out.") from None


def _rate(settings: Settings, feed: Feed, progress: Progress) -> float:
    of_epoch = progress.pairs_done / (feed.steps_per_epoch * feed.pairs_per_step)
    done = (progress.epoch + of_epoch) / settings.epochs
    return learning_rate(settings, done, settings.epochs * feed.steps_per_epoch)


class _Run:
    """A run under way."""

    def __init__(self, learner: Learner, feed: Feed, progress: Progress, display: Silent):
        self.learner, self.feed, self.progress, self.display = learner, feed, progress, display
        self.settings, self.watch = feed.settings, Watch(learner, feed.journal)

    def epoch(self, stop: StopRequests) -> None:
        """The epoch's remaining steps, its validation, and all that it leaves in the folder.

        Raises:
            Stopped: when the run was asked to stop; what was done up to then is in `progress`.
        """
        progress, learner = self.progress, self.learner
        stop.check()
        if progress.epoch >= self.settings.amp_share * self.settings.epochs and learner.precision.is_mixed:
            learner.leave_mixed_precision()
        self._steps(stop)
        figures, shown = validation.validate(learner, stop.between(self.feed.validation_pairs()))
        self.feed.report_skips()
        row = _close_epoch(progress, self.feed, figures)
        if learner.team.leads:
            _keep_weights(learner, self.feed, progress)
            reports.write(learner, self.feed, progress, shown)
            # Last of all: a run that is killed before it does this epoch's end again.
            self.keep()
        self.display.epoch(row, row is progress.best)

    def _steps(self, stop: StopRequests) -> None:
        """The epoch's remaining steps, with a checkpoint every few minutes."""
        progress, watch, per_step = self.progress, self.watch, self.feed.pairs_per_step
        kept_at = began = time.monotonic()
        for cover, secret in self.feed.batches(progress.epoch, progress.pairs_done):
            rate = _rate(self.settings, self.feed, progress)
            taken = watch.add(ladder.attempt(self.learner, self.feed.journal, cover, secret, rate))
            progress.pairs_done += per_step
            self._add(taken)
            self.display.step(progress.epoch, progress.pairs_done // per_step, taken)
            now = time.monotonic()
            progress.add(seconds=now - began)
            began = now
            if now - kept_at > 60 * self.settings.checkpoint_minutes and self.learner.team.leads and not watch.unread:
                self.keep()
                kept_at = now
            stop.check()
        self._add(watch.read())

    def _add(self, taken: list[dict[str, float]]) -> None:
        for figures in taken:
            self.progress.add(steps=1, **figures)

    def keep(self) -> None:
        """Write the checkpoint; the figures of all steps taken are read before."""
        self._add(self.watch.read())
        checkpoint.write(
            self.settings.out,
            self.progress,
            settings=self.settings.as_json(),
            learner=self.learner.state(),
            journal=self.feed.journal.state(),
        )


def _close_epoch(progress: Progress, feed: Feed, validated: dict[str, float]) -> Row:
    """Turn the epoch's sums into a row of the history; where no step was taken there is no loss to tell."""
    sums, steps = progress.sums, progress.sums.get("steps", 0)
    pairs, progress.pairs_done, progress.sums = progress.pairs_done, 0, {}
    progress.epoch += 1
    row: Row = {
        "epoch": progress.epoch,
        "step": feed.journal.step,
        "learning_rate": _rate(feed.settings, feed, progress),
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


def _keep_weights(learner: Learner, feed: Feed, progress: Progress) -> None:
    row = progress.history[-1]
    card = reports.model_card(learner, feed, row)
    weights.save_weights(feed.settings.out / LAST, learner.average, card)
    if row is progress.best:
        weights.save_weights(feed.settings.out / BEST, learner.average, card)
