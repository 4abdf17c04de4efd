"""Covers that give away a change: JPEGs saved as PNG, drawings; and photographs, which don't."""

import io

import numpy as np
import pytest
from pictures import photograph
from PIL import Image, ImageDraw

from stegocli.discreet import history


def decompressed(rgb, quality, subsampling):
    content = io.BytesIO()
    Image.fromarray(rgb).save(content, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(content).convert("RGB"))


@pytest.mark.parametrize("quality", [30, 60, 75, 85, 90])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_what_was_a_jpeg_is_known(quality, subsampling):
    rgb = decompressed(photograph(150, 200, quality), quality, subsampling)
    assert history.was_jpeg(rgb)
    assert history.was_jpeg(rgb[5:, 3:])
    changed = rgb.copy()
    changed[::9, ::7] ^= 1
    assert history.was_jpeg(changed)


def test_a_grey_jpeg_is_known():
    grey = np.repeat(photograph(150, 150, 1)[..., :1], 3, axis=2)
    assert history.was_jpeg(decompressed(grey, 80, 0)) and not history.was_jpeg(grey)


@pytest.mark.parametrize("seed", range(6))
def test_photographs_pass(seed):
    rgb = photograph(120, 160, seed)
    halved = np.asarray(Image.fromarray(decompressed(photograph(240, 320, seed), 85, 2)).resize((160, 120), 1))
    for picture in (rgb, halved, np.clip(rgb.astype(int) * 1.3, 0, 255).astype(np.uint8), rgb[:17, :19]):
        assert not history.was_jpeg(picture) and not history.is_drawn(picture)


def test_drawings_and_screenshots_are_known():
    page = Image.new("RGB", (300, 200), "white")
    pen = ImageDraw.Draw(page)
    for line in range(9):
        pen.text((10, 10 + 20 * line), "The quick brown fox jumps over the lazy dog", fill=(20, 20, 60))
    assert history.is_drawn(np.asarray(page))
    pen.ellipse((50, 30, 200, 150), fill=(200, 30, 40))
    assert history.is_drawn(np.asarray(page.resize((211, 133), Image.Resampling.BICUBIC)))
    ramp = np.repeat(np.linspace(0, 255, 200).astype(np.uint8)[:, None, None], 300, 1).repeat(3, 2)
    assert history.is_drawn(ramp)
    palette = Image.fromarray(photograph(100, 100, 1)).quantize(64).convert("RGB")
    assert history.is_drawn(np.asarray(palette))
