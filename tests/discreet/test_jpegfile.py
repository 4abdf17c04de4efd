"""JPEGs taken apart and put together again: with the same coefficients the same file, with others all else the same."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import jpeg, photograph
from PIL import Image

from stegocli.discreet import entropy, jpegfile
from stegocli.discreet.entropy import Table
from stegocli.discreet.jpegfile import JpegFile
from stegocli.discreet.segments import Scan, Tables

pytest.importorskip("jpeglib")
FIXTURES = Path(__file__).parents[1] / "fixtures" / "discreet"


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 70), st.integers(1, 70), st.integers(5, 100), st.sampled_from([0, 1, 2]), st.booleans(),
    st.booleans(), st.booleans(), st.integers(0, 5), st.binary(max_size=40), st.integers(0, 999),
)  # fmt: skip
def test_the_same_coefficients_give_the_same_file_and_others_are_read_back(
    height, width, quality, sampling, progressive, optimize, grey, restart, exif, seed
):
    picture = photograph(height, width, seed)
    options = {"restart_marker_blocks": restart} if restart else {}
    content = jpeg(
        picture[..., 0] if grey else picture, quality=quality, subsampling=sampling, optimize=optimize,
        progressive=progressive, exif=b"Exif\0\0" + exif, **options,
    )  # fmt: skip
    read = JpegFile(content)
    assert read.with_luma(read.luma) == content
    check_changed(read, seed)


def check_changed(read, seed):
    """Other coefficients are read back, those of the colours are the same, and so is all that is no coefficient."""
    change = np.random.default_rng(seed).integers(-1, 2, read.luma.shape, dtype=np.int16)
    again = JpegFile(read.with_luma(read.luma + change))
    for plane, before in zip(again._planes, [read.luma + change, *read._planes[1:]], strict=True):
        np.testing.assert_array_equal(plane, before)
    assert len(again._parts.pieces) == len(read._parts.pieces)
    for piece, before in zip(again._parts.pieces, read._parts.pieces, strict=True):
        assert type(piece) is type(before) and (not isinstance(piece, bytes) or piece == before)


@pytest.mark.parametrize("name", ["successive.jpg", "bands.jpg", "two-scans.jpg"])
def test_scans_of_any_script_are_kept(name):
    """Made by jpegtran: several bits and bands a component, bands with restart markers, sequential scans."""
    content = (FIXTURES / name).read_bytes()
    read = JpegFile(content)
    assert len(read._parts.scans) > 1 and read.with_luma(read.luma) == content
    check_changed(read, 1)


def test_tables_that_were_not_made_for_the_picture_stay():
    read = JpegFile(jpeg(photograph(40, 40, 3), quality=80))
    sizes = [255 if len(table.symbols) > 12 else 12 for table in read._parts.tables]
    longer = [Table((*[0] * 8, size, *[0] * 7), tuple(range(size))) for size in sizes]
    scan = read._parts.scans[0]
    coded = entropy.scan(jpegfile._tokens(scan, read._parts, read._planes), dict(enumerate(longer)), 0)
    pieces = [p.pack(longer) if isinstance(p, Tables) else p for p in read._parts.pieces if not isinstance(p, Scan)]
    own = JpegFile(b"".join([*pieces[:-1], coded, pieces[-1]]))
    changed = JpegFile(own.with_luma(own.luma + 1))
    assert changed._parts.tables == longer and (changed.luma == read.luma + 1).all()


@pytest.mark.parametrize("optimize", [False, True])
def test_changed_coefficients_are_read_back_and_all_else_stays(optimize):
    exif = Image.Exif()
    exif[0x10E] = "a day at the sea"
    content = jpeg(
        photograph(75, 90, 1), quality=80, exif=exif.tobytes(), icc_profile=b"x" * 70000, comment=b"c", dpi=(72, 72),
        optimize=optimize,
    ) + b"a camera's own trailer"  # fmt: skip
    read = JpegFile(content)
    check_changed(read, 1)
    written = read.with_luma(np.clip(read.luma, -9, 9))
    assert written.endswith(b"\xff\xd9a camera's own trailer")
    with Image.open(io.BytesIO(written)) as opened, Image.open(io.BytesIO(content)) as before:
        opened.load()
        assert opened.info["icc_profile"] == before.info["icc_profile"] and opened.getexif()[0x10E] == exif[0x10E]
