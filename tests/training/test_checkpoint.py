"""Checkpoints come from strangers, too: whatever was altered in one, a resumed run goes on or says so in a sentence."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as st

from stegocli.errors import StegoError
from stegocli.training import checkpoint
from stegocli.training.loop import train

# What an altered value may have become; most are of the wrong kind wherever they stand.
ODD = [
    None, True, -1, 0, 3, 10**30, 2.5, math.nan, math.inf, "", "x", "a" * 5000, b"x", [], {}, [[]], [None] * 3,
    {"a": 1}, {1: 2}, (), torch.zeros(2), torch.full((3, 3), math.nan), torch.zeros(0),
    torch.ones(2, 2, dtype=torch.int8),
]  # fmt: skip


def places(part, path=()):
    """The path of each value in a nest of dicts and lists, the nests themselves included."""
    yield path
    if isinstance(part, dict):
        for name, inner in part.items():
            yield from places(inner, (*path, name))
    elif isinstance(part, (list, tuple)):
        for number, inner in enumerate(part):
            yield from places(inner, (*path, number))


def altered(saved, path, how, value):
    """A copy with one value gone, doubled, spoiled or replaced."""
    saved = copy.deepcopy(saved)
    part = saved
    for name in path[:-1]:
        part = part[name]
    if not path:
        return value
    if isinstance(part, tuple):
        return None
    last = path[-1]
    if how == "gone":
        del part[last]
    elif how == "more" and isinstance(part, dict):
        part["more"] = value
    elif how == "spoiled" and isinstance(part[last], torch.Tensor) and part[last].is_floating_point():
        part[last] = torch.full_like(part[last], math.inf)
    elif how == "reshaped" and isinstance(part[last], torch.Tensor):
        part[last] = part[last][None].repeat(2, *(1,) * part[last].dim())
    else:
        part[last] = value
    return saved


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of one epoch on a tiny network, and its checkpoint."""
    from stegocli.flow.couplings import FlowConfig
    from stegocli.training.settings import Settings

    settings = Settings(
        out=tmp_path_factory.mktemp("runs") / "run", epochs=1, crop=16, workers=0, amp=False, batch_size=49,
        flow=FlowConfig(levels=1, num_blocks=1, hidden_channels=4),
    )  # fmt: skip
    train(settings)
    return settings, torch.load(settings.out / checkpoint.CHECKPOINT, weights_only=True)


def resumes_or_says_why(settings, saved):
    torch.save(saved, settings.out / checkpoint.CHECKPOINT)
    try:
        train(replace(settings, epochs=1), resume=True)
    except StegoError as error:
        assert len(str(error)) < 500
        return str(error)
    return ""


@tries(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_an_altered_checkpoint_is_a_sentence(finished, data):
    settings, saved = finished
    path = data.draw(st.sampled_from(list(places(saved))))
    how = data.draw(st.sampled_from(["gone", "more", "spoiled", "reshaped", "other"]))
    forged = altered(saved, path, how, data.draw(st.sampled_from(ODD)))
    if forged is not None:
        resumes_or_says_why(settings, forged)


@pytest.mark.parametrize("part", ["settings", "learner", "journal", "progress"])
def test_a_part_of_another_kind_is_named(finished, part):
    settings, saved = finished
    for value in (None, 3, [], {}, "x"):
        assert "not a checkpoint" in resumes_or_says_why(settings, {**saved, part: value})
    assert "not a checkpoint" in resumes_or_says_why(settings, {n: v for n, v in saved.items() if n != part})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("settings", "epochs"), "many"), (("settings", "batch_size"), 0), (("settings", "workers"), 10**6),
        (("settings", "learning_rate"), math.nan), (("settings", "flow", "num_blocks"), 10**9),
        (("settings", "flow", "conv1x1"), True), (("learner", "config", "hidden_channels"), 1024),
        (("learner", "config", "num_blocks"), 64), (("learner", "micro_batch"), 0), (("learner", "usual_norm"), "x"),
        (("learner", "attempts"), -1), (("learner", "network"), {}), (("learner", "muon", "state"), {0: {}}),
        (("learner", "adam", "state"), {10**6: {}}), (("progress", "epoch"), 2.5), (("progress", "pairs_done"), -4),
        (("progress", "history"), [{}]), (("progress", "best"), {"epoch": 1}), (("progress", "sums"), {"loss": "x"}),
        (("journal", "step"), None), (("journal", "events"), [{"kind": 1}]),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused(finished, path, value):
    settings, saved = finished
    assert "not a checkpoint" in resumes_or_says_why(settings, altered(saved, path, "other", value))


def test_weights_that_are_no_numbers_are_refused(finished):
    settings, saved = finished
    for part in ("network", "average"):
        name = next(iter(saved["learner"][part]))
        assert "not a checkpoint" in resumes_or_says_why(
            settings, altered(saved, ("learner", part, name), "spoiled", 0)
        )


def test_a_checkpoint_of_earlier_versions_goes_on(finished):
    settings, saved = finished
    for config in (saved["settings"]["flow"], saved["learner"]["config"]):
        config.update(actnorm=False, conv1x1=False)
    del saved["settings"]["crops"]
    assert "finished" in resumes_or_says_why(settings, saved)
