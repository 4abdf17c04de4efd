"""What people look at: tables and progress in the terminal, curves and picture grids as arrays."""

import numpy as np
from PIL import Image, ImageDraw
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from . import metrics

RESIDUAL_GAIN = 20
_INK, _PAPER = (40, 40, 40), (255, 255, 255)
_COLOURS = ((31, 119, 180), (214, 39, 40), (44, 160, 44), (148, 103, 189))
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


def picture_grid(rows: list[tuple[np.ndarray, ...]], height: int = 200) -> np.ndarray:
    """One line of cover, stego, residual, secret, revealed for each (cover, stego, secret, revealed); uint8 RGB."""
    titles = ("cover", "stego", f"residual x{RESIDUAL_GAIN}", "secret", "revealed")
    lines = []
    for cover, stego, secret, revealed in rows:
        cells = [cover, stego, residual(cover, stego), secret, revealed]
        lines.append(
            [
                Image.fromarray(c).resize((max(1, c.shape[1] * height // c.shape[0]), height), Image.LANCZOS)
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


def chart(title: str, lines: dict[str, list[tuple[float, float]]], size: tuple[int, int] = (560, 300)) -> Image.Image:
    """A plain line chart of (x, y) points: title, ticks, grid, legend; points that are no numbers are left out."""
    width, height = size
    left, right, top, bottom = 56, 16, 26, 24
    canvas = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(canvas)
    points = [p for line in lines.values() for p in line if np.isfinite(p).all()] or [(0.0, 0.0)]
    (low_x, low_y), (high_x, high_y) = np.min(points, 0), np.max(points, 0)
    span_x, span_y = (high_x - low_x) or 1.0, (high_y - low_y) or 1.0

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            left + (x - low_x) / span_x * (width - left - right),
            height - bottom - (y - low_y) / span_y * (height - top - bottom),
        )

    for part in np.linspace(0, 1, 5):
        x, y = at(low_x + part * span_x, low_y + part * span_y)
        draw.line((left, y, width - right, y), fill=(225, 225, 225))
        draw.text((4, y - 6), f"{low_y + part * span_y:.4g}", fill=_INK)
        draw.text((x - 8, height - bottom + 6), f"{low_x + part * span_x:.4g}", fill=_INK)
    draw.text((left, 6), title, fill=_INK)
    legend = width - right
    for colour, (name, line) in reversed(list(zip(_COLOURS, lines.items(), strict=False))):
        places = [at(*p) for p in line if np.isfinite(p).all()]
        if len(places) > 1:
            draw.line(places, fill=colour, width=2)
        for x, y in places if len(places) < 30 else []:
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
        legend -= int(draw.textlength(name)) + 14
        draw.text((legend, 6), name, fill=colour)
    return canvas


def training_curves(history: list[dict]) -> np.ndarray:
    """Loss, PSNRs and learning rate over the epochs, side by side; uint8 RGB."""

    def over_epochs(key: str) -> list[tuple[float, float]]:
        return [(row["epoch"], row[key]) for row in history]

    psnrs = [key for key in history[0] if key.endswith("_psnr")]
    charts = [
        chart("loss", {"train": over_epochs("loss")}),
        chart("PSNR, dB", {key.removesuffix("_psnr"): over_epochs(key) for key in psnrs}),
        chart("learning rate", {"rate": over_epochs("learning_rate")}),
    ]
    return np.hstack([np.asarray(c) for c in charts])


def method_map(compared: dict[str, dict], top: float = 60.0) -> np.ndarray:
    """Mean cover PSNR against mean secret PSNR, cut at `top`, where all or most is bit for bit; uint8 RGB."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for name, result in compared.items():
        mean = result["mean"]
        lines.setdefault(name.split()[0], []).append((mean["hide_psnr"], min(mean["reveal_psnr"], top)))
    return np.asarray(chart(f"secret PSNR over cover PSNR, dB ({top:g}: exact)", lines, (640, 400)))


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
        row = [_NAMES[key], *(figure(key, values[key]) for values in scores.values())]
        if met is not None:
            sign, goal = metrics.TARGETS.get(key, ("", 0.0))
            row += [
                f"{sign} {figure(key, goal)}" if sign else "",
                ("yes" if met[key] else "[bold red]no[/]") if sign else "",
            ]
        table.add_row(*row)
    return table


class Silent:
    """A display that shows nothing."""

    def start(self, trainer, epoch: int) -> None: ...

    def step(self, epoch: int, batch: int, figures: dict[str, float], samples: int) -> None: ...

    def epoch(self, row: dict, best: dict) -> None: ...

    def event(self, event) -> None: ...


class TrainingDisplay(Silent):
    """A bar with the live loss, PSNRs, samples/s and time left, and a line for each epoch and fallback."""

    def __init__(self, console: Console):
        self.console = console
        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[live]}"),
            TextColumn("left"), TimeRemainingColumn(), console=console,
        )  # fmt: skip
        self.averages: dict[str, float] = {}

    def __enter__(self) -> "TrainingDisplay":
        return self

    def __exit__(self, *error) -> None:
        if self.progress.tasks:
            self.progress.stop()

    def start(self, trainer, epoch: int) -> None:
        pictures = trainer.pictures
        skipped = f", {pictures.skipped} unreadable or too small skipped" if pictures.skipped else ""
        self.console.print(f"{len(pictures)} pictures{skipped}; {trainer.precision}; {trainer.workers} workers")
        parameters = sum(p.numel() for p in trainer.network.parameters())
        self.console.print(f"{trainer.network.config}: {parameters:,} parameters")
        self.per_epoch = len(trainer.train_loader)
        self.epochs = trainer.settings.epochs
        self.progress.start()
        self.task = self.progress.add_task("", total=trainer.steps_total, completed=epoch * self.per_epoch, live="")

    def step(self, epoch: int, batch: int, figures: dict[str, float], samples: int) -> None:
        for name, value in figures.items():
            self.averages[name] = 0.95 * self.averages.get(name, value) + 0.05 * value
        speed = self.progress.tasks[self.task].speed or 0
        live = ""
        if self.averages:
            hide, reveal = (metrics.psnr_of(self.averages[k]) for k in ("hide_mse", "reveal_mse"))
            live = (
                f"loss {self.averages['loss']:.2f}  hide {hide:.2f} dB  reveal {reveal:.2f} dB  "
                f"{speed * samples:.1f} samples/s"
            )
        self.progress.update(
            self.task,
            completed=epoch * self.per_epoch + batch,
            description=f"epoch {epoch + 1}/{self.epochs}",
            live=live,
        )

    def epoch(self, row: dict, best: dict) -> None:
        mark = "  best" if row is best else ""
        self.console.print(
            f"epoch {row['epoch']}/{self.epochs}  loss {row['loss']:.2f}  validation: "
            f"hide {row['val_hide_psnr']:.2f} dB {row['val_hide_ssim']:.4f}, "
            f"reveal {row['val_reveal_psnr']:.2f} dB {row['val_reveal_ssim']:.4f}, "
            f"{row['samples_per_second']:.1f} samples/s{mark}",
            soft_wrap=True,
        )

    def event(self, event) -> None:
        self.console.print(f"fallback: {event}", style="yellow", soft_wrap=True)
