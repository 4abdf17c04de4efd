"""What comes back from the channels, over a folder."""

import io
import json

import pytest
from command import stego
from pictures import lively
from PIL import Image
from rich.console import Console

from stegocli import StegoError, render
from stegocli.canonical.channels import PLAYED, Blur, Jpeg, Resize, channel
from stegocli.measure import anything
from stegocli.picture import files

pytestmark = pytest.mark.slow


def test_a_folder_through_channels(tmp_path, monkeypatch):
    for name in ("a", "b"):
        Image.fromarray(lively(224, 288, ord(name))).save(tmp_path / f"{name}.png")
    kinds = (channel(), PLAYED[0], channel(Resize(0.8), Jpeg(85)), channel(Blur(12)))
    monkeypatch.setattr(anything, "MEASURED", kinds)
    seen = []
    result = anything.folder(tmp_path, tmp_path / "plot.png", seen.append)
    assert seen == result["pairs"] and [row["cover"] for row in seen] == ["a.png", "b.png"]
    assert [row["recovered"] for row in result["channels"]] == [2, 2, 2, 0]
    assert [row["played"] for row in result["channels"]] == [False, True, False, False]
    assert result["recovered"] == 0.75 and result["wrong"] == 0
    assert result["mean"]["cover_psnr"] > 39 and result["least"]["bytes"] > 32
    assert all(row["lost"] == [str(kinds[3])] and not row["wrong"] for row in seen)
    assert min(files.read(tmp_path / "plot.png").size) > 200
    out = io.StringIO()
    render.show_anything(json.loads(json.dumps(result)), Console(file=out, width=160))
    assert "2 of 2" in out.getvalue() and "75.0%" in out.getvalue()


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(StegoError, match="two are needed"):
        anything.folder(tmp_path)
    done = stego("metrics", "--data", tmp_path, "--survive", "anything")
    assert done.returncode == 1 and "two are needed" in done.stderr
