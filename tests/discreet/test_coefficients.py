"""Discreet payloads in JPEGs' own coefficients."""

import numpy as np
import pytest
from pictures import photograph

from stegocli.discreet import coefficients
from stegocli.discreet.embedding import Unsuitable
from stegocli.discreet.jpegfile import JpegFile

pytestmark = pytest.mark.usefixtures("quick_keys")

pytest.importorskip("jpeglib")


def cover(seed, height=130, width=150, quality=85, grey=False):
    rgb = photograph(height, width, seed)
    return rgb, JpegFile(coefficients.compressed(rgb, grey, quality))


@pytest.mark.parametrize(("seed", "grey", "informed"), [(1, False, False), (2, True, False), (3, False, True)])
def test_every_byte_comes_back_by_the_password_alone(seed, grey, informed):
    rgb, jpeg = cover(seed, grey=grey)
    content = np.random.default_rng(seed).bytes(coefficients.capacity(jpeg, "large"))
    assert content
    read = JpegFile(coefficients.hide(jpeg, content, "word", "large", rgb if informed else None))
    assert coefficients.reveal(read, "word") == content
    assert coefficients.reveal(read, "Word") is None and coefficients.reveal(jpeg, "word") is None
    assert np.abs(read.luma.astype(int) - jpeg.luma).max() == 1
    again = coefficients.hide(jpeg, content, coefficients.derive(jpeg, "word"), "large")
    assert coefficients.reveal(JpegFile(again), "word") == content


def test_changes_go_towards_the_original():
    rgb, jpeg = cover(4)
    error = coefficients._rounding(rgb, jpeg)
    content = bytes(coefficients.capacity(jpeg, "large"))
    stego = JpegFile(coefficients.hide(jpeg, content, "word", "large", rgb))
    change = stego.luma.astype(int) - jpeg.luma
    assert (np.sign(error)[change != 0] == change[change != 0]).mean() > 0.95
    assert np.abs(error)[change != 0].mean() > 1.3 * np.abs(error).mean()


def test_where_the_original_lies_in_the_middle_by_rule_it_frees_nothing():
    rgb, jpeg = cover(6, quality=95)
    plain, (up, down) = coefficients._costs(jpeg, None)[0], coefficients._costs(jpeg, rgb)
    cheapest = (np.minimum(up, down) / plain).reshape(-1, 8, 8)
    for row, column in ((0, 0), (0, 4), (4, 0), (4, 4)):
        assert (cheapest[:, row, column] == 1).all()
    assert cheapest.min() == pytest.approx(0.2) and (cheapest[:, 1, 2] < 1).mean() > 0.9


def test_too_much_or_too_smooth_is_refused():
    _, jpeg = cover(5)
    with pytest.raises(Unsuitable):
        coefficients.hide(jpeg, bytes(coefficients.capacity(jpeg, "large") + 1), "word", "large")
    smooth = JpegFile(coefficients.compressed(np.full((200, 200, 3), 90, np.uint8), False))
    assert coefficients.capacity(smooth, "large") == 0
    with pytest.raises(Unsuitable):
        coefficients.hide(smooth, b"", "word")


def test_busy_blocks_are_cheap():
    luma = np.zeros((3, 3, 8, 8), np.int16)
    luma[0, 0, 1:4, 1:4] = 9
    cost = coefficients.uerd(luma, np.full((8, 8), 4, np.float32))
    assert np.isinf(cost[2, 2]).all() and cost[0, 0].max() < cost[1, 1].min() < np.inf
