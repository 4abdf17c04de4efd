from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegocli.payload import header
from stegocli.payload.errors import InvalidContent, LaterVersion
from stegocli.payload.header import Header

HEADER = Header(7, bytes(range(16)))


def picture(height=20, width=30, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (200, 3), (64, 100)])
def test_round_trip_changes_only_lowest_bits(size):
    rgb = picture(*size)
    marked = header.embed(rgb, HEADER)
    assert header.extract(marked) == HEADER
    older = Header(2, b"x" * 16, version=1)
    assert header.extract(header.embed(rgb, older)) == older
    assert np.abs(marked.astype(int) - rgb).max() <= 1
    assert (marked != rgb).sum() <= header.SIZE * 8


def test_bits_are_spread_over_the_picture():
    places = header.positions(500 * 500 * 3)
    assert len(set(places)) == header.SIZE * 8
    assert np.diff(places).max() < 2 * 500 * 500 * 3 / (header.SIZE * 8)


def test_places_are_part_of_the_format():
    assert header.positions(3000)[:5].tolist() == [3, 20, 28, 42, 64]


def test_plain_pictures_hold_none():
    assert all(header.extract(picture(seed=s)) is None for s in range(200))
    assert header.extract(np.zeros((100, 100, 3), np.uint8)) is None
    assert header.extract(np.zeros((2, 2, 3), np.uint8)) is None


def test_every_damaged_bit_is_noticed():
    marked = header.embed(picture(), HEADER)
    for place in header.positions(marked.size):
        damaged = marked.copy().reshape(-1)
        damaged[place] ^= 1
        assert header.extract(damaged.reshape(marked.shape)) is None


def test_changes_elsewhere_are_told():
    marked = header.embed(picture(), HEADER)
    other = np.setdiff1d(np.arange(marked.size), header.positions(marked.size))
    damaged = marked.copy().reshape(-1)
    damaged[other[50]] ^= 4
    assert header.extract(damaged.reshape(marked.shape)) == replace(HEADER, intact=False)


@pytest.mark.parametrize("shape", [(30, 20, 3), (1, 600, 3), (600, 1, 3), (40, 15, 3)])
def test_another_shape_is_told(shape):
    marked = header.embed(picture(20, 30), HEADER).reshape(shape)
    assert header.extract(marked) == replace(HEADER, intact=False)
    older = replace(HEADER, version=2)
    assert header.extract(header.embed(picture(20, 30), older).reshape(shape)) == older, "version 2 did not know it"


def test_later_versions_are_named():
    marked = header.embed(picture(), replace(HEADER, version=9))
    with pytest.raises(LaterVersion, match="version 9"):
        header.extract(marked)
    with pytest.raises(InvalidContent, match="version 0"):
        header.extract(header.embed(picture(), replace(HEADER, version=0)))


@given(st.integers(1, 16), st.integers(16, 48), st.integers(0, 255), st.binary(min_size=16, max_size=16), st.data())
@settings(max_examples=60, deadline=None)
def test_any_header_comes_back_or_is_known_as_damaged(height, width, method, own, data):
    rgb = picture(height, width, data.draw(st.integers(0, 99)))
    written = Header(method, own, data.draw(st.integers(1, header.VERSION)))
    if not header.fits(rgb):
        assert header.extract(rgb) is None
        return
    marked = header.embed(rgb, written)
    assert header.extract(marked) == written
    changed = marked.reshape(-1).copy()
    changed[data.draw(st.integers(0, rgb.size - 1))] ^= data.draw(st.integers(1, 255))
    found = header.extract(changed.reshape(rgb.shape))
    assert found is None or found == replace(written, intact=False)


def blocks(rgb, index):
    """Flips a sample together with its neighbours, as far as there are any."""
    samples = np.arange(max(0, index - 2), min(rgb.size, index + 3))
    values = rgb.reshape(-1)[samples]
    return samples, np.where(samples == index, values ^ 1, values ^ 6)


def careless(rgb, index):
    """Flips what it should not, nothing, or the sample alone."""
    flat = rgb.reshape(-1)
    if index % 3 == 0:
        return np.arange(min(200, flat.size)), flat[:200] ^ 1
    return None if index % 3 == 1 else (np.array([index]), flat[[index]] ^ 2)


@pytest.mark.parametrize("toggle", [blocks, careless])
@pytest.mark.parametrize("size", [(9, 9), (16, 16), (17, 33), (200, 3), (64, 100)])
def test_what_is_changed_with_the_bits_agrees_with_the_crcs(size, toggle):
    for seed in range(12):  # of these some have no solution with all changes
        rgb = picture(*size, seed=seed)
        before = rgb.copy()
        for version in (1, 3):
            wanted = replace(HEADER, version=version)
            marked = header.embed(rgb, wanted, toggle)
            assert header.extract(marked) == wanted
            assert np.array_equal(rgb, before) and np.abs(marked.astype(int) - rgb).max() <= 7


def test_most_bits_are_changed_with_what_makes_up_for_them():
    rgb = picture(100, 120)
    where = header.positions(rgb.size)
    marked = header.embed(rgb, HEADER, blocks)
    changed = np.flatnonzero(marked.reshape(-1) != rgb.reshape(-1))
    bits = np.intersect1d(changed, where)
    assert 80 < len(bits) < 150 and len(changed) - len(bits) > 3 * len(bits)


def test_a_transposed_picture_is_taken():
    rgb = picture(40, 30).transpose(1, 0, 2)
    assert header.extract(header.embed(rgb, HEADER)) == HEADER
