"""Sizes that are claimed, held against what can be behind them."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from stegocli.errors import StegoError
from stegocli.payload import streams
from stegocli.picture import claims, files


def encoded(size: tuple[int, int], mode: str, kind: str, **options) -> bytes:
    content = io.BytesIO()
    Image.new(mode, size, 77).save(content, kind, **options)
    return content.getvalue()


def test_what_a_stego_may_bring_back():
    for good in ((4000, 4000, 1), (65_536, 244, 1), (10_000, 10_000, 10**6), (1, 1, 1), (13_000, 13_000, None)):
        claims.check_revealed(*good)
    bad = ((4001, 4000, 1), (65_537, 1, 10**6), (16_000_000, 1, 1024), (10_001, 10_000, 10**6), (0, 5, 1))
    for width, height, carrier in (*bad, (13_400, 13_400, None), (13_400, 13_400, 10**9)):
        with pytest.raises(ValueError, match=f"{width}x{height}"):
            claims.check_revealed(width, height, carrier)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (256, 256), (300, 200), (160, 90), (513, 7), (70, 9000), (24, 16)])
@pytest.mark.parametrize("shape", [(), (3,), (4,)])
def test_the_size_in_a_stream(size, shape):
    samples = np.zeros((*size[::-1], *shape), np.uint8)
    assert claims.jxl_size(streams.jxl(samples, 1)) == size
    assert claims.jxl_size(streams.encode_jxl(samples, quality=60, effort=3)) == size
    assert claims.webp_size(encoded(size, "RGBA", "WEBP")) == claims.webp_size(encoded(size, "RGB", "WEBP")) == size
    lossless = streams.webp(samples)
    assert claims.lossless_webp_size(lossless) == claims.webp_size(lossless) == size


def test_streams_that_are_something_else():
    for read in (claims.jxl_size, claims.webp_size, claims.lossless_webp_size):
        for content in (b"", b"\xff", b"RIFF", b"RIFF    WEBPVP8L", encoded((9, 9), "L", "PNG")):
            with pytest.raises(ValueError):
                read(content)
    with pytest.raises(ValueError):
        claims.lossless_webp_size(encoded((9, 9), "RGB", "WEBP"))


# -- files ------------------------------------------------------------------------------------------------------


def claiming(kind: str, side: int) -> bytes:
    """A small file that says to be of side x side pixels."""
    small = {"PNG": "RGBA", "JPEG2000": "RGB"}.get(kind, "L")
    content = encoded((300, 300), small, kind)
    if kind == "PNG":
        head = b"IHDR" + struct.pack(">II", side, side) + content[24:29]
        return content[:12] + head + struct.pack(">I", zlib.crc32(head)) + content[33:]
    if kind == "TIFF":
        for old in (b"\0\1\4\0\1\0\0\0\x2c\1\0\0", b"\0\1\3\0\1\0\0\0\x2c\1\0\0"):
            content = content.replace(old, b"\0\1\4\0\1\0\0\0" + struct.pack("<I", side))
        return content.replace(b"\1\1\3\0\1\0\0\0\x2c\1", b"\1\1\3\0\1\0\0\0" + struct.pack("<H", side))[:1024]
    order = {"JPEG": ">HH", "GIF": "<HH", "JPEG2000": ">II", "BMP": "<ii"}[kind]
    return content.replace(struct.pack(order, 300, 300), struct.pack(order, side, side))


@pytest.mark.parametrize("side", [7000, 13_000])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "GIF", "JPEG2000", "BMP"])
def test_no_decoder_makes_room_for_what_a_file_can_not_hold(kind, side, monkeypatch):
    content = claiming(kind, side)
    assert len(content) < 100_000
    monkeypatch.setattr(Image.core, "new", None)
    monkeypatch.setattr(Image.core, "fill", None)
    with pytest.raises(StegoError, match=rf"\({side}x{side if kind != 'TIFF' else '[0-9]+'} pixels in .* bytes\)"):
        files.read("x", content)


def test_a_tile_may_not_be_larger_than_the_file_either():
    content = encoded((64, 64), "L", "TIFF", compression="tiff_adobe_deflate")
    opened = Image.open(io.BytesIO(content))
    opened.tag_v2[322] = opened.tag_v2[323] = 40_000
    with pytest.raises(ValueError, match="64x64 pixels in"):
        claims.check_file(opened, content)


def test_a_webp_is_looked_at_before_it_is_opened(monkeypatch):
    monkeypatch.setattr(Image, "open", None)
    for content in (encoded((16_000, 2), "RGB", "WEBP", lossless=True), encoded((16_000, 2), "RGB", "WEBP")):
        small, large = (struct.pack("<I", 15_999 | high - 1 << 14) for high in (2, 16_000))
        lossy = struct.pack("<HH", 16_000, 2), struct.pack("<HH", 16_000, 16_000)
        forged = content.replace(small, large).replace(*lossy)
        with pytest.raises(StegoError, match="16000x16000 pixels in"):
            files.read("x", forged)


FLAT = [
    ("RGB", "PNG", {}), ("1", "PNG", {}), ("P", "PNG", {}), ("RGBA", "PNG", {}), ("RGB", "JPEG", {}),
    ("L", "JPEG", {"progressive": True}), ("RGB", "JPEG", {"progressive": True}), ("RGB", "WEBP", {"lossless": True}),
    ("P", "GIF", {}), ("1", "TIFF", {"compression": "group4"}), ("RGB", "TIFF", {"compression": "tiff_lzw"}),
    ("RGB", "TIFF", {"compression": "tiff_adobe_deflate"}), ("L", "TIFF", {"compression": "packbits"}),
    ("L", "TIFF", {"compression": "jpeg"}), ("1", "BMP", {}), ("1", "PPM", {}), ("L", "JPEG2000", {}),
]  # fmt: skip


@pytest.mark.parametrize(("mode", "kind", "options"), FLAT)
def test_flat_pictures_are_read_whatever_their_length(monkeypatch, mode, kind, options):
    """At a floor that is no help, and at the size of a photograph."""
    monkeypatch.setattr(claims, "LEAST", 1000)
    for size in ((40, 30), (2000, 1500)):
        content = encoded(size, mode, kind, **options)
        opened = Image.open(io.BytesIO(content))
        claims.check_unopened(content)
        claims.check_file(opened, content)
