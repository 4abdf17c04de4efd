"""A run's loss, PSNRs and learning rate as a chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..picture.charts import new_figure, pixels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABELS = {
    "train_hide_psnr": "training, stego",
    "train_reveal_psnr": "training, revealed",
    "val_hide_psnr": "validation, stego",
    "val_reveal_psnr": "validation, revealed",
}


def _over_epochs(axes: Axes, history: list[dict[str, Any]], labels: dict[str, str], unit: str) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = [row["epoch"] for row in history]
    for key, label in labels.items():
        # matplotlib leaves a gap where a figure is not a number.
        values = [np.nan if row.get(key) is None else row[key] for row in history]
        axes.plot(epochs, values, label=label, marker="o" if len(epochs) < 30 else None, markersize=3)
    axes.set_xlabel("epoch")
    axes.set_ylabel(unit)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    if any(labels.values()):
        axes.legend()


def training_curves(history: list[dict[str, Any]]) -> np.ndarray:
    """Loss, PSNRs and learning rate over the epochs, side by side.

    Args:
        history: rows of a run; a figure may be None where an epoch has none.

    Returns:
        uint8 RGB, (height, width, 3).
    """
    figure = new_figure(15, 4)
    loss, psnr, rate = figure.subplots(1, 3)
    _over_epochs(loss, history, {"loss": ""}, "training loss")
    _over_epochs(psnr, history, _LABELS, "PSNR, dB")
    _over_epochs(rate, history, {"learning_rate": ""}, "learning rate")
    return pixels_of(figure)
