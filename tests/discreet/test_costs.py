"""HILL against its definition, and in strips."""

import numpy as np
import pytest

from stegocli.discreet import costs


def mean(plane, size):
    windows = np.lib.stride_tricks.sliding_window_view(plane, (size, size))
    return windows.mean((2, 3))


@pytest.mark.parametrize("shape", [(16, 16, 1), (23, 40, 3), (3, 50, 3)])
def test_hill_is_what_the_paper_says(shape):
    picture = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    found = costs.hill(picture)
    assert found.dtype == np.float32 and found.shape == shape
    kernel = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]) / 4
    for channel in range(shape[2]):
        padded = np.pad(picture[..., channel].astype(float), 9, "symmetric")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
        residual = np.abs((windows * kernel).sum((2, 3)))
        np.testing.assert_allclose(found[..., channel], mean(1 / mean(residual, 3), 15), rtol=1e-4)


def test_strips_meet_without_a_seam(monkeypatch):
    picture = np.random.default_rng(2).integers(0, 256, (50, 30, 3)).astype(np.uint8)
    whole = costs.hill(picture)
    monkeypatch.setattr(costs, "_STRIP", 7)
    np.testing.assert_allclose(costs.hill(picture), whole, rtol=1e-6)


def test_texture_is_cheap_and_flat_is_dear():
    picture = np.full((60, 60, 1), 90, np.uint8)
    picture[:, 30:] += np.random.default_rng(3).integers(0, 40, (60, 30, 1)).astype(np.uint8)
    found = costs.hill(picture)
    assert found[:, :20].min() > 1000 * found[:, 42:].max()
