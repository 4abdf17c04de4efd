import io
import lzma
import struct
import sys
import zlib
from pathlib import Path

import forge
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import natural
from PIL import Image, ImageCms, PngImagePlugin
from stegos import encoder

from stegocli.errors import StegoError
from stegocli.payload import codings, container, lossless, streams
from stegocli.payload.codings import Secret
from stegocli.payload.errors import InvalidContent, LaterVersion
from stegocli.picture import claims, files, metrics, png
from stegocli.picture.inputs import Source

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
RGB = natural(60, 80)


def opened(content: bytes) -> tuple:
    """(extension, secret)."""
    found = codings.unpack(content)
    return found.extension, found.secret


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 9])
@pytest.mark.parametrize("name", ["report.pdf", "noext", "weird.näme"])
def test_any_file_comes_back_as_it_is(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    packed = encoder(tmp_path / name).exact()
    assert opened(packed.content) == ((tmp_path / name).suffix, content)
    assert packed.picture is None


def test_a_file_is_packed_where_that_is_shorter(tmp_path):
    text = "".join(f"line {i} of a text\n" for i in range(200)).encode()
    (tmp_path / "note.txt").write_bytes(text)
    (tmp_path / "noise.bin").write_bytes(np.random.default_rng(0).bytes(len(text)))
    note, noise = (encoder(tmp_path / name).exact() for name in ("note.txt", "noise.bin"))
    assert len(note.content) < len(text) / 4 and note.fidelity == container.SAME_FILE
    assert opened(note.content) == (".txt", text) and codings.unpack(note.content).name == "note.txt"
    assert noise.content[0] == container.FILE and len(noise.content) == 2 + len("noise.bin") + len(text)
    assert encoder(tmp_path / "note.txt").fit_lossy(len(text) // 4).content == note.content


def remarked() -> PngImagePlugin.PngInfo:
    """Text of three kinds, a date and a chunk of nobody's."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "a fjord")
    info.add_text("Comment", "long " * 99, zip=True)
    info.add_itxt("Author", "Grüße", "de")
    info.add(b"tIME", bytes(7))
    info.add(b"prVt", b"private", after_idat=True)
    return info


def saved(path, samples, **options) -> bytes:
    Image.fromarray(samples).save(path, **options)
    return path.read_bytes()


@pytest.fixture
def other_zlib(monkeypatch):
    """As if no PNG had been written by the zlib that is here."""
    monkeypatch.setattr(png, "recipe", lambda parts, samples: None)


KINDS = {"rgb": RGB, "grey": RGB[..., 0], "alpha": np.dstack([RGB, RGB[..., 1]]), "profile": RGB}


@pytest.mark.parametrize("kind", KINDS)
def test_a_png_is_coded_smaller_and_is_the_same_file(tmp_path, kind):
    path = tmp_path / "a.png"
    profile = {"icc_profile": PROFILE} if kind in ("profile", "grey") else {}
    own = saved(path, KINDS[kind], pnginfo=remarked(), dpi=(300, 300), exif=Image.Exif(), **profile)
    packed = encoder(path).exact()
    assert len(packed.content) < len(own) and packed.fidelity == container.SAME_FILE
    assert np.array_equal(streams.samples_of(packed.picture), KINDS[kind])
    assert opened(packed.content) == (".png", own)
    assert codings.unpack(packed.content).fidelity == container.SAME_FILE


@pytest.mark.parametrize("kind", KINDS)
def test_a_png_of_another_zlib_keeps_pixels_and_remarks(tmp_path, other_zlib, kind):
    path = tmp_path / "a.png"
    profile = {"icc_profile": PROFILE} if kind in ("profile", "grey") else {}
    own = saved(path, KINDS[kind], pnginfo=remarked(), dpi=(300, 300), compress_level=0, **profile)
    packed = encoder(path).exact()
    assert len(packed.content) < len(own) and packed.fidelity == container.SAME_PIXELS
    back = codings.unpack(packed.content).secret
    assert codings.unpack(packed.content).fidelity == container.SAME_PIXELS
    assert np.array_equal(streams.samples_of(back), KINDS[kind]) and back.grey == (kind == "grey")
    assert back.icc == (PROFILE if kind == "profile" else None)
    files.write(tmp_path / "back.png", back)
    again = (tmp_path / "back.png").read_bytes()
    assert [c for c in png.chunks(again) if c[0] != b"IDAT"] == [c for c in png.chunks(own) if c[0] != b"IDAT"]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "back.png")), KINDS[kind])


def test_a_receiver_with_another_zlib_gets_the_pixels(tmp_path, monkeypatch):
    own = saved(tmp_path / "a.png", RGB, pnginfo=remarked())
    content = encoder(tmp_path / "a.png").exact().content
    compressobj = zlib.compressobj
    monkeypatch.setattr(png.zlib, "compressobj", lambda level, *rest: compressobj(1, *rest))
    back = codings.unpack(content).secret
    assert codings.unpack(content).fidelity == container.SAME_PIXELS and np.array_equal(back.rgb, RGB)
    assert png.remarks(png.chunks(own)) == back.remarks


def test_little_saved_is_not_worth_another_file(tmp_path, other_zlib, monkeypatch):
    own = saved(tmp_path / "a.png", RGB)
    monkeypatch.setattr(codings, "WORTH_RECODING", 0.1)
    assert codings.unpack(encoder(tmp_path / "a.png").exact().content).secret == own


@pytest.mark.parametrize("extension", [".bmp", ".tif", ".ppm", ".pgm"])
@pytest.mark.parametrize("width", [80, 79])
def test_a_file_of_bare_samples_is_coded_smaller_and_is_the_same_file(tmp_path, extension, width):
    path = tmp_path / f"a{extension}"
    own = saved(path, RGB[:, :width, 0] if extension == ".pgm" else RGB[:, :width])
    packed = encoder(path).exact()
    assert packed.content[0] == container.AROUND and packed.fidelity == container.SAME_FILE
    assert len(packed.content) < len(own) / 2 and opened(packed.content) == (extension, own)


def test_a_compressed_tiff_is_recoded_only_without_tags_that_would_be_lost(tmp_path):
    path = tmp_path / "a.tif"
    own = saved(path, RGB, compression="tiff_lzw")
    packed = encoder(path).exact()
    assert packed.fidelity == container.SAME_PIXELS and len(packed.content) < len(own)
    assert np.array_equal(codings.unpack(packed.content).secret.rgb, RGB)
    own = saved(path, RGB, compression="tiff_lzw", dpi=(300, 300))
    assert opened(encoder(path).exact().content) == (".tif", own)


def deep_png(colour: int, bands: int) -> bytes:
    """16 bits a sample, which Pillow opens with 8."""
    rows = np.random.default_rng(0).integers(0, 65536, (30, 20 * bands), dtype=np.uint16).astype(">u2")
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", 20, 30, 16, colour, 0, 0, 0)
    return png.join([(b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")])


def deep_tiff(bands: int) -> bytes:
    """16 bits a sample, deflate, little-endian."""
    strip = zlib.compress(np.random.default_rng(0).integers(0, 65536, (30, 20, bands), dtype="<u2").tobytes())
    photometric, extra = (2 if bands > 2 else 1), [(338, 3, 1, 2)] if bands in (2, 4) else []
    tags = [(256, 3, 1, 20), (257, 3, 1, 30), (258, 3, bands, 0), (259, 3, 1, 8), (262, 3, 1, photometric)]
    tags += [(273, 4, 1, 0), (277, 3, 1, bands), (278, 3, 1, 30), (279, 4, 1, len(strip)), *extra]
    depths = 8 + 2 + 12 * len(tags) + 4
    places = {258: depths, 273: depths + 2 * bands}
    entries = b"".join(struct.pack("<HHII", t, kind, n, places.get(t, value)) for t, kind, n, value in tags)
    header = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
    return header + entries + bytes(4) + struct.pack(f"<{bands}H", *[16] * bands) + strip


@pytest.mark.parametrize(
    ("name", "own"),
    [(f"{c}.png", deep_png(c, n)) for c, n in ((0, 1), (2, 3), (4, 2), (6, 4))]
    + [(f"{n}.tif", deep_tiff(n)) for n in (3, 4)],
)
def test_16_bits_a_sample_stay_the_same_file(tmp_path, name, own):
    (tmp_path / name).write_bytes(own)
    packed = encoder(tmp_path / name).exact()
    assert codings.unpack(packed.content).secret == own and packed.fidelity == container.SAME_FILE
    assert packed.picture.size == (20, 30), "the sender still sees it as a picture"


@pytest.mark.parametrize("name", ["a.jfif", "a", "a.tga", "a.JPG"])
def test_a_picture_is_known_by_its_content(tmp_path, name):
    own = saved(tmp_path / name, RGB, format="PNG")
    packed = encoder(tmp_path / name).exact()
    assert packed.picture.size == (80, 60) and codings.unpack(packed.content).secret == own


def test_a_jpeg_stays_the_same_file(tmp_path):
    path = tmp_path / "a.JPG"
    Image.fromarray(RGB).save(path, "JPEG", quality=80)
    assert opened(encoder(path).exact().content) == (".jpg", path.read_bytes())


def test_what_samples_alone_do_not_tell_is_kept_as_a_file(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RGB).save(tmp_path / "turned.png", exif=exif, compress_level=0)
    Image.fromarray(RGB).quantize(16).save(tmp_path / "palette.png")
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    for name in ("turned.png", "palette.png", "broken.png"):
        assert codings.unpack(encoder(tmp_path / name).exact().content).secret == (tmp_path / name).read_bytes()


def test_a_codec_that_loses_is_not_used(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path)
    assert encoder(path).exact().content[0] != container.FILE
    monkeypatch.setattr(lossless, "decode_either", lambda *_: RGB // 2)
    assert codings.unpack(encoder(path).exact().content).secret == path.read_bytes()


@pytest.mark.slow
def test_fitting_spends_the_budget(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(natural(200, 300)).save(path)
    whole = len(encoder(path).exact().content)
    last = 0
    for share in (0.1, 0.3, 0.6, 1.0):
        fitted = encoder(path).within(int(whole * share))
        assert len(fitted.content) <= whole * share
        seen = codings.unpack(fitted.content).secret
        if isinstance(seen, bytes):
            assert share == 1 and fitted.fidelity == container.SAME_FILE
            seen = files.read(path, content=seen)
        else:
            assert fitted.fidelity == container.APPROXIMATE
        assert np.array_equal(seen.rgb, fitted.picture.rgb), "what hide reports is what reveal gives"
        quality = metrics.psnr(natural(200, 300), seen.rgb)
        assert quality > last
        last = quality
    assert last == metrics.EXACT_PSNR


def test_refusals(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path)
    with pytest.raises(container.TooLarge) as caught:
        encoder(path).within(30)
    encoder(path).within(caught.value.fewest)
    with pytest.raises(container.TooLarge):
        encoder(path).within(caught.value.fewest - 1)
    (tmp_path / "a.pdf").write_bytes(np.random.default_rng(0).bytes(500))
    with pytest.raises(container.TooLarge) as caught:
        encoder(tmp_path / "a.pdf").within(100)
    assert caught.value.fewest == len(encoder(tmp_path / "a.pdf").exact().content)
    with pytest.raises(StegoError, match=r"a\.pdf"):
        encoder(tmp_path / "a.pdf").fit_lossy(100)


def test_forged_content_is_refused():
    with pytest.raises(LaterVersion, match="kind 99"):
        codings.unpack(bytes([99, 0]))
    for extension in (b"/../../x", b".a/b", b"..", b".\\x", b".\xff"):
        with pytest.raises(InvalidContent):
            codings.unpack(bytes([container.FILE, len(extension)]) + extension + b"content")
    rng = np.random.default_rng(0)
    for kind in range(1, 10):
        for length in (0, 1, 5, 60):
            with pytest.raises((InvalidContent, LaterVersion)):
                codings.unpack(bytes([kind, 0]) + rng.bytes(length))
    with pytest.raises(InvalidContent):
        codings.unpack(b"")


@given(st.sampled_from(range(12)), st.binary(max_size=60), st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_content_or_refused(kind, name, body):
    for content in (bytes([kind, len(name)]) + name + body, bytes([kind, 0]) + bytes(4) + body, name + body):
        try:
            found = codings.unpack(content, 100)
        except (InvalidContent, LaterVersion):
            continue
        assert isinstance(found.secret, (bytes, files.Picture)) and (
            found.name is None or container.is_plain(found.name)
        )


@given(st.binary(max_size=3000), st.text(max_size=30))
@settings(max_examples=60, deadline=None)
def test_any_bytes_under_any_name_come_back(own, name):
    packed = Secret(Source(Path(name.replace("/", "") or "x"), own)).encoder.exact()
    found = codings.unpack(packed.content)
    assert found.secret == own and found.fidelity == packed.fidelity == container.SAME_FILE


@given(st.integers(0, 11), st.integers(0, 10**9))
@settings(max_examples=150, deadline=None)
def test_damaged_content_is_refused_or_a_secret(which, seed):
    valid = forge.contents()
    content = forge.mutated(np.random.default_rng(seed), valid[which], valid)
    try:
        found = codings.unpack(content, 10_000)
    except (InvalidContent, LaterVersion):
        return
    if not isinstance(found.secret, bytes):
        assert found.secret.rgb.dtype == np.uint8 and found.extension in files.LOSSLESS


def test_every_kind_comes_back_from_what_the_forger_damages():
    for content in forge.contents():
        found = codings.unpack(content)
        assert found.fidelity == (container.SAME_FILE if isinstance(found.secret, bytes) else found.fidelity)
        assert content[0] in (3, 4, 5) or found.fidelity != container.APPROXIMATE


def encoded(kind: str, samples: np.ndarray = RGB, **options) -> bytes:
    content = io.BytesIO()
    Image.fromarray(samples).save(content, kind, **options)
    return content.getvalue()


@pytest.mark.parametrize("codec", ["BMP", "PNG", "TIFF", "JPEG", "GIF", "PPM", "WEBP"])
@pytest.mark.parametrize("kind", [container.JXL, container.WEBP, container.LOSSY, container.PNG_PIXELS])
def test_no_other_decoder_is_handed_a_stream(kind, codec):
    with pytest.raises(InvalidContent):
        codings.unpack(bytes([kind, 0]) + bytes(4) + encoded(codec))


def test_what_would_fill_the_memory_is_refused_before_it_is_decoded(monkeypatch):
    bomb = zlib.compress(bytes(container.MOST_PART + 1), 9)
    stream = encoded("WEBP", lossless=True)
    with pytest.raises(InvalidContent, match="too long"):
        codings.unpack(bytes([container.WEBP, 0]) + struct.pack(">I", len(bomb)) + bomb + stream)
    text = lzma.compress(bytes(1000), lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2}])
    assert opened(bytes([container.PACKED, 0]) + struct.pack(">I", 1000) + text) == ("", bytes(1000))
    for claimed in (1001, claims.MOST_UNPACKED + 1):
        with pytest.raises(InvalidContent, match="packed file"):
            codings.unpack(bytes([container.PACKED, 0]) + struct.pack(">I", claimed) + text)
    monkeypatch.setattr(claims, "MOST_PIXELS", RGB.shape[0] * RGB.shape[1] - 1)
    monkeypatch.setattr(Image, "open", None)
    streams.need_jxl()
    for kind, content in ((container.WEBP, stream), (container.JXL, streams.encode_jxl(RGB, lossless=True))):
        with pytest.raises(InvalidContent, match="80x60"):
            codings.unpack(bytes([kind, 0]) + bytes(4) + content)


@pytest.fixture
def without_jxl(monkeypatch):
    """As if the plug-in were not installed."""
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "a.jpg"])
def test_without_jpeg_xl_a_picture_is_still_hidden(tmp_path, without_jxl, kind, name):
    samples = KINDS[kind]
    if name in ("a.jpg", "a.bmp") and samples.ndim == 3:
        samples = samples[..., :3]
    own = saved(tmp_path / name, samples)
    coder = encoder(tmp_path / name)
    packed = coder.exact()
    assert opened(packed.content) == (name[1:], own) and packed.picture is not None
    assert packed.fidelity == container.SAME_FILE
    assert coder.within(len(packed.content)).content == packed.content
    assert coder.fit_lossy(len(own) + 99).fidelity == container.SAME_FILE
    small = coder.fit_lossy(len(packed.content) // 2)
    assert small.fidelity == container.APPROXIMATE and opened(small.content)[1].size == (80, 60)


def test_what_needs_jpeg_xl_says_so(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    saved(path, RGB)
    content = container.pack(container.LOSSY, ".png", bytes(4), streams.encode_jxl(RGB, quality=60, effort=3))
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    for work in (lambda: encoder(path).within(2000), lambda: codings.unpack(content)):
        with pytest.raises(StegoError, match="pip install pillow-jxl-plugin"):
            work()


# -- what is claimed against what may be ------------------------------------------------------------------------


def test_hide_codes_nothing_that_reveal_would_refuse(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    own = saved(path, RGB, compress_level=0)
    monkeypatch.setattr(claims, "FREE_REVEALED", 4799)
    coder = encoder(path)
    for carrier in (1, 47):
        packed = coder.exact(carrier)
        assert codings.unpack(packed.content, carrier).secret == own, "by its own bytes"
        for work in (coder.within, coder.fit_lossy):
            with pytest.raises(StegoError, match=r"a\.png has 80x60 pixels"):
                work(1000, carrier)
    for carrier in (48, None):
        assert coder.within(1000, carrier).picture.size == (80, 60)
    whole = coder.exact().content
    assert codings.unpack(whole, 48).secret == own
    with pytest.raises(InvalidContent, match="80x60"):
        codings.unpack(whole, 47)


def test_a_png_is_rebuilt_as_far_as_the_stego_bears(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    own = saved(path, RGB)
    monkeypatch.setattr(claims, "FREE_REBUILT", 100)
    coder = encoder(path)
    whole = coder.exact().content
    assert whole[0] == container.PNG_REBUILT and codings.unpack(whole, 150).secret == own
    fewer = codings.unpack(whole, 149)
    assert np.array_equal(fewer.secret.rgb, RGB) and fewer.fidelity == container.SAME_PIXELS
    assert coder.exact(149).content[0] != container.PNG_REBUILT


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_recipe_for_a_chunk_a_byte_is_not_followed(monkeypatch, size):
    """An IDAT for each byte of a picture that is not compressed fills gigabytes."""
    samples = np.zeros((300, 300, 3), np.uint8)
    recipe = png._RECIPE.pack(0, size, 0, 15, 9, 0) + bytes(300)
    monkeypatch.setattr(png, "join", None)
    assert png.rebuild(samples, recipe, b"") is None


@pytest.mark.parametrize("extra", ["layers", "colours"])
def test_a_jpeg_xl_of_more_than_one_picture_is_refused(extra):
    stream = bytearray(streams.jxl(np.zeros((8, 8, 3), np.uint8), 1))
    bits = int.from_bytes(stream[2:8], "little")
    # After the size (small, 5 bits, ratio): all usual, extra fields, orientation, intrinsic size, preview, animation.
    head = (bits & 0x1FF) | {"layers": 0b10000_10, "colours": 0b11_0_000_00}[extra] << 9
    with pytest.raises(ValueError, match="JPEG XL of"):
        claims.jxl_size(b"\xff\x0a" + head.to_bytes(4, "little") + bytes(stream[6:]))
