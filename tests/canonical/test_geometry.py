"""Stegos that were cropped, framed, turned or mirrored since, found from their pilots."""

import numpy as np
import pytest
from pictures import lively, natural
from pilots import score

from stegocli.canonical import geometry, grid, reading
from stegocli.canonical.channels import Jpeg, Resize, channel
from stegocli.canonical.embedding import Embedder
from stegocli.canonical.lock import Lock
from stegocli.canonical.preamble import LOCK
from stegocli.canonical.reading import NothingFound

NOTE = b"at nine"


@pytest.fixture(scope="module")
def stego():
    return Embedder(lively(300, 400, 7)).embed(NOTE).stego


def cropped(picture, left, top, right, bottom):
    return picture[top : picture.shape[0] - bottom, left : picture.shape[1] - right]


@pytest.mark.parametrize(
    ("edges", "sent"),
    [
        ((1, 0, 0, 0), channel()),
        ((8, 6, 8, 6), channel()),
        ((5, 2, 0, 4), channel(Resize(0.75), Jpeg(75))),
        ((0, 6, 7, 0), channel(Resize(0.75), Jpeg(75))),
    ],
    ids=str,
)
def test_a_crop_of_up_to_two_per_cent_an_edge_is_found(stego, edges, sent):
    assert geometry.search(sent(cropped(stego, *edges)), None) == NOTE


def test_a_full_stego_bears_crops_too():
    embedder = Embedder(lively(480, 640, 3))
    content = np.random.default_rng(0).bytes(int(0.9 * embedder.capacity()))
    stego = embedder.embed(content).stego
    for edges in ((12, 9, 12, 9), (10, 8, 2, 5), (3, 8, 11, 2)):
        assert geometry.search(cropped(stego, *edges), None) == content


def test_blocks_that_are_half_missing_tell_nothing():
    told = geometry.told(geometry.Pose(0, (16, 24), (2.0, 0.0, -1.0, 4.0)))
    assert np.allclose(told, [[0.5, 1, 1], [0, 0, 0]])


@pytest.mark.parametrize("turn", [1, 2, 4, 7])
def test_turns_and_mirrors_are_found(stego, turn):
    received = geometry.turned(stego, turn)
    assert geometry.search(Jpeg(80)(np.ascontiguousarray(received)), None) == NOTE


@pytest.mark.parametrize(
    ("bars", "colours", "sent"),
    [
        ((0, 40, 0, 40), [(0, 0, 0)], channel(Resize(1.4), Jpeg(80))),  # a wide picture on a tall screen
        ((25, 60, 25, 17), [(240, 240, 240), (32, 33, 36)], channel()),  # a frame, under a bar of another colour
        ((30, 30, 30, 30), [(255, 255, 255)], channel(Jpeg(75))),
    ],
)
def test_borders_of_a_screenshot_are_cut_off(stego, bars, colours, sent):
    left, top, right, bottom = bars
    height, width = stego.shape[0] + top + bottom, stego.shape[1] + left + right
    screen = np.empty((height, width, 3), np.uint8)
    screen[...] = colours[0]
    screen[: top // 2] = colours[-1]
    screen[top : top + stego.shape[0], left : left + stego.shape[1]] = stego
    assert geometry.search(sent(screen), None) == NOTE


def test_under_a_password_the_pilots_are_its_own():
    picture = Embedder(lively(300, 400, 7)).embed(NOTE, "mill").stego
    received = cropped(picture, 3, 5, 2, 0)
    assert geometry.search(received, Lock.of("mill", LOCK)) == NOTE
    with pytest.raises(NothingFound):
        geometry.search(received, None)


def test_nothing_is_found_where_nothing_is():
    told = []
    for picture in (lively(220, 300, 1), natural(200, 260, 2), np.full((150, 200, 3), 90, np.uint8)):
        told.clear()
        with pytest.raises(NothingFound):
            geometry.search(picture, None, told.append)
        assert told == sorted(told) and all(0 <= share < 1 for share in told)


def test_a_whole_picture_is_straight_already(stego):
    assert reading.read(stego, None) == NOTE
    size = grid.size_for(stego.shape)
    luma = grid.luma(stego)
    seen = geometry.straightened(luma, geometry.Pose(0, size, (0.0, 0.0, 0.0, 0.0)))
    assert np.abs(seen - grid.samples(grid.coefficients(luma, size))).max() < 0.01
    assert abs(score(seen, size) - score(stego, size)) < 1e-3


def test_plain_bars_alone_are_cut_off():
    picture = lively(100, 140, 3)
    framed = np.pad(picture, ((12, 0), (7, 9), (0, 0)), constant_values=200)
    assert np.array_equal(geometry.unframed(framed), picture)
    assert geometry.unframed(picture) is picture or geometry.unframed(picture).shape == picture.shape
    flat = np.full((80, 90, 3), 5, np.uint8)
    assert geometry.unframed(flat).shape == flat.shape
