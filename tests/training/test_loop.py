import csv
import json
import math
import signal
from dataclasses import replace

import pytest
import torch
from networks import same_weights
from pictures import natural
from PIL import Image
from rich.console import Console

from stegocli import errors
from stegocli.errors import StegoError
from stegocli.flow import precision, weights
from stegocli.flow.couplings import FlowConfig
from stegocli.picture import outputs
from stegocli.training import checkpoint, curves, losses, oom, validation
from stegocli.training.display import TrainingDisplay
from stegocli.training.loop import train
from stegocli.training.settings import Settings
from stegocli.training.trainer import Trainer


def values(path):
    return weights.load_model(path).network.state_dict()


@pytest.fixture
def killed(monkeypatch):
    """Train until a number of steps is done, then stop as Ctrl-C does."""

    def run(settings, steps):
        attempt, done = oom.attempt, []

        def dying(*arguments):
            if len(done) == steps:
                raise KeyboardInterrupt
            done.append(1)
            return attempt(*arguments)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(oom, "attempt", dying)
            train(settings)

    return run


def test_a_run_leaves_everything(settings):
    summary = train(settings)
    out = settings.out
    assert {p.name for p in out.iterdir()} == set(checkpoint.RUN_FILES)
    rows = list(csv.DictReader((out / "metrics.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert json.loads((out / "metrics.json").read_text()) == json.loads(json.dumps(summary))
    assert summary["pictures"] == {"used": 8, "skipped": 2} and summary["events"] == []
    model = weights.load_model(out / "best.safetensors")
    assert model.card["recipe"]["seed"] == 0 and model.network.config == settings.flow
    for name in ("curves.png", "grid.png"):
        assert min(Image.open(out / name).size) > 100


@pytest.mark.parametrize("steps", [1, 4])
def test_a_killed_run_resumes_to_the_same_result(settings, killed, steps):
    train(settings)
    torn = replace(settings, out=settings.out.parent / "torn")
    killed(torn, steps)
    summary = train(torn, resume=True)
    assert same_weights(values(settings.out / "last.safetensors"), values(torn.out / "last.safetensors"))
    assert [row["epoch"] for row in summary["history"]] == [1, 2]


def test_workers_change_nothing(settings):
    train(replace(settings, epochs=1))
    other = replace(settings, epochs=1, workers=2, out=settings.out.parent / "workers")
    train(other)
    assert same_weights(values(settings.out / "last.safetensors"), values(other.out / "last.safetensors"))


def test_a_folder_that_holds_a_run_is_refused(settings):
    one = replace(settings, epochs=1)
    train(one)
    before = (settings.out / "best.safetensors").read_bytes()
    other = replace(one, seed=1)
    with pytest.raises(StegoError, match="holds a run"):
        train(other)
    with pytest.raises(StegoError, match="not a folder"):
        train(replace(other, data=settings.data / "none"), force=True)
    assert (settings.out / "best.safetensors").read_bytes() == before, "what can't start must not cost the old run"
    train(other, force=True)
    assert (settings.out / "best.safetensors").read_bytes() != before


def test_resume_keeps_its_settings(settings):
    train(replace(settings, epochs=1))
    with pytest.raises(StegoError, match="batch_size"):
        train(replace(settings, batch_size=1), resume=True, changed={"batch_size"})
    with pytest.raises(StegoError, match="finished its 1 epochs"):
        train(settings, resume=True)
    summary = train(replace(settings, epochs=3, crop=20), resume=True, changed={"epochs"})
    assert len(summary["history"]) == 3 and summary["settings"]["crop"] == 16


def test_resume_with_other_pictures_chooses_the_best_anew(settings, tmp_path):
    train(replace(settings, epochs=1))
    same = train(settings, resume=True, changed={"epochs"})
    assert same["events"] == []
    others = tmp_path / "others"
    others.mkdir()
    for i in range(4):
        Image.fromarray(natural(30, 30, 50 + i)).save(others / f"{i}.png")
    before = (settings.out / "best.safetensors").read_bytes()
    summary = train(replace(settings, data=others, epochs=3), resume=True, changed={"data", "epochs"})
    assert summary["best"]["epoch"] == 3 and [e["kind"] for e in summary["events"]] == ["validation"]
    assert (settings.out / "best.safetensors").read_bytes() != before


def test_resume_refuses_what_is_no_checkpoint(settings):
    with pytest.raises(StegoError, match="does not exist"):
        train(settings, resume=True)
    settings.out.mkdir()
    (settings.out / "last.pt").write_bytes(b"junk")
    with pytest.raises(StegoError, match="not a checkpoint"):
        train(settings, resume=True)


def test_settings_that_can_not_be_are_a_sentence(settings):
    with pytest.raises(StegoError, match="too small"):
        replace(settings, crop=15)
    with pytest.raises(StegoError, match="63 bits"):
        replace(settings, seed=2**64)


def test_the_last_fifth_of_a_mixed_run_is_in_float32(settings, monkeypatch, killed):
    monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda: True)
    seen, step = [], Trainer.step

    def watched(self, *batch):
        seen.append(self.precision.is_mixed)
        return step(self, *batch)

    monkeypatch.setattr(Trainer, "step", watched)
    mixed = replace(settings, amp=True, epochs=5)
    summary = train(mixed)
    assert seen == [True] * 12 + [False] * 3
    assert summary["precision"] == "cpu float32" and summary["events"] == []
    torn = replace(mixed, out=settings.out.parent / "torn")
    killed(torn, 14)
    train(torn, resume=True)
    assert same_weights(values(mixed.out / "last.safetensors"), values(torn.out / "last.safetensors"))


def test_an_epoch_without_a_step_has_no_loss(settings, monkeypatch):
    combine = losses.combine

    def poisoned(*arguments):
        result = combine(*arguments)
        return type(result)(result.total * math.nan, result.hide, result.reveal)

    monkeypatch.setattr(losses, "combine", poisoned)
    # Two steps an epoch: a third bad one would end the run.
    for i in range(2):
        (settings.data / f"{i}.png").unlink()
    summary = train(replace(settings, epochs=1))
    row = summary["history"][0]
    assert row["loss"] is None and row["train_hide_psnr"] is None and row["step"] == 0
    assert [e["kind"] for e in summary["events"]] == ["skipped step"] * 2
    assert json.loads((settings.out / "metrics.json").read_text()) == summary


# -- stopped at any time ----------------------------------------------------------------------------------------


class Killed(BaseException):
    """Nothing catches it: the process is gone."""


@pytest.mark.parametrize("moment", range(1, 15))
def test_a_run_killed_at_any_write_ends_with_all_its_files(settings, monkeypatch, moment):
    """Killed before the nth file of the run reaches its place, and resumed."""
    name_all, written = outputs.Outputs._name_all, []

    def dying(self):
        written.append(self)
        if len(written) == moment:
            raise Killed
        return name_all(self)

    with monkeypatch.context() as patch:
        patch.setattr(outputs.Outputs, "_name_all", dying)
        try:
            train(replace(settings, checkpoint_minutes=1e9))
        except Killed:
            pass
        else:
            pytest.skip("a run writes fewer files")
    if not (settings.out / checkpoint.CHECKPOINT).exists():
        return  # nothing to go on with: the run starts anew
    summary = train(settings, resume=True)
    assert {p.name for p in settings.out.iterdir()} == set(checkpoint.RUN_FILES)
    assert json.loads((settings.out / "metrics.json").read_text()) == json.loads(json.dumps(summary))
    assert [row["epoch"] for row in summary["history"]] == [1, 2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", ["step", "validation", "report"])
def test_a_stopped_run_loses_nothing_and_tells_how_to_go_on(settings, monkeypatch, capsys, number, where):
    settings = replace(settings, checkpoint_minutes=1e9)
    train(replace(settings, out=settings.out.parent / "whole"))
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    places = {
        "step": (oom, "attempt", 5),
        "validation": (validation, "_hide_and_reveal", 1),
        "report": (curves, "training_curves", 1),
    }
    module, name, when = places[where]
    function, calls = getattr(module, name), []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == when:
            signal.raise_signal(number)
        return function(*arguments)

    with monkeypatch.context() as patch, pytest.raises((KeyboardInterrupt, SystemExit)) as stopped:
        patch.setattr(module, name, interrupted)
        with TrainingDisplay(Console(width=200)) as display:
            train(settings, display=display)
    assert stopped.type is KeyboardInterrupt if number == signal.SIGINT else stopped.value.code == 128 + number
    assert f"stego train --resume --out {settings.out}" in capsys.readouterr().out
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
    assert len(calls) == when, "at most the step under way is finished"
    taken = []
    with monkeypatch.context() as patch:
        attempt = oom.attempt
        patch.setattr(oom, "attempt", lambda *given: taken.append(1) or attempt(*given))
        train(settings, resume=True)
    assert len(taken) == {"step": 1, "validation": 3, "report": 3}[where], "no step is taken twice"
    whole = settings.out.parent / "whole"
    assert same_weights(values(settings.out / "last.safetensors"), values(whole / "last.safetensors"))


def test_a_second_signal_stops_at_once(settings, monkeypatch):
    def twice(*arguments):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("goes on")

    monkeypatch.setattr(oom, "attempt", twice)
    with pytest.raises(KeyboardInterrupt):
        train(settings)


def test_what_is_ignored_stays_ignored(settings, monkeypatch):
    attempt = oom.attempt

    def interrupted(*arguments):
        signal.raise_signal(signal.SIGINT)
        return attempt(*arguments)

    monkeypatch.setattr(oom, "attempt", interrupted)
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert len(train(replace(settings, epochs=1))["history"]) == 1
    finally:
        signal.signal(signal.SIGINT, handler)


def test_a_run_starts_from_weights(settings, tmp_path):
    path = tmp_path / "start.safetensors"
    train(replace(settings, epochs=1, learning_rate=1e-2))
    (settings.out / "best.safetensors").rename(path)
    still = replace(settings, epochs=1, init=path, learning_rate=1e-8, out=tmp_path / "still")
    train(still)
    before, after = values(path), values(still.out / "last.safetensors")
    assert all(torch.allclose(before[name], after[name], atol=1e-5) for name in before)
    with pytest.raises(StegoError, match="another architecture"):
        train(replace(still, flow=FlowConfig(levels=1), out=tmp_path / "other"))


def test_resume_needs_no_init_file(settings, tmp_path):
    start = tmp_path / "start.safetensors"
    weights.save_weights(start, Trainer(settings, precision.choose("cpu", amp=False)).network, {})
    first = replace(settings, init=start, epochs=1)
    train(first)
    start.unlink()
    assert len(train(replace(first, epochs=2), resume=True, changed={"epochs", "init"})["history"]) == 2


def test_unchanged_options_resume_and_others_are_named_as_they_are_typed(settings, monkeypatch):
    monkeypatch.setattr(errors, "_at_command_line", True)
    train(replace(settings, epochs=1))
    every = set(Settings.__dataclass_fields__) - {"flow"} | {"num_blocks", "hidden_channels", "levels", "wavelet"}
    assert len(train(settings, resume=True, changed=every)["history"]) == 2
    changes = {
        "batch_size": 1, "learning_rate": 1e-5, "seed": 4, "crop": 20, "flow": replace(settings.flow, hidden_channels=9)
    }  # fmt: skip
    for name, value in changes.items():
        option = "hidden_channels" if name == "flow" else name
        with pytest.raises(StegoError, match="--" + option.replace("_", "-")) as refused:
            train(replace(settings, epochs=3, **{name: value}), resume=True, changed={option, "epochs"})
        assert option not in str(refused.value) or "_" not in option
