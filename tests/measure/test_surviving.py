"""What comes back from JPEG of every quality, over a folder."""

import io

import numpy as np
import pytest
from pictures import natural
from PIL import Image
from rich.console import Console

from stegocli import StegoError, render
from stegocli.measure import surviving
from stegocli.picture import files

pytestmark = pytest.mark.slow


def test_a_folder_over_the_qualities(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    for name in ("a", "b"):
        grain = np.asarray(Image.fromarray(rng.integers(0, 256, (44, 52, 3), dtype=np.uint8)).resize((208, 176)))
        mixed = 0.7 * natural(176, 208, ord(name)) + 0.3 * grain
        Image.fromarray(mixed.astype(np.uint8)).save(tmp_path / f"{name}.png")
    monkeypatch.setattr(surviving, "QUALITIES", (50, 75, 90))
    seen = []
    result = surviving.folder(tmp_path, 75, tmp_path / "plot.png", seen.append)
    assert seen == result["pairs"] and [row["cover"] for row in seen] == ["a.png", "b.png"]
    assert [row["recovered"] for row in result["qualities"]] == [0, 1, 1]
    assert result["qualities"][1]["secret_psnr"] == result["qualities"][2]["secret_psnr"] > 18
    assert result["mean"]["cover_psnr"] > 36 and result["mean"]["cover_ssim"] > 0.94
    assert min(files.read(tmp_path / "plot.png").size) > 300
    out = io.StringIO()
    render.show_surviving(result, Console(file=out, width=100))
    assert "100%" in out.getvalue() and "0%" in out.getvalue()


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(StegoError, match="two are needed"):
        surviving.folder(tmp_path, 75)
