"""Parts of a batch side by side on the cores of a CPU."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")


def side_by_side(work: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """The work's results in the order of the parts, each on its share of PyTorch's threads.

    The operations of a training step are so small that threads which share each of them wait as long as they work.
    """
    if len(parts) == 1:
        return [work(parts[0])]
    threads = torch.get_num_threads()
    share = max(1, threads // len(parts))
    try:
        with ThreadPoolExecutor(len(parts), initializer=torch.set_num_threads, initargs=(share,)) as pool:
            return list(pool.map(work, parts))
    finally:
        # What a new thread sets counts for those that start after it, too.
        torch.set_num_threads(threads)
