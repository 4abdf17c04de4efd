"""The detector: its features, that it finds what shows and not what isn't there, and the folder's table."""

import io

import numpy as np
import pytest
from pictures import photograph
from PIL import Image
from rich.console import Console

from stegocli import StegoError, render
from stegocli.measure import detect, detector, features


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("stegocli.payload.keys.PASSES", 1)
    monkeypatch.setattr("stegocli.payload.keys.MEMORY_KIB", 64)
    monkeypatch.setattr("stegocli.threads._share", 1)
    monkeypatch.setattr(detect, "_FEWEST", 4)


def test_rich_features_count_what_they_say():
    rgb = photograph(40, 50, 1)
    found = features.rich(rgb)
    assert found.shape == (7019,) and found.dtype == np.float32 and found.min() >= 0
    # 19 families along lines and 10 across the channels, the shares of each adding up to 1.
    assert found.sum() == pytest.approx(29, abs=1e-4) and features.rich(rgb[..., :1]).shape == (4615,)


def test_families_do_not_care_for_mirrors_and_negatives():
    rgb = photograph(60, 60, 2)
    found = features.rich(rgb)
    linear = np.arange(10 * 169)
    np.testing.assert_allclose(features.rich(255 - rgb)[linear], found[linear], atol=1e-6)
    # Those of residuals that look to one side differ by what the border cuts off.
    symmetric = linear[np.isin(linear // 169, (2, 3, 6, 7))]
    for other in (rgb[:, ::-1], rgb[::-1], rgb.swapaxes(0, 1)):
        np.testing.assert_allclose(features.rich(np.ascontiguousarray(other))[symmetric], found[symmetric], atol=1e-6)


def test_a_residual_is_quantised_as_the_paper_says():
    values = np.arange(-20, 21, dtype=np.int16)
    for step in (1, 2, 3, 4, 12):
        exact = np.clip(np.sign(values) * np.floor(np.abs(values) / step + 0.5), -3, 3)
        assert (features._quantised(values, step) == exact).all()
    assert features._quantised(np.array([24480, -24480], np.int16), 12).tolist() == [3, -3]


def test_dctr_of_one_kernel_by_hand():
    luma = np.random.default_rng(1).normal(128, 20, (24, 32)).astype(np.float32)
    found = features.dctr(luma, 4.0).reshape(64, 25, 5)
    np.testing.assert_allclose(found.sum(2), 1, rtol=1e-5)
    windows = np.lib.stride_tricks.sliding_window_view(luma, (8, 8)).astype(float)
    kernel = np.outer(features._DCT[2], features._DCT[3])
    level = np.minimum((np.abs((windows * kernel).sum((2, 3))) / 4 + 0.5).astype(int), 4)
    # Position (0, 0) of the grid is a class of its own.
    alone = np.bincount(level[::8, ::8].ravel(), minlength=5)
    np.testing.assert_allclose(found[8 * 2 + 3, 0], alone / alone.sum(), atol=0.08)


def test_what_shows_is_found_and_what_is_not_there_is_not():
    rng = np.random.default_rng(3)
    covers = np.abs(rng.normal(1, 0.1, (60, 300)))
    groups = np.repeat(np.arange(30), 2)
    shifted = covers + 0.1 * (np.arange(300) < 30)
    found = detector.detect(covers, shifted, groups)
    assert found.error < 0.1 and found.caught > 0.8 and found.pictures == 30
    other = np.abs(rng.normal(1, 0.1, (60, 300)))
    nothing = detector.detect(covers, other, groups)
    assert abs(nothing.error - 0.5) < 0.1 and nothing.spread < 0.15
    with pytest.raises(ValueError):
        detector.detect(covers[:4], shifted[:4], groups[:4])


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    here = tmp_path_factory.mktemp("photographs")
    for number in range(4):
        Image.fromarray(photograph(112, 112, number)).save(here / f"{number}.png")
    Image.fromarray(photograph(30, 30, 9)).save(here / "small.png")
    return here


@pytest.mark.slow
def test_a_folder_gives_a_table_and_a_plot(photographs, tmp_path):
    other = tmp_path / "other tool"
    other.mkdir()
    for path in photographs.iterdir():
        picture = np.asarray(Image.open(path))
        noise = np.random.default_rng(1).integers(-2, 3, picture.shape)
        Image.fromarray(np.clip(picture + noise, 0, 255).astype(np.uint8)).save(other / path.name)
    seen = []
    result = detect.folder(
        photographs, tmp_path / "plot.png", side=64, others=[other], on_picture=lambda *done: seen.append(done)
    )
    assert result["pictures"] == 4 and seen[-1] == (5, 5) and (tmp_path / "plot.png").exists()
    rows = {row["method"]: row for row in result["rows"]}
    assert list(rows) == ["LSB replacement", "exact", "discreet normal", "discreet large", "other tool"]
    assert rows["discreet large"]["bytes"] > rows["discreet normal"]["bytes"]
    assert all(0 <= row["error"] <= 1 and 0 <= row["caught"] <= 1 for row in rows.values())
    out = io.StringIO()
    render.show_detected(result, Console(file=out, width=160))
    assert "other tool" in out.getvalue() and "0.5 is guessing" in out.getvalue()


@pytest.mark.slow
def test_jpegs_have_a_table_of_their_own(photographs):
    pytest.importorskip("jpeglib")
    result = detect.folder(photographs, quality=95, side=112)
    assert result["quality"] == 95 and "discreet large, original at hand" in [r["method"] for r in result["rows"]]


def test_too_few_pictures_are_refused(photographs, tmp_path):
    with pytest.raises(StegoError, match="4 are needed"):
        detect.folder(photographs, side=200)
    for name in ("none", "n" * 300):
        with pytest.raises(StegoError, match="not a folder"):
            detect.folder(tmp_path / name)
