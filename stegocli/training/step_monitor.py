"""Reads the figures of the steps, a few at a time, and acts on bad ones."""

import math

import torch
from torch import Tensor

from ..errors import StegoError, option
from .events import EventLog
from .trainer import FIGURES, Trainer

# One bad step is a bad batch; three in a row are half precision that overflows.
BAD_STEPS_BEFORE_FLOAT32 = 3
# Reading waits until a GPU has finished; a CPU has always finished.
READ_EVERY = {"cuda": 16}


class StepMonitor:
    """The figures that have not been read yet, and how many bad steps came last."""

    def __init__(self, trainer: Trainer, log: EventLog):
        self.trainer = trainer
        self.log = log
        self.bad_steps = 0
        self.every = READ_EVERY.get(trainer.precision.device.type, 1)
        self.unread: list[Tensor] = []

    def add(self, figures: Tensor) -> list[dict[str, float]]:
        """Take a step's figures; returns those of the steps that changed something, when it is time to read."""
        self.unread.append(figures)
        return self.read() if len(self.unread) >= self.every else []

    def read(self) -> list[dict[str, float]]:
        """Read what is left; returns loss, hide_mse and reveal_mse of each step that changed something.

        Raises:
            StegoError: when the loss stays infinite in float32.
        """
        rows = torch.stack(self.unread).tolist() if self.unread else []
        self.unread = []
        return [taken for row in rows if (taken := self._judge(dict(zip(FIGURES, row, strict=True))))]

    def _judge(self, row: dict[str, float]) -> dict[str, float]:
        norm, usual = row.pop("norm"), row.pop("usual")
        if row.pop("taken"):
            self.bad_steps = 0
            self.log.step += 1
            return row
        if math.isfinite(row["loss"]) and math.isfinite(norm):
            self.bad_steps = 0
            self.log.record("skipped step", "step skipped", f"gradient of {norm:.0f}, usually {usual:.0f}")
        elif not math.isfinite(row["loss"]) or not self.trainer.scaler.is_enabled():
            self._bad(row["loss"])
        # float16 gradients that overflow are the scaler's business: it tries a lower scale with the next step.
        return {}

    def _bad(self, loss: float) -> None:
        self.bad_steps += 1
        self.log.record("skipped step", "step skipped", f"loss or gradient is not finite ({loss})")
        if self.bad_steps < BAD_STEPS_BEFORE_FLOAT32:
            return
        self.bad_steps = 0
        if not self.trainer.precision.is_mixed:
            raise StegoError(f"The loss stays infinite in float32: lower {option('learning_rate')}.")
        self.trainer.leave_mixed_precision()
        self.log.record("precision", "mixed precision off", f"{BAD_STEPS_BEFORE_FLOAT32} such steps in a row")
