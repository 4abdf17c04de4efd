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
    changed = grid.add(rgb, change, grid.Limits(np.full(size, 255, np.float32)))
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
    differences = np.abs(grid.add(rgb, change, grid.Limits(limit)).astype(int) - rgb)
    assert differences[:, :140].max() == 3 and differences[:, 142:].max() == 0


@settings(max_examples=12, deadline=None)
@given(st.integers(256, 420), st.integers(100, 420), st.integers(5, 16), st.integers(2, 60), st.integers(0, 99))
def test_no_block_changes_by_more_than_it_may_and_the_others_as_they_would(height, width, side, most, seed):
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    size = grid.size_for(rgb.shape)
    change = np.random.default_rng(seed).normal(0, 9, (size[0] // 8, size[1] // 8, 8, 8)).astype(np.float32)
    change[size[0] // 16 :] /= 20
    free, bound = (
        grid.add(rgb, change, grid.Limits(np.full(size, 12, np.float32), mse, side)).astype(int) - rgb
        for mse in (np.inf, most)
    )
    lowered = 0
    for top in range(0, height, side):
        for left in range(0, width, side):
            block = np.s_[top : top + side, left : left + side]
            assert np.square(bound[block]).mean() <= most
            # Black and white are clipped: there a change is less than what was bounded.
            if (bound[block] != free[block]).any():
                lowered += 1
                assert np.square(bound[block]).sum() < np.square(free[block]).sum()
    assert lowered > 0 if most < 20 else lowered >= 0
    assert (bound[-side:] == free[-side:]).all()


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
