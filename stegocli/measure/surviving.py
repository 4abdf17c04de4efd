"""`stego metrics --survive`: hide on a folder, recompress with libjpeg at every quality, and see what comes back."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .. import api
from ..errors import StegoError
from ..methods import Robust
from ..picture import files, metrics, outputs
from . import charts
from .evaluate import pairs

QUALITIES = tuple(range(50, 96, 5))


def folder(
    directory: str | Path,
    survive: int | str,
    plot: str | Path | None = None,
    on_pair: Callable[[dict[str, Any]], None] = lambda row: None,
) -> dict[str, Any]:
    """Hide the pictures of a folder in one another, play JPEG of every quality (4:2:0), and reveal.

    The pairs are those of `evaluate.pairs`. Every figure is of 8-bit files; of the secret at its own size.

    Args:
        survive: design quality, or a channel's name.
        plot: also draw the figures over the quality here.
        on_pair: called with each pair's row as soon as it is there.

    Returns:
        ``survive``; ``pairs``: rows of cover, secret, cover_psnr, cover_ssim and, for each of `QUALITIES`, the
        secret's PSNR or None where it was lost; ``mean`` of the cover's figures; ``qualities``: rows of quality,
        recovered (0 to 1) and secret_psnr, the mean of the recovered or None.

    Raises:
        StegoError: for fewer than two pictures, or one that can't be used.
    """
    if plot is not None:
        plot = files.check_output(plot, [path for pair in pairs(directory) for path in pair], may_lose=True)
    rows: list[dict[str, Any]] = []
    with outputs.scratch() as scratch:
        for cover, secret in pairs(directory):
            stego = scratch / "stego.png"
            hidden = api.hide(cover, secret, stego, Robust(survive), force=True)
            wanted = files.seen(files.read(secret)).rgb
            rows.append(
                {
                    "cover": cover.name,
                    "secret": secret.name,
                    "cover_psnr": hidden.cover.psnr,
                    "cover_ssim": hidden.cover.ssim,
                    "secret_psnr": {q: _through(stego, q, wanted) for q in QUALITIES},
                }
            )
            on_pair(rows[-1])
    result = {
        "survive": survive,
        "pairs": rows,
        "mean": {k: float(np.mean([row[k] for row in rows])) for k in ("cover_psnr", "cover_ssim")},
        "qualities": [_summary(q, [row["secret_psnr"][q] for row in rows]) for q in QUALITIES],
    }
    if plot is not None:
        files.write(plot, files.Picture(charts.survival(result)))
    return result


def _through(stego: Path, quality: int, wanted: np.ndarray) -> float | None:
    """PSNR of the picture that a recompressed copy reveals; None when it reveals none, or its thumbnail alone."""
    copy, revealed = stego.with_name("copy.jpg"), stego.with_name("revealed.png")
    content = io.BytesIO()
    Image.fromarray(files.read(stego).rgb).save(content, "JPEG", quality=quality, subsampling="4:2:0")
    copy.write_bytes(content.getvalue())
    try:
        done = api.reveal(copy, revealed, force=True)
    except StegoError:
        return None
    if done.layer == "thumbnail":
        return None
    return metrics.psnr(wanted, files.read(revealed).rgb)


def _summary(quality: int, psnrs: list[float | None]) -> dict[str, Any]:
    recovered = [psnr for psnr in psnrs if psnr is not None]
    return {
        "quality": quality,
        "recovered": len(recovered) / len(psnrs),
        "secret_psnr": float(np.mean(recovered)) if recovered else None,
    }
