import copy
import math
from dataclasses import replace

import pytest
import torch
from networks import same_weights, uint8_pairs
from pictures import natural

from stegocli.errors import StegoError
from stegocli.flow import precision
from stegocli.training import losses, oom
from stegocli.training.events import EventLog
from stegocli.training.step_monitor import StepMonitor
from stegocli.training.trainer import FIGURES, Trainer, learning_rate

CPU = precision.choose("cpu", amp=False)


def figures_of(trainer, batch, rate=1e-3):
    return dict(zip(FIGURES, trainer.step(*batch, rate).tolist(), strict=True))


def test_the_rate_rises_then_falls_to_zero(settings):
    rates = [learning_rate(settings, i / 100, 100) for i in range(101)]
    top = rates.index(max(rates))
    assert rates[0] < 0.1 * max(rates) and 10 < top < 30 and rates[100] == 0
    assert rates[:top] == sorted(rates[:top]) and rates[top:] == sorted(rates[top:], reverse=True)


def test_training_learns(settings):
    # One constant task: after thirty steps the secret must come back much better than after the first.
    trainer = Trainer(replace(settings, flow=replace(settings.flow, num_blocks=2)), CPU)
    batch = [torch.from_numpy(natural(32, 32, s).transpose(2, 0, 1)[None].copy()) for s in (1, 2)]
    errors = [figures_of(trainer, batch, 1e-2)["reveal_mse"] for _ in range(30)]
    assert errors[-1] < 0.6 * errors[0]


def test_accumulation_gives_the_same_gradient(settings):
    batch, changes = uint8_pairs(4), []
    for micro_batch in (4, 1):
        trainer = Trainer(settings, CPU)
        before = [p.clone() for p in trainer.network.parameters()]
        trainer.micro_batch = micro_batch
        trainer.step(*batch, 1e-3)
        changes.append([(p - b).detach() for p, b in zip(trainer.network.parameters(), before, strict=True)])
    scale = max(float(w.abs().max()) for w in changes[0])
    assert scale > 0
    assert all(float((a - b).abs().max()) < 0.05 * scale for a, b in zip(*changes, strict=True))


def test_pairs_side_by_side_give_the_same_gradient(settings):
    batch, steps = uint8_pairs(3), []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            trainer = Trainer(settings, CPU)
            sums = trainer._gradient(*batch)
            steps.append([sums, *(p.grad for p in trainer.network.parameters())])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for other in steps[1:]:
        for a, b in zip(steps[0], other, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5 * float(a.abs().max() + 1e-6))


def test_memory_that_runs_out_side_by_side_is_told(settings, monkeypatch):
    def full(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(losses, "combine", full)
    trainer, log, _ = watched(settings)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(StegoError, match="smallest network"):
            oom.attempt(trainer, log, *uint8_pairs(), 1e-3)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert log.events and all(e.kind == "memory" for e in log.events)


def test_state_comes_back(settings):
    batches = [uint8_pairs() for _ in range(5)]
    first = Trainer(settings, CPU)
    for batch in batches[:3]:
        first.step(*batch, 1e-2)
    second = Trainer(settings, CPU)
    second.load(copy.deepcopy(first.state()))
    for batch in batches[3:]:
        assert torch.equal(first.step(*batch, 1e-2), second.step(*batch, 1e-2))
    assert same_weights(first.ema.state_dict(), second.ema.state_dict())


@pytest.fixture
def distorted(monkeypatch):
    """A list whose first entry multiplies the loss of each step of one pair; further ones wait for the next."""
    combine, factors = losses.combine, [1.0]

    def faulty(*arguments):
        result = combine(*arguments)
        factor = factors.pop(0) if len(factors) > 1 else factors[0]
        return type(result)(result.total * factor, result.hide, result.reveal)

    monkeypatch.setattr(losses, "combine", faulty)
    return factors


def watched(settings, where=CPU):
    trainer, log = Trainer(settings, where), EventLog()
    return trainer, log, StepMonitor(trainer, log)


def test_a_bad_loss_changes_nothing(settings, distorted):
    trainer, log, monitor = watched(settings)
    assert monitor.add(trainer.step(*uint8_pairs(1), 1e-3))
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    momentum = [s["momentum"].clone() for s in trainer.muon.state.values()]
    distorted[:] = [math.nan, 1.0]
    assert monitor.add(trainer.step(*uint8_pairs(1), 1e-3)) == [] and log.step == 1
    assert same_weights(before, trainer.network.state_dict())
    assert all(torch.equal(a, s["momentum"]) for a, s in zip(momentum, trainer.muon.state.values(), strict=True))
    assert monitor.add(trainer.step(*uint8_pairs(1), 1e-3)) and log.step == 2
    assert [e.kind for e in log.events] == ["skipped step"]


def test_a_gradient_spike_is_left_out(settings, distorted):
    trainer, log, monitor = watched(replace(settings, warmup_steps=3))
    for _ in range(5):
        assert monitor.add(trainer.step(*uint8_pairs(1), 1e-3))
    distorted[0] = 40.0
    assert monitor.add(trainer.step(*uint8_pairs(1), 1e-3)) == [] and log.step == 5
    assert "usually" in log.events[-1].reason
    taken = [bool(monitor.add(trainer.step(*uint8_pairs(1), 1e-3))) for _ in range(60)]
    assert taken[-1] and not taken[0], "a lasting change must be accepted in the end"


def test_bad_losses_in_a_row_end_mixed_precision(settings, distorted):
    mixed = precision.Precision(torch.device("cpu"), torch.bfloat16)
    trainer, log, monitor = watched(settings, mixed)
    distorted[:] = [math.inf] * 3 + [1.0]
    for _ in range(3):
        monitor.add(trainer.step(*uint8_pairs(1), 1e-3))
    assert [e.kind for e in log.events] == ["skipped step"] * 3 + ["precision"]
    assert not trainer.precision.is_mixed and monitor.add(trainer.step(*uint8_pairs(1), 1e-3))
    distorted[0] = math.inf
    with pytest.raises(StegoError, match="float32"):
        for _ in range(3):
            monitor.add(trainer.step(*uint8_pairs(1), 1e-3))


def test_gradients_that_overflow_under_a_scale_are_the_scalers_business(settings):
    trainer, log, monitor = watched(settings)
    trainer.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**126)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    assert monitor.add(trainer.step(*uint8_pairs(), 1e-3)) == []
    assert log.events == [] and log.step == 0 and trainer.scaler.get_scale() == 2.0**125
    assert same_weights(trainer.network.state_dict(), before)
    trainer.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**4)
    assert monitor.add(trainer.step(*uint8_pairs(), 1e-3))
    assert not same_weights(trainer.network.state_dict(), before)


def test_figures_read_late_are_the_same(settings, distorted):
    batches = [uint8_pairs(1) for _ in range(6)]
    seen = []
    for every in (1, 4):
        trainer, log, monitor = watched(settings)
        monitor.every = every
        distorted[:] = [1.0, 1.0, math.nan, 1.0]
        taken = [figures for batch in batches for figures in monitor.add(trainer.step(*batch, 1e-3))] + monitor.read()
        seen.append((taken, [(e.kind, e.reason, e.step) for e in log.events]))
    assert seen[0] == seen[1] and len(seen[0][0]) == 5 and len(seen[0][1]) == 1
