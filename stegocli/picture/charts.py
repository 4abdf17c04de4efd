"""Charts as arrays, drawn by matplotlib without its global state: training curves and the map of methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LABELS = {
    "train_hide_psnr": "training, stego",
    "train_reveal_psnr": "training, revealed",
    "val_hide_psnr": "validation, stego",
    "val_reveal_psnr": "validation, revealed",
}
# Revealed secrets that are bit for bit have no finite PSNR: they are drawn at the upper edge.
TOP_PSNR = 60.0


def _figure(width: float, height: float) -> Figure:
    # Imported here: it takes half a second, which only those who draw should pay.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _pixels(figure: Figure) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()  # type: ignore[attr-defined]


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
    figure = _figure(15, 4)
    loss, psnr, rate = figure.subplots(1, 3)
    _over_epochs(loss, history, {"loss": ""}, "training loss")
    _over_epochs(psnr, history, _LABELS, "PSNR, dB")
    _over_epochs(rate, history, {"learning_rate": ""}, "learning rate")
    return _pixels(figure)


def method_map(compared: dict[str, dict[str, Any]]) -> np.ndarray:
    """Secret over cover PSNR of each method: all pairs as faint points behind their mean.

    Args:
        compared: for each method its ``mean`` and its ``pairs``, both with hide_psnr and reveal_psnr in dB. Names
            that start with the same word are one method's settings and share a colour.

    Returns:
        uint8 RGB, (height, width, 3).
    """
    figure = _figure(8, 5)
    axes = figure.subplots()
    groups: dict[str, list[dict[str, Any]]] = {}
    for name, result in compared.items():
        groups.setdefault(name.split()[0], []).append(result)
    for i, (name, results) in enumerate(groups.items()):
        pairs = [(row["hide_psnr"], min(row["reveal_psnr"], TOP_PSNR)) for r in results for row in r["pairs"]]
        means = [(r["mean"]["hide_psnr"], min(r["mean"]["reveal_psnr"], TOP_PSNR)) for r in results]
        axes.plot(*zip(*pairs, strict=True), "o", color=f"C{i}", alpha=0.2, markersize=4, markeredgewidth=0)
        axes.plot(*zip(*means, strict=True), "o-", color=f"C{i}", markersize=8, label=f"{name}, mean")
    axes.set_xlabel("cover against stego, PSNR in dB")
    axes.set_ylabel(f"secret against revealed, PSNR in dB ({TOP_PSNR:g}: that or more)")
    axes.grid(alpha=0.3)
    axes.legend(title="faint: each pair")
    return _pixels(figure)


def survival(result: dict[str, Any]) -> np.ndarray:
    """What comes back of secrets that were made to survive, over the quality of the JPEG.

    Args:
        result: its ``qualities`` (rows of quality, recovered and secret_psnr), its ``pairs`` and ``survive``.

    Returns:
        uint8 RGB, (height, width, 3).
    """
    figure = _figure(7, 4.5)
    axes = figure.subplots()
    for row in result["pairs"]:
        points = [(q, psnr) for q, psnr in row["secret_psnr"].items() if psnr is not None]
        if points:
            axes.plot(*zip(*points, strict=True), "o", color="tab:blue", alpha=0.15, markersize=3)
    seen = [(r["quality"], r["secret_psnr"]) for r in result["qualities"] if r["secret_psnr"] is not None]
    if seen:
        axes.plot(*zip(*seen, strict=True), "o-", color="tab:blue", label="secret PSNR, mean")
    axes.axhline(result["mean"]["cover_psnr"], color="tab:green", label="cover PSNR, mean")
    axes.set_xlabel("JPEG quality (libjpeg, 4:2:0)")
    axes.set_ylabel("PSNR, dB")
    axes.grid(alpha=0.3)
    share = axes.twinx()
    share.bar(
        [r["quality"] for r in result["qualities"]], [100 * r["recovered"] for r in result["qualities"]],
        width=3, color="grey", alpha=0.2, label="recovered",
    )  # fmt: skip
    share.set_ylim(0, 105)
    share.set_ylabel("recovered, % of the secrets")
    axes.set_title(f"made to survive {result['survive']}")
    figure.legend(loc="outside lower center", ncols=3)
    return _pixels(figure)


def detection(result: dict[str, Any]) -> np.ndarray:
    """How often a detector is wrong, method by method.

    Args:
        result: its ``rows`` of method, bits_per_pixel, error and spread, its ``pictures`` and ``side``.

    Returns:
        uint8 RGB, (height, width, 3).
    """
    rows = result["rows"][::-1]
    figure = _figure(8, 1.5 + 0.45 * len(rows))
    axes = figure.subplots()
    names = [row["method"] + (f", {row['bits_per_pixel']:.3f} bpp" if row["bits_per_pixel"] else "") for row in rows]
    axes.barh(names, [row["error"] for row in rows], xerr=[row["spread"] for row in rows], color="tab:blue", alpha=0.7)
    axes.axvline(0.5, color="tab:green")
    axes.set_xlim(0, 0.55)
    axes.set_xlabel("P_E of the detector (0.5: it guesses)")
    axes.set_title(f"{result['pictures']} pictures of {result['side']}x{result['side']}")
    return _pixels(figure)
