"""What is said of bytes without embedding any: against what embedding them gives."""

import math

import numpy as np
import pytest
from pictures import natural
from PIL import Image

from stegocli.methods.exact import budget
from stegocli.payload import codings, embedding, estimate
from stegocli.picture import files, metrics


def busy(height: int, width: int, seed: int) -> np.ndarray:
    """A picture that takes about 3 bits a sample."""
    noise = np.random.default_rng(seed).normal(0, 3, (height, width, 3))
    return np.clip(natural(height, width, seed) + noise, 0, 255).astype(np.uint8)


def kept_by_embedding(rgb: np.ndarray, length: int) -> float:
    plan = embedding.plan(embedding.room(rgb.size, False), 8 * length)
    return metrics.psnr(rgb, embedding.embed_open(rgb, np.random.default_rng(0).bytes(length), plan))


@pytest.mark.parametrize("clipped", [0, 0.3, 1])
@pytest.mark.parametrize("length", [9_000, 20_000])
def test_the_cover_keeps_what_is_foretold(clipped, length):
    rgb = natural(150, 160, 1)
    rgb[: int(150 * clipped)] = 255
    assert estimate.cover_psnr(rgb, length) == pytest.approx(kept_by_embedding(rgb, length), abs=0.5)


def test_what_does_not_fit_keeps_nothing():
    rgb = natural(20, 20)
    assert estimate.cover_psnr(rgb, 20_000) == estimate.cover_psnr(natural(9, 9), 100) == -math.inf


@pytest.mark.parametrize("kind", ["png", "bmp", "jpg", "txt"])
def test_the_length_without_loss(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    path.write_text("text") if kind == "txt" else Image.fromarray(busy(300, 200, 1)).save(path)
    length = len(codings.exact(path).content)
    foretold = estimate.exact_length(path.read_bytes(), path.suffix, length)
    assert foretold == pytest.approx(length, rel=0.04, abs=20)
    if kind == "png":
        assert estimate.exact_length(path.read_bytes(), path.suffix, length // 2) is None


def test_the_nearness_that_fits(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(busy(300, 200, 1)).save(path)
    whole = len(codings.exact(path).content)
    picture = files.read(path)
    for share in (0.95, 0.8, 0.7):
        really = codings.fitted(path, int(share * whole))
        psnr = metrics.psnr(really.picture.rgb, picture.rgb)
        foretold = estimate.fitted_psnr(picture, int(share * whole), 40)
        # Seldom the next coarser step, which is 2.2 dB away.
        assert psnr - 2.3 < foretold < psnr + 0.1
        assert estimate.fitted_psnr(picture, int(share * whole), psnr + 3) is None
    assert estimate.fitted_psnr(picture, whole // 20, 40) is None


def test_the_limit_of_the_advice_is_what_exact_holds():
    rgb = natural(100, 100)
    holds = budget(rgb.size, False, 45)
    assert estimate.cover_psnr(rgb, holds) == pytest.approx(45, abs=0.02)
