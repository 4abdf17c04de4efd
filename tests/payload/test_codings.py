import numpy as np
import pytest
from conftest import natural
from PIL import Image, ImageCms

from stegocli.errors import StegoError
from stegocli.payload import codings
from stegocli.picture import metrics

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
RGB = natural(60, 80)


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 9])
@pytest.mark.parametrize("name", ["report.pdf", "noext", "weird.näme"])
def test_any_file_comes_back_as_it_is(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    packed = codings.exact(tmp_path / name)
    assert codings.unpack(packed.content) == ((tmp_path / name).suffix, content)
    assert packed.picture is None


@pytest.mark.parametrize("kind", ["rgb", "grey", "alpha", "profile"])
def test_pictures_are_coded_smaller_and_exactly(tmp_path, kind):
    samples = {"grey": RGB[..., 0], "alpha": np.dstack([RGB, RGB[..., 1]])}.get(kind, RGB)
    path = tmp_path / "a.png"
    Image.fromarray(samples).save(path, compress_level=0, **({"icc_profile": PROFILE} if kind == "profile" else {}))
    packed = codings.exact(path)
    assert len(packed.content) < path.stat().st_size
    extension, back = codings.unpack(packed.content)
    assert extension == ".png" and np.array_equal(codings._samples(back), samples)
    assert back.icc == (PROFILE if kind == "profile" else None) and back.grey == (kind == "grey")


def test_a_jpeg_stays_the_same_file(tmp_path):
    path = tmp_path / "a.JPG"
    Image.fromarray(RGB).save(path, "JPEG", quality=80)
    assert codings.unpack(codings.exact(path).content) == (".jpg", path.read_bytes())


def test_what_samples_alone_do_not_tell_is_kept_as_a_file(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RGB).save(tmp_path / "turned.png", exif=exif, compress_level=0)
    Image.fromarray(RGB).quantize(16).save(tmp_path / "palette.png")
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    for name in ("turned.png", "palette.png", "broken.png"):
        assert codings.unpack(codings.exact(tmp_path / name).content)[1] == (tmp_path / name).read_bytes()


def test_a_codec_that_loses_is_not_used(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path)
    monkeypatch.setattr(codings, "_decode", lambda content: RGB // 2)
    assert codings.unpack(codings.exact(path).content)[1] == path.read_bytes()


def test_fitting_spends_the_budget(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(natural(200, 300)).save(path)
    whole = len(codings.exact(path).content)
    last = 0
    for share in (0.1, 0.3, 0.6, 1.0):
        fitted = codings.fitted(path, int(whole * share))
        assert len(fitted.content) <= whole * share
        seen = codings.unpack(fitted.content)[1]
        assert np.array_equal(seen.rgb, fitted.picture.rgb), "what hide reports is what reveal gives"
        quality = metrics.psnr(natural(200, 300), seen.rgb)
        assert quality > last
        last = quality
    assert last == metrics.EXACT_PSNR


def test_refusals(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path)
    with pytest.raises(StegoError, match="at any quality"):
        codings.fitted(path, 30)
    (tmp_path / "a.pdf").write_bytes(bytes(500))
    with pytest.raises(StegoError, match=r"a\.pdf"):
        codings.fitted(tmp_path / "a.pdf", 100)
    with pytest.raises(StegoError, match="can't be read"):
        codings.exact(tmp_path / "none.pdf")


def test_forged_content_is_refused():
    with pytest.raises(ValueError, match="kind 99"):
        codings.unpack(bytes([99, 0]))
    for extension in (b"/../../x", b".a/b", b"..", b".\\x", b".\xff"):
        with pytest.raises(ValueError):
            codings.unpack(bytes([codings.FILE, len(extension)]) + extension + b"content")
    rng = np.random.default_rng(0)
    for kind in range(1, 5):
        for length in (0, 1, 5, 60):
            with pytest.raises(ValueError):
                codings.unpack(bytes([kind, 0]) + rng.bytes(length))
    with pytest.raises(ValueError):
        codings.unpack(b"")
