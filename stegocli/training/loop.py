"""The training loop, top to bottom: open the run, step through each epoch, validate, keep, report."""

import time
from contextlib import ExitStack
from typing import Any

from ..errors import StegoError
from ..flow import precision, weights
from ..flow.network import StegoNetwork
from ..picture import metrics
from . import checkpoint, ladder, pruning, reports, validation
from .checkpoint import BEST, LAST, Progress
from .display import Silent
from .feed import Feed, pictures_for
from .journal import Journal
from .settings import Settings
from .step import Learner, learning_rate
from .team import join
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
    """
    with ExitStack() as stack:
        team = stack.enter_context(join())
        display = display if display and team.leads else Silent()
        saved = checkpoint.read(settings.out) if resume else None
        if saved:
            settings = Settings.from_json(saved["settings"]).resumed(settings, changed)
        elif not force:
            checkpoint.refuse_another(settings.out)
        journal = Journal(display.event)
        where = precision.choose(team.device, amp=settings.amp)
        feed = Feed(settings, pictures_for(settings), journal, where.device.type == "cuda", team)
        learner = Learner(settings, where, team)
        if not saved and settings.prune is not None:
            learner.begin_with(_pruned(settings.prune, learner, feed, display))
        progress = _go_on(saved, learner, journal) if saved else Progress()
        if progress.epoch >= settings.epochs:
            raise StegoError(f"{settings.out} has finished its {progress.epoch} epochs: give more --epochs to go on.")
        _judge_by(feed.validation_set(), progress, journal)
        if team.leads:
            _prepare_folder(settings, fresh=saved is None)
        team.any(False)  # no process is ahead of the folder
        watch = Watch(learner, journal)
        display.start(learner, feed, progress.epoch)
        while progress.epoch < settings.epochs:
            if progress.epoch >= settings.amp_share * settings.epochs and learner.precision.is_mixed:
                learner.leave_mixed_precision()
            _run_epoch(learner, feed, watch, progress, display)
            figures, shown = validation.validate(learner, feed.validation_pairs())
            feed.report_skips()
            row = _close_epoch(progress, feed, figures)
            if team.leads:
                _keep_weights(learner, feed, progress)
                _keep(learner, feed, progress)
                reports.write(learner, feed, progress, shown)
            display.epoch(row, row is progress.best)
        display.end(settings.out, progress.best)
        return reports.summary(learner, feed, progress)


def _go_on(saved: dict[str, Any], learner: Learner, journal: Journal) -> Progress:
    learner.load(saved["learner"])
    journal.load(saved["journal"])
    return saved["progress"]


def _pruned(share: float, learner: Learner, feed: Feed, display: Silent) -> StegoNetwork:
    if learner.team.size > 1:
        raise StegoError("Pruning is for one process: start there, and go on in several with --resume.")
    side = pruning.SIDE
    cover, secret = (learner.to_device(pixels[..., :side, :side]) for pixels in feed.sample(pruning.PAIRS))
    whole = weights.shared_model(learner.settings.init).network
    return pruning.prune(whole, cover, secret, share, display.pruning)


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


def _run_epoch(learner: Learner, feed: Feed, watch: Watch, progress: Progress, display: Silent) -> None:
    """The epoch's remaining steps, with a checkpoint every few minutes."""
    kept_at = time.monotonic()
    for cover, secret in feed.batches(progress.epoch, progress.pairs_done):
        began = time.monotonic()
        rate = _rate(feed.settings, feed, progress)
        taken = watch.add(ladder.attempt(learner, feed.journal, cover, secret, rate))
        progress.pairs_done += feed.pairs_per_step
        _add(progress, taken)
        display.step(progress.epoch, progress.pairs_done // feed.pairs_per_step, taken)
        progress.add(seconds=time.monotonic() - began)
        due = time.monotonic() - kept_at > 60 * feed.settings.checkpoint_minutes
        if due and learner.team.leads and not watch.unread:
            _keep(learner, feed, progress)
            kept_at = time.monotonic()
    _add(progress, watch.read())


def _add(progress: Progress, taken: list[dict[str, float]]) -> None:
    for figures in taken:
        progress.add(steps=1, **figures)


def _close_epoch(progress: Progress, feed: Feed, validated: dict[str, float]) -> dict[str, Any]:
    """Turn the epoch's sums into a row of the history; where no step was taken there is no loss to tell."""
    sums, steps = progress.sums, progress.sums.get("steps", 0)
    pairs, progress.pairs_done, progress.sums = progress.pairs_done, 0, {}
    progress.epoch += 1
    row = {
        "epoch": progress.epoch,
        "step": feed.journal.step,
        "learning_rate": _rate(feed.settings, feed, progress),
        "loss": sums["loss"] / steps if steps else None,
        "train_hide_psnr": metrics.psnr_of(sums["hide_mse"] / steps) if steps else None,
        "train_reveal_psnr": metrics.psnr_of(sums["reveal_mse"] / steps) if steps else None,
        **validated,
        "samples_per_second": pairs / max(sums.get("seconds", 0.0), 1e-9),
    }
    progress.history.append(row)
    if progress.best is None or _merit(row) > _merit(progress.best):
        progress.best = row
    return row


def _merit(row: dict[str, Any]) -> float:
    return row["val_hide_psnr"] + row["val_reveal_psnr"]


def _keep_weights(learner: Learner, feed: Feed, progress: Progress) -> None:
    row = progress.history[-1]
    card = reports.model_card(learner, feed, row)
    weights.save_weights(feed.settings.out / LAST, learner.average, card)
    if row is progress.best:
        weights.save_weights(feed.settings.out / BEST, learner.average, card)


def _keep(learner: Learner, feed: Feed, progress: Progress) -> None:
    checkpoint.write(
        feed.settings.out,
        progress,
        settings=feed.settings.as_json(),
        learner=learner.state(),
        journal=feed.journal.state(),
    )
