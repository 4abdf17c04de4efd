"""The processes that train together under `torchrun`: who is_main, how gradients and figures become one.

One process without `torchrun` is a group of one, for which all of this does nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class ProcessGroup:
    """Which of how many processes this one is.

    Attributes:
        rank: from 0 to size - 1; number 0 is_main: it alone writes files and shows progress.
        size: how many processes there are, on all machines together.
        device: where this one computes; None for the best device present.
    """

    rank: int = 0
    size: int = 1
    device: str | None = None

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def average(self, tensors: list[Tensor]) -> None:
        """Replace each tensor by its mean over the processes; all tensors travel as one."""
        if self.size == 1:
            return
        flat = torch.cat([t.flatten() for t in tensors])
        dist.all_reduce(flat)
        flat /= self.size
        for tensor, part in zip(tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view(tensor.shape))

    def any(self, mine: bool) -> bool:
        """Whether it is true of at least one process. On CPU tensors, so that no GPU has to finish for it."""
        if self.size == 1:
            return mine
        flag = torch.tensor(float(mine))
        dist.all_reduce(flag, op=dist.ReduceOp.MAX)
        return bool(flag)

    @contextmanager
    def fail_together(self) -> Iterator[None]:
        """When the block fails in one process, it fails in all: the others would wait for its gradient for ever.

        Raises:
            MemoryError: where another process failed.
        """
        try:
            yield
        except Exception:
            self.any(True)
            raise
        if self.any(False):
            raise MemoryError("out of memory in another process")

    def gather(self, mine: list[Any]) -> list[Any]:
        """The lists of all processes as one, dealt as cards are: the first of each, the second of each, ..."""
        if self.size == 1:
            return mine
        lists: list[Any] = [None] * self.size
        dist.all_gather_object(lists, mine)
        longest = max(map(len, lists))
        return [part[i] for i in range(longest) for part in lists if i < len(part)]


@contextmanager
def join() -> Iterator[ProcessGroup]:
    """The process group, as `torchrun` tells it in the environment; leaves it at the end."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ProcessGroup()
        return
    rank, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    on_card = torch.cuda.is_available()
    if on_card:
        torch.cuda.set_device(local)
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_card else "gloo")
    try:
        yield ProcessGroup(rank, size, f"cuda:{local}" if on_card else "cpu")
        dist.barrier()  # none closes its connections while another still reads from them
    finally:
        dist.destroy_process_group()
