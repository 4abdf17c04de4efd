"""What comes back loses noise and keeps everything else."""

import numpy as np
import pytest
import torch
from pictures import natural, photograph

from stegocli.flow import denoise, tiles, weights
from stegocli.picture import metrics


def noisy(picture, strength, seed=0):
    noise = np.random.default_rng(seed).normal(0, strength, picture.shape)
    return (picture + noise).clip(0, 255).astype(np.float32)


def cleaned(levels):
    out = levels.copy()
    denoise.denoise_(out)
    return out


def error(levels, picture):
    return float(np.square(levels - picture).mean())


@pytest.mark.parametrize("size", [(64, 64), (61, 93), (18, 131)])
def test_noise_of_a_level_gets_less(size):
    for seed in range(3):
        picture = photograph(*size, seed)
        levels = noisy(picture, 1.0, seed)
        assert error(cleaned(levels), picture) < 0.95 * error(levels, picture)


def test_where_nothing_is_nearly_all_of_it_goes():
    flat = np.full((96, 96, 3), 90, np.uint8)
    levels = noisy(flat, 0.8)
    assert error(cleaned(levels), flat) < 0.45 * error(levels, flat)


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (40, 3), (16, 16), (5, 7)])
def test_any_size_and_levels_stay_levels(size):
    levels = noisy(np.random.default_rng(1).integers(0, 2, (*size, 3)) * 255, 2)
    out = cleaned(levels)
    assert out.shape == levels.shape and out.min() >= 0 and out.max() <= 255
    assert np.abs(out - levels).max() < 4 * 0.8


def test_what_is_clean_stays_within_half_a_level():
    for picture in (natural(80, 112, 1), np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)):
        assert metrics.psnr(np.rint(cleaned(picture.astype(np.float32))).astype(np.uint8), picture) > 54


def test_parts_are_the_whole(monkeypatch):
    """However few rows are worked on together, and by however many threads."""
    levels = noisy(natural(150, 70, 3), 1)
    whole = cleaned(levels)
    before = torch.get_num_threads()
    monkeypatch.setattr(denoise, "_SAMPLES", 3 * 4 * 78 * 5)
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            assert np.abs(cleaned(levels) - whole).max() < 1e-3
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
def test_secrets_of_the_network_gain_and_stark_ones_lose_nothing():
    model = weights.load_model(device="cpu")
    checks = (np.indices((96, 96)).sum(0)[..., None].repeat(3, 2) // 3 % 2 * 255).astype(np.uint8)
    stark = np.random.default_rng(0).integers(0, 256, (96, 96, 3)).astype(np.uint8)
    cases = ((photograph(96, 96, 1), 0.03), (photograph(96, 96, 2), 0), (natural(96, 96, 1), 0.1), (checks, 0))
    for secret, least in (*cases, (stark, -0.02)):
        stego = model.embed(photograph(96, 96, 5), secret)
        bare = np.rint(tiles.reveal(model.network, stego)).astype(np.uint8)
        assert metrics.psnr(model.extract(stego, (96, 96)), secret) > metrics.psnr(bare, secret) + least
