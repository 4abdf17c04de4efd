import subprocess
import sys

import numpy as np
import pytest

from stegocli.training import curves

KEYS = ("loss", "train_hide_psnr", "train_reveal_psnr", "val_hide_psnr", "val_reveal_psnr", "learning_rate")


@pytest.fixture
def drawn(monkeypatch):
    """The axes of the last chart."""
    figures, make = [], curves.new_figure
    monkeypatch.setattr(curves, "new_figure", lambda *size: figures.append(make(*size)) or figures[-1])
    return lambda: figures[-1].axes


def history(epochs):
    return [{"epoch": i + 1, **{key: float(i) for key in KEYS}} for i in range(epochs)]


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_curves_name_their_axes_and_count_whole_epochs(drawn, epochs):
    picture = curves.training_curves(history(epochs))
    assert picture.dtype == np.uint8 and picture.shape[2] == 3 and picture.std() > 1
    loss, psnr, rate = drawn()
    assert [axes.get_xlabel() for axes in (loss, psnr, rate)] == ["epoch"] * 3
    assert [axes.get_ylabel() for axes in (loss, psnr, rate)] == ["training loss", "PSNR, dB", "learning rate"]
    assert all(tick == int(tick) for axes in (loss, psnr, rate) for tick in axes.get_xticks())
    assert {text.get_text() for text in psnr.get_legend().get_texts()} == {
        "training, stego", "training, revealed", "validation, stego", "validation, revealed",
    }  # fmt: skip


def test_an_epoch_without_a_figure_leaves_a_gap(drawn):
    rows = history(3)
    rows[1]["loss"] = None
    curves.training_curves(rows)
    assert np.isnan(drawn()[0].lines[0].get_ydata()).tolist() == [False, True, False]


def test_drawing_touches_no_global_state():
    code = (
        "import sys; from stegocli.training import curves; before = 'matplotlib' in sys.modules\n"
        f"curves.training_curves({history(2)!r})\n"
        "print(before, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
