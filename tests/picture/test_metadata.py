"""What a cover holds besides its samples: kept where the output can, and told where it can't."""

import io
import struct

import numpy as np
import pytest
from pictures import natural
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from stegocli import api
from stegocli.errors import StegoError
from stegocli.methods import Exact, Robust
from stegocli.picture import colour, files, png

RGB = natural(48, 64)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GAMMA = (b"gAMA", struct.pack(">I", 100_000))
WIDE = (b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
P3 = (b"cICP", bytes([12, 13, 0, 1]))


def saved(samples: np.ndarray, kind: str, *chunks: tuple[bytes, bytes], **options) -> bytes:
    content = io.BytesIO()
    Image.fromarray(samples).save(content, kind, **options)
    if not chunks:
        return content.getvalue()
    first, *rest = png.chunks(content.getvalue())
    return png.join([first, *chunks, *rest])


def grey_profile() -> bytes:
    """A grey profile of gamma 1 (ICC.1:2010): its samples look much lighter than the same ones in sRGB."""
    curve, white = (
        b"curv" + bytes(4) + struct.pack(">I", 0),
        b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061),
    )
    name = b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\0" + bytes(4 + 4 + 2 + 1 + 67)
    text = b"text" + bytes(4) + b"none\0" + bytes(3)
    parts = [(b"desc", name), (b"cprt", text), (b"wtpt", white), (b"kTRC", curve)]
    at, table, body = 128 + 4 + 12 * len(parts), b"", b""
    for tag, data in parts:
        padded = data + bytes(-len(data) % 4)
        table += tag + struct.pack(">II", at + len(body), len(data))
        body += padded
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"test", 0x02400000, b"mntr", b"GRAY", b"XYZ ") + bytes(12)
    head += b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(parts)) + table + body


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    found[0x010F] = "a camera"
    found.get_ifd(0x8769)[0x829A] = TiffImagePlugin.IFDRational(1, 60)
    return found


def hidden(tmp_path, content: bytes, name: str, method=None) -> tuple[api.Hidden, Image.Image]:
    (tmp_path / "cover").write_bytes(content)
    (tmp_path / "t.txt").write_bytes(b"text")
    done = api.hide(tmp_path / "cover", tmp_path / "t.txt", tmp_path / name, method or Exact(), force=True)
    back = api.reveal(tmp_path / name, tmp_path / "back.txt", force=True)
    assert back.path.read_bytes() == b"text"
    return done, Image.open(tmp_path / name)


def lines(done: api.Hidden) -> list[str]:
    return [note for note in done.notes if "cover: " in note]


@pytest.mark.parametrize("name", ["o.png", "o.tif", "o.webp", "o.jpg", "o.bmp"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_is_kept_upright_or_its_loss_told(tmp_path, kind, name):
    rgb = natural(256, 320)
    loaded = Image.Exif()
    loaded.load(exif(6).tobytes())
    content = saved(rgb, kind, exif=loaded)
    method = Robust() if name == "o.jpg" else None
    done, stego = hidden(tmp_path, content, name, method)
    assert stego.size == done.size == (256, 320), "turned once, and not again by its viewer"
    if name == "o.bmp":
        assert ["dropped: EXIF" in line for line in lines(done)] == [True]
        return
    held = stego.getexif()
    assert held.get(0x0112, 1) == 1 and held[0x010F] == "a camera"
    if name == "o.tif":
        assert ["dropped: EXIF but for its texts" in line for line in lines(done)] == [True]
    else:
        assert float(held.get_ifd(0x8769)[0x829A]) == pytest.approx(1 / 60)
        assert not lines(done)


def test_exif_that_is_damaged_is_told(tmp_path):
    for broken in (b"Exif\0\0II*\0\xff\xff\xff\x7f" + bytes(8), b"Exif\0\0nonsense, and more of it"):
        done, stego = hidden(tmp_path, saved(RGB, "JPEG", exif=broken), "o.png")
        assert "exif" not in stego.info and ["dropped: EXIF" in line for line in lines(done)] == [True]


@pytest.mark.parametrize("name", ["o.png", "o.tif", "o.webp", "o.bmp"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
def test_the_resolution_is_kept_or_its_loss_told(tmp_path, kind, name):
    done, stego = hidden(tmp_path, saved(RGB, kind, dpi=(300, 300)), name)
    if name == "o.webp":
        assert ["resolution" in line for line in lines(done)] == [True]
    else:
        assert stego.info["dpi"] == pytest.approx((300, 300), abs=0.1) and not lines(done)


@pytest.mark.parametrize("chunk", [GAMMA, P3, (b"sRGB", b"\0"), (b"cICP", bytes([9, 16, 0, 1])), WIDE])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_what_a_png_says_of_its_colours_stays_in_a_png(tmp_path, mode, chunk):
    samples = RGB if mode == "RGB" else RGB[..., 0]
    done, _ = hidden(tmp_path, saved(samples, "PNG", chunk), "o.png")
    assert dict(png.walk((tmp_path / "o.png").read_bytes()))[chunk[0]] == chunk[1]
    assert not lines(done)


@pytest.mark.parametrize("name", ["o.tif", "o.webp", "o.bmp"])
@pytest.mark.parametrize("chunks", [(GAMMA,), (GAMMA, WIDE), (P3,)], ids=["gamma", "wide", "cicp"])
def test_other_formats_look_the_same(tmp_path, name, chunks):
    done, stego = hidden(tmp_path, saved(RGB, "PNG", *chunks), name)
    shown = colour.to_srgb(RGB, dict(chunks))
    assert np.abs(shown.astype(int) - RGB).mean() > 1 and done.cover.psnr > 40
    assert np.abs(np.asarray(stego).astype(int) - shown).max() <= 2
    assert ["become sRGB" in line for line in lines(done)] == [True]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["o.png", "o.tif", "o.webp", "o.bmp", "o.jpg"])
@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_grey_profile_is_applied(tmp_path, name, mode):
    grey = np.asarray(Image.fromarray(natural(256, 320)).convert("L"))
    samples = grey if mode == "L" else np.dstack([grey, np.full_like(grey, 255)])
    content = saved(samples, "PNG", icc_profile=grey_profile())
    shown = 255 * (1.055 * (grey / 255) ** (1 / 2.4) - 0.055)  # linear light in sRGB
    done, stego = hidden(tmp_path, content, name, Robust() if name == "o.jpg" else None)
    seen = np.asarray(stego.convert("RGB")).astype(float)
    assert np.abs(seen - shown[..., None]).mean() < 5 and "icc_profile" not in stego.info
    assert ["grey profile is applied" in line for line in lines(done)] == [True]


def test_a_grey_profile_of_another_space_is_ignored(tmp_path):
    _, stego = hidden(tmp_path, saved(RGB[..., 0], "PNG", icc_profile=SRGB), "o.png")
    assert np.abs(np.asarray(stego).astype(int) - RGB[..., :1]).max() <= 2 and "icc_profile" not in stego.info


def test_text_stays_in_a_png_and_is_told_elsewhere(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "a fjord")
    info.add_itxt("Author", "Grüße", "de")
    content = saved(RGB, "PNG", pnginfo=info)
    done, stego = hidden(tmp_path, content, "o.png")
    assert stego.text == {"Title": "a fjord", "Author": "Grüße"} and not lines(done)
    assert ["dropped: text" in line for line in lines(hidden(tmp_path, content, "o.tif")[0])] == [True]


@pytest.mark.parametrize("what", ["pages", "bits", "comment", "xmp", "inks"])
def test_every_loss_is_one_line(tmp_path, what):
    picture = Image.fromarray(RGB)
    content = {
        "pages": lambda: saved(RGB, "TIFF", save_all=True, append_images=[picture]),
        "bits": lambda: saved(RGB[..., 0].astype(np.uint16) * 257, "PNG"),
        "comment": lambda: saved(RGB, "JPEG", comment=b"hello"),
        "xmp": lambda: saved(RGB, "JPEG", xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"),
        "inks": lambda: _inks(picture),
    }[what]()
    expected = {"pages": "only the first", "bits": "16 bits", "comment": "comment", "xmp": "XMP", "inks": "CMYK"}[what]
    assert [expected in line for line in lines(hidden(tmp_path, content, "o.png")[0])] == [True]


def _inks(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.convert("CMYK").save(content, "TIFF")
    return content.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["fit", "robust"])
def test_a_secret_that_is_coded_anew_tells_what_it_loses(tmp_path, way):
    cover, secret = tmp_path / "c.png", tmp_path / "s.png"
    Image.fromarray(natural(256, 320)).save(cover)
    rng = np.random.default_rng(0)
    secret.write_bytes(saved(rng.integers(0, 256, (256, 320, 3), np.uint8), "PNG", GAMMA, exif=exif(1)))
    method = Exact(fit=True) if way == "fit" else Robust()
    done = api.hide(cover, secret, tmp_path / "o.png", method)
    (line,) = [note for note in done.notes if "s.png: " in note]
    assert "by gAMA, become sRGB" in line and "dropped: EXIF" in line


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["transparent", "profile", "gamma"])
def test_what_comes_back_whole_is_exact_in_the_figures(tmp_path, kind):
    cover, secret = tmp_path / "c.png", tmp_path / "s.png"
    Image.fromarray(natural(256, 320)).save(cover)
    small = natural(24, 20)
    if kind == "transparent":
        secret.write_bytes(saved(np.dstack([small, small[..., 0]]), "PNG"))
    elif kind == "profile":
        secret.write_bytes(saved(small[..., 0], "PNG", icc_profile=grey_profile()))
    else:
        secret.write_bytes(saved(small, "PNG", GAMMA))
    for method in (Exact(), Robust(90)):
        done = api.hide(cover, secret, tmp_path / "o.png", method, force=True)
        assert "same file" in done.summary and done.secret.psnr == 99


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt", "iCCP", "many"])
def test_long_chunks_are_no_damage(kind):
    """Pillow refuses text and profiles of over a megabyte, and 64 MB of all text."""
    import zlib

    long = zlib.compress(bytes(3_000_000))
    chunks = {
        "tEXt": [(b"tEXt", b"Title\0" + b"x" * 3_000_000)],
        "zTXt": [(b"zTXt", b"Title\0\0" + long)],
        "iTXt": [(b"iTXt", b"Title\0\1\0\0\0" + long)],
        "iCCP": [(b"iCCP", b"name\0\0" + zlib.compress(SRGB + bytes(3_000_000)))],
        "many": [(b"zTXt", b"Title\0\0" + zlib.compress(bytes(1_000_000)))] * 70,
    }[kind]
    content = saved(RGB, "PNG", *chunks)
    assert files.is_picture("x", content)
    assert np.array_equal(files.read("x", content).rgb, RGB)
    with pytest.raises(StegoError, match="damaged"):
        files.read("x", content[:-900])


def test_a_profile_that_cant_be_applied_is_told(tmp_path):
    for icc in (SRGB, b"no profile" * 20):
        content = saved(RGB[..., 0], "PNG", icc_profile=icc)
        assert ["profile" in line for line in lines(hidden(tmp_path, content, "o.png")[0])] == [True]


def with_box(content: bytes, kind: bytes, box: bytes) -> bytes:
    """A JPEG 2000 with its colour specification replaced."""
    at, head = content.find(kind) - 4, content.find(b"jp2h") - 4
    old = int.from_bytes(content[at : at + 4], "big")
    new = struct.pack(">I", 8 + len(box)) + kind + box
    whole = int.from_bytes(content[head : head + 4], "big") - old + len(new)
    return content[:head] + struct.pack(">I", whole) + content[head + 4 : at] + new + content[at + old :]


@pytest.mark.parametrize("name", ["o.png", "o.tif", "o.webp"])
def test_the_profile_of_a_jpeg_2000_stays(tmp_path, name):
    content = with_box(saved(RGB, "JPEG2000"), b"colr", b"\2\0\0" + SRGB)
    _, stego = hidden(tmp_path, content, name)
    assert stego.info["icc_profile"] == SRGB


@pytest.mark.skipif("AVIF" not in files.FORMATS, reason="this Pillow has no AVIF")
@pytest.mark.parametrize(
    ("primaries", "transfer", "told"), [(12, 13, True), (1, 8, True), (1, 13, False), (2, 2, False)]
)
def test_what_an_avif_says_of_its_colours_is_kept(tmp_path, primaries, transfer, told):
    own = saved(RGB, "AVIF", quality=95)
    at = own.find(b"colrnclx") + 8
    content = own[:at] + struct.pack(">HH", primaries, transfer) + own[at + 4 :]
    hidden(tmp_path, content, "o.png")
    chunks = dict(png.walk((tmp_path / "o.png").read_bytes()))
    assert chunks.get(b"cICP") == (bytes([primaries, transfer, 0, 1]) if told else None)
    done, stego = hidden(tmp_path, content, "o.tif")
    plain = files.as_srgb(files.read("x.avif", content)).rgb
    assert np.abs(np.asarray(stego.convert("RGB")).astype(int) - plain).mean() < 2
    assert ["become sRGB" in line for line in lines(done)] == [True] * told
