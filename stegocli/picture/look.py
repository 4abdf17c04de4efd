"""What people look at: residuals and grids of pictures, as arrays."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

RESIDUAL_GAIN = 20
_INK, _PAPER = (40, 40, 40), (255, 255, 255)


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
