"""What a run leaves for people: the model card, metrics.csv, metrics.json, curves.png and grid.png."""

import csv
import io
import json
from typing import Any

import torch

from .. import __version__
from ..picture import files, look, outputs
from . import curves
from .checkpoint import Progress, Row
from .loaders import DataLoaders
from .trainer import Trainer
from .validation import VALIDATED, Four


def model_card(trainer: Trainer, loaders: DataLoaders, row: Row) -> dict[str, Any]:
    """What the weights file says of itself."""
    figures: dict[str, Any] = {**row}
    left_out = ("out", "flow", "pin_memory", "non_blocking")
    return {
        "made_by": f"stego {__version__} train",
        "recipe": {k: v for k, v in loaders.settings.as_json().items() if k not in left_out},
        "processes": trainer.group.size,
        "pictures": len(loaders.pictures),
        "machine": f"{trainer.precision}, torch {torch.__version__}",
        "validation": {k: round(figures[f"val_{k}"], 4) for k in VALIDATED},
        "epoch": row["epoch"],
        "steps": row["step"],
        "gigaflops_per_megapixel": round(trainer.network.operations_per_megapixel() / 1e9, 1),
        "licence": "MIT",
    }


def summary(trainer: Trainer, loaders: DataLoaders, progress: Progress) -> dict[str, Any]:
    """What metrics.json holds: settings, pictures, hardware, events, the best epoch and every epoch."""
    return {
        "settings": loaders.settings.as_json(),
        "flow": trainer.network.config.as_json(),
        "pictures": {"used": len(loaders.pictures), "skipped": loaders.pictures.skipped},
        "precision": str(trainer.precision),
        "processes": trainer.group.size,
        "events": [event.as_dict() for event in loaders.log.events],
        "best": progress.best,
        "history": progress.history,
    }


def write(trainer: Trainer, loaders: DataLoaders, progress: Progress, shown: list[Four]) -> None:
    """Write the four files to the run's folder."""
    out, history = loaders.settings.out, progress.history
    table = io.StringIO()
    writer = csv.DictWriter(table, history[0].keys())
    writer.writeheader()
    writer.writerows(history)
    outputs.write_beside(out / "metrics.csv", table.getvalue().encode())
    outputs.write_beside(out / "metrics.json", json.dumps(summary(trainer, loaders, progress), indent=1).encode())
    files.write(out / "curves.png", files.Picture(curves.training_curves([dict(row) for row in history])))
    files.write(out / "grid.png", files.Picture(look.picture_grid(shown)))
