import numpy as np
import pytest

from stegocli.measure import charts


@pytest.fixture
def drawn(monkeypatch):
    """The axes of the last chart."""
    figures, make = [], charts.new_figure
    monkeypatch.setattr(charts, "new_figure", lambda *size: figures.append(make(*size)) or figures[-1])
    return lambda: figures[-1].axes


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


def test_channels_say_what_came_back_and_what_was_played(drawn):
    rows = [
        {"channel": "JPEG 75", "played": True, "recovered": 4},
        {"channel": "WebP 80", "played": False, "recovered": 3},
        {"channel": "blur", "played": False, "recovered": 0},
    ]
    charts.channels({"channels": rows, "pairs": [{}] * 4, "mean": {"bytes": 400.0, "cover_psnr": 39.6}})
    axes = drawn()[0]
    bars = {round(bar.get_y() + bar.get_height() / 2): bar.get_width() for bar in axes.patches}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["blur", "WebP 80", "JPEG 75"]
    assert [bars[place] for place in range(3)] == [0, 75, 100]
    assert "4 secrets" in axes.get_xlabel() and "400 bytes" in axes.get_title()
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {"not played", "played by the writer"}
