import csv
import json
import math
from dataclasses import replace

import pytest
from networks import same_weights
from pictures import natural
from PIL import Image

from stegocli.errors import StegoError
from stegocli.flow import precision, weights
from stegocli.training import checkpoint, ladder, losses
from stegocli.training.loop import train
from stegocli.training.step import Learner


def values(path):
    return weights.load_model(path).network.state_dict()


@pytest.fixture
def killed(monkeypatch):
    """Train until a number of steps is done, then stop as Ctrl-C does."""

    def run(settings, steps):
        attempt, done = ladder.attempt, []

        def dying(*arguments):
            if len(done) == steps:
                raise KeyboardInterrupt
            done.append(1)
            return attempt(*arguments)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(ladder, "attempt", dying)
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
    seen, step = [], Learner.step

    def watched(self, *batch):
        seen.append(self.precision.is_mixed)
        return step(self, *batch)

    monkeypatch.setattr(Learner, "step", watched)
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
