import subprocess
import sys

import numpy as np
import pytest

from stegocli.picture import charts

KEYS = ("loss", "train_hide_psnr", "train_reveal_psnr", "val_hide_psnr", "val_reveal_psnr", "learning_rate")


@pytest.fixture
def drawn(monkeypatch):
    """The axes of the last chart."""
    figures, make = [], charts._figure
    monkeypatch.setattr(charts, "_figure", lambda *size: figures.append(make(*size)) or figures[-1])
    return lambda: figures[-1].axes


def history(epochs):
    return [{"epoch": i + 1, **{key: float(i) for key in KEYS}} for i in range(epochs)]


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_curves_name_their_axes_and_count_whole_epochs(drawn, epochs):
    picture = charts.training_curves(history(epochs))
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
    charts.training_curves(rows)
    assert np.isnan(drawn()[0].lines[0].get_ydata()).tolist() == [False, True, False]


def test_map_shows_every_pair_behind_its_mean(drawn):
    def result(*pairs):
        rows = [{"hide_psnr": hide, "reveal_psnr": reveal} for hide, reveal in pairs]
        return {"mean": {key: float(np.mean([r[key] for r in rows])) for key in rows[0]}, "pairs": rows}

    compared = {
        "flow": result((42.0, 41.0), (44.0, 43.0)),
        "exact": result((42.0, 99.0), (30.0, 99.0)),
        "fit 40 dB": result((40.0, 50.0)),
        "fit 46 dB": result((46.0, 48.0)),
    }
    charts.method_map(compared)
    axes = drawn()[0]
    assert "dB" in axes.get_xlabel() and "dB" in axes.get_ylabel()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["flow, mean", "exact, mean", "fit, mean"]
    pairs, means = axes.lines[0::2], axes.lines[1::2]
    assert [len(line.get_xdata()) for line in pairs] == [2, 2, 2] and all(line.get_alpha() < 0.5 for line in pairs)
    assert [list(line.get_xdata()) for line in means] == [[43.0], [36.0], [40.0, 46.0]]
    assert list(means[1].get_ydata()) == [charts.TOP_PSNR], "exact lies at the upper edge"


def test_drawing_touches_no_global_state():
    code = (
        "import sys; from stegocli.picture import charts; before = 'matplotlib' in sys.modules\n"
        f"charts.training_curves({history(2)!r})\n"
        "print(before, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
