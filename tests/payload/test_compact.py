"""Pictures in few bytes."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import photograph

from stegocli.payload import compact
from stegocli.payload.errors import InvalidContent, LaterVersion
from stegocli.picture import metrics

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", ["colour", "grey", "alpha"])
@pytest.mark.parametrize("budget", [300, 2000, 20_000])
def test_fits_and_comes_back(kind, budget):
    rgb = photograph(120, 150)
    samples = {"colour": rgb, "grey": rgb[..., 0], "alpha": np.dstack([rgb, rgb[..., 1]])}[kind]
    content, seen = compact.fit(samples, budget)
    assert len(content) <= budget
    assert seen.shape == samples.shape
    assert np.array_equal(compact.open_picture(content), seen)
    if kind == "colour":
        assert metrics.psnr(seen, samples) > {300: 16, 2000: 22, 20_000: 32}[budget]


def test_scarce_budgets_are_filled():
    samples = photograph(240, 300)
    lengths = [len(compact.fit(samples, budget)[0]) / budget for budget in (1800, 2000, 2200, 2400)]
    assert np.mean(lengths) > 0.96


@pytest.mark.parametrize("kind", ["colour", "grey", "alpha"])
def test_faint_pictures_come_back_as_strong_as_they_were(kind):
    rgb = photograph(96, 120, 2)
    samples = {"colour": rgb, "grey": rgb[..., 0], "alpha": np.dstack([rgb, rgb[..., 1]])}[kind]
    content, seen = compact.fit(samples, 700 if kind == "alpha" else 500)
    assert content[8] & 0x7F == compact.FAINT and compact.words(content) == "AVIF"
    assert abs(seen.std() / samples.std() - 1) < 0.02 and metrics.psnr(seen, samples) > 28


def test_a_faint_picture_of_the_first_version_that_wrote_them_opens():
    content = (Path(__file__).parent.parent / "fixtures" / "compact" / "faint.bin").read_bytes()
    assert content[8] == compact.FAINT
    assert metrics.psnr(compact.open_picture(content), photograph(96, 120, 2)) > 32.8


@pytest.mark.parametrize("budget", [40, 9, 3])
def test_what_fits_nowhere_is_refused(budget):
    for fit in (compact.fit, compact.thumbnail):
        with pytest.raises(compact.TooSmall):
            fit(photograph(120, 150), budget)


@pytest.mark.parametrize("shape", [(500, 400), (90, 120), (20, 24)])
@pytest.mark.parametrize("budget", [120, 400, 1500])
def test_thumbnails_are_as_large_as_is_good_to_look_at(shape, budget):
    samples = photograph(*shape)
    content, seen = compact.thumbnail(samples, budget)
    assert len(content) <= budget and np.array_equal(compact.open_picture(content), seen)
    height, width = seen.shape[:2]
    assert max(height, width) <= min(192, max(shape))
    assert abs(height / width - shape[0] / shape[1]) < 0.06
    assert compact.thumbnail(samples, 4 * budget)[1].shape[0] >= height


def test_forged_content_is_refused():
    content, _ = compact.fit(photograph(64, 64), 1500)
    faint = content[:8] + bytes([compact.FAINT])
    for forged in (
        faint,
        faint + b"\0" + content[9:],
        b"",
        content[:5],
        content[:12],
        content[:200],
        b"\xff" * 40,
        content[:8] + b"\x09" + content[9:],
    ):
        with pytest.raises((InvalidContent, LaterVersion)):
            compact.open_picture(forged)
    for width, height in ((64, 63), (0, 64), (70_000, 1), (4001, 4000)):
        with pytest.raises((InvalidContent, LaterVersion), match="a picture of"):
            compact.open_picture(struct.pack(">II", width, height) + content[8:], 100)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 255), st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_picture_or_refused(width, height, codec, stream):
    try:
        seen = compact.open_picture(struct.pack(">IIB", width, height, codec) + stream, 1000)
    except (InvalidContent, LaterVersion):
        return
    assert seen.shape[:2] == (height, width) and seen.dtype == np.uint8
