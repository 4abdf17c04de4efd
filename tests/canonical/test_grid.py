"""The canonical grid: found again at any size, and changed by no more than is needed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import photograph
from PIL import Image

from stegocli.canonical import grid


def smooth(height, width, seed=0):
    coarse = np.random.default_rng(seed).integers(60, 196, (9, 9, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("shape", [(300, 280), (257, 400), (401, 263)])
def test_coefficients_change_as_told_and_nothing_else(shape):
    rgb = photograph(*shape)
    size = grid.size_for(rgb.shape)
    change = np.random.default_rng(0).normal(0, 6, (size[0] // 8, size[1] // 8, 8, 8)).astype(np.float32)
    changed = grid.add(rgb, change, np.full(size, 255, np.float32))
    got = grid.coefficients(changed, size) - grid.coefficients(rgb, size)
    # What is left is the rounding of pixels.
    assert np.abs(got - change).max() < 2 and (got - change).std() < 0.35
    differences = changed.astype(int) - rgb
    assert (differences[..., 0] == differences[..., 1]).mean() > 0.99


def test_no_pixel_changes_beyond_its_limit():
    rgb = photograph(300, 280)
    size = grid.size_for(rgb.shape)
    limit = np.full(size, 3, np.float32)
    limit[:, size[1] // 2 :] = 0.4
    change = np.random.default_rng(0).normal(0, 20, (size[0] // 8, size[1] // 8, 8, 8)).astype(np.float32)
    differences = np.abs(grid.add(rgb, change, limit).astype(int) - rgb)
    assert differences[:, :140].max() == 3 and differences[:, 142:].max() == 0


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.3, 2])
def test_a_scaled_copy_has_the_same_coefficients(scale):
    rgb = smooth(320, 400)
    size = grid.size_for(rgb.shape)
    copy = np.asarray(Image.fromarray(rgb).resize((round(400 * scale), round(320 * scale)), Image.Resampling.LANCZOS))
    difference = grid.coefficients(copy, size) - grid.coefficients(rgb, size)
    assert np.abs(difference[..., :3, :3]).max() < 4


@settings(max_examples=60, deadline=None)
@given(st.integers(256, 4000), st.integers(100, 4000), st.floats(0.4, 2.2), st.booleans())
def test_a_copy_points_to_the_covers_grid(long, short, scale, turned):
    short = min(short, long)
    shape = (long, short) if turned else (short, long)
    size = grid.size_for(shape)
    copy = tuple(max(1, round(side * scale)) for side in shape)
    if max(copy) >= 200 and short * 20 > long:
        assert size in grid.sizes(copy)


def test_samples_are_the_small_picture():
    rgb, size = smooth(256, 256), (256, 256)
    assert np.abs(grid.samples(grid.coefficients(rgb, size)) - grid.luma(rgb)).max() < 0.05


def test_a_large_picture_has_a_small_copy_with_the_same_coefficients():
    rgb = smooth(600, 900)
    small = grid.lowest(rgb)
    assert max(small.shape) == 640
    for size in grid.sizes(rgb.shape):
        assert np.abs(grid.coefficients(small, size) - grid.coefficients(rgb, size)).max() < 0.1


def test_small_covers_have_no_grid():
    assert grid.size_for((200, 255, 3)) is None
    assert grid.size_for((256, 100, 3)) == (128, 48)
    assert max(grid.size_for((3000, 4000, 3))) == 512
