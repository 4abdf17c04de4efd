import io
import struct
import warnings

import numpy as np
import pytest
from pictures import natural
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


@pytest.mark.parametrize("extension", [".jpg", ".jpeg", ".gif", ".avif", ".xyz"])
def test_lossy_and_unknown_outputs_are_refused(tmp_path, extension):
    with pytest.raises(StegoError, match="without loss"):
        files.check_output(tmp_path / f"a{extension}")


@pytest.mark.parametrize("name", ["stego", "out/"])
def test_a_name_without_extension_gets_another_sentence(tmp_path, name):
    with pytest.raises(StegoError, match="has no extension"):
        files.check_output(tmp_path / name, may_lose=True)


def test_an_input_is_never_overwritten(tmp_path):
    path = tmp_path / "a.png"
    files.write(path, Picture(RGB))
    with pytest.raises(StegoError, match="also an input"):
        files.check_output(tmp_path / "." / "a.png", (path,), force=True)


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
    got = files.as_srgb(files.read(path))
    assert got.icc is None and np.abs(got.rgb.astype(int) - RGB).max() <= 2
    Image.fromarray(RGB).save(path, icc_profile=b"nonsense")
    assert np.array_equal(files.as_srgb(files.read(path)).rgb, RGB)


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


@pytest.mark.parametrize("kind", ["EPS", "PCX", "TGA", "SGI", "ICO", "PDF", "DDS"])
def test_only_the_formats_that_are_meant_are_decoded(tmp_path, kind):
    """An EPS would be handed to Ghostscript."""
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path, kind)
    with pytest.raises(StegoError, match="not a picture"):
        files.read(path)
    assert not files.is_picture(path) and not files.is_readable(path, 1)


def test_a_picture_is_known_by_its_content(tmp_path):
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000"):
        for name in ("a.png", "a.jfif", "a"):
            Image.fromarray(RGB).save(tmp_path / name, kind)
            assert files.is_picture(tmp_path / name)
            assert files.is_picture("-", (tmp_path / name).read_bytes())
    for content in (b"", b"hello", b"P5 is a road", b"BM", b"%PDF-1.7"):
        (tmp_path / "a.png").write_bytes(content)
        assert not files.is_picture(tmp_path / "a.png")
    assert not files.is_picture(tmp_path) and not files.is_picture(tmp_path / "none.png")


@pytest.mark.parametrize("top", [0.5, 1.0, 200.0, 255.0, 40000.0, 1e6, 1e30])
@pytest.mark.parametrize("kind", ["float32", "int32"])
def test_wide_samples_are_neither_white_nor_black(tmp_path, top, kind):
    ramp = np.linspace(0, top, 60 * 40).reshape(40, 60)
    ramp = ramp.astype(np.float32) if kind == "float32" else ramp.clip(0, 2**31 - 129).astype(np.int32)
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    seen = files.read(tmp_path / "a.tif").rgb[..., 0]
    top = float(ramp.max())
    white = next((w for w in ((1, 255, 65535) if kind == "float32" else (255, 65535)) if top <= w), top)
    assert np.array_equal(seen, np.round(ramp.astype(np.float64) / white * 255))


def test_samples_that_are_no_numbers(tmp_path):
    wide = np.linspace(-0.5, 1, 60 * 40, dtype=np.float32).reshape(40, 60)
    wide[0, :3] = np.nan, np.inf, -np.inf
    Image.fromarray(wide).save(tmp_path / "a.tif")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seen = files.read(tmp_path / "a.tif").rgb[..., 0]
    assert seen[0, :4].tolist() == [0, 255, 0, 0] and seen[-1, -1] == 255


def test_third_parties_do_not_warn(tmp_path):
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHII", 9, 0x0112, 3, 1, 6) + b"\xff" * 40
    path = tmp_path / "a.jpg"
    Image.fromarray(RGB).save(path, exif=exif)
    palette = Image.fromarray(RGB).quantize(8)
    palette.save(tmp_path / "a.png", transparency=bytes(range(8)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert files.read(path).rgb.size == RGB.size
        assert files.read(tmp_path / "a.png").alpha is not None
        assert files.is_picture(path) and files.is_readable(path, 1)


def test_a_colour_space_that_cant_be_converted_gets_a_sentence(tmp_path, monkeypatch):
    Image.fromarray(RGB).convert("LAB").save(tmp_path / "a.tif")

    def refuse(*_, **__):
        raise ValueError("conversion from LAB to RGB not supported")

    monkeypatch.setattr(Image.Image, "convert", refuse)
    with pytest.raises(StegoError, match=r"a\.tif can't be shown as RGB"):
        files.read(tmp_path / "a.tif")


# -- outputs ----------------------------------------------------------------------------------------------------


def test_bmp_refuses_what_it_would_lose(tmp_path):
    path = tmp_path / "a.bmp"
    clear, opaque = (np.full(RGB.shape[:2], level, np.uint8) for level in (9, 255))
    for picture in (Picture(RGB, clear), Picture(RGB, icc=PROFILE)):
        with pytest.raises(StegoError, match=r"a\.bmp would lose the .* use \.png"):
            files.check_holds(path, picture)
        with pytest.raises(StegoError, match="would lose"):
            files.write(path, picture)
        assert not path.exists()
    files.write(path, Picture(RGB, opaque))
    assert np.array_equal(files.read(path).rgb, RGB)


def test_webp_refuses_sides_it_cant_hold(tmp_path):
    with pytest.raises(StegoError, match=r"a\.webp can't hold 16384x1"):
        files.write(tmp_path / "a.webp", Picture(np.zeros((1, 16384, 3), np.uint8)))


@pytest.mark.parametrize("suffix", [".png", ".TIF", ".webp", ".bmp"])
def test_encode_gives_the_bytes_of_a_file(suffix):
    assert np.array_equal(files.read("-", content=files.encode(Picture(RGB), suffix)).rgb, RGB)


def test_transparent_parts_lie_over_white():
    alpha = np.full(RGB.shape[:2], 255, np.uint8)
    alpha[0, 0] = 0
    flat = files.over_white(Picture(RGB, alpha))
    assert flat[0, 0].tolist() == [255] * 3 and np.array_equal(flat[1:], RGB[1:])
