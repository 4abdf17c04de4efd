"""The training step as a CUDA graph: its kernels are recorded once and from then on launched all together.

A step on two pairs is thousands of kernels of some microseconds each, which take longer to launch one by one than to
run (Gray, "Getting started with CUDA graphs", NVIDIA, 2019). A recording holds addresses and plain numbers: what
changes from step to step must lie in tensors that stay where they are, and nothing may wait for the card.
"""

from collections.abc import Callable, Hashable

import torch
from torch import Tensor

# Steps taken as they are before one is recorded: the first ones set up the optimisers' state and the libraries.
WARM_UP = 3


class CaptureError(Exception):
    """The step can't be recorded; says why."""


def capture(step: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
    """Record what a step launches on the card, without running it.

    Returns:
        What launches all of it, and the tensor in which the step's result is then.
    """
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
    try:
        # Meanwhile the loader's thread pins memory, which would end a capture that watches all threads.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            result = step()
    finally:
        # A capture that fails leaves its own stream behind.
        torch.cuda.set_stream(stream)
    return graph.replay, result


class Replay:
    """Takes a step on one batch after another: at first as it is, then from a recording.

    Args:
        step: from a batch of covers and one of secrets to figures, a tensor on the device.
        device: where the batches of a recorded step lie.
    """

    def __init__(self, step: Callable[[Tensor, Tensor], Tensor], device: torch.device):
        self.step, self.device = step, device
        self._forget(None)

    def _forget(self, state: Hashable) -> None:
        self.state, self.taken = state, 0
        self.launch: Callable[[], None] | None = None

    def __call__(self, cover: Tensor, secret: Tensor, state: Hashable) -> Tensor:
        """The step's figures.

        Args:
            cover, secret: uint8, in any memory.
            state: what else the step depends on in Python; when it or a shape changes, recording starts anew.

        Raises:
            CaptureError: when the step can't be recorded; nothing was done then.
        """
        state = state, cover.shape, secret.shape
        if state != self.state:
            self._forget(state)
        if self.taken < WARM_UP:
            self.taken += 1
            return self.step(cover, secret)
        if not self.launch:
            self.batch = [torch.empty_like(pixels, device=self.device) for pixels in (cover, secret)]
            try:
                self.launch, self.figures = capture(lambda: self.step(*self.batch))
            except RuntimeError as error:
                raise CaptureError(str(error)) from error
        for own, pixels in zip(self.batch, (cover, secret), strict=True):
            own.copy_(pixels, non_blocking=True)
        self.launch()
        # The next step writes over them, perhaps before they are read.
        return self.figures.clone()
