"""JPEGs taken apart and put together again: with the same coefficients the same file, with others all else the same."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import photograph
from PIL import Image

from stegocli.discreet import entropy
from stegocli.discreet.jpegfile import JpegFile, Unsuitable

pytest.importorskip("jpeglib")


def jpeg(picture, **options):
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", **options)
    return content.getvalue()


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 70), st.integers(1, 70), st.integers(5, 100), st.sampled_from([0, 1, 2]), st.booleans(),
    st.booleans(), st.integers(0, 5), st.integers(0, 999),
)  # fmt: skip
def test_the_same_coefficients_give_the_same_file(height, width, quality, sampling, optimize, grey, restart, seed):
    picture = photograph(height, width, seed)
    options = {"restart_marker_blocks": restart} if restart else {}
    content = jpeg(
        picture[..., 0] if grey else picture, quality=quality, subsampling=sampling, optimize=optimize, **options
    )
    read = JpegFile(content)
    assert read.with_luma(read.luma) == content


@pytest.mark.parametrize("optimize", [False, True])
def test_changed_coefficients_are_read_back_and_all_else_stays(optimize):
    exif = Image.Exif()
    exif[0x10E] = "a day at the sea"
    content = jpeg(
        photograph(75, 90, 1), quality=80, exif=exif.tobytes(), icc_profile=b"x" * 70000, comment=b"c", dpi=(72, 72),
        optimize=optimize,
    ) + b"a camera's own trailer"  # fmt: skip
    read = JpegFile(content)
    luma = read.luma + np.random.default_rng(1).integers(-1, 2, read.luma.shape, dtype=np.int16)
    written = read.with_luma(luma)
    again = JpegFile(written)
    assert (again.luma == luma).all() and (again._read.Cb == read._read.Cb).all()
    assert [part for part in again._parts.head if part[0] != 0xC4] == [p for p in read._parts.head if p[0] != 0xC4]
    assert written.endswith(b"\xff\xd9a camera's own trailer") and again._parts.start == read._parts.start
    with Image.open(io.BytesIO(written)) as opened, Image.open(io.BytesIO(content)) as before:
        opened.load()
        assert opened.info["icc_profile"] == before.info["icc_profile"] and opened.getexif()[0x10E] == exif[0x10E]


def test_what_can_not_be_kept_is_refused():
    picture = photograph(40, 40, 2)
    with pytest.raises(Unsuitable, match="progressive"):
        JpegFile(jpeg(picture, progressive=True))
    with pytest.raises(Unsuitable, match="no JPEG"):
        JpegFile(b"\x89PNG" + bytes(100))
    content = jpeg(picture)
    for cut in range(2, len(content) - 2, 37):
        with pytest.raises(Unsuitable):
            JpegFile(content[:cut])


def test_the_best_table_is_complete_and_short():
    frequencies = np.zeros(256, np.int64)
    frequencies[:40] = [int(1.6**k) + 1 for k in range(40)]
    table = entropy.best_table(frequencies)
    _, lengths = table.codes()
    assert set(np.flatnonzero(lengths)) == set(range(40)) and lengths.max() <= 16
    assert sum(2.0 ** -lengths[k] for k in range(40)) < 1
    assert lengths[39] == 2 and lengths[0] == 16
