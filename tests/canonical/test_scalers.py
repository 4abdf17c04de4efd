"""Scalers: OpenCV's sampling against OpenCV, where it is installed, and what holds of all without it."""

import numpy as np
import pytest
from pictures import natural

from stegocli.canonical import scalers

OPENCV = ("OpenCV area", "OpenCV linear", "OpenCV cubic", "OpenCV Lanczos")
SIZES = [(60, 45), (97, 71), (40, 30), (156, 117), (240, 180), (41, 200), (120, 90)]


def pictures():
    yield natural(90, 120, 3)
    yield np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


@pytest.mark.parametrize("scaler", OPENCV)
def test_opencv_is_met_within_a_level(scaler):
    cv2 = pytest.importorskip("cv2")
    names = {"area": "AREA", "linear": "LINEAR", "cubic": "CUBIC", "Lanczos": "LANCZOS4"}
    way = getattr(cv2, f"INTER_{names[scaler.split()[1]]}")
    for rgb in pictures():
        for size in SIZES:
            theirs = cv2.resize(rgb, size, interpolation=way)
            assert np.abs(scalers.resize(rgb, size, scaler).astype(int) - theirs).max() <= 1, size


@pytest.mark.parametrize("scaler", scalers.NAMES)
def test_scalers_keep_flat_pictures_and_the_mean(scaler):
    flat = np.full((33, 40, 3), 77, np.uint8)
    rgb = natural(90, 120, 3)
    for size in SIZES:
        assert (scalers.resize(flat, size, scaler) == 77).all()
        out = scalers.resize(rgb, size, scaler)
        assert out.shape == (size[1], size[0], 3) and out.dtype == np.uint8
        assert abs(out.mean() - rgb.mean()) < 1


def test_opencv_does_not_widen_its_filters_but_for_area():
    stripes = np.zeros((40, 240, 3), np.uint8)
    stripes[:, ::2] = 255
    contrast = {name: np.ptp(scalers.resize(stripes, (100, 40), name).astype(int)) for name in scalers.NAMES}
    assert min(contrast["OpenCV linear"], contrast["OpenCV cubic"], contrast["OpenCV Lanczos"]) > 120
    assert max(contrast["OpenCV area"], contrast["Pillow bicubic"], contrast["Pillow Lanczos"]) < 110
