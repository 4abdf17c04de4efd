"""Charts of what was measured: methods side by side, and what survives."""

from typing import Any

import numpy as np

from ..picture.charts import new_figure, pixels_of

# Revealed secrets that are bit for bit have no finite PSNR: they are drawn at the upper edge.
TOP_PSNR = 60.0


def method_map(compared: dict[str, dict[str, Any]]) -> np.ndarray:
    """Secret over cover PSNR of each method: all pairs as faint points behind their mean.

    Args:
        compared: for each method its ``mean`` and its ``pairs``, both with hide_psnr and reveal_psnr in dB. Names
            that start with the same word are one method's settings and share a colour.

    Returns:
        uint8 RGB, (height, width, 3).
    """
    figure = new_figure(8, 5)
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
    return pixels_of(figure)


def survival(result: dict[str, Any]) -> np.ndarray:
    """What comes back of secrets that were made to survive, over the quality of the JPEG.

    Args:
        result: its ``qualities`` (rows of quality, recovered and secret_psnr), its ``pairs`` and ``survive``.

    Returns:
        uint8 RGB, (height, width, 3).
    """
    figure = new_figure(7, 4.5)
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
    return pixels_of(figure)


def channels(result: dict[str, Any]) -> np.ndarray:
    """How many secrets come back from each channel.

    Args:
        result: its ``channels`` (rows of channel, played and recovered), its ``pairs`` and ``mean``.

    Returns:
        uint8 RGB, (height, width, 3).
    """
    rows, pairs = result["channels"][::-1], len(result["pairs"])
    figure = new_figure(9, 1.2 + 0.24 * len(rows))
    axes = figure.subplots()
    for played, colour, label in ((False, "tab:blue", "not played"), (True, "tab:green", "played by the writer")):
        chosen = [row for row in rows if row["played"] is played]
        axes.barh(
            [rows.index(row) for row in chosen], [100 * row["recovered"] / pairs for row in chosen],
            color=colour, alpha=0.7, label=label,
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), [row["channel"] for row in rows], fontsize=7)
    axes.set_xlim(0, 100)
    axes.set_xlabel(f"recovered, % of {pairs} secrets")
    mean = result["mean"]
    axes.set_title(f"{mean['bytes']:,.0f} bytes on average, cover {mean['cover_psnr']:.1f} dB")
    axes.legend(loc="lower left")
    return pixels_of(figure)


def detection(result: dict[str, Any]) -> np.ndarray:
    """How often a detector is wrong, method by method.

    Args:
        result: its ``rows`` of method, bits_per_pixel, error and spread, its ``pictures`` and ``side``.

    Returns:
        uint8 RGB, (height, width, 3).
    """
    rows = result["rows"][::-1]
    figure = new_figure(8, 1.5 + 0.45 * len(rows))
    axes = figure.subplots()
    names = [row["method"] + (f", {row['bits_per_pixel']:.3f} bpp" if row["bits_per_pixel"] else "") for row in rows]
    axes.barh(names, [row["error"] for row in rows], xerr=[row["spread"] for row in rows], color="tab:blue", alpha=0.7)
    axes.axvline(0.5, color="tab:green")
    axes.set_xlim(0, 0.55)
    axes.set_xlabel("P_E of the detector (0.5: it guesses)")
    axes.set_title(f"{result['pictures']} pictures of {result['side']}x{result['side']}")
    return pixels_of(figure)
