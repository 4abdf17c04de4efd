"""Work on rows of subbands in strips: what is in memory together, how far it is, and what to do when memory is full."""

from collections.abc import Callable, Iterator

import torch

from . import cores
from .convolution import TILE
from .precision import is_out_of_memory

# Positions of the subbands in a strip, whose activations are in memory together: 512 bytes each, three at a time. More
# than four strips side by side are smaller.
POSITIONS = {"cpu": 3 << 13, "cuda": 1 << 18}
# Rows of a strip, at least, where a picture is so small that each thread gets no more than one: strips overlap.
_LEAST_ROWS = 16
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
        self.at_once = min(cores.MOST[device.type], torch.get_num_threads())
        self.rows = max(1, POSITIONS[device.type] // max(1, self.at_once // 4) // max(1, width))
        self.device, self.width, self.count, self.notice = device, width, count, notice
        torch.empty(_FREED, dtype=torch.uint8)

    def of(self, width: int) -> "Strips":
        """Of another width, counted together with these."""
        return Strips(self.device, width, self.count, self.notice)

    def cut(self, height: int, unit: int = 1) -> Iterator[slice]:
        """The strips of so many rows, each but the last a multiple of a unit."""
        return self._cut(slice(0, height), -(-self.rows // unit) * unit)

    @staticmethod
    def _cut(whole: slice, step: int) -> Iterator[slice]:
        return (slice(top, min(whole.stop, top + step)) for top in range(whole.start, whole.stop, step))

    def __call__(self, height: int, step: Callable[[int, int], None]) -> None:
        """Work on the strips, on a CPU side by side; on a full memory they halve, and the work goes on one by one."""
        too_large: list[int] = []

        def fits(strip: slice) -> bool:
            if too_large:
                return False
            try:
                step(strip.start, strip.stop)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error) or strip.stop - strip.start == 1:
                    raise
                too_large.append(strip.stop - strip.start)
                return False
            return True

        rows = min(self.rows, max(-(-height // self.at_once), _LEAST_ROWS))
        if rows > 2 * TILE:
            # The first convolution of two makes two rows more, which then are whole tiles.
            rows -= (rows + 2) % TILE
        left = list(self._cut(slice(0, height), rows))
        while left:
            rest = []
            for strip, done in zip(left, cores.side_by_side(fits, left, self.at_once), strict=True):
                if done:
                    self.count.add((strip.stop - strip.start) * self.width)
                else:
                    rest.append(strip)
            if too_large:
                self._halve(min(too_large))
                too_large.clear()
            left = [part for strip in rest for part in self._cut(strip, self.rows)]

    def _halve(self, rows: int) -> None:
        self.rows, self.at_once = -(-rows // 2), 1
        self.notice(f"memory is full: going on in strips of {self.rows} rows of subbands")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
