from dataclasses import replace

import pytest
import torch
from networks import uint8_pairs

from stegocli.errors import StegoError
from stegocli.flow import precision
from stegocli.flow.couplings import FlowConfig
from stegocli.training import ladder
from stegocli.training.journal import Journal
from stegocli.training.step import Learner

CPU = precision.choose("cpu", amp=False)


def failing(learner, monkeypatch, times, error):
    """Make the first `times` attempts at a step raise."""
    step, left = learner.step, [times]

    def faulty(*arguments):
        if left[0]:
            left[0] -= 1
            raise error
        return step(*arguments)

    monkeypatch.setattr(learner, "step", faulty)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")])
def test_memory_ladder_rung_by_rung(settings, monkeypatch, error):
    seen = []
    journal = Journal(seen.append)
    learner = Learner(replace(settings, flow=FlowConfig(levels=1, num_blocks=8, hidden_channels=100)), CPU)
    failing(learner, monkeypatch, 4, error)
    figures = ladder.attempt(learner, journal, *uint8_pairs(), 1e-3)
    assert torch.isfinite(figures).all()
    assert [e.action for e in journal.events] == list(ladder.RUNGS) and seen == journal.events
    assert learner.network.flow.checkpointing and learner.micro_batch == 1
    assert (learner.network.config.hidden_channels, learner.network.config.num_blocks) == (96, 7)
    failing(learner, monkeypatch, 1, error)
    with pytest.raises(StegoError, match="smallest network"):
        ladder.attempt(learner, journal, *uint8_pairs(), 1e-3)


def test_rungs_that_gain_nothing_are_left_out(settings, monkeypatch):
    learner, journal = Learner(replace(settings, batch_size=1), CPU), Journal()
    failing(learner, monkeypatch, 1, MemoryError())
    ladder.attempt(learner, journal, *uint8_pairs(1), 1e-3)
    assert [e.action for e in journal.events] == ["activation checkpointing"]
    failing(learner, monkeypatch, 1, MemoryError())
    with pytest.raises(StegoError, match="smallest network"):
        ladder.attempt(learner, journal, *uint8_pairs(1), 1e-3)


def test_other_errors_are_not_swallowed(settings, monkeypatch):
    learner = Learner(settings, CPU)
    failing(learner, monkeypatch, 1, RuntimeError("size mismatch"))
    with pytest.raises(RuntimeError, match="size mismatch"):
        ladder.attempt(learner, Journal(), *uint8_pairs(), 1e-3)
