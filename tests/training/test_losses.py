import math

import pytest
import torch

from stegocli.training import losses
from stegocli.training.losses import LossWeights


def test_units_are_grey_levels():
    flat = torch.zeros(1, 3, 16, 16)
    off = flat + 2 / 255 * 3  # three grey levels in the range -1..1
    result = losses.combine(flat, off, off, flat, flat, LossWeights(wavelet=0))
    assert result.hide == pytest.approx(9, rel=1e-4) and result.reveal == 0
    assert result.total == pytest.approx(losses.KNEE * math.log(1 + 9 / losses.KNEE), rel=1e-4)


def test_reveal_weight():
    flat = torch.zeros(1, 3, 16, 16)
    small = flat + 0.02 / 255
    one, two = (losses.combine(flat, flat, flat, flat, small, LossWeights(reveal=w, wavelet=0)).total for w in (1, 2))
    assert two == pytest.approx(2 * float(one), rel=1e-3)


def test_a_hopeless_pair_does_not_drown_the_others():
    secret, revealed = torch.zeros(2, 3, 16, 16), torch.zeros(2, 3, 16, 16)
    revealed[0], revealed[1] = 1.0, 2 / 255  # off by 127 grey levels, and by one
    revealed.requires_grad_()
    losses.combine(secret, secret, secret, secret, revealed, LossWeights(wavelet=0)).total.backward()
    hopeless, good = revealed.grad.abs().mean((1, 2, 3))
    assert hopeless < good


def test_wavelet_term_tells_a_cast_from_noise():
    flat = torch.zeros(1, 3, 32, 32)
    cast = torch.full_like(flat, 0.02)
    noise = 0.02 * torch.sign(torch.randn_like(flat))
    same, other = (losses.combine(flat, flat + e, flat + e, flat, flat, LossWeights(wavelet=1)) for e in (cast, noise))
    assert same.hide == pytest.approx(float(other.hide), rel=1e-4)
    assert same.total > 2 * other.total


def test_an_error_in_one_block_counts_more_than_the_same_spread_out():
    flat = torch.zeros(1, 3, 64, 64)
    spread = torch.full_like(flat, 0.02)
    gathered = torch.zeros_like(flat)
    gathered[..., 16:32, 32:48] = 0.02 * 4  # a sixteenth of the area, sixteen times the energy
    results = [losses.combine(flat, flat, flat, flat, flat + e, LossWeights(wavelet=0)) for e in (spread, gathered)]
    assert results[0].reveal == pytest.approx(float(results[1].reveal), rel=1e-4)
    assert results[1].total > 1.3 * results[0].total


def test_gradient_is_finite_at_zero_error_and_odd_sizes():
    flat = torch.zeros(1, 3, 7, 9)
    x = flat.clone().requires_grad_()
    losses.combine(flat, x, x, flat, x, LossWeights()).total.backward()
    assert torch.isfinite(x.grad).all()


def test_going_past_white_counts_where_the_cover_is_white():
    white = torch.ones(1, 3, 16, 16)
    wanted = (white + 0.1).requires_grad_()
    result = losses.combine(white, wanted, white, white, white, LossWeights())
    result.total.backward()
    assert result.hide == 0 and result.total > 0 and (wanted.grad > 0).all()
