import io
import itertools
import zlib

import forge
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import natural
from PIL import Image

from stegocli.picture import png

RGB = natural(40, 60)


def file_of(samples, **options):
    content = io.BytesIO()
    Image.fromarray(samples).save(content, "PNG", **options)
    return content.getvalue()


def written(samples, filters, settings, size):
    """A PNG by the given filters, zlib settings and IDAT size, checked by Pillow."""
    packer = zlib.compressobj(*settings)
    stream = packer.compress(png._filtered(samples, filters)) + packer.flush()
    head, end = png.chunks(file_of(samples))[0], (b"IEND", b"")
    content = png.join([head, *((b"IDAT", stream[i : i + size]) for i in range(0, len(stream), size)), end])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), samples)
    return content


@pytest.mark.parametrize("samples", [RGB, RGB[..., 0], np.dstack([RGB, RGB[..., 1]])], ids=["rgb", "grey", "alpha"])
@pytest.mark.parametrize(("level", "memory", "strategy"), [*itertools.product((1, 6, 9), (8, 9), (0, 1, 3))])
def test_a_file_of_any_filters_and_settings_is_rebuilt(samples, level, memory, strategy):
    filters = np.random.default_rng(level).integers(0, 5, len(samples), dtype=np.uint8)
    content = written(samples, filters, (level, zlib.DEFLATED, 15, memory, strategy), 1000)
    parts = png.chunks(content)
    assert png.is_plain(parts)
    assert png.rebuild(samples, png.recipe(parts, samples), png.remarks(parts)) == content


def test_the_filters_that_writers_take_cost_next_to_nothing():
    large = natural(300, 200)
    found = png.recipe(png.chunks(file_of(large)), large)
    assert len(zlib.compress(found, 9)) < 60


def test_what_no_setting_repeats_has_no_recipe():
    parts = png.chunks(file_of(RGB))
    rows = zlib.decompress(b"".join(data for kind, data in parts if kind == b"IDAT"))
    packer = zlib.compressobj(6)
    stream = (
        packer.compress(rows[:500]) + packer.flush(zlib.Z_FULL_FLUSH) + packer.compress(rows[500:]) + packer.flush()
    )
    for broken in (stream, stream + b"more", stream[:-50], zlib.compress(rows + b"more")):
        assert png.recipe([parts[0], (b"IDAT", broken), parts[-1]], RGB) is None


def test_chunks_and_back():
    content = file_of(RGB, dpi=(72, 72))
    assert png.join(png.chunks(content)) == content
    flipped = bytearray(content)
    flipped[50] ^= 1
    for bad in (b"", b"GIF89a", content[:-1], content + b"x", content[:60], bytes(flipped), content[:8]):
        with pytest.raises(ValueError):
            png.chunks(bad)


@pytest.mark.parametrize("mode", ["P", "1", "LA", "I;16"])
def test_other_kinds_of_samples_are_not_plain(mode):
    picture = Image.fromarray(RGB)
    picture = picture.quantize(16) if mode == "P" else picture.convert("L").convert(mode)
    content = io.BytesIO()
    picture.save(content, "PNG")
    assert not png.is_plain(png.chunks(content.getvalue()))
    assert not png.is_plain(png.chunks(file_of(RGB, transparency=(0, 0, 0))))


def test_forged_remarks_are_refused():
    good = png.remarks(png.chunks(file_of(RGB, dpi=(72, 72))))
    png.describe(file_of(RGB), good)
    for bad in (good[:-1], good * 2, b"\0\0\0\0IEND" + good, b"\0\0\0\0tRNS" + good, b"\0\0\0\1IDATx", b"abc"):
        with pytest.raises(ValueError):
            png.describe(file_of(RGB), bad)


@given(st.integers(0, 10**9))
@settings(max_examples=150, deadline=None)
def test_any_damaged_png_is_taken_apart_or_refused(seed):
    """Chunks, remarks, recipe and profile of bytes that anyone may have made."""
    rng = np.random.default_rng(seed)
    whole = forge.encoded("PNG", dpi=(72, 72))
    try:
        parts = png.chunks(forge.mutated(rng, whole, forge.picture_files()))
    except ValueError:
        parts = png.chunks(whole)
    remarks = png.remarks(parts)
    recipe = png.recipe(png.chunks(whole), forge.RGB)
    damaged = forge.mutated(rng, remarks or b"nothing", [whole]), forge.mutated(rng, recipe, [whole])
    for work in (lambda: png.rebuild(forge.RGB, damaged[1], damaged[0]), lambda: png.profile(damaged[0])):
        try:
            found = work()
        except ValueError:
            continue
        assert found is None or isinstance(found, bytes)
    if png.is_plain(parts):
        assert png.describe(whole, remarks)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("kind", ["flat", "pattern", "busy"])
def test_saved_as_small_as_by_the_usual_means(kind, mode):
    rng = np.random.default_rng(0)
    shape = 192, 128, len(Image.new(mode, (1, 1)).getbands())
    samples = {
        "flat": np.full(shape, 200, np.uint8),
        "pattern": np.tile(rng.integers(0, 256, (8, 8, shape[2]), np.uint8), (24, 16, 1)),
        "busy": rng.normal(128, 8, shape).astype(np.uint8),
    }[kind]
    picture = Image.fromarray(samples.squeeze())
    content = png.quickly_saved(picture, {"compress_level": 6, "dpi": (300, 300)})
    found = Image.open(io.BytesIO(content))
    assert found.mode == mode and np.array_equal(np.asarray(found), samples.squeeze()) and "dpi" in found.info
    assert len(content) <= 1.03 * len(file_of(samples.squeeze(), compress_level=6, dpi=(300, 300)))
