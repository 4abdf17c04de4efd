import pytest
from pictures import natural
from rich.console import Console

from stegocli import render
from stegocli.measure import targets
from stegocli.picture import metrics


@pytest.mark.parametrize(
    "name,value,text",
    [
        ("hide_psnr", 42.123, "42.12 dB"),
        ("reveal_psnr", 99.0, "exact"),
        ("bit_accuracy", 0.956, "95.60 %"),
        ("ssim", 0.98765, "0.9877"),
        ("bits_per_pixel", 24.0, "24.00"),
    ],
)
def test_units(name, value, text):
    assert render.figure(name, value) == text


def test_table_marks_targets(capsys):
    a = natural(20, 30)
    score = metrics.score(a, a, a, 255 - a)
    Console(width=80).print(render.score_table({"measured": vars(score)}, targets.met(score)))
    lines = {line.split("│")[1].strip(): line for line in capsys.readouterr().out.splitlines() if "│" in line}
    assert "yes" in lines["hide PSNR"] and "no" in lines["bit accuracy"] and "> 95.00 %" in lines["bit accuracy"]
    assert "yes" not in lines["hide MSE"]
