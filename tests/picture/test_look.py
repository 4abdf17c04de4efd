import numpy as np
import pytest
from conftest import natural
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


def test_curves_of_one_epoch_and_of_many():
    keys = ("loss", "train_hide_psnr", "train_reveal_psnr", "val_hide_psnr", "val_reveal_psnr", "learning_rate")
    history = [{"epoch": i + 1, **{k: float(i) for k in keys}} for i in range(40)]
    one, many = look.training_curves(history[:1]), look.training_curves(history)
    assert one.shape == many.shape and not np.array_equal(one, many)


def test_lines_outside_numbers_are_left_out():
    with_gap = look.chart("loss", {"train": [(1, 1.0), (2, float("nan")), (3, 2.0)]})
    assert np.array_equal(with_gap, look.chart("loss", {"train": [(1, 1.0), (3, 2.0)]}))
    assert look.chart("empty", {"train": []}).size == (560, 300)


def test_map_of_methods_draws_exact_at_the_top():
    def result(hide, reveal):
        return {"mean": {"hide_psnr": hide, "reveal_psnr": reveal}}

    compared = {
        "flow": result(42, 41),
        "exact": result(42, 99),
        "fit 40 dB": result(40, 50),
        "fit 46 dB": result(46, 48),
    }
    drawn = look.method_map(compared)
    red = (drawn == (214, 39, 40)).all(-1)[18:].nonzero()
    assert red[0].max() < 15, "the second colour, exact, stays at the upper edge"


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
