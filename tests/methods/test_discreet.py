"""Discreet stegos through files: what comes back, what is refused, and that nothing shows in the file."""

import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import photograph
from PIL import Image

from stegocli import StegoError, api
from stegocli.methods import Discreet
from stegocli.methods.discreet import SIZES
from stegocli.picture import files, metrics

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick_keys")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Covers of many kinds, a note and a picture to hide."""
    here = tmp_path_factory.mktemp("discreet")
    rgb = photograph(200, 240, 1)
    picture = Image.fromarray(rgb)
    picture.save(here / "cover.png")
    picture.save(here / "cover.jpg", quality=85)
    picture.save(here / "progressive.jpg", quality=85, progressive=True)
    picture.save(here / "lossy.webp", quality=80)
    with Image.open(here / "cover.jpg") as compressed:
        compressed.save(here / "once.png")
    picture.quantize(200).save(here / "palette.png")
    picture.convert("L").save(here / "grey.png")
    alpha = np.full((200, 240), 255, np.uint8)
    alpha[:60] = 0
    Image.fromarray(np.dstack([rgb, alpha])).save(here / "alpha.png")
    Image.fromarray(np.dstack([rgb[..., 0], alpha])).save(here / "grey-alpha.png")
    Image.new("RGB", (100, 100), (90, 120, 40)).save(here / "flat.png")
    Image.fromarray(photograph(16, 16, 2)).save(here / "tiny.png")
    Image.new("RGB", (90, 90), "white").save(here / "white.png")
    (here / "note.txt").write_text("Meet me at nine.\n")
    Image.fromarray(photograph(40, 48, 3)).save(here / "secret.png")
    return here


@pytest.mark.parametrize("name", ["s.png", "s.webp", "s.tif", "s.bmp"])
def test_a_note_comes_back_by_the_password_alone(folder, tmp_path, name):
    done = api.hide(folder / "cover.png", folder / "note.txt", tmp_path / name, Discreet(password="nine"))
    assert done.method == "discreet" and "same file" in done.summary and done.cover.psnr > 65
    assert any("Delete the cover" in note for note in done.notes)
    shown = api.reveal(tmp_path / name, tmp_path / "r.txt", password="nine")
    assert shown.path.read_bytes() == (folder / "note.txt").read_bytes() and shown.authenticated
    for password in (None, "ten"):
        with pytest.raises(StegoError):
            api.reveal(tmp_path / name, tmp_path / "none.txt", password=password)


def test_a_png_is_compressed_as_most_programs_do(folder, tmp_path):
    done = api.hide(folder / "cover.png", folder / "note.txt", tmp_path / "s.png", Discreet(password="nine"))
    usual = io.BytesIO()
    with Image.open(done.path) as stego:
        Image.fromarray(np.asarray(stego)).save(usual, "PNG", compress_level=6)
    assert done.path.read_bytes() == usual.getvalue()


def test_a_picture_is_coded_as_finely_as_the_cap_holds(folder, tmp_path):
    psnrs = []
    for size in ("small", "large"):
        method = Discreet(size, "nine")
        done = api.hide(folder / "cover.png", folder / "secret.png", tmp_path / "s.png", method, force=True)
        api.reveal(tmp_path / "s.png", tmp_path / "r.png", password="nine", force=True)
        shown = files.read(folder / "secret.png").rgb, files.read(tmp_path / "r.png").rgb
        assert metrics.psnr(*shown) == done.secret.psnr
        psnrs.append(done.secret.psnr)
    assert psnrs[0] < psnrs[1]


@settings(max_examples=8, deadline=None)
@given(
    st.tuples(st.integers(16, 110), st.integers(16, 110)), st.sampled_from(["png", "jpg", "progressive"]),
    st.sampled_from(["RGB", "L", "RGBA"]), st.sampled_from(SIZES), st.integers(0, 300), st.integers(0, 99),
)  # fmt: skip
def test_every_byte_comes_back_or_is_refused_before_writing(sides, kind, mode, size, length, seed):
    if kind != "png":
        pytest.importorskip("jpeglib")
        mode = "L" if mode == "L" else "RGB"
    with tempfile.TemporaryDirectory() as scratch:
        secret, suffix = Path(scratch) / "secret.bin", "png" if kind == "png" else "jpg"
        cover, output = (Path(scratch) / f"{name}.{suffix}" for name in ("cover", "output"))
        options = {} if kind == "png" else {"quality": 50 + seed // 2, "progressive": kind == "progressive"}
        Image.fromarray(photograph(*sides, seed)).convert(mode).save(cover, **options)
        secret.write_bytes(np.random.default_rng(seed).bytes(length))
        try:
            api.hide(cover, secret, output, Discreet(size, "nine"))
        except StegoError as error:
            assert not output.exists() and "\n" not in str(error)
            return
        found = api.reveal(output, Path(scratch) / "found.bin", password="nine")
        assert found.path.read_bytes() == secret.read_bytes()


@pytest.mark.parametrize("name", ["grey.png", "alpha.png", "grey-alpha.png"])
def test_grey_and_transparent_covers(folder, tmp_path, name):
    api.hide(folder / name, folder / "note.txt", tmp_path / "s.png", Discreet(password="nine"))
    with Image.open(folder / name) as cover, Image.open(tmp_path / "s.png") as stego:
        assert stego.mode == cover.mode
        if name != "grey.png":
            assert (np.asarray(stego)[:60] == np.asarray(cover)[:60]).all()
    assert api.reveal(tmp_path / "s.png", tmp_path / "r.txt", password="nine").path.read_text() == "Meet me at nine.\n"


@pytest.mark.parametrize(
    ("name", "output", "why"),
    [
        ("cover.jpg", "s.png", "stored with loss.*shrink.*jpg"),
        ("lossy.webp", "s.png", "WebP, stored with loss"),
        ("lossy.webp", "s.jpg", "WebP, stored with loss"),
        ("once.png", "s.png", "was a JPEG once.*shrink"),
        ("once.png", "s.jpg", "was a JPEG once.*shrink"),
        ("palette.png", "s.png", "drawing"),
        ("flat.png", "s.png", "drawing"),
        ("white.png", "s.png", "drawing"),
        ("tiny.png", "s.png", "too small"),
    ],
)
def test_covers_that_give_it_away_are_refused(folder, tmp_path, name, output, why):
    with pytest.raises(StegoError, match=why):
        api.hide(folder / name, folder / "note.txt", tmp_path / output, Discreet(password="nine"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["cover.jpg", "lossy.webp", "once.png"])
def test_a_halved_cover_is_taken(folder, tmp_path, name):
    done = api.hide(folder / name, folder / "note.txt", tmp_path / "s.png", Discreet(password="nine", shrink=True))
    assert done.size == (120, 100) and any("halved to 120x100" in note for note in done.notes)
    assert api.reveal(tmp_path / "s.png", tmp_path / "r.txt", password="nine").path.read_text() == "Meet me at nine.\n"


def test_without_a_password_or_with_an_unknown_size(folder, tmp_path):
    with pytest.raises(StegoError, match="password"):
        api.hide(folder / "cover.png", folder / "note.txt", tmp_path / "s.png", Discreet())
    with pytest.raises(StegoError, match="small, normal, large"):
        Discreet("huge", "nine")


def test_too_much_is_refused_with_what_fits(folder, tmp_path):
    (tmp_path / "long.txt").write_bytes(np.random.default_rng(1).bytes(5000))
    with pytest.raises(StegoError, match="larger cover"):
        api.hide(folder / "cover.png", tmp_path / "long.txt", tmp_path / "s.png", Discreet(password="nine"))


def test_a_jpeg_keeps_its_file_and_an_uncompressed_cover_becomes_one(folder, tmp_path):
    pytest.importorskip("jpeglib")
    for name in ("cover.jpg", "progressive.jpg", "cover.png"):
        done = api.hide(folder / name, folder / "note.txt", tmp_path / "s.jpg", Discreet("large", "nine"), force=True)
        assert done.method == "discreet" and "same file" in done.summary
        with Image.open(tmp_path / "s.jpg") as stego, Image.open(folder / "cover.jpg") as cover:
            assert stego.format == "JPEG" and stego.size == (240, 200)
            if name != "cover.png":
                assert stego.quantization == cover.quantization
            assert ("progressive" in stego.info) == (name == "progressive.jpg")
        found = api.reveal(tmp_path / "s.jpg", tmp_path / "r.txt", password="nine", force=True)
        assert found.path.read_text() == "Meet me at nine.\n"
        with pytest.raises(StegoError):
            api.reveal(tmp_path / "s.jpg", tmp_path / "none.txt", password="ten")


def test_the_file_of_a_jpeg_differs_in_its_scan_alone(folder, tmp_path):
    pytest.importorskip("jpeglib")
    api.hide(folder / "cover.jpg", folder / "note.txt", tmp_path / "s.jpg", Discreet("large", "nine"))
    cover, stego = (folder / "cover.jpg").read_bytes(), (tmp_path / "s.jpg").read_bytes()
    scan = cover.rindex(b"\xff\xda") + 14
    assert stego[:scan] == cover[:scan] and stego[scan:] != cover[scan:]
    assert Image.open(io.BytesIO(stego)).size == (240, 200)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_photograph_that_its_phone_held_otherwise_stays_as_it_is_seen(tmp_path, folder, orientation):
    """Its coefficients stay where they are, and so does the turn in its EXIF: cover and stego are compared as seen."""
    pytest.importorskip("jpeglib")
    with Image.open(folder / "cover.jpg") as picture:
        exif = picture.getexif()
        exif[0x0112] = orientation
        picture.save(tmp_path / "held.jpg", exif=exif, quality=85)
    done = api.hide(tmp_path / "held.jpg", folder / "note.txt", tmp_path / "s.jpg", Discreet(password="nine"))
    cover, stego = (files.read(tmp_path / name) for name in ("held.jpg", "s.jpg"))
    assert cover.size == stego.size == done.size
    assert done.cover.psnr == metrics.compare(cover.rgb, stego.rgb).psnr > 45
    assert (
        api.reveal(tmp_path / "s.jpg", tmp_path / "r.txt", password="nine").path.read_bytes() == b"Meet me at nine.\n"
    )
