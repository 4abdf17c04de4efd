"""Thumbnails in some hundred bytes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import natural

from stegocli.payload import tiny
from stegocli.payload.errors import InvalidContent
from stegocli.picture import metrics


@pytest.mark.parametrize(("shape", "budget"), [((200, 240), 60), ((200, 240), 110), ((90, 40), 200), ((17, 20), 300)])
def test_fits_and_comes_back(shape, budget):
    rgb = natural(*shape, 3)
    for samples in (rgb, rgb[..., 1]):
        content, seen = tiny.fit(samples, budget)
        assert len(content) <= budget and np.array_equal(tiny.open_(content), seen) and seen.ndim == samples.ndim
        height, width = seen.shape[:2]
        assert 16 <= max(height, width) <= min(64, max(shape)) and abs(height / width - shape[0] / shape[1]) < 0.1


def test_more_bytes_give_more():
    rgb = natural(64, 64, 4)
    seen = [tiny.fit(rgb, budget)[1] for budget in (60, 120, 900)]
    assert [max(one.shape) for one in seen] == sorted(max(one.shape) for one in seen)
    assert seen[2].shape == rgb.shape and metrics.psnr(seen[2], rgb) > 26


def test_what_fits_nowhere_is_none():
    assert tiny.fit(natural(64, 64, 4), 5) is None


@given(st.binary(max_size=200))
@settings(max_examples=30, deadline=None)
def test_any_bytes_open_or_are_refused(content):
    try:
        seen = tiny.open_(content)
    except InvalidContent:
        assert len(content) < 3 or not all(content[:2]) or max(content[:2]) > 64
    else:
        assert seen.shape[:2] == (content[1], content[0])
