"""What training does when memory is full instead of stopping: rung by rung, smaller steps, then a smaller network."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import StegoError
from ..flow.couplings import FlowConfig
from ..flow.precision import is_out_of_memory
from .graph import CaptureError
from .journal import Journal
from .step import Learner

SMALLER_HIDDEN = 96
FEWER_BLOCKS = 7


def first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _checkpointing(learner: Learner) -> bool:
    gains = not learner.network.flow.checkpointing
    learner.network.flow.checkpointing = True
    return gains


def _single_pairs(learner: Learner) -> bool:
    gains = learner.micro_batch > 1
    learner.micro_batch = 1
    return gains


def _start_anew(learner: Learner, smaller: FlowConfig) -> bool:
    # A smaller network can't take over the weights of a larger one.
    gains = smaller != learner.network.config
    if gains:
        learner.start(smaller, checkpointing=True)
    return gains


def _narrower(learner: Learner) -> bool:
    config = learner.network.config
    return _start_anew(learner, config.limited(config.num_blocks, SMALLER_HIDDEN))


def _shallower(learner: Learner) -> bool:
    config = learner.network.config
    return _start_anew(learner, config.limited(FEWER_BLOCKS, config.hidden_channels))


# In this order: the first two change no result but the order of sums, the last two start a smaller network.
RUNGS: dict[str, Callable[[Learner], bool]] = {
    "activation checkpointing": _checkpointing,
    "batch size 1 with gradient accumulation": _single_pairs,
    f"hidden {SMALLER_HIDDEN}": _narrower,
    f"{FEWER_BLOCKS} blocks": _shallower,
}


def descend(learner: Learner) -> str:
    """Take the next rung that gains something; returns its name.

    Raises:
        StegoError: at the bottom.
    """
    learner.network.zero_grad(set_to_none=True)
    if learner.precision.device.type == "cuda":
        torch.cuda.empty_cache()
    for action, take in RUNGS.items():
        if take(learner):
            return action
    raise StegoError("Memory is full even with the smallest network: use a smaller --crop.")


def attempt(learner: Learner, journal: Journal, cover: Tensor, secret: Tensor, rate: float) -> Tensor:
    """`Learner.step` with as many rungs down as it takes."""
    while True:
        try:
            return learner.step(cover, secret, rate)
        except CaptureError as error:
            learner.replay = None
            journal.record("graph", "kernels launched one by one", first_line(error))
            continue
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            reason = first_line(error)
        # Outside the handler, since the exception keeps the failed step's tensors alive.
        journal.record("memory", descend(learner), reason)
