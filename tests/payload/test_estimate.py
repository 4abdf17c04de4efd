"""What is said of bytes without embedding any: against what embedding them gives."""

import math

import numpy as np
import pytest
from pictures import natural
from PIL import Image
from stegos import encoder

from stegocli.payload import embedding, estimate, header
from stegocli.payload.codings import Secret
from stegocli.picture import files, metrics
from stegocli.picture.inputs import Source

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick_keys")]


def busy(height: int, width: int, seed: int) -> np.ndarray:
    """A picture that takes about 3 bits a sample."""
    noise = np.random.default_rng(seed).normal(0, 3, (height, width, 3))
    return np.clip(natural(height, width, seed) + noise, 0, 255).astype(np.uint8)


def kept_by_embedding(rgb: np.ndarray, length: int) -> float:
    plan = embedding.plan(embedding.capacity(rgb.size, False), 8 * length)
    return metrics.psnr(rgb, embedding.embed_open(rgb, np.random.default_rng(0).bytes(length), plan))


@pytest.mark.parametrize("clipped", [0, 0.3, 1])
@pytest.mark.parametrize("length", [9_000, 20_000])
def test_the_cover_keeps_what_is_foretold(clipped, length):
    rgb = natural(150, 160, 1)
    rgb[: int(150 * clipped)] = 255
    assert estimate.cover_psnr(rgb, length) == pytest.approx(kept_by_embedding(rgb, length), abs=0.2)


def test_what_does_not_fit_keeps_nothing():
    rgb = natural(20, 20)
    assert estimate.cover_psnr(rgb, 20_000) == estimate.cover_psnr(natural(9, 9), 100) == -math.inf


@pytest.mark.parametrize("kind", ["png", "bmp", "jpg", "txt"])
def test_the_length_without_loss(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    path.write_text("text") if kind == "txt" else Image.fromarray(busy(300, 200, 1)).save(path)
    length = len(encoder(path).exact().content)
    secret = Secret(Source.read(path))
    assert estimate.exact_length(secret, length) == pytest.approx(length, rel=0.04, abs=20)
    if kind == "png":
        assert estimate.exact_length(secret, length // 2) is None


def test_the_nearness_that_fits(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(busy(300, 200, 1)).save(path)
    whole = len(encoder(path).exact().content)
    picture = files.read(path)
    for share in (0.95, 0.8, 0.7):
        really = encoder(path).within(int(share * whole))
        psnr = metrics.psnr(really.picture.rgb, picture.rgb)
        foretold = estimate.fitted_psnr(picture, int(share * whole), 40)
        # Seldom the next coarser step, which is 2.2 dB away.
        assert psnr - 2.3 < foretold < psnr + 0.1
        assert estimate.fitted_psnr(picture, int(share * whole), psnr + 3) is None
    assert estimate.fitted_psnr(picture, whole // 20, 40) is None


def cover(kind: str, height: int, width: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rgb = natural(height, width, seed)
    if kind == "white above":
        rgb[: height // 2] = 255
    elif kind == "specks":
        rgb = np.where(rng.random(rgb.shape) < 0.3, rng.choice([0, 255], rgb.shape), rgb).astype(np.uint8)
    elif kind == "black":
        rgb = np.zeros_like(rgb)
    elif kind == "noise":
        rgb = rng.integers(0, 256, rgb.shape, dtype=np.uint8)
    return rgb


@pytest.mark.parametrize("kind", ["natural", "white above", "specks", "black", "noise"])
@pytest.mark.parametrize("private", [False, True])
def test_what_a_cover_holds_goes_in(kind, private):
    for seed, (height, width) in enumerate([(16, 16), (40, 31), (150, 170)]):
        rgb = cover(kind, height, width, seed)
        for psnr in (25, 40, 48, 60):
            holds = estimate.holds(rgb, private, psnr)
            if not holds:
                assert height * width < 2000, "only small covers hold nothing"
                continue
            plan = embedding.plan(embedding.capacity(rgb.size, private), 8 * (holds + embedding.overhead(private)))
            content = np.random.default_rng(seed).bytes(holds)
            if private:
                stego = embedding.embed_private(rgb, content, plan, "word")
            else:
                stego = embedding.embed_open(rgb, content, plan)
                own = embedding.PayloadDescriptor(holds, plan).pack()
                stego = header.embed(stego, header.Header(2, own))
            reached = metrics.psnr(rgb, stego)
            assert reached >= psnr - 0.05
            # And not much less than would go in; at 25 dB the largest base is the limit.
            assert height < 100 or psnr < 30 or reached < psnr + 0.4


def test_a_cover_holds_less_the_more_it_must_keep():
    rgb = natural(60, 60)
    held = [estimate.holds(rgb, False, psnr) for psnr in (20, 30, 40, 50, 60, 70, 90)]
    assert held == sorted(held, reverse=True) and held[-1] == 0
    assert estimate.holds(rgb, True, 40) < estimate.holds(rgb, False, 40)
    assert estimate.holds(natural(9, 8), False, 40) == 0
