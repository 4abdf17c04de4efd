"""Stegos that are recompressed, through files: what comes back, and what is said when nothing can."""

import io

import numpy as np
import pytest
from pictures import natural
from PIL import Image

from stegocli import StegoError, api
from stegocli.methods import Auto, Robust
from stegocli.picture import files, metrics
from stegocli.robust.services import SERVICES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A lively cover of 320x272, a picture and a text to hide."""
    here = tmp_path_factory.mktemp("survive")
    rng = np.random.default_rng(5)
    grain = np.asarray(Image.fromarray(rng.integers(0, 256, (68, 80, 3), dtype=np.uint8)).resize((320, 272)))
    Image.fromarray((0.7 * natural(272, 320, 1) + 0.3 * grain).astype(np.uint8)).save(here / "cover.png")
    Image.fromarray(natural(91, 120, 2)).save(here / "secret.png")
    (here / "note.txt").write_text("Meet me at nine.\n")
    return here


def recompressed(path, target, quality, **options):
    Image.open(path).convert("RGB").save(target, "JPEG", quality=quality, **options)
    return target


def test_a_picture_survives_a_messenger(folder, tmp_path):
    hidden = api.hide(folder / "cover.png", folder / "secret.png", tmp_path / "s.png", Robust(75))
    assert hidden.cover.psnr > 36 and hidden.secret.psnr > 24 and "quality 75" in hidden.summary
    sent = [
        recompressed(tmp_path / "s.png", tmp_path / f"{i}.jpg", quality, **options)
        for i, (quality, options) in enumerate(
            [(75, {}), (90, {"subsampling": 0}), (80, {"progressive": True, "optimize": True})]
        )
    ]
    # Two in a row as far as is promised; several at lower qualities are luck.
    sent.append(recompressed(recompressed(tmp_path / "s.png", tmp_path / "once.jpg", 88), tmp_path / "twice.jpg", 88))
    for received in sent:
        done = api.reveal(received, tmp_path / "r.png", force=True)
        assert done.size == (120, 91) and done.summary == "approximate"
        shown = files.read(folder / "secret.png").rgb, files.read(tmp_path / "r.png").rgb
        assert metrics.psnr(*shown) == hidden.secret.psnr


def test_a_note_is_made_to_survive_several_recompressions(folder, tmp_path):
    hidden = api.hide(folder / "cover.png", folder / "note.txt", tmp_path / "s.png", Robust(75))
    assert "down to quality 33" in hidden.summary and hidden.cover.psnr > 42
    received = tmp_path / "s.png"
    for turn, quality in enumerate((85, 75, 80, 90)):
        received = recompressed(received, tmp_path / f"{turn}.jpg", quality)
    assert api.reveal(received, tmp_path / "r.txt").path.read_text() == "Meet me at nine.\n"


def test_a_jpeg_output_survives_by_itself_and_under_a_password(folder, tmp_path):
    hidden = api.hide(folder / "cover.png", folder / "note.txt", tmp_path / "s.jpg", Auto(password="nine"))
    assert "survives JPEG" in hidden.summary and Image.open(tmp_path / "s.jpg").format == "JPEG"
    assert hidden.cover.psnr == metrics.psnr(files.read(folder / "cover.png").rgb, files.read(tmp_path / "s.jpg").rgb)
    received = recompressed(tmp_path / "s.jpg", tmp_path / "t.jpg", 75)
    assert api.reveal(received, password="nine").path.read_text() == "Meet me at nine.\n"
    for password, words in ((None, "give the password"), ("ten", "password is wrong")):
        with pytest.raises(StegoError, match=words):
            api.reveal(received, tmp_path / "none.txt", password=password)
    assert not (tmp_path / "none.txt").exists()


def test_too_much_damage_is_told_and_nothing_written(folder, tmp_path):
    api.hide(folder / "cover.png", folder / "secret.png", tmp_path / "s.png", Robust(90))
    whole = Image.open(tmp_path / "s.png")
    rng = np.random.default_rng(0)
    damages = [
        recompressed(tmp_path / "s.png", tmp_path / "low.jpg", 40),
        recompressed(tmp_path / "s.png", tmp_path / "lower.jpg", 65),
    ]
    for i in range(4):
        box = (int(rng.integers(1, 80)), int(rng.integers(1, 80)), 320, 272)
        damaged = whole.crop(box) if i % 2 else whole.resize((320 - box[0], 272 - box[1]))
        damaged.save(tmp_path / f"d{i}.png")
        damages.append(tmp_path / f"d{i}.png")
    for damaged in damages:
        with pytest.raises(StegoError, match=r"corrected|holds no hidden picture"):
            api.reveal(damaged, tmp_path / "r.png")
    assert not (tmp_path / "r.png").exists()


def test_services_shrink_the_cover_first(tmp_path, folder, monkeypatch):
    monkeypatch.setitem(SERVICES, "pigeon", type(SERVICES["x"])("pigeon", 300, 70, "this test", "now"))
    hidden = api.hide(folder / "cover.png", folder / "note.txt", tmp_path / "s.png", Robust("pigeon"))
    assert max(hidden.size) == 300 and any("shrunk to 300x255" in note for note in hidden.notes)
    received = recompressed(tmp_path / "s.png", tmp_path / "t.jpg", 70)
    assert api.reveal(received, tmp_path / "n.txt").path.read_text() == "Meet me at nine.\n"


@pytest.mark.parametrize("survive", ["fax", 20, "99"])
def test_unknown_services_and_qualities_are_refused(folder, tmp_path, survive):
    with pytest.raises(StegoError, match="survive"):
        api.hide(folder / "cover.png", folder / "note.txt", tmp_path / "s.png", Robust(survive))


@pytest.mark.parametrize("level", [0, 255, 128])
def test_flat_covers_carry_or_are_refused(folder, tmp_path, level):
    Image.fromarray(np.full((272, 320, 3), level, np.uint8)).save(tmp_path / "flat.png")
    try:
        api.hide(tmp_path / "flat.png", folder / "note.txt", tmp_path / "s.png", Robust(75))
    except StegoError as error:
        assert "flat.png" in str(error) and not (tmp_path / "s.png").exists()
    else:
        received = recompressed(tmp_path / "s.png", tmp_path / "t.jpg", 75)
        assert api.reveal(received, tmp_path / "n.txt").path.read_text() == "Meet me at nine.\n"


def test_plain_jpegs_hold_nothing(folder, tmp_path):
    content = io.BytesIO()
    Image.open(folder / "cover.png").save(content, "JPEG", quality=80)
    (tmp_path / "plain.jpg").write_bytes(content.getvalue())
    with pytest.raises(StegoError, match="holds no hidden picture"):
        api.reveal(tmp_path / "plain.jpg", tmp_path / "r.png")


def screenshot(height: int, width: int) -> np.ndarray:
    """Black lines of small strokes on white, as text is."""
    rng = np.random.default_rng(3)
    picture = np.full((height, width, 3), 255, np.uint8)
    for top in range(6, height - 10, 14):
        strokes = np.kron(rng.integers(0, 2, (4, width // 2)), np.ones((2, 2)))[:, :width].astype(bool)
        picture[top : top + 8, : strokes.shape[1]][strokes] = 0
    return picture


def test_a_secret_that_comes_back_illegible_is_told_and_counted(folder, tmp_path):
    Image.fromarray(screenshot(400, 500)).save(tmp_path / "text.png")
    hidden = api.hide(folder / "cover.png", tmp_path / "text.png", tmp_path / "s.png", Robust(60))
    assert hidden.below_floor and hidden.secret.psnr < 26
    (note,) = [note for note in hidden.notes if "hard to make out" in note]
    assert "larger cover" in note and "exact" in note.lower()
    assert not api.hide(folder / "cover.png", folder / "secret.png", tmp_path / "t.png", Robust(75)).below_floor
