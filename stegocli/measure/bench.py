"""`stego bench`: the real training step timed, the seed's five speed-ups one by one, hiding and revealing."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from ..flow import tiles, weights
from ..training import data
from ..training.loop import Settings, Trainer
from .monitor import Monitor

WARMUP_STEPS = 2
EPOCHS = 50
INFERENCE_SIDE = 1024
# The seed's estimates (GPU_OPTIMIZATIONS.md, "Conservative Estimate"), as factors on speed.
CLAIMS = {"batch": 1.40, "workers": 1.30, "AMP": 1.50, "non-blocking": 1.08, "pinned memory": 1.10, "all": 2.5}


def _measure(settings: Settings, steps: int, pictures=None) -> tuple[dict, Trainer]:
    """Run the training step as `stego train` does, loader and fallbacks included."""
    trainer = Trainer(settings, pictures=pictures)

    def synchronise() -> float:
        if trainer.precision.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    done, epoch, samples = -WARMUP_STEPS, 0, 0
    monitor = Monitor(trainer.precision.device)
    began = None
    while done < steps:
        for cover, secret in trainer.batches(epoch):
            if done == 0:
                monitor.__enter__()
                began = synchronise()
            trainer.train_step(cover, secret)
            done += 1
            samples += len(cover) if done > 0 else 0
            if done == steps:
                break
        epoch += 1
    seconds = synchronise() - began
    monitor.__exit__()
    rate = samples / seconds
    epoch_seconds = len(trainer.sampler) / rate
    figures = {
        "samples_per_second": rate,
        "seconds_per_step": seconds / steps,
        "epoch_seconds": epoch_seconds,
        "fallbacks": [str(event) for event in trainer.events],
        **monitor.summary(),
    }
    return figures, trainer


def _ablation(best: Settings, steps: int, pictures) -> list[dict]:
    """One row for each of the seed's components added alone to a bare loop, and one for all together."""
    bare = replace(best, batch_size=1, workers=0, amp=False, non_blocking=False, pin_memory=False)
    rows = {
        "none": bare,
        f"batch size {best.batch_size}": replace(bare, batch_size=best.batch_size),
        f"{best.workers} workers": replace(bare, workers=best.workers),
        "mixed precision (AMP)": replace(bare, amp=True),
        "non-blocking copies": replace(bare, non_blocking=True),
        "pinned memory": replace(bare, pin_memory=True),
        "all together": best,
    }
    claims = [1.0, *CLAIMS.values()]
    table, first = [], None
    for (name, settings), claim in zip(rows.items(), claims, strict=True):
        rate = _measure(settings, steps, pictures)[0]["samples_per_second"]
        first = first or rate
        table.append({"component": name, "samples_per_second": rate, "speedup": rate / first, "seed_claim": claim})
    return table


def _inference(model: weights.Model) -> dict:
    """Seconds a megapixel, the better of two runs after a warm-up."""
    rng = np.random.default_rng(0)
    cover, secret = (data.procedural(rng, INFERENCE_SIDE) for _ in range(2))
    times = {"hide": [], "reveal": []}
    tiles.hide(model, cover[:64, :64], secret[:64, :64])
    for _ in range(2):
        began = time.perf_counter()
        stego = tiles.hide(model, cover, secret)
        between = time.perf_counter()
        tiles.reveal(model, stego)
        times["hide"].append(between - began)
        times["reveal"].append(time.perf_counter() - between)
    megapixels = INFERENCE_SIDE**2 / 1e6
    return {f"{name}_seconds_per_megapixel": min(values) / megapixels for name, values in times.items()}


def run(
    batch_size: int = 2, data_folder: Path | None = None, crop: int = 224, steps: int = 20, source: str | None = None
) -> dict:
    """Measure on this machine.

    Args:
        batch_size: pairs in a step of the full configuration.
        data_folder: pictures, or None for the built-in set.
        crop: side of the crops.
        steps: training steps timed for each row.
        source: weights for hiding and revealing; None for the default.

    Returns:
        ``gpu`` (whether there is one), ``training``, ``ablation`` and ``inference``, ready for JSON.

    Raises:
        StegoError: for unusable data or weights.
    """
    model = weights.load_model(source)
    settings = Settings(data=data_folder, batch_size=batch_size, crop=crop)
    training, trainer = _measure(settings, steps)
    mixed = in_float32 = training["epoch_seconds"]
    if trainer.precision.is_mixed:
        in_float32 = _measure(replace(settings, amp=False), steps, trainer.pictures)[0]["epoch_seconds"]
    share = settings.amp_share
    training[f"seconds_for_{EPOCHS}_epochs"] = EPOCHS * (share * mixed + (1 - share) * in_float32)
    return {
        "gpu": trainer.precision.device.type == "cuda",
        "precision": str(trainer.precision),
        "torch": torch.__version__,
        "cores": torch.get_num_threads(),
        "batch_size": batch_size,
        "crop": crop,
        "pictures": len(trainer.sampler),
        "training": training,
        "ablation": _ablation(settings, steps, trainer.pictures),
        "inference": {
            **_inference(model),
            "weights": model.name,
            "teraflops_per_megapixel": model.network.operations_per_megapixel() / 1e12,
        },
    }


def show(figures: dict, console: Console) -> None:
    """Print the figures as tables."""
    training = figures["training"]
    if not figures["gpu"]:
        console.print("No GPU here: these are the CPU's figures; pinned and non-blocking copies change nothing on it.")
    facts = Table(title="Training step", title_justify="left", show_header=False)
    facts.add_row("device", f"{training['device']}, {figures['precision']}, {figures['cores']} threads")
    facts.add_row("batch", f"{figures['batch_size']} pairs of {figures['crop']}x{figures['crop']}")
    facts.add_row("speed", f"{training['samples_per_second']:.2f} samples/s")
    facts.add_row(f"epoch of {figures['pictures']} pairs", f"{training['epoch_seconds']:.1f} s")
    facts.add_row(
        f"{EPOCHS} epochs, the last {EPOCHS * (1 - Settings.amp_share):.0f} in float32",
        f"{training[f'seconds_for_{EPOCHS}_epochs'] / 60:.1f} min",
    )
    if training["utilisation_mean"] is not None:
        use = f"{training['utilisation_mean']:.0f} %"
        if training["utilisation_quartiles"]:
            use += " (quartiles " + ", ".join(f"{q:.0f}" for q in training["utilisation_quartiles"]) + ")"
        facts.add_row("utilisation", use)
    if training["memory_mib"] is not None:
        facts.add_row("memory", f"{training['memory_mib']:.0f} MiB, peak {training['peak_memory_mib']:.0f} MiB")
    if training["temperature_c"] is not None:
        facts.add_row("temperature", f"{training['temperature_c']:.0f} °C")
    facts.add_row("fallbacks", "; ".join(training["fallbacks"]) or "none")
    console.print(facts)

    ablation = Table(title="The seed's five components, each alone and all together", title_justify="left")
    for name in ("component", "samples/s", "speed-up here", "seed's claim"):
        ablation.add_column(name, justify="left" if name == "component" else "right")
    for row in figures["ablation"]:
        ablation.add_row(
            row["component"], f"{row['samples_per_second']:.2f}", f"{row['speedup']:.2f}x", f"{row['seed_claim']:.2f}x"
        )
    console.print(ablation)
    use = figures["inference"]
    console.print(
        f"weights {use['weights']}: hide {use['hide_seconds_per_megapixel']:.2f} s, reveal "
        f"{use['reveal_seconds_per_megapixel']:.2f} s a megapixel; hiding one takes "
        f"{use['teraflops_per_megapixel']:.2f} TFLOP"
    )
