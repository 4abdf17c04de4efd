"""The file from which a killed run goes on, and how far a run has come."""

import io
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..errors import StegoError
from ..picture import outputs

CHECKPOINT = "last.pt"
BEST = "best.safetensors"
LAST = "last.safetensors"
# Everything that a run leaves in its folder.
RUN_FILES = (CHECKPOINT, BEST, LAST, "metrics.csv", "metrics.json", "curves.png", "grid.png")


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
    """

    epoch: int = 0
    pairs_done: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] | None = None
    validation_set: str = ""
    sums: dict[str, float] = field(default_factory=dict)

    def add(self, **figures: float) -> None:
        for name, value in figures.items():
            self.sums[name] = self.sums.get(name, 0.0) + value


def refuse_another(out: Path) -> None:
    """Raises StegoError when the folder holds a run."""
    if any((out / name).exists() for name in RUN_FILES):
        raise StegoError(f"{out} holds a run: go on with --resume, replace it with --force or choose another --out.")


def write(out: Path, progress: Progress, **parts: dict[str, Any]) -> None:
    """Replace the checkpoint in the folder `out`; `parts` are what `read` gives back."""
    content = io.BytesIO()
    torch.save({**parts, "progress": asdict(progress)}, content)
    outputs.write_beside(out / CHECKPOINT, content.getvalue())


def read(out: Path) -> dict[str, Any]:
    """Read the checkpoint in `out`; weights_only, so that a stranger's file can't run code.

    Raises:
        StegoError: when it is missing or not a checkpoint.
    """
    path = out / CHECKPOINT
    if not path.is_file():
        raise StegoError(f"{path} does not exist: --resume goes on with the run in --out.")
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        return {**saved, "settings": saved["settings"], "progress": Progress(**saved["progress"])}
    except Exception:  # a damaged zip, a pickle of something else, a dict of something else
        raise StegoError(f"{path} is not a checkpoint of `stego train`: start a new run.") from None
