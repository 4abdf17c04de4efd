"""What training does instead of stopping: smaller steps on a full memory, no workers, no half precision."""

import time
from dataclasses import asdict, dataclass, field

import torch

# In this order: the first two change no result but the order of sums, the last two start a smaller network.
MEMORY_LADDER = ("activation checkpointing", "batch size 1 with gradient accumulation", "hidden 96", "7 blocks")
SMALLER_HIDDEN = 96
FEWER_BLOCKS = 7
# One bad step is a bad batch; three in a row are half precision that overflows.
BAD_STEPS_BEFORE_FLOAT32 = 3
# Where the flow amplifies a picture that it can't hold, gradients grow a thousandfold; clipped, they would still
# decide the whole step. Two such steps in a row have ended a run.
SPIKE = 10.0


@dataclass(frozen=True)
class Event:
    """One fallback taken.

    Attributes:
        kind: ``memory``, ``worker``, ``skipped step`` or ``precision``.
        action: what is done from now on.
        reason: the error's first line, or the loss.
        step: optimiser steps done when it happened.
        time: seconds since the epoch.
    """

    kind: str
    action: str
    reason: str
    step: int
    time: float = field(default_factory=time.time)

    def __str__(self) -> str:
        return f"step {self.step}: {self.reason}; {self.action}"

    as_dict = asdict


def is_out_of_memory(error: BaseException) -> bool:
    """CUDA says it with a class of its own, CPUs with a RuntimeError."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and ("can't allocate memory" in str(error) or "out of memory" in str(error))


def is_dead_worker(error: BaseException) -> bool:
    return isinstance(error, RuntimeError) and "DataLoader worker" in str(error)


def first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
