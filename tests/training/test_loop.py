import csv
import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import natural
from PIL import Image

from stegocli.errors import StegoError
from stegocli.flow import precision, weights
from stegocli.flow.couplings import FlowConfig
from stegocli.training import data, fallback, loop
from stegocli.training.loop import Settings, Trainer

TINY = FlowConfig(levels=1, num_blocks=2, hidden_channels=8)


@pytest.fixture
def folder(tmp_path):
    """Eight readable pictures, one broken, one too small, one in a folder below."""
    where = tmp_path / "pictures"
    (where / "below").mkdir(parents=True)
    for i in range(8):
        Image.fromarray(natural(48, 56, i)).save(where / ("below" if i == 7 else ".") / f"{i}.png")
    (where / "broken.jpg").write_bytes(b"not a picture")
    Image.fromarray(natural(10, 10)).save(where / "small.png")
    (where / "notes.txt").write_text("no picture at all")
    return where


@pytest.fixture
def settings(folder, tmp_path):
    return Settings(
        out=tmp_path / "run", data=folder, epochs=2, crop=32, workers=0, flow=TINY, amp=False, checkpoint_minutes=0
    )


def values(path):
    return weights.load_model(path, amp=False).network.state_dict()


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.values(), b.values(), strict=True))


def uint8_batch(count=2, side=32):
    return [torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8) for _ in range(2)]


def test_a_run_leaves_everything(settings):
    summary = loop.train(settings)
    out = settings.out
    assert {p.name for p in out.iterdir()} == {
        "best.safetensors", "last.safetensors", "last.pt", "metrics.csv", "metrics.json", "curves.png", "grid.png",
    }  # fmt: skip
    rows = list(csv.DictReader((out / "metrics.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert json.loads((out / "metrics.json").read_text()) == json.loads(json.dumps(summary))
    assert summary["pictures"] == {"used": 8, "skipped": 2} and summary["events"] == []
    model = weights.load_model(out / "best.safetensors")
    assert model.card["recipe"]["seed"] == 0 and model.network.config == TINY
    for name in ("curves.png", "grid.png"):
        assert min(Image.open(out / name).size) > 100


def test_training_learns(settings):

    # One constant task: after thirty steps the secret must come back much better than after the first.
    trainer = Trainer(replace(settings, learning_rate=1e-2, warmup_steps=1, epochs=100))
    batch = [torch.from_numpy(natural(32, 32, s).transpose(2, 0, 1)[None].copy()) for s in (1, 2)]
    errors = [trainer.train_step(*batch)["reveal_mse"] for _ in range(30)]
    assert errors[-1] < 0.6 * errors[0]


@pytest.mark.parametrize("stop_after", [1, 5])
def test_a_killed_run_resumes_to_the_same_result(settings, monkeypatch, stop_after):

    loop.train(settings)
    whole = values(settings.out / "last.safetensors")
    torn = replace(settings, out=settings.out.parent / "torn")
    step, steps = Trainer.train_step, []

    def dying(self, *batch):
        if len(steps) == stop_after:
            raise KeyboardInterrupt
        steps.append(1)
        return step(self, *batch)

    monkeypatch.setattr(Trainer, "train_step", dying)
    with pytest.raises(KeyboardInterrupt):
        loop.train(torn)
    monkeypatch.undo()
    summary = loop.train(torn, resume=True)
    assert same(whole, values(torn.out / "last.safetensors"))
    assert [row["epoch"] for row in summary["history"]] == [1, 2]


def test_workers_change_nothing(settings):

    loop.train(replace(settings, epochs=1))
    other = replace(settings, epochs=1, workers=2, out=settings.out.parent / "workers")
    loop.train(other)
    assert same(values(settings.out / "last.safetensors"), values(other.out / "last.safetensors"))


def test_resume_keeps_its_settings(settings):

    loop.train(replace(settings, epochs=1))
    with pytest.raises(StegoError, match="batch_size"):
        loop.train(replace(settings, batch_size=1), resume=True, changed={"batch_size"})
    with pytest.raises(StegoError, match="finished its 1 epochs"):
        loop.train(settings, resume=True)
    summary = loop.train(replace(settings, epochs=3, crop=16), resume=True, changed={"epochs"})
    assert len(summary["history"]) == 3 and summary["settings"]["crop"] == 32


def test_resume_refuses_what_is_no_checkpoint(settings):
    with pytest.raises(StegoError, match="does not exist"):
        loop.train(settings, resume=True)
    settings.out.mkdir()
    (settings.out / "last.pt").write_bytes(b"junk")
    with pytest.raises(StegoError, match="not a checkpoint"):
        loop.train(settings, resume=True)


def test_init_starts_from_weights(settings):

    loop.train(replace(settings, epochs=1))
    best = settings.out / "best.safetensors"
    started = Trainer(replace(settings, init=best)).network.state_dict()
    assert same(started, values(best))
    with pytest.raises(StegoError, match="another architecture"):
        Trainer(replace(settings, init=best, flow=FlowConfig(levels=1)))


def test_unusable_data_is_a_sentence(settings, tmp_path):

    with pytest.raises(StegoError, match="not a folder"):
        Trainer(replace(settings, data=tmp_path / "none"))
    with pytest.raises(StegoError, match="0 readable"):
        Trainer(replace(settings, data=settings.data, crop=64))
    with pytest.raises(StegoError, match="larger than the built-in"):
        Trainer(replace(settings, data=None, crop=512))


def test_accumulation_gives_the_same_gradient(settings):
    trainer = Trainer(settings)
    batch = uint8_batch(4)
    before = [p.clone() for p in trainer.network.parameters()]
    trainer.train_step(*batch)
    whole = [p - b for p, b in zip(trainer.network.parameters(), before, strict=True)]
    trainer = Trainer(settings)
    trainer.micro_batch = 1
    trainer.train_step(*batch)
    parts = [p - b for p, b in zip(trainer.network.parameters(), before, strict=True)]
    scale = max(float(w.detach().abs().max()) for w in whole)
    close = [float((a - b).detach().abs().max()) < 0.05 * scale for a, b in zip(whole, parts, strict=True)]
    assert scale > 0 and all(close)


def test_the_last_fifth_of_a_mixed_run_is_in_float32(settings, monkeypatch):
    monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda: True)
    seen, one_step = [], Trainer._try_step

    def watched(self, *batch):
        seen.append(self.precision.is_mixed)
        return one_step(self, *batch)

    monkeypatch.setattr(Trainer, "_try_step", watched)
    summary = loop.train(replace(settings, amp=True, epochs=5))
    assert seen == [True] * 12 + [False] * 3
    assert summary["precision"] == "cpu float32" and summary["events"] == []


def test_a_run_killed_in_its_float32_part_resumes_to_the_same_result(settings, monkeypatch):
    monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda: True)
    mixed = replace(settings, amp=True, epochs=5)
    loop.train(mixed)
    killed, one_step, done = replace(mixed, out=settings.out.parent / "killed"), Trainer.train_step, []

    def dies(self, *batch):
        if len(done) == 14:
            raise KeyboardInterrupt
        done.append(1)
        return one_step(self, *batch)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "train_step", dies)
        loop.train(killed)
    loop.train(killed, resume=True)
    assert same(values(mixed.out / loop.LAST), values(killed.out / loop.LAST))


# -- fault injection: each fallback -----------------------------------------------------------------------------


def failing(trainer, monkeypatch, times, error):
    """Make the first `times` attempts at a step raise."""
    attempt, left = trainer._try_step, [times]

    def faulty(*batch):
        if left[0]:
            left[0] -= 1
            raise error
        return attempt(*batch)

    monkeypatch.setattr(trainer, "_try_step", faulty)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")])
def test_memory_ladder_rung_by_rung(settings, monkeypatch, error):

    large = FlowConfig(levels=1, num_blocks=8, hidden_channels=100)
    seen = []
    trainer = Trainer(replace(settings, flow=large), on_event=seen.append)
    failing(trainer, monkeypatch, 4, error)
    figures = trainer.train_step(*uint8_batch())
    assert np.isfinite(figures["loss"])
    assert [e.action for e in trainer.events] == list(fallback.MEMORY_LADDER) and seen == trainer.events
    assert trainer.network.flow.checkpointing and trainer.micro_batch == 1
    assert (trainer.network.config.hidden_channels, trainer.network.config.num_blocks) == (96, 7)
    failing(trainer, monkeypatch, 1, error)
    with pytest.raises(StegoError, match="smallest network"):
        trainer.train_step(*uint8_batch())


def test_rungs_that_gain_nothing_are_left_out(settings, monkeypatch):

    trainer = Trainer(replace(settings, batch_size=1))
    failing(trainer, monkeypatch, 1, MemoryError())
    trainer.train_step(*uint8_batch(1))
    assert trainer.memory_rung == 1
    failing(trainer, monkeypatch, 1, MemoryError())
    with pytest.raises(StegoError, match="smallest network"):
        trainer.train_step(*uint8_batch(1))


def test_other_errors_are_not_swallowed(settings, monkeypatch):
    trainer = Trainer(settings)
    failing(trainer, monkeypatch, 1, RuntimeError("size mismatch"))
    with pytest.raises(RuntimeError, match="size mismatch"):
        trainer.train_step(*uint8_batch())


def test_gradients_that_overflow_under_a_scale_are_the_scalers_business(settings):
    trainer = Trainer(settings)
    trainer.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**126)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    assert trainer.train_step(*uint8_batch()) == {}
    assert trainer.events == [] and trainer.step == 0 and trainer.scaler.get_scale() == 2.0**125
    assert same(trainer.network.state_dict(), before)
    trainer.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**4)
    assert trainer.train_step(*uint8_batch()) and not same(trainer.network.state_dict(), before)


class Mortal(data.PairCrops):
    """Its second batch kills the worker that loads it."""

    def __getitem__(self, key):
        if key.index == 3 and torch.utils.data.get_worker_info():
            os._exit(1)
        return super().__getitem__(key)


def test_a_dead_worker_leaves_none(settings):

    trainer = Trainer(replace(settings, workers=1))
    expected = [[t.clone() for t in batch] for batch in Trainer(settings).batches(0)]
    trainer.crops = Mortal(trainer.pictures, 32, 0)
    trainer._build_loaders(1)
    got = list(trainer.batches(0))
    assert [e.kind for e in trainer.events] == ["worker"] and trainer.workers == 0
    assert len(got) == len(expected)
    assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(got, expected, strict=True))


def test_a_worker_that_dies_between_batches_interrupts_nothing(settings):
    expected = [[t.clone() for t in batch] for batch in Trainer(settings).batches(0)]
    trainer = Trainer(replace(settings, workers=1))
    got = []
    for batch in trainer.batches(0):
        got.append(batch)
        if len(got) == 1:
            worker = trainer.train_loader._iterator._workers[0]
            os.kill(worker.pid, signal.SIGKILL)
            # Python code runs while the signal arrives: no exception may come up here.
            while worker.is_alive():
                sum(range(1000))
    assert len(got) == len(expected)
    assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(got, expected, strict=True))


class MortalPairs(data.WholePairs):
    """Kills the worker that loads it."""

    def __getitem__(self, index):
        if torch.utils.data.get_worker_info():
            os._exit(1)
        return super().__getitem__(index)


def test_a_dead_validation_worker_leaves_none(settings):
    trainer = Trainer(replace(settings, workers=2))
    expected = Trainer(settings).validate()[0]
    trainer.whole = MortalPairs(trainer.pictures, [0, 1], trainer.settings.flow.stride)
    trainer._build_loaders(2)
    assert trainer.validate()[0].keys() == expected.keys()
    assert [e.kind for e in trainer.events] == ["worker"] and trainer.workers == 0


def poisoned(trainer, monkeypatch, times):
    """Make the loss of the next `times` steps not a number."""
    combine, left = loop.losses.combine, [times]

    def faulty(*arguments):
        result = combine(*arguments)
        if left[0]:
            left[0] -= 1
            return type(result)(result.total * float("nan"), result.hide, result.reveal)
        return result

    monkeypatch.setattr(loop.losses, "combine", faulty)


def test_a_bad_loss_skips_the_step(settings, monkeypatch):
    trainer = Trainer(settings)
    poisoned(trainer, monkeypatch, 1)
    before = [p.clone() for p in trainer.network.parameters()]
    assert trainer.train_step(*uint8_batch()) == {} and trainer.step == 0
    assert all(torch.equal(a, b) for a, b in zip(before, trainer.network.parameters(), strict=True))
    assert trainer.train_step(*uint8_batch()) and trainer.step == 1
    assert [e.kind for e in trainer.events] == ["skipped step"]


def test_a_gradient_spike_is_left_out(settings, monkeypatch):
    trainer = Trainer(replace(settings, warmup_steps=3))
    combine, factor = loop.losses.combine, [1.0]

    def scaled(*arguments):
        result = combine(*arguments)
        return type(result)(result.total * factor[0], result.hide, result.reveal)

    monkeypatch.setattr(loop.losses, "combine", scaled)
    for _ in range(5):
        assert trainer.train_step(*uint8_batch())
    factor[0] = 1000.0
    assert trainer.train_step(*uint8_batch()) == {} and trainer.step == 5
    assert "usually" in trainer.events[-1].reason
    taken = [bool(trainer.train_step(*uint8_batch())) for _ in range(150)]
    assert taken[-1] and not taken[0], "a lasting change must be accepted in the end"


def test_bad_losses_in_a_row_end_mixed_precision(settings, monkeypatch):
    mixed = precision.Precision(torch.device("cpu"), torch.bfloat16)
    monkeypatch.setattr(
        loop.precision,
        "choose",
        lambda *a, amp=True: mixed if amp else precision.Precision(mixed.device, torch.float32),
    )

    trainer = Trainer(replace(settings, amp=True))
    assert trainer.precision.is_mixed
    poisoned(trainer, monkeypatch, 3)
    for _ in range(3):
        trainer.train_step(*uint8_batch())
    assert [e.kind for e in trainer.events] == ["skipped step"] * 3 + ["precision"]
    assert not trainer.precision.is_mixed and trainer.train_step(*uint8_batch())
    poisoned(trainer, monkeypatch, 3)
    with pytest.raises(StegoError, match="float32"):
        for _ in range(3):
            trainer.train_step(*uint8_batch())


def test_events_reach_the_runs_json(settings, monkeypatch):
    poisoned(None, monkeypatch, 1)
    summary = loop.train(settings)
    assert [e["kind"] for e in summary["events"]] == ["skipped step"]
    assert json.loads((settings.out / "metrics.json").read_text())["events"] == summary["events"]
