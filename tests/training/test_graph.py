"""A card's recording, played by a tape on the CPU: like a CUDA graph it repeats operations on the same memory with the
same plain numbers, whatever Python has come to think since."""

from dataclasses import replace

import pytest
import torch
from conftest import same_weights, uint8_pairs
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from stegocli.flow import precision
from stegocli.training import graph, ladder
from stegocli.training.journal import Journal
from stegocli.training.step import Learner

CPU = precision.choose("cpu", amp=False)


class Tape(TorchDispatchMode):
    """Every operation with what it was given and what it gave."""

    def __init__(self):
        super().__init__()
        self.operations = []

    def __torch_dispatch__(self, function, types, given=(), named=None):
        if function is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        result = function(*given, **(named or {}))
        self.operations.append((function, given, named or {}, result))
        return result

    def play(self):
        with torch.no_grad():
            for function, given, named, result in self.operations:
                again = function(*given, **named)
                for old, new in zip(tree_leaves(result), tree_leaves(again), strict=True):
                    if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                        old.copy_(new)


def capture(step):
    """Records without leaving a trace, as a capture does: what the tape's own run changed is put back."""
    tape = Tape()
    with tape:
        result = step()
    return tape.play, result


@pytest.fixture
def recorded(settings, monkeypatch):
    """A learner that replays; beside it the number of captures."""
    captures = []

    def untouched(step):
        state = [(t, t.detach().clone()) for t in tensors_of(learner)]
        launch, result = capture(step)
        with torch.no_grad():
            for tensor, before in state:
                tensor.copy_(before)
        captures.append(launch)
        return launch, result

    monkeypatch.setattr(graph, "capture", untouched)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    learner = Learner(settings, CPU)
    learner.replay = learner._replay()
    return learner, captures


def tensors_of(learner):
    states = [s for o in (learner.muon, learner.adam) for s in o.state.values()]
    return [
        *learner.network.state_dict().values(), *learner.average.state_dict().values(),
        *(v for state in states for v in state.values()), learner.attempts, learner.usual_norm,
    ]  # fmt: skip


def test_replayed_steps_are_the_steps(settings, recorded):
    settings = replace(settings, warmup_steps=4)
    replayed, captures = recorded
    replayed.settings = settings
    plain = Learner(settings, CPU)
    batches = [uint8_pairs() for _ in range(12)]
    batches[9][0] *= 0  # a batch unlike the others
    for number, batch in enumerate(batches):
        rate = 1e-2 / (1 + number)
        torch.testing.assert_close(plain.step(*batch, rate), replayed.step(*batch, rate), equal_nan=True)
    assert len(captures) == 1
    one, other = plain.state(), replayed.state()
    assert one["attempts"] == other["attempts"] == 12
    for name in ("network", "average"):
        for a, b in zip(one[name].values(), other[name].values(), strict=True):
            torch.testing.assert_close(a, b)


def test_a_bad_batch_changes_nothing_in_a_recorded_step_either(recorded):
    learner, captures = recorded
    for _ in range(graph.WARM_UP + 1):
        learner.step(*uint8_pairs(), 1e-3)
    before = {name: value.clone() for name, value in learner.network.state_dict().items()}
    assert captures and learner.step(*uint8_pairs(), float("nan"))[-1] == 1, "the rate is read anew"
    learner.network.load_state_dict(before)
    learner.usual_norm.fill_(1e-9)
    learner.attempts.fill_(10_000)
    assert learner.step(*uint8_pairs(), 1e-3)[-1] == 0
    assert same_weights(before, learner.network.state_dict())


def test_what_a_step_depends_on_is_recorded_anew(recorded):
    learner, captures = recorded
    for change in (lambda: None, lambda: setattr(learner, "micro_batch", 1), lambda: None):
        change()
        for _ in range(graph.WARM_UP + 2):
            learner.step(*uint8_pairs(), 1e-3)
    assert len(captures) == 2
    for _ in range(graph.WARM_UP + 2):
        learner.step(*uint8_pairs(1), 1e-3)
    assert len(captures) == 3
    first = learner.replay
    learner.leave_mixed_precision()
    assert learner.replay is not first


def test_figures_stay_when_the_next_step_is_taken(recorded):
    learner, _ = recorded
    for _ in range(graph.WARM_UP):
        learner.step(*uint8_pairs(), 1e-3)
    figures = learner.step(*uint8_pairs(), 1e-3)
    copy = figures.clone()
    learner.step(*uint8_pairs(), 1e-3)
    assert torch.equal(figures, copy)


def test_what_can_not_be_recorded_is_launched_step_by_step(recorded, monkeypatch):
    learner, _ = recorded

    def refuses(step):
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(graph, "capture", refuses)
    journal = Journal()
    for number in range(graph.WARM_UP + 2):
        assert ladder.attempt(learner, journal, *uint8_pairs(), 1e-3)[-1] == 1
        assert int(learner.attempts) == number + 1
    assert [(e.kind, e.reason) for e in journal.events] == [
        ("graph", "CUDA error: operation not permitted when stream is capturing")
    ]


@pytest.mark.parametrize("switch", ["actnorm", "conv1x1"])
def test_networks_that_wait_for_the_card_are_not_recorded(settings, switch):
    learner = Learner(replace(settings, flow=replace(settings.flow, **{switch: True})), CPU)
    assert learner._replay() is None
