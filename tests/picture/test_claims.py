"""Sizes that are claimed, held against what can be behind them."""

import io

import numpy as np
import pytest
from PIL import Image

from stegocli.payload import streams
from stegocli.picture import claims


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
