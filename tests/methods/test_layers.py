"""A picture that survives JPEG, its thumbnail beneath it: what comes back of which, and what is said of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from command import stego
from pictures import lively, natural
from PIL import Image

from stegocli import StegoError, api, inspection
from stegocli.methods import Robust
from stegocli.picture import files, metrics

pytestmark = pytest.mark.slow

FIXTURES = Path(__file__).parents[1] / "fixtures" / "layers"
ABOVE, BENEATH = "the picture", "its thumbnail: the picture itself was lost to"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A lively cover of 480x400, a picture, a note, and stegos of the picture: open and under a password."""
    here = tmp_path_factory.mktemp("layers")
    Image.fromarray(lively(400, 480, 1)).save(here / "cover.png")
    Image.fromarray(natural(200, 240, 2)).save(here / "secret.png")
    (here / "note.txt").write_text("Meet me at nine.\n")
    return here


@pytest.fixture(scope="module")
def told(folder):
    done = stego(
        "hide", folder / "cover.png", folder / "secret.png", "-o", folder / "s.jpg", "--survive", "75+thumbnail",
        "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def private(folder, quick_keys):
    method = Robust("75+thumbnail", "mill")
    return api.hide(folder / "cover.png", folder / "secret.png", folder / "private.png", method)


def sent(path, target, share=1.0, **options):
    picture = Image.open(path).convert("RGB")
    picture.resize((round(share * picture.width), round(share * picture.height))).save(target, **options)
    return target


def revealed(received, target, **options):
    done = stego("reveal", received, "-o", target, "--json", "--force", **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_is_said_of_both(folder, told):
    beneath = told["beneath"]
    width, height = beneath["secret_size"]
    assert told["secret_size"] == [240, 200] and 24 <= width < 240 and abs(width / height - 1.2) < 0.1
    assert f"beneath it a thumbnail of {width}x{height}" in told["summary"] and "quality 75" in told["summary"]
    assert any(note.startswith("Played on what lies beneath") and "AVIF 60" in note for note in told["notes"])
    shown = stego("info", folder / "s.jpg").stdout
    assert "a picture made small, with its thumbnail beneath" in shown and f"its thumbnail, {width}x{height}" in shown
    contents = inspection.info(folder / "s.jpg").contents
    assert contents.size == (240, 200) and contents.beneath.size == (width, height)
    assert contents.beneath.length == beneath["length"]


@pytest.mark.parametrize("quality", [75, 92])
def test_the_picture_comes_back_from_jpeg(folder, told, tmp_path, quality):
    done = revealed(sent(folder / "s.jpg", tmp_path / "r.jpg", quality=quality), tmp_path / "r.png")
    assert (done["layer"], done["summary"], done["size"]) == ("picture", ABOVE, [240, 200])
    shown = files.read(folder / "secret.png").rgb, files.read(tmp_path / "r.png").rgb
    assert metrics.psnr(*shown) == told["secret"]["psnr"] > 24


@pytest.mark.parametrize(
    ("name", "share", "quality", "lost_to"),
    [("r.jpg", 0.5, 75, "resizing"), ("r.webp", 1.0, 80, ""), ("r.webp", 0.75, 80, "resizing")],
)
def test_its_thumbnail_comes_back_from_the_rest(folder, told, tmp_path, name, share, quality, lost_to):
    done = revealed(sent(folder / "s.jpg", tmp_path / name, share, quality=quality), tmp_path / "r.png")
    assert done["layer"] == "thumbnail" and done["size"] == told["beneath"]["secret_size"]
    assert done["summary"].startswith(f"{BENEATH} {lost_to}")
    small = files.resize(files.read(folder / "secret.png").rgb, tuple(done["size"]))
    assert metrics.psnr(small, files.read(tmp_path / "r.png").rgb) == told["beneath"]["secret"]["psnr"]


def test_both_are_private_under_a_password(folder, private, tmp_path):
    half = sent(private.path, tmp_path / "half.jpg", 0.5, quality=80)
    again = sent(private.path, tmp_path / "again.jpg", quality=75)
    assert "encrypted" in private.summary and private.beneath.secret_size
    for received in (again, half):
        with pytest.raises(StegoError, match=r"can't be opened"):
            api.reveal(received, tmp_path / "none.png", password="wheel")
    for received, summary in ((again, ABOVE), (half, BENEATH)):
        done = api.reveal(received, tmp_path / "r.png", password="mill", force=True)
        assert done.authenticated and done.summary.startswith(summary)
    assert inspection.info(private.path, "mill").contents.beneath.private


def test_a_note_lies_whole_in_both(folder, tmp_path):
    hidden = api.hide(folder / "cover.png", folder / "note.txt", tmp_path / "s.png", Robust("x+thumbnail"))
    assert "the same again beneath" in hidden.summary and hidden.beneath is None and hidden.cover.psnr > 40
    for share in (1.0, 0.6):
        received = sent(tmp_path / "s.png", tmp_path / "r.jpg", share, quality=75)
        done = api.reveal(received, tmp_path / "n.txt", force=True)
        assert done.path.read_text() == "Meet me at nine.\n" and done.layer is None


@pytest.mark.parametrize(
    ("name", "layer", "size", "summary"),
    [("above", "picture", (240, 200), ABOVE), ("beneath", "thumbnail", (64, 53), BENEATH)],
)
def test_the_fixture_still_reveals(tmp_path, name, layer, size, summary):
    """As received: at quality 75, and at half the size."""
    done = api.reveal(FIXTURES / f"{name}.jpg", tmp_path / "r.png")
    assert (done.layer, done.size) == (layer, size) and done.summary.startswith(summary)
    above = api.reveal(FIXTURES / "above.jpg", tmp_path / "above.png")
    small = files.resize(files.read(above.path).rgb, size)
    assert metrics.psnr(small, files.read(done.path).rgb) > 28


def test_what_does_not_lie_beneath_is_told(folder, tmp_path):
    Image.open(folder / "cover.png").crop((0, 0, 264, 256)).save(tmp_path / "cover.png")
    several = [folder / "note.txt", folder / "secret.png"]
    hidden = api.hide(tmp_path / "cover.png", several, tmp_path / "s.png", Robust("75+thumbnail"))
    assert any("several secrets are too much for that" in note for note in hidden.notes) and hidden.beneath is None
    (tmp_path / "long.txt").write_bytes(np.random.default_rng(0).bytes(900))
    hidden = api.hide(tmp_path / "cover.png", tmp_path / "long.txt", tmp_path / "t.png", Robust("75+Thumbnail"))
    assert any("long.txt does not fit whole" in note for note in hidden.notes)
    assert api.reveal(tmp_path / "t.png", tmp_path / "r.txt").layer is None


@pytest.mark.parametrize("survive", ["anything+thumbnail", "misskey+thumbnail", "fax+thumbnail", "75+picture"])
def test_what_makes_no_sense_is_refused(folder, tmp_path, survive):
    done = stego("hide", folder / "cover.png", folder / "secret.png", "-o", tmp_path / "s.png", "--survive", survive)
    assert done.returncode == 1 and survive in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "s.png").exists()
