from dataclasses import replace

import numpy as np
import pytest

from stegocli.payload import header
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
    places = header.places(500 * 500 * 3)
    assert len(set(places)) == header.SIZE * 8
    assert np.diff(places).max() < 2 * 500 * 500 * 3 / (header.SIZE * 8)


def test_places_are_part_of_the_format():
    assert header.places(3000)[:5].tolist() == [3, 20, 28, 42, 64]


def test_plain_pictures_hold_none():
    assert all(header.extract(picture(seed=s)) is None for s in range(200))
    assert header.extract(np.zeros((100, 100, 3), np.uint8)) is None
    assert header.extract(np.zeros((2, 2, 3), np.uint8)) is None


def test_every_damaged_bit_is_noticed():
    marked = header.embed(picture(), HEADER)
    for place in header.places(marked.size):
        damaged = marked.copy().reshape(-1)
        damaged[place] ^= 1
        assert header.extract(damaged.reshape(marked.shape)) is None


def test_changes_elsewhere_are_told():
    marked = header.embed(picture(), HEADER)
    other = np.setdiff1d(np.arange(marked.size), header.places(marked.size))
    damaged = marked.copy().reshape(-1)
    damaged[other[50]] ^= 4
    assert header.extract(damaged.reshape(marked.shape)) == replace(HEADER, intact=False)


def test_later_versions_are_named():
    marked = header.embed(picture(), replace(HEADER, version=9))
    with pytest.raises(ValueError, match="version 9"):
        header.extract(marked)
