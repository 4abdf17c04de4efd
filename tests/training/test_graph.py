"""A card's recording, played by a tape on the CPU: like a CUDA graph it repeats operations on the same memory with the
same plain numbers, whatever Python has come to think since."""

from dataclasses import replace

import pytest
import torch
from networks import same_weights, uint8_pairs
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from stegocli.flow import precision
from stegocli.training import graph, oom
from stegocli.training.events import EventLog
from stegocli.training.process_group import ProcessGroup
from stegocli.training.trainer import Trainer

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


def capture(step, *batch):
    tape = Tape()
    with tape:
        result = step(*batch)
    return tape.play, result


@pytest.fixture
def captures(monkeypatch):
    """What the tape has recorded. It runs the step for that, which a card doesn't: what that changed is put back."""
    taken = []

    def untouched(step, *batch):
        state = [(t, t.detach().clone()) for t in tensors_of(step.__self__)]
        launch, result = capture(step, *batch)
        with torch.no_grad():
            for tensor, before in state:
                tensor.copy_(before)
        taken.append(launch)
        return launch, result

    monkeypatch.setattr(graph, "capture", untouched)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    return taken


@pytest.fixture
def recorded(settings, captures):
    return replaying(settings), captures


def replaying(settings, where=CPU):
    trainer = Trainer(settings, where)
    trainer.replay = graph.Replay(CPU.device)
    return trainer


def tensors_of(trainer):
    states = [s for o in (trainer.muon, trainer.adam) for s in o.state.values()]
    return [
        *trainer.network.state_dict().values(), *trainer.ema.state_dict().values(),
        *(v for state in states for v in state.values()), trainer.attempts, trainer.usual_norm,
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["as it is", "mixed", "checkpointing"])
def test_replayed_steps_are_the_steps(settings, captures, how):
    settings = replace(settings, warmup_steps=4)
    where = precision.Precision(CPU.device, torch.bfloat16 if how == "mixed" else torch.float32)
    plain, replayed = Trainer(settings, where), replaying(settings, where)
    for trainer in (plain, replayed):
        trainer.network.flow.checkpointing = how == "checkpointing"
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
    trainer, captures = recorded
    for _ in range(graph.WARM_UP + 1):
        trainer.step(*uint8_pairs(), 1e-3)
    assert captures
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    trainer.usual_norm.fill_(1e-9)
    trainer.attempts.fill_(10_000)
    assert trainer.step(*uint8_pairs(), 1e-3)[-1] == 0
    assert same_weights(before, trainer.network.state_dict())


def test_what_a_step_depends_on_is_recorded_anew(recorded):
    trainer, captures = recorded
    for change in (lambda: None, lambda: setattr(trainer, "micro_batch", 1), lambda: None):
        change()
        for _ in range(graph.WARM_UP + 2):
            trainer.step(*uint8_pairs(), 1e-3)
    assert len(captures) == 2
    for _ in range(graph.WARM_UP + 2):
        trainer.step(*uint8_pairs(1), 1e-3)
    assert len(captures) == 3


def test_figures_stay_when_the_next_step_is_taken(recorded):
    trainer, _ = recorded
    for _ in range(graph.WARM_UP):
        trainer.step(*uint8_pairs(), 1e-3)
    figures = trainer.step(*uint8_pairs(), 1e-3)
    copy = figures.clone()
    trainer.step(*uint8_pairs(), 1e-3)
    assert torch.equal(figures, copy)


def test_what_can_not_be_recorded_is_launched_step_by_step(recorded, monkeypatch):
    trainer, _ = recorded

    def refuses(*_):
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(graph, "capture", refuses)
    log = EventLog()
    for number in range(graph.WARM_UP + 2):
        assert oom.attempt(trainer, log, *uint8_pairs(), 1e-3)[-1] == 1
        assert int(trainer.attempts) == number + 1
    assert [(e.kind, e.reason) for e in log.events] == [
        ("graph", "CUDA error: operation not permitted when stream is capturing")
    ]


def test_the_error_that_is_told_is_the_first(recorded, monkeypatch):
    trainer, _ = recorded

    def fails(*_):
        try:
            raise RuntimeError("what went wrong")
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")

    monkeypatch.setattr(graph, "capture", fails)
    with pytest.raises(graph.CaptureError, match="what went wrong"):
        for _ in range(graph.WARM_UP + 1):
            trainer.step(*uint8_pairs(), 1e-3)


def on_a_card(trainer, dtype=torch.float32):
    trainer.precision = precision.Precision(torch.device("cuda"), dtype)
    return trainer


@pytest.mark.parametrize("changes", [{"cuda_graph": False}, {"team": ProcessGroup(0, 2)}, {"half": True}])
def test_what_is_recorded(settings, changes):
    assert Trainer(settings, CPU).replay is None
    assert on_a_card(Trainer(settings, CPU), torch.bfloat16)._replay() is not None
    settings = replace(settings, cuda_graph=changes.get("cuda_graph", True))
    trainer = on_a_card(Trainer(settings, CPU), torch.float16 if "half" in changes else torch.float32)
    trainer.group = changes.get("team", trainer.group)
    assert trainer._replay() is None


def test_a_run_begun_on_a_cpu_is_recorded_on_a_card(settings, monkeypatch):
    trainer = Trainer(settings, CPU)
    trainer.step(*uint8_pairs(), 1e-3)
    state = trainer.state()
    assert not state["adam"]["param_groups"][0]["capturable"]

    def start(self, *given):
        on_a_card(self).adam.param_groups[0]["capturable"] = True

    monkeypatch.setattr(Trainer, "start", start)
    trainer.load(state)
    assert all(group["capturable"] for group in trainer.adam.param_groups)
