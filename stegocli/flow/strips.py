"""Work on rows of subbands in strips: what is in memory together, how far it is, and what to do when memory is full."""

from collections.abc import Callable, Iterator

import torch

from .precision import is_out_of_memory

# Positions of the subbands whose activations are in memory together: 512 bytes each, two or three at a time.
POSITIONS = {"cpu": 1 << 15, "cuda": 1 << 18}
# glibc gives what a strip frees back to the system, and gets it anew, page by page, for the next. It stops that for
# chunks up to the largest that it has seen freed, if that was not over 32 MiB.
_FREED = 31 << 20
Progress = Callable[[float], None]
Notice = Callable[[str], None]


def unseen(share: float) -> None:
    """Progress that nobody looks at."""


class Count:
    """How much of the work is done, in positions of the subbands."""

    def __init__(self, progress: Progress):
        self.total, self.done, self.shown = 1.0, 0, 0.0
        self.progress = progress

    def add(self, positions: int) -> None:
        self.done += positions
        # Work that turns up on the way never takes back what was shown.
        self.shown = max(self.shown, self.done / self.total)
        self.progress(min(1.0, self.shown))


class Strips:
    """Cuts work on rows of subbands into strips that fit into memory and the processor's cache, and counts them."""

    def __init__(self, device: torch.device, width: int, count: Count, notice: Notice):
        self.rows = max(1, POSITIONS[device.type] // max(1, width))
        self.device, self.width, self.count, self.notice = device, width, count, notice
        torch.empty(_FREED, dtype=torch.uint8)

    def of(self, width: int) -> "Strips":
        """Of another width, counted together with these."""
        return Strips(self.device, width, self.count, self.notice)

    def cut(self, height: int, unit: int = 1) -> Iterator[slice]:
        """The strips of so many rows, each but the last a multiple of a unit."""
        step = -(-self.rows // unit) * unit
        return (slice(top, min(height, top + step)) for top in range(0, height, step))

    def __call__(self, height: int, step: Callable[[int, int], None]) -> None:
        """Work on the strips one after another; on a full memory they halve and the work goes on."""
        top = 0
        while top < height:
            bottom = min(height, top + self.rows)
            try:
                step(top, bottom)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error) or self.rows == 1:
                    raise
            else:
                self.count.add((bottom - top) * self.width)
                top = bottom
                continue
            # Not in the handler: the traceback holds on to the very tensors that are too many.
            self.rows = -(-self.rows // 2)
            self.notice(f"memory is full: going on in strips of {self.rows} rows of subbands")
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
