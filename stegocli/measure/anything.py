"""`stego metrics --survive anything`: hide on a folder, send the stegos through forty channels, see what comes back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .. import api, inspection
from ..canonical.channels import PLAYED, PLAYED_SPARSE, Channel
from ..errors import StegoError
from ..methods import Robust
from ..picture import files, outputs
from ..robust.services import ANYTHING
from . import charts
from .channels import MEASURED
from .evaluate import pairs

_FIGURES = ("bytes", "cover_psnr", "cover_ssim")


def folder(
    directory: str | Path,
    plot: str | Path | None = None,
    on_pair: Callable[[dict[str, Any]], None] = lambda row: None,
) -> dict[str, Any]:
    """Hide the pictures of a folder in one another, send each stego through every channel, and reveal.

    The pairs are those of `evaluate.pairs`. Every figure is of 8-bit files. A secret picture fills what a cover holds.

    Args:
        plot: also draw how many come back from each channel here.
        on_pair: called with each pair's row as soon as it is there.

    Returns:
        ``survive``; ``pairs``: rows of cover, secret, bytes (of content), cover_psnr, cover_ssim, cover_worst_block,
        lost and wrong (names of channels); ``mean`` and ``least`` of bytes and the cover's figures; ``channels``: rows
        of channel, played (by the writer), recovered and wrong (numbers of pairs); ``recovered`` and ``wrong`` (shares
        of all pairs and channels).

    Raises:
        StegoError: for fewer than two pictures, or a cover that holds nothing.
    """
    if plot is not None:
        plot = files.check_output(plot, [path for pair in pairs(directory) for path in pair], may_lose=True)
    rows: list[dict[str, Any]] = []
    with outputs.scratch() as scratch:
        for cover, secret in pairs(directory):
            rows.append(_row(cover, secret, scratch))
            on_pair(rows[-1])
    played = {str(channel) for channel in (*PLAYED, PLAYED_SPARSE)}
    channels: list[dict[str, Any]] = [
        {
            "channel": str(channel),
            "played": str(channel) in played,
            "recovered": sum(str(channel) not in (*row["lost"], *row["wrong"]) for row in rows),
            "wrong": sum(str(channel) in row["wrong"] for row in rows),
        }
        for channel in MEASURED
    ]
    result = {
        "survive": ANYTHING,
        "pairs": rows,
        "mean": {name: float(np.mean([row[name] for row in rows])) for name in _FIGURES},
        "least": {name: min(row[name] for row in rows) for name in (*_FIGURES, "cover_worst_block")},
        "channels": channels,
        "recovered": sum(row["recovered"] for row in channels) / (len(rows) * len(channels)),
        "wrong": sum(row["wrong"] for row in channels) / (len(rows) * len(channels)),
    }
    if plot is not None:
        files.write(plot, files.Picture(charts.channels(result)))
    return result


def _row(cover: Path, secret: Path, scratch: Path) -> dict[str, Any]:
    stego, revealed = scratch / "stego.png", scratch / "revealed.png"
    hidden = api.hide(cover, secret, stego, Robust(ANYTHING), force=True)
    contents = inspection.info(stego).contents
    assert contents is not None  # `hide` has looked
    api.reveal(stego, revealed, force=True)
    expected, sent = files.read(revealed).rgb, files.read(stego).rgb
    came = {str(channel): _through(sent, channel, scratch, expected) for channel in MEASURED}
    return {
        "cover": cover.name,
        "secret": secret.name,
        "bytes": contents.length,
        "cover_psnr": hidden.cover.psnr,
        "cover_ssim": hidden.cover.ssim,
        "cover_worst_block": hidden.cover.worst_block,
        "lost": [name for name, whole in came.items() if whole is None],
        "wrong": [name for name, whole in came.items() if whole is False],
    }


def _through(sent: np.ndarray, channel: Channel, scratch: Path, expected: np.ndarray) -> bool | None:
    """Whether a stego that went through a channel reveals what it should; None where it reveals nothing."""
    copy, revealed = scratch / "copy.png", scratch / "revealed.png"
    Image.fromarray(channel(sent)).save(copy, compress_level=1)
    try:
        api.reveal(copy, revealed, force=True)
    except StegoError:
        return None
    return np.array_equal(files.read(revealed).rgb, expected)
