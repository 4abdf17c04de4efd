from dataclasses import replace

import pytest
import torch
from networks import uint8_pairs

from stegocli.errors import StegoError
from stegocli.flow import precision
from stegocli.flow.couplings import FlowConfig
from stegocli.training import oom
from stegocli.training.events import EventLog
from stegocli.training.trainer import Trainer

CPU = precision.choose("cpu", amp=False)


def failing(trainer, monkeypatch, times, error):
    """Make the first `times` attempts at a step raise."""
    step, left = trainer.step, [times]

    def faulty(*arguments):
        if left[0]:
            left[0] -= 1
            raise error
        return step(*arguments)

    monkeypatch.setattr(trainer, "step", faulty)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")])
def test_memory_ladder_rung_by_rung(settings, monkeypatch, error):
    seen = []
    log = EventLog(seen.append)
    trainer = Trainer(replace(settings, flow=FlowConfig(levels=1, num_blocks=8, hidden_channels=100)), CPU)
    failing(trainer, monkeypatch, 4, error)
    figures = oom.attempt(trainer, log, *uint8_pairs(), 1e-3)
    assert torch.isfinite(figures).all()
    assert [e.action for e in log.events] == list(oom.FALLBACKS) and seen == log.events
    assert trainer.network.flow.checkpointing and trainer.micro_batch == 1
    assert (trainer.network.config.hidden_channels, trainer.network.config.num_blocks) == (96, 7)
    failing(trainer, monkeypatch, 1, error)
    with pytest.raises(StegoError, match="smallest network"):
        oom.attempt(trainer, log, *uint8_pairs(), 1e-3)


def test_rungs_that_gain_nothing_are_left_out(settings, monkeypatch):
    trainer, log = Trainer(replace(settings, batch_size=1), CPU), EventLog()
    failing(trainer, monkeypatch, 1, MemoryError())
    oom.attempt(trainer, log, *uint8_pairs(1), 1e-3)
    assert [e.action for e in log.events] == ["activation checkpointing"]
    failing(trainer, monkeypatch, 1, MemoryError())
    with pytest.raises(StegoError, match="smallest network"):
        oom.attempt(trainer, log, *uint8_pairs(1), 1e-3)


def test_other_errors_are_not_swallowed(settings, monkeypatch):
    trainer = Trainer(settings, CPU)
    failing(trainer, monkeypatch, 1, RuntimeError("size mismatch"))
    with pytest.raises(RuntimeError, match="size mismatch"):
        oom.attempt(trainer, EventLog(), *uint8_pairs(), 1e-3)
