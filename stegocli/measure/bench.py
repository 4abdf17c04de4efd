"""`stego bench`: the real training step timed, five speed-ups one by one, hiding and revealing."""

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import api
from ..flow import precision, tiles, weights
from ..flow.model import Model
from ..methods import Flow
from ..picture import files, outputs
from ..training import data, graph
from ..training.events import EventLog
from ..training.loaders import DataLoaders, pictures_for
from ..training.oom import attempt
from ..training.procedural import procedural
from ..training.settings import Settings
from ..training.step_monitor import StepMonitor
from ..training.trainer import Trainer, learning_rate
from .monitor import Monitor, peak_memory

# Not measured: first steps set things up, and on a card one is recorded.
WARMUP_STEPS = {"cpu": 2, "cuda": graph.WARM_UP + 2}
# A card takes steps faster than its driver tells its utilisation, and at first faster than a loader gives batches.
LEAST_SECONDS = {"cpu": 0.0, "cuda": 5.0}
EPOCHS = 50
# Of `--sizes`.
MEGAPIXELS = (0.25, 3.0, 12.0, 48.0)
# What the system that this project began from estimated of each, as factors on speed.
CLAIMS = {"batch": 1.40, "workers": 1.30, "AMP": 1.50, "non-blocking": 1.08, "pinned memory": 1.10, "all": 2.5}
# What `run` calls with a section's name and each of its rows as soon as it is measured.
OnRow = Callable[[str, dict[str, Any]], None]


def _now(device: torch.device) -> float:
    """The time, once the device has done what it was told to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _measure(settings: Settings, steps: int, pictures: data.Pictures) -> dict[str, Any]:
    """Run the training step as `stego train` does, loader and fallbacks included."""
    where = precision.choose(amp=settings.amp)
    log = EventLog()
    loaders = DataLoaders(settings, pictures, log, where.device.type == "cuda")
    trainer = Trainer(settings, where)
    rate = learning_rate(settings, 0.0, settings.epochs * loaders.steps_per_epoch)
    batches = (batch for epoch in itertools.count() for batch in loaders.batches(epoch))
    steps_monitor = StepMonitor(trainer, log)
    for cover, secret in itertools.islice(batches, WARMUP_STEPS[where.device.type]):
        steps_monitor.add(attempt(trainer, log, cover, secret, rate))
    done, samples = 0, 0
    with Monitor(where.device) as monitor:
        began = _now(where.device)
        while done < steps or time.perf_counter() - began < LEAST_SECONDS[where.device.type]:
            cover, secret = next(batches)
            steps_monitor.add(attempt(trainer, log, cover, secret, rate))
            done, samples = done + 1, samples + len(cover)
        seconds = _now(where.device) - began
    speed = samples / seconds
    return {
        "batch_size": settings.batch_size,
        "crop": settings.crop,
        "precision": str(trainer.precision),
        "threads": torch.get_num_threads(),
        "samples_per_second": speed,
        "seconds_per_step": seconds / done,
        "pairs_per_epoch": len(loaders.pairs),
        "epoch_seconds": len(loaders.pairs) / speed,
        "fallbacks": [str(event) for event in log.events],
        **monitor.summary(),
    }


def _training(settings: Settings, steps: int, pictures: data.Pictures) -> dict[str, Any]:
    """The full configuration, and what a whole run takes, its last part in float32."""
    row = _measure(settings, steps, pictures)
    mixed = in_float32 = row["epoch_seconds"]
    if precision.choose(amp=settings.amp).is_mixed:
        in_float32 = _measure(replace(settings, amp=False), steps, pictures)["epoch_seconds"]
    share = settings.amp_share
    seconds = EPOCHS * (share * mixed + (1 - share) * in_float32)
    return {**row, "epochs": EPOCHS, "float32_epochs": round(EPOCHS * (1 - share)), "seconds_for_epochs": seconds}


def _ablation(best: Settings, steps: int, pictures: data.Pictures, on_row: OnRow) -> list[dict[str, Any]]:
    """One row for each component added alone to a bare loop, and one for all together."""
    bare = replace(best, batch_size=1, workers=0, amp=False, non_blocking=False, pin_memory=False, cuda_graph=False)
    rows: list[tuple[str, Settings, float | None]] = [
        ("none", bare, 1.0),
        (f"batch size {best.batch_size}", replace(bare, batch_size=best.batch_size), CLAIMS["batch"]),
        (f"{best.workers} workers", replace(bare, workers=best.workers), CLAIMS["workers"]),
        ("mixed precision (AMP)", replace(bare, amp=True), CLAIMS["AMP"]),
        ("non-blocking copies", replace(bare, non_blocking=True), CLAIMS["non-blocking"]),
        ("pinned memory", replace(bare, pin_memory=True), CLAIMS["pinned memory"]),
        ("all together", best, CLAIMS["all"]),
    ]
    if precision.choose().device.type == "cuda":
        rows.insert(-1, ("CUDA graph", replace(bare, cuda_graph=True), None))
    table: list[dict[str, Any]] = []
    for name, settings, claim in rows:
        rate = _measure(settings, steps, pictures)["samples_per_second"]
        first = table[0]["samples_per_second"] if table else rate
        row = {"component": name, "samples_per_second": rate, "speedup": rate / first, "baseline_claim": claim}
        table.append(row)
        on_row("ablation", row)
    return table


def matrix_peak(device: torch.device, side: int = 2048) -> float:
    """Operations a second in the best of some float32 matrix products, additions and multiplications counted."""
    a = torch.rand(side, side, device=device)
    times = []
    for _ in range(5):
        began = _now(device)
        a @ a
        times.append(_now(device) - began)
    return 2 * side**3 / min(times)


def _pair(megapixels: float) -> tuple[np.ndarray, np.ndarray]:
    """A made-up cover and secret of four to three, in strides of every network."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5 / 8) * 8
    width = round(height * 4 / 3 / 8) * 8
    rng = np.random.default_rng(0)
    one, two = (procedural(rng, 512) for _ in range(2))
    return files.resize(one, (width, height)), files.resize(two, (width, height))


def _inference(model: Model, megapixels: float, runs: int) -> dict[str, Any]:
    """Seconds for the network's part of hide and reveal, the best of some runs."""
    cover, secret = _pair(megapixels)
    device = model.precision.device
    hides, reveals = [], []
    tiles.hide(model.network, cover[:64, :64], secret[:64, :64], descent=model.descent)
    for _ in range(runs):
        began = _now(device)
        stego = tiles.hide(model.network, cover, secret, descent=model.descent)
        between = _now(device)
        tiles.reveal(model.network, stego)
        hides.append(between - began)
        reveals.append(_now(device) - between)
    size = cover.shape[0] * cover.shape[1] / 1e6
    return {"megapixels": size, "hide_seconds": min(hides), "reveal_seconds": min(reveals)}


def _whole(model: Model, megapixels: float) -> dict[str, Any]:
    """Seconds of hide and reveal from file to file: read-back, scores and PNG included."""
    cover, secret = _pair(megapixels)
    with outputs.scratch() as scratch:
        names = ("cover", "secret", "stego", "revealed")
        cover_path, secret_path, stego_path, revealed_path = (scratch / f"{name}.png" for name in names)
        files.write(cover_path, files.Picture(cover))
        files.write(secret_path, files.Picture(secret))
        began = time.perf_counter()
        api.hide(cover_path, secret_path, stego_path, Flow(model))
        between = time.perf_counter()
        api.reveal(stego_path, revealed_path, model)
        ended = time.perf_counter()
    return {"file_hide_seconds": between - began, "file_reveal_seconds": ended - between}


def _by_size(model: Model, on_row: OnRow) -> list[dict[str, Any]]:
    """Each of `MEGAPIXELS`, the smallest first, since the peak of the memory is that of all so far."""
    operations, peak = model.network.operations_per_megapixel(), 0.0
    table = []
    for megapixels in MEGAPIXELS:
        # Again for each, since other jobs come and go; the best is the machine's.
        peak = max(peak, matrix_peak(model.precision.device))
        row = _inference(model, megapixels, runs=2 if megapixels < 4 else 1) | _whole(model, megapixels)
        row["hide_share_of_peak"] = operations * row["megapixels"] / row["hide_seconds"] / peak
        row["reveal_share_of_peak"] = operations * row["megapixels"] / row["reveal_seconds"] / peak
        row["peak_memory_mib"] = peak_memory()
        table.append(row)
        on_row("sizes", row)
    return table


def _machine(model: Model) -> dict[str, Any]:
    device = model.precision.device
    return {
        "gpu": device.type == "cuda",
        "precision": str(precision.choose()),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "gigaflops_of_matrix_products": matrix_peak(device) / 1e9,
        "weights": model.name,
        "inference": str(model.precision),
        "teraflops_per_megapixel": model.network.operations_per_megapixel() / 1e12,
    }


def run(
    batch_size: int = 2,
    data_folder: Path | None = None,
    crop: int = 224,
    steps: int = 20,
    source: str | None = None,
    sizes: bool = False,
    amp: bool | None = None,
    on_row: OnRow = lambda section, row: None,
) -> dict[str, Any]:
    """Measure on this machine.

    Args:
        batch_size: pairs in a step of the full configuration.
        data_folder: pictures, or None for the built-in set.
        crop: side of the crops.
        steps: training steps timed for each row; on a card at least five seconds of them.
        source: weights for hiding and revealing; None for the default.
        amp: half precision for hiding and revealing, as `load_model` takes it.
        sizes: measure hiding and revealing at `MEGAPIXELS` instead of training.
        on_row: called with ``machine``, ``training``, ``ablation``, ``inference`` or ``sizes`` and each row of it
            as soon as it is there.

    Returns:
        The rows by section, ready for JSON; a list for ``ablation`` and ``sizes``.

    Raises:
        StegoError: for unusable data or weights.
    """
    model = weights.load_model(source, amp=amp)
    figures: dict[str, Any] = {}

    def add(section: str, row: dict[str, Any]) -> dict[str, Any]:
        figures[section] = row
        on_row(section, row)
        return row

    settings = Settings(data=data_folder, batch_size=batch_size, crop=crop)
    # Before anything is shown: it may be refused.
    pictures = None if sizes else pictures_for(settings)
    add("machine", _machine(model))
    if pictures is None:
        figures["sizes"] = _by_size(model, on_row)
        return figures
    add("training", _training(settings, steps, pictures))
    figures["ablation"] = _ablation(settings, steps, pictures, on_row)
    one = _inference(model, MEGAPIXELS[0], runs=2)
    add(
        "inference",
        {f"{name}_seconds_per_megapixel": one[f"{name}_seconds"] / one["megapixels"] for name in ("hide", "reveal")},
    )
    return figures
