"""The training step as a CUDA graph: its kernels are recorded once and from then on launched all together.

A step on two pairs is thousands of kernels of some microseconds each, which may take longer to launch one by one than
to run (Gray, "Getting started with CUDA graphs", NVIDIA, 2019). A recording holds addresses and plain numbers: what
changes from step to step must lie in tensors that stay where they are, and nothing may wait for the card.
"""

import gc
from collections.abc import Callable, Hashable

import torch
from torch import Tensor

# Steps taken as they are before one is recorded: the first ones set up the optimisers' state and the libraries.
WARM_UP = 3

Step = Callable[[Tensor, Tensor], Tensor]


class CaptureError(Exception):
    """The step can't be recorded; says why."""


def _cause(error: BaseException) -> str:
    """The end of a capture reports only that something went wrong before; that is what counts."""
    while error.__context__:
        error = error.__context__
    return str(error)


def capture(step: Step, cover: Tensor, secret: Tensor) -> tuple[Callable[[], None], Tensor]:
    """Record what a step on these batches launches on the card, without running it.

    Returns:
        What launches all of it, and the tensor in which the step's result is then.

    Raises:
        RuntimeError: when it can't be recorded. PyTorch before 2.12 then keeps the memory of the attempt.
    """
    # A graph that is thrown away while another is recorded would end the recording.
    gc.collect()
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
    try:
        # Meanwhile the loader's thread pins memory, which would end a capture that watches all threads.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            result = step(cover, secret)
    finally:
        # A capture that fails leaves its own stream behind.
        torch.cuda.set_stream(stream)
    return graph.replay, result


class Replay:
    """Takes a step on one batch after another: at first as it is, then from a recording.

    Args:
        device: where the batches of a recorded step lie.
        non_blocking: False waits for their copies.
    """

    def __init__(self, device: torch.device, non_blocking: bool = True):
        self.device, self.non_blocking = device, non_blocking
        self._forget(None)

    def _forget(self, state: Hashable) -> None:
        self.state, self.taken = state, 0
        self.launch: Callable[[], None] | None = None

    def __call__(self, step: Step, cover: Tensor, secret: Tensor, state: Hashable) -> Tensor:
        """The step's figures.

        Args:
            step: from a batch of covers and one of secrets to figures on the device; always the same.
            cover, secret: uint8, in any memory.
            state: what else the step depends on in Python; when it or a shape changes, recording starts anew.

        Raises:
            CaptureError: when the step can't be recorded; it was not taken then.
        """
        state = state, cover.shape, secret.shape
        if state != self.state:
            self._forget(state)
        if self.taken < WARM_UP:
            # On the stream of all else, since nothing of a step's autograd graph is left when it is done.
            self.taken += 1
            return step(cover, secret)
        if not self.launch:
            self.batch = [torch.empty_like(pixels, device=self.device) for pixels in (cover, secret)]
            try:
                self.launch, self.figures = capture(step, *self.batch)
            except RuntimeError as error:
                raise CaptureError(_cause(error)) from error
        for own, pixels in zip(self.batch, (cover, secret), strict=True):
            own.copy_(pixels, non_blocking=self.non_blocking)
        self.launch()
        # The next step writes over them, perhaps before they are read.
        return self.figures.clone()
