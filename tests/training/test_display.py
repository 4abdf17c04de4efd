"""What a run says of itself in the terminal."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from stegocli.flow.couplings import FlowConfig
from stegocli.training import display as module
from stegocli.training.display import TrainingDisplay
from stegocli.training.loop import train


def shown(settings, **options):
    out = io.StringIO()
    with TrainingDisplay(Console(file=out, width=250, force_terminal=True, color_system=None)) as display:
        train(settings, display=display, **options)
    return out.getvalue()


@pytest.mark.parametrize("epochs", [1, 2])
def test_the_bar_tells_a_speed_that_can_be(settings, epochs):
    said = shown(replace(settings, epochs=epochs))
    speeds = [float(part.split()[-1]) for part in said.split(" samples/s")[:-1]]
    assert speeds and min(speeds) > 0.1, "no run is that slow"
    lines = [line for line in said.splitlines() if "samples/s" in line]
    assert " 0.0 samples/s" not in lines[-1]


def test_the_speed_is_pairs_over_time(monkeypatch, settings):
    clock = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    out = io.StringIO()
    display = TrainingDisplay(Console(file=out, width=250))
    display.begin(epochs=4, steps_per_epoch=10, pairs_per_step=4, epoch=0)
    for step in range(1, 6):
        clock[0] += 2.0
        display.step(0, step, [{"loss": 1.0, "hide_mse": 1.0, "reveal_mse": 1.0}])
    assert "2.0 samples/s" in display.progress.tasks[display.task].fields["live"]


def test_the_header_is_in_words(settings):
    said = shown(replace(settings, epochs=1))
    assert "FlowConfig" not in said and "1 block" in said and "8 hidden channels" in said and "parameters" in said
    pruned = FlowConfig(levels=1, num_blocks=1, hidden_channels=8, widths=((2, 3), (8, 4)))
    assert "2 to 8" in pruned.in_words()


def test_a_run_that_wanted_half_precision_and_has_none_says_why(settings, monkeypatch):
    from stegocli.flow import precision

    monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda: False)
    assert "no bfloat16" in shown(replace(settings, epochs=1, amp=True))
    assert "no bfloat16" not in shown(replace(settings, epochs=1, amp=False), force=True)


def row(hide, reveal, loss=1.0):
    return {"epoch": 1, "loss": loss, "val_hide_psnr": hide, "val_reveal_psnr": reveal}


@pytest.mark.parametrize(
    ("hide", "reveal", "useful"), [(45.0, 40.0, True), (36.0, 21.0, True), (45.0, 9.0, False), (12.0, 40.0, False)]
)
def test_a_run_that_learned_nothing_recommends_nothing(tmp_path, hide, reveal, useful):
    out = io.StringIO()
    TrainingDisplay(Console(file=out, width=250)).end(tmp_path, row(hide, reveal))
    assert ("use it with" in out.getvalue()) == useful
    assert ("not fit for use" in out.getvalue()) != useful


def test_a_short_run_of_noise_is_told_to_go_on(settings):
    assert "use it with" not in shown(replace(settings, epochs=1))
