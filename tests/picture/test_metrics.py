import numpy as np
import pytest
from pictures import natural

from stegocli.measure import targets
from stegocli.picture import metrics


def test_psnr_by_hand():
    a = np.zeros((10, 10, 3), np.uint8)
    assert metrics.psnr(a, a) == metrics.EXACT_PSNR
    assert metrics.psnr(a, a + 255) == pytest.approx(0)
    assert metrics.psnr(a, a + 1) == pytest.approx(48.1308, abs=1e-4)


def test_mse_does_not_wrap_around():
    a, b = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    assert metrics.mse(a, b) == metrics.mse(b, a) == 255**2


@pytest.mark.parametrize("size", [(7, 7), (31, 40), (128, 96)])
def test_ssim_is_scikit_images(size):
    structural_similarity = pytest.importorskip("skimage.metrics").structural_similarity
    a = natural(*size)
    noise = np.random.default_rng(0).normal(0, 5, a.shape)
    b = np.clip(a + noise, 0, 255).astype(np.uint8)
    assert metrics.ssim(a, b) == pytest.approx(structural_similarity(a, b, channel_axis=2, data_range=255), abs=1e-6)


def test_ssim_of_tiny_pictures_is_defined():
    a = natural(3, 50)
    assert metrics.ssim(a, a) == pytest.approx(1)
    assert metrics.ssim(a[:1, :1], a[:1, :1]) == pytest.approx(1)


def test_bits():
    a = np.zeros((2, 2, 3), np.uint8)
    b = a.copy()
    b[0, 0, 0] = 0b101
    assert metrics.bit_accuracy(a, b) == pytest.approx(1 - 2 / 96)


def test_score_and_targets():
    a = natural(20, 30)
    score = metrics.score(a, a, a[:10], 255 - a[:10])
    assert score.bits_per_pixel == 12 and score.hide_psnr == metrics.EXACT_PSNR
    met = targets.met(score)
    assert met["hide_psnr"] and met["hide_ssim"] and not met["reveal_ssim"] and not met["bit_accuracy"]
    with pytest.raises(ValueError, match="20"):
        metrics.score(a, a[:10], a, a)
