import io

import numpy as np
import pytest
from conftest import natural
from PIL import Image, ImageCms

from stegocli.errors import StegoError
from stegocli.picture import files
from stegocli.picture.files import Picture

RGB = natural(40, 60)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("extension", [".png", ".tif", ".tiff", ".webp", ".bmp"])
def test_lossless_formats_round_trip(tmp_path, extension):
    path = tmp_path / f"a{extension}"
    files.write(path, Picture(RGB, icc=None if extension == ".bmp" else PROFILE))
    back = files.read(path)
    assert np.array_equal(back.rgb, RGB)
    assert extension == ".bmp" or back.icc == PROFILE


@pytest.mark.parametrize("extension", [".png", ".tif", ".webp"])
def test_alpha_and_the_colour_under_it_round_trip(tmp_path, extension):
    alpha = np.zeros(RGB.shape[:2], np.uint8)
    alpha[:, 30:] = 200
    path = tmp_path / f"a{extension}"
    files.write(path, Picture(RGB, alpha))
    back = files.read(path)
    assert np.array_equal(back.rgb, RGB) and np.array_equal(back.alpha, alpha)


@pytest.mark.parametrize("extension", [".jpg", ".jpeg", ".gif", ".avif", ".xyz", ""])
def test_lossy_and_unknown_outputs_are_refused(tmp_path, extension):
    with pytest.raises(StegoError, match="without loss"):
        files.check_output(tmp_path / f"a{extension}")


def test_an_input_is_never_overwritten(tmp_path):
    path = tmp_path / "a.png"
    files.write(path, Picture(RGB))
    with pytest.raises(StegoError, match="also an input"):
        files.check_output(tmp_path / "." / "a.png", (path,))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "YCbCr"])
def test_modes_are_read(tmp_path, mode):
    source = Image.fromarray(RGB)
    if mode in ("I;16", "I", "F"):
        grey = np.asarray(source.convert("L"))
        wide = {"I;16": grey.astype(np.uint16) * 257, "I": grey.astype(np.int32) * 257, "F": grey.astype(np.float32)}[
            mode
        ]
        source, path = Image.fromarray(wide), tmp_path / "a.tif"
    else:
        source = source.quantize(256) if mode == "P" else source.convert(mode)
        path = tmp_path / ("a.png" if mode == "P" else "a.tif")
    source.save(path)
    got = files.read(path)
    assert got.rgb.shape == RGB.shape and got.rgb.dtype == np.uint8
    expected = np.asarray(Image.fromarray(RGB).convert("L")).astype(int)
    if mode != "1":
        assert np.abs(np.asarray(Image.fromarray(got.rgb).convert("L")).astype(int) - expected).mean() < 8
    assert got.grey == (mode in ("1", "L", "LA", "I;16", "I", "F"))
    assert (got.alpha is not None) == (mode in ("LA", "RGBA"))


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.jpg"
    Image.fromarray(RGB).save(path, exif=exif, quality=95)
    assert files.read(path).size == (40, 60)


def test_palette_transparency(tmp_path):
    source = Image.fromarray(RGB).quantize(8)
    path = tmp_path / "a.png"
    source.save(path, transparency=3)
    assert set(np.unique(files.read(path).alpha)) == {0, 255}


def test_a_secret_comes_as_srgb(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path, icc_profile=PROFILE)
    got = files.read(path, srgb=True)
    assert got.icc is None and np.abs(got.rgb.astype(int) - RGB).max() <= 2
    Image.fromarray(RGB).save(path, icc_profile=b"nonsense")
    assert np.array_equal(files.read(path, srgb=True).rgb, RGB)


def test_bad_files_get_a_sentence(tmp_path):
    whole = io.BytesIO()
    Image.fromarray(RGB).save(whole, "PNG")
    cases = {"cut.png": whole.getvalue()[:900], "text.png": b"hello", "empty.jpg": b""}
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(StegoError, match=name):
            files.read(tmp_path / name)
        assert not files.is_readable(tmp_path / name, 1)
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(StegoError, match=str(path)):
            files.read(path)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    files.write(path, Picture(RGB))
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(StegoError, match="No space left"):
        files.write(path, Picture(255 - RGB))
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_transparent_parts_lie_over_white():
    alpha = np.full(RGB.shape[:2], 255, np.uint8)
    alpha[0, 0] = 0
    flat = files.over_white(Picture(RGB, alpha))
    assert flat[0, 0].tolist() == [255] * 3 and np.array_equal(flat[1:], RGB[1:])
