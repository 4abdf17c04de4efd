"""What people look at: tables of figures in the terminal, grids of pictures as arrays."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from rich.table import Table
from rich.text import Text

from . import metrics

RESIDUAL_GAIN = 20
_INK, _PAPER = (40, 40, 40), (255, 255, 255)
_NAMES = {
    "hide_psnr": "hide PSNR",
    "hide_ssim": "hide SSIM",
    "hide_mse": "hide MSE",
    "reveal_psnr": "reveal PSNR",
    "reveal_ssim": "reveal SSIM",
    "reveal_mse": "reveal MSE",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "mse": "MSE",
    "bit_accuracy": "bit accuracy",
    "bit_error_rate": "bit error rate",
    "bits_per_pixel": "bits per pixel",
    "worst_block": "worst block",
    "hide_worst_block": "hide worst block",
    "reveal_worst_block": "reveal worst block",
}


def residual(cover: np.ndarray, stego: np.ndarray) -> np.ndarray:
    """What hiding changed, times `RESIDUAL_GAIN`, around mid-grey; uint8, (height, width, 3)."""
    difference = stego.astype(np.int32) - cover.astype(np.int32)
    return np.clip(128 + RESIDUAL_GAIN * difference, 0, 255).astype(np.uint8)


def picture_grid(rows: Sequence[tuple[np.ndarray, ...]], height: int = 200) -> np.ndarray:
    """One line of cover, stego, residual, secret, revealed for each (cover, stego, secret, revealed); uint8 RGB."""
    titles = ("cover", "stego", f"residual x{RESIDUAL_GAIN}", "secret", "revealed")
    lines = []
    for cover, stego, secret, revealed in rows:
        cells = [cover, stego, residual(cover, stego), secret, revealed]
        lines.append(
            [
                Image.fromarray(c).resize((max(1, c.shape[1] * height // c.shape[0]), height), Image.Resampling.LANCZOS)
                for c in cells
            ]
        )
    widths = [max(line[i].width for line in lines) for i in range(len(titles))]
    gap, top = 6, 18
    canvas = Image.new("RGB", (sum(widths) + gap * (len(widths) + 1), top + (height + gap) * len(lines)), _PAPER)
    draw = ImageDraw.Draw(canvas)
    left = gap
    for column, title in enumerate(titles):
        draw.text((left, 3), title, fill=_INK)
        for row, line in enumerate(lines):
            canvas.paste(line[column], (left, top + row * (height + gap)))
        left += widths[column] + gap
    return np.asarray(canvas)


def figure(name: str, value: float) -> str:
    """A figure with its unit."""
    if name.endswith(("psnr", "worst_block")):
        return "exact" if value == metrics.EXACT_PSNR else f"{value:.2f} dB"
    if name.startswith("bit_"):
        return f"{100 * value:.2f} %"
    return f"{value:.4f}" if name.endswith("ssim") else f"{value:.2f}"


def score_table(
    scores: dict[str, dict[str, float]], met: dict[str, bool] | None = None, title: str | None = None
) -> Table:
    """Figures down, one column a score; with `met`, the seed's targets and whether each is reached."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in scores:
        table.add_column(name, justify="right")
    if met is not None:
        table.add_column("target", justify="right")
        table.add_column("met")
    for key in next(iter(scores.values())):
        row: list[str | Text] = [_NAMES[key], *(figure(key, values[key]) for values in scores.values())]
        if met is not None and key in metrics.TARGETS:
            sign, goal = metrics.TARGETS[key]
            row += [f"{sign} {figure(key, goal)}", "yes" if met[key] else Text("no", style="bold red")]
        table.add_row(*row)
    return table
