"""`stego metrics`: two pictures, a hide and reveal by its four, or the weights on a folder through real files."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .. import api
from ..errors import StegoError
from ..methods import Exact, Flow, Method
from ..methods.base import ModelLike
from ..picture import files, metrics, outputs
from ..picture.inputs import data_files
from ..picture.metrics import Comparison, Score
from . import charts, targets


def _same_size(a: Path, b: Path) -> tuple[np.ndarray, np.ndarray]:
    first, second = files.read(a), files.read(b)
    if first.size != second.size:
        raise StegoError(
            f"{a} is {first.size[0]}x{first.size[1]} but {b} is {second.size[0]}x{second.size[1]}: "
            "compare pictures of one size."
        )
    return first.rgb, second.rgb


def two(a: str | Path, b: str | Path) -> Comparison:
    """Compare two picture files of one size.

    Raises:
        StegoError: when one can't be read or the sizes differ.
    """
    return metrics.compare(*_same_size(Path(a), Path(b)))


def four(cover: str | Path, stego: str | Path, secret: str | Path, revealed: str | Path) -> Score:
    """Judge a hide and reveal by its four files; errors as `two`."""
    return metrics.score(*_same_size(Path(cover), Path(stego)), *_same_size(Path(secret), Path(revealed)))


# What `compare` runs beside the network. At 20 dB every Kodak picture holds every other.
BYTES: dict[str, Method] = {
    "exact": Exact(cover_psnr=20.0),
    **{f"fit {psnr} dB": Exact(cover_psnr=float(psnr), fit=True) for psnr in (40, 43, 46)},
}
_WORST = ("hide_psnr", "reveal_psnr", "hide_worst_block", "reveal_worst_block")


def pairs(directory: str | Path) -> list[tuple[Path, Path]]:
    """(cover, secret) of a folder: of N pictures sorted by name, number i and number i + N/2 (modulo N).

    Raises:
        StegoError: when it holds fewer than two pictures, or one that can't be read.
    """
    every = data_files(directory)
    found = [p for p in every if files.is_picture(p)]
    # Left out without a word, it would shift all pairs.
    for path in every:
        if path.suffix.lower() in files.READABLE and path not in found:
            raise StegoError(f"{path} can't be read as a picture: mend it, or take it out of the folder.")
    if len(found) < 2:
        raise StegoError(f"{directory} holds {len(found)} pictures: two are needed.")
    half = len(found) // 2
    return list(zip(found, found[half:] + found[:half], strict=True))


def folder(
    directory: str | Path, method: Method | None = None, on_pair: Callable[[dict[str, Any]], None] = lambda row: None
) -> dict[str, Any]:
    """Hide and reveal the `pairs` of a folder, through real files.

    Args:
        method: as for `api.hide`.
        on_pair: called with each row as soon as it is there.

    Returns:
        ``pairs`` (a list of cover, secret, method and the fields of `Score`), ``by_network`` (how many
        pairs the network hid, the others going as bytes), ``mean`` and ``worst`` (the lowest PSNRs, and worst blocks),
        and ``targets`` (whether the mean meets each of the baseline targets).

    Raises:
        StegoError: for fewer than two pictures or one that can't be read.
    """
    work = pairs(directory)
    rows: list[dict[str, Any]] = []
    scores: list[Score] = []
    with outputs.scratch() as scratch:
        for cover, secret in work:
            hidden = api.hide(cover, secret, scratch / "stego.png", method, force=True)
            score = hidden.score
            assert score is not None  # the secret is a picture
            scores.append(score)
            rows.append(
                {
                    "cover": cover.name,
                    "secret": secret.name,
                    "method": hidden.method,
                    **asdict(score),
                }
            )
            on_pair(rows[-1])
    mean = metrics.mean(scores)
    return {
        "pairs": rows,
        "by_network": sum(row["method"] == Flow.name for row in rows),
        "mean": asdict(mean),
        "worst": {k: min(row[k] for row in rows) for k in _WORST},
        "targets": targets.met(mean),
    }


def compare(
    directory: str | Path,
    plot: str | Path,
    model: ModelLike = None,
    on_pair: Callable[[dict[str, Any]], None] = lambda row: None,
    amp: bool | None = None,
) -> dict[str, dict[str, Any]]:
    """The network and `BYTES` on the same pictures, and a map of them drawn to the file `plot`.

    Returns:
        What `folder` returns, for each method.
    """
    files.check_output(plot, [path for pair in pairs(directory) for path in pair], may_lose=True)
    compared = {"flow": Flow(model, amp), **BYTES}
    results = {name: folder(directory, method, on_pair) for name, method in compared.items()}
    files.write(plot, files.Picture(charts.method_map(results)))
    return results


def as_json(result: Comparison | Score | dict[str, Any]) -> str:
    """The same as JSON; a `Score` with the baseline targets."""
    if isinstance(result, Score):
        return json.dumps({**asdict(result), "targets": targets.met(result)}, indent=1)
    return json.dumps(result if isinstance(result, dict) else asdict(result), indent=1)
