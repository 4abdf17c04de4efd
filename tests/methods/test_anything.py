"""Few bytes that survive nearly anything, through files: what comes back, and what is said when nothing can."""

import io

import numpy as np
import pytest
from pictures import lively, natural
from PIL import Image, ImageOps

from stegocli import StegoError, api, inspection
from stegocli.methods import Robust
from stegocli.picture import files, metrics

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A lively cover of 400x320, a picture and a text to hide, and stegos of both."""
    here = tmp_path_factory.mktemp("anything")
    Image.fromarray(lively(320, 400, 1)).save(here / "cover.png")
    Image.fromarray(natural(240, 320, 2)).save(here / "secret.png")
    (here / "note.txt").write_text("Meet me at nine.\n")
    return here


@pytest.fixture(scope="module")
def note(folder):
    return api.hide(folder / "cover.png", folder / "note.txt", folder / "note.png", Robust("anything", "mill"))


@pytest.fixture(scope="module")
def thumbnail(folder):
    return api.hide(folder / "cover.png", folder / "secret.png", folder / "thumbnail.jpg", Robust("Anything"))


def sent(stego, target, *steps, **options):
    picture = Image.open(stego).convert("RGB")
    for step in steps:
        picture = step(picture)
    picture.save(target, **options)
    return target


def smaller(share):
    return lambda picture: picture.resize((round(share * picture.width), round(share * picture.height)))


@pytest.mark.parametrize(
    ("name", "steps", "options"),
    [
        ("half.jpg", [smaller(0.5)], {"quality": 75}),
        ("web.webp", [smaller(0.75)], {"quality": 80}),
        ("turned.png", [lambda picture: picture.transpose(Image.Transpose.ROTATE_90)], {}),
        ("cropped.jpg", [lambda picture: picture.crop((5, 2, 397, 317))], {"quality": 80}),
        ("framed.png", [lambda picture: ImageOps.expand(picture, (0, 50), "black")], {}),
    ],
)
def test_a_note_under_a_password_comes_back(folder, note, tmp_path, name, steps, options):
    received = sent(note.path, tmp_path / name, *steps, **options)
    done = api.reveal(received, tmp_path / "n.txt", password="mill")
    assert done.path.read_text() == "Meet me at nine.\n" and done.authenticated and done.method == "robust"
    with pytest.raises(StegoError, match=r"can't be opened"):
        api.reveal(received, tmp_path / "none.txt", password="wheel")


def test_what_is_said_of_a_note(folder, note):
    assert "survives half the size" in note.summary and "encrypted" in note.summary and "same file" in note.summary
    assert any("Played" in told and "JPEG 75" in told and "AVIF 60" in told for told in note.notes)
    assert note.cover.psnr > 39.5 and note.secret is None
    told = inspection.info(note.path, "mill").contents
    assert told.method == "robust" and told.private and told.length < 60
    assert inspection.info(note.path).contents is None


def test_a_picture_comes_back_as_a_thumbnail(folder, thumbnail, tmp_path):
    width, height = thumbnail.secret_size
    assert f"a thumbnail of {width}x{height}" in thumbnail.summary and 32 <= width < 320
    assert any("secret.png (320x240) goes as a thumbnail" in told for told in thumbnail.notes)
    received = sent(thumbnail.path, tmp_path / "received.jpg", smaller(0.6), quality=80)
    done = api.reveal(received, tmp_path / "r.png")
    assert done.size == (width, height) and done.summary == f"a thumbnail of {width}x{height}"
    small = files.resize(files.read(folder / "secret.png").rgb, (width, height))
    assert metrics.psnr(small, files.read(done.path).rgb) == thumbnail.secret.psnr > 20
    assert inspection.info(received).contents.size == (width, height)


def test_too_much_damage_is_told_and_nothing_written(folder, note, thumbnail, tmp_path):
    tiny = sent(thumbnail.path, tmp_path / "tiny.jpg", smaller(0.3), quality=50)
    with pytest.raises(StegoError, match=r"corrected|holds no hidden picture"):
        api.reveal(tiny, tmp_path / "r.png")
    assert not (tmp_path / "r.png").exists()


def test_what_does_not_fit_is_told_with_what_fits(folder, tmp_path):
    (tmp_path / "long.txt").write_bytes(np.random.default_rng(0).bytes(9000))
    with pytest.raises(StegoError, match=r"long.txt needs 9,0\d\d bytes and \d+ fit"):
        api.hide(folder / "cover.png", tmp_path / "long.txt", tmp_path / "s.png", Robust("anything"))
    Image.fromarray(natural(100, 120, 1)).save(tmp_path / "small.png")
    with pytest.raises(StegoError, match=r"small.png holds nothing that survives anything .*needs 256 pixels"):
        api.hide(tmp_path / "small.png", folder / "note.txt", tmp_path / "s.png", Robust("anything"))
    assert not (tmp_path / "s.png").exists()


def test_a_service_that_writes_webp_gets_the_base_layer(folder, tmp_path):
    hidden = api.hide(folder / "cover.png", folder / "note.txt", tmp_path / "s.png", Robust("misskey"))
    assert any("Played for misskey: at most 2048 px" in told and "WebP 85" in told for told in hidden.notes)
    received = io.BytesIO()
    Image.open(tmp_path / "s.png").save(received, "WEBP", quality=85)
    (tmp_path / "r.webp").write_bytes(received.getvalue())
    assert api.reveal(tmp_path / "r.webp", tmp_path / "n.txt").path.read_text() == "Meet me at nine.\n"
