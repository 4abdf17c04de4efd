import pytest
import torch

from stegocli import losses
from stegocli.losses import LossWeights


def test_units_are_grey_levels():
    flat = torch.zeros(1, 3, 16, 16)
    off = flat + 2 / 255 * 3  # three grey levels in the range -1..1
    result = losses.combine(flat, off, flat, flat, LossWeights(wavelet=0))
    assert result.hide == pytest.approx(9, rel=1e-4) and result.reveal == 0
    assert result.total == pytest.approx(9, rel=1e-4)


def test_reveal_weight():
    flat = torch.zeros(1, 3, 16, 16)
    result = losses.combine(flat, flat, flat, flat + 2 / 255, LossWeights(reveal=2, wavelet=0))
    assert result.total == pytest.approx(2, rel=1e-4)


def test_wavelet_term_tells_a_cast_from_noise():
    flat = torch.zeros(1, 3, 32, 32)
    cast = torch.full_like(flat, 0.02)
    noise = 0.02 * torch.sign(torch.randn_like(flat))
    same, other = (losses.combine(flat, flat + e, flat, flat, LossWeights(wavelet=1)) for e in (cast, noise))
    assert same.hide == pytest.approx(float(other.hide), rel=1e-4)
    assert same.total > 2 * other.total


def test_gradient_is_finite_at_zero_error_and_odd_sizes():
    x = torch.zeros(1, 3, 7, 9, requires_grad=True)
    losses.combine(torch.zeros(1, 3, 7, 9), x, torch.zeros(1, 3, 7, 9), x, LossWeights()).total.backward()
    assert torch.isfinite(x.grad).all()
