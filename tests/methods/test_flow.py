"""The network on pairs of any two sizes: nothing may be lost to the sizes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stegocli.errors import StegoError
from stegocli.picture import metrics

DOCS = Path(__file__).resolve().parents[2] / "docs"
LOSS = 0.5


def picture(name: str, width: int, height: int) -> np.ndarray:
    """A photograph of docs/ scaled and cut to a size; the same detail a pixel for sizes of one area."""
    with Image.open(DOCS / name) as opened:
        photo = opened.convert("RGB")
    scale = max(width / photo.width, height / photo.height, (width * height / (photo.width * photo.height)) ** 0.5)
    photo = photo.resize((max(width, round(photo.width * scale)), max(height, round(photo.height * scale))))
    return np.asarray(photo.crop((0, 0, width, height)))


def secret_psnr(model, cover: np.ndarray, secret: np.ndarray) -> float:
    return metrics.psnr(secret, model.reveal(model.hide(cover, secret)))


@pytest.mark.parametrize(
    ("cover_size", "secret_size"),
    [
        ((320, 240), (319, 240)),  # a pixel less
        ((320, 240), (321, 240)),  # a pixel more
        ((323, 243), (322, 241)),  # sides that fill no tile
        ((320, 240), (240, 320)),  # the other orientation
        ((480, 160), (160, 480)),  # 3:1 against 1:3
        ((320, 240), (101, 76)),  # a tenth of the pixels
    ],
)
def test_sizes_cost_nothing(model, cover_size, secret_size):
    """The same secret in a cover cut to its own size, in whole tiles, is no more than half a decibel better."""
    secret = picture("coffee.jpg", *secret_size)
    equal = tuple(side // 4 * 4 for side in secret_size)
    best = secret_psnr(model, picture("chelsea.jpg", *equal), secret[: equal[1], : equal[0]])
    assert secret_psnr(model, picture("chelsea.jpg", *cover_size), secret) > best - LOSS


def test_ten_times_the_pixels_come_back_as_sharp_as_the_room_allows(model):
    """No more than half a decibel under a plain Lanczos shrink to as many pixels as the cover has."""
    cover, secret = picture("chelsea.jpg", 140, 100), picture("coffee.jpg", 448, 312)
    share = (cover.size / secret.size) ** 0.5
    small = Image.fromarray(secret).resize((round(448 * share), round(312 * share)), Image.Resampling.LANCZOS)
    shrunk = np.asarray(small.resize((448, 312), Image.Resampling.LANCZOS))
    assert secret_psnr(model, cover, secret) > metrics.psnr(secret, shrunk) - LOSS


@pytest.mark.parametrize("size", [(1, 1), (8, 9), (15, 15), (3, 100), (100, 3), (1, 5000), (16, 15), (0, 16)])
def test_a_cover_too_small_to_be_revealed_is_refused(model, size):
    """Arrays and Pillow pictures: the header needs its samples, and the network its tiles."""
    cover = np.full((size[1], size[0], 3), 120, np.uint8)
    secret = picture("coffee.jpg", 20, 20)
    with pytest.raises((StegoError, ValueError), match=r"16x16|height, width"):
        model.hide(cover, secret)
    if cover.size:
        with pytest.raises(StegoError, match="16x16"):
            model.hide(Image.fromarray(cover), Image.fromarray(secret))


@pytest.mark.parametrize("size", [(16, 16), (17, 16), (16, 400), (19, 23)])
def test_the_smallest_covers_can_be_revealed(model, size):
    cover, secret = picture("chelsea.jpg", *size), picture("coffee.jpg", 20, 20)
    assert model.reveal(model.hide(cover, secret)).shape == secret.shape
