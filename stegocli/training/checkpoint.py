"""The file from which a killed run goes on, and how far a run has come."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import torch

from ..errors import StegoError, option
from ..flow.precision import is_out_of_memory
from ..picture import outputs
from ..picture.inputs import short
from .conform import build, conform

CHECKPOINT = "last.pt"
BEST = "best.safetensors"
LAST = "last.safetensors"
# Everything that a run leaves in its folder.
RUN_FILES = (CHECKPOINT, BEST, LAST, "metrics.csv", "metrics.json", "curves.png", "grid.png")


class Row(TypedDict):
    """Figures of an epoch: those of training are None where it took no step."""

    epoch: int
    step: int
    learning_rate: float
    loss: float | None
    train_hide_psnr: float | None
    train_reveal_psnr: float | None
    val_hide_psnr: float
    val_hide_ssim: float
    val_reveal_psnr: float
    val_reveal_ssim: float
    val_bit_accuracy: float
    samples_per_second: float


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        epoch: whole epochs done.
        pairs_done: of the epoch under way, by all processes together.
        history: one row of figures for each epoch.
        best: the row whose weights are kept as the best.
        validation_set: identifies the pictures that `best` was judged by.
        sums: of the epoch under way: loss and errors of the steps taken, their number, and seconds.

    Raises:
        ValueError: for numbers that can't be.
    """

    epoch: int = 0
    pairs_done: int = 0
    history: list[Row] = field(default_factory=list)
    best: Row | None = None
    validation_set: str = ""
    sums: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.pairs_done < 0 or [row["epoch"] for row in self.history] != list(range(1, self.epoch + 1)):
            raise ValueError(
                f"{self.epoch} epochs and {self.pairs_done} pairs done, {len(self.history)} in the history"
            )

    def add(self, **figures: float) -> None:
        for name, value in figures.items():
            self.sums[name] = self.sums.get(name, 0.0) + value


def refuse_another(out: Path) -> None:
    """Raises StegoError when the folder holds a run."""
    if any(os.path.exists(out / name) for name in RUN_FILES):
        raise StegoError(
            f"{out} holds a run: go on with {option('resume')}, replace it with {option('force')} or choose another "
            f"{option('out')}."
        )


def write(out: Path, progress: Progress, parts: dict[str, dict[str, Any]]) -> None:
    """Replace the checkpoint in the folder `out`; `parts` are what `read` gives back."""
    content = io.BytesIO()
    torch.save({**parts, "progress": asdict(progress)}, content)
    outputs.write_beside(out / CHECKPOINT, content.getvalue())


@contextmanager
def believed(out: Path) -> Iterator[None]:
    """Around all that a checkpoint's content is taken for: what can't be is said in a sentence.

    Raises:
        StegoError: for any error but a full memory.
    """
    try:
        yield
    except Exception as error:  # a damaged zip, a pickle of something else, values that don't go together
        if is_out_of_memory(error):
            raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise StegoError(
            f"{out / CHECKPOINT} is not a checkpoint of `stego train`, or was altered ({reason}): start a new run."
        ) from None


def read(out: Path) -> dict[str, Any]:
    """Read the checkpoint in `out`; weights_only, so that a stranger's file can't run code.

    Returns:
        The parts that `write` was given, as dicts, and ``progress``.

    Raises:
        StegoError: when it is missing or not a checkpoint.
    """
    path = out / CHECKPOINT
    if not os.path.isfile(path):
        raise StegoError(f"{short(path)} does not exist: {option('resume')} goes on with the run in {option('out')}.")
    with believed(out):
        saved = conform(torch.load(path, map_location="cpu", weights_only=True), dict[str, dict[str, Any]])
        if missing := {"settings", "learner", "journal", "progress"} - saved.keys():
            raise ValueError(f"no {', '.join(sorted(missing))}")
        return {**saved, "progress": build(Progress, saved["progress"])}
