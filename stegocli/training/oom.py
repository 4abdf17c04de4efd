"""What training does when memory is full instead of stopping: rung by rung, smaller steps, then a smaller network."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import StegoError, option
from ..flow.couplings import FlowConfig
from ..flow.precision import is_out_of_memory
from .events import EventLog
from .graph import CaptureError
from .trainer import Trainer

SMALLER_HIDDEN = 96
FEWER_BLOCKS = 7


def first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _checkpointing(trainer: Trainer) -> bool:
    gains = not trainer.network.flow.checkpointing
    trainer.network.flow.checkpointing = True
    return gains


def _single_pairs(trainer: Trainer) -> bool:
    gains = trainer.micro_batch > 1
    trainer.micro_batch = 1
    return gains


def _start_anew(trainer: Trainer, smaller: FlowConfig) -> bool:
    # A smaller network can't take over the weights of a larger one.
    gains = smaller != trainer.network.config
    if gains:
        trainer.start(smaller, checkpointing=True)
    return gains


def _narrower(trainer: Trainer) -> bool:
    config = trainer.network.config
    return _start_anew(trainer, config.limited(config.num_blocks, SMALLER_HIDDEN))


def _shallower(trainer: Trainer) -> bool:
    config = trainer.network.config
    return _start_anew(trainer, config.limited(FEWER_BLOCKS, config.hidden_channels))


# In this order: the first two change no result but the order of sums, the last two start a smaller network.
FALLBACKS: dict[str, Callable[[Trainer], bool]] = {
    "activation checkpointing": _checkpointing,
    "batch size 1 with gradient accumulation": _single_pairs,
    f"hidden {SMALLER_HIDDEN}": _narrower,
    f"{FEWER_BLOCKS} blocks": _shallower,
}


def fall_back(trainer: Trainer) -> str:
    """Take the next rung that gains something; returns its name.

    Raises:
        StegoError: at the bottom.
    """
    trainer.network.zero_grad(set_to_none=True)
    if trainer.precision.device.type == "cuda":
        torch.cuda.empty_cache()
    for action, take in FALLBACKS.items():
        if take(trainer):
            return action
    raise StegoError(f"Memory is full even with the smallest network: use a smaller {option('crop')}.")


def attempt(trainer: Trainer, log: EventLog, cover: Tensor, secret: Tensor, rate: float) -> Tensor:
    """`Trainer.step` with as many rungs down as it takes."""
    while True:
        try:
            return trainer.step(cover, secret, rate)
        except CaptureError as error:
            trainer.replay = None
            log.record("graph", "kernels launched one by one", first_line(error))
            continue
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            reason = first_line(error)
        # Outside the handler, since the exception keeps the failed step's tensors alive.
        log.record("memory", fall_back(trainer), reason)
