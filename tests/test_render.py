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


def test_channels_are_listed_with_what_came_back_wrong(capsys):
    row = {"cover": "a.png", "secret": "b.png", "bytes": 1234, "cover_psnr": 39.5, "cover_ssim": 0.97}
    row |= {"lost": ["blur"], "wrong": ["JPEG 75"]}
    channels = [
        {"channel": "JPEG 75", "played": True, "recovered": 1, "wrong": 1},
        {"channel": "blur", "played": False, "recovered": 1, "wrong": 0},
    ]
    figures = {"bytes": 1234, "cover_psnr": 39.5, "cover_ssim": 0.97}
    result = {"pairs": [row, row], "channels": channels, "mean": figures, "recovered": 0.5, "wrong": 0.25}
    result["least"] = figures | {"cover_worst_block": 31.0}
    console = Console(width=160)
    render.show_anything_pair(row, console)
    render.show_anything(result, console)
    told = capsys.readouterr().out
    assert "1,234 bytes" in told and "lost: blur; JPEG 75 (WRONG)" in told
    assert "1 of 2" in told and "50.0%" in told and "worst block 31.00 dB" in told
