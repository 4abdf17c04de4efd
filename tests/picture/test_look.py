import numpy as np
import pytest
from pictures import natural
from rich.console import Console

from stegocli.picture import look, metrics


def test_residual_is_twenty_fold_around_grey():
    cover = natural(4, 4)
    stego = cover.copy()
    stego[0, 0, 0] = cover[0, 0, 0] + 3
    shown = look.residual(cover, stego)
    assert shown[0, 0, 0] == 188 and (shown.reshape(-1)[1:] == 128).all()


def test_grid_has_five_columns_whatever_the_sizes():
    rows = [(natural(40, 60), natural(40, 60), natural(50, 20), natural(50, 20))] * 2
    grid = look.picture_grid(rows, height=40)
    assert grid.shape[0] > 80 and grid.shape[1] > 3 * 60 + 2 * 16 and grid.dtype == np.uint8


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
    assert look.figure(name, value) == text


def test_table_marks_targets(capsys):
    a = natural(20, 30)
    score = metrics.score(a, a, a, 255 - a)
    Console(width=80).print(look.score_table({"measured": vars(score)}, score.targets()))
    lines = {line.split("│")[1].strip(): line for line in capsys.readouterr().out.splitlines() if "│" in line}
    assert "yes" in lines["hide PSNR"] and "no" in lines["bit accuracy"] and "> 95.00 %" in lines["bit accuracy"]
    assert "yes" not in lines["hide MSE"]
