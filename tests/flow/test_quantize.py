import torch

from stegocli.flow import quantize
from stegocli.flow.quantize import NoiseShapedRounding


def test_bytes_survive():
    pixels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(quantize.to_bytes(quantize.from_bytes(pixels)), pixels)


def test_to_bytes_clamps():
    assert quantize.to_bytes(torch.tensor([-3.0, 3.0])).tolist() == [0, 255]


def shaped(strength: float) -> NoiseShapedRounding:
    rounding = NoiseShapedRounding(2).eval()
    torch.nn.init.normal_(rounding.feedback, std=strength)
    return rounding


def test_without_feedback_it_is_plain_rounding():
    x = torch.rand(2, 3, 8, 8) * 2.2 - 1.1
    assert torch.equal(quantize.to_bytes(NoiseShapedRounding(2).eval()(x)), quantize.to_bytes(x))


def test_training_rounds_but_does_not_clamp():
    x = torch.full((1, 3, 4, 4), 1.5, requires_grad=True)
    rounding = NoiseShapedRounding(2)
    y = rounding(x)
    levels = (y + 1) * 127.5
    assert torch.allclose(levels, levels.round(), atol=1e-3) and y.min() > 1.49
    assert rounding.eval()(x).max() == 1


def test_every_sample_is_a_level_of_a_file():
    x = torch.rand(2, 3, 8, 12) * 2.2 - 1.1
    y = shaped(0.05)(x)
    assert y.shape == x.shape
    assert torch.allclose(y, quantize.from_bytes(quantize.to_bytes(y)), atol=1e-5)


def test_a_sample_depends_on_earlier_errors_only():
    """The differentiable pass must compute what the sequential one rounded, or training learns for another channel."""
    rounding = shaped(0.05)
    wanted = torch.rand(1, 12, 70, 5) * 200 + 20
    kernel = rounding.kernel()
    rounded, errors = wanted.clone(), torch.empty_like(wanted)
    rounding.round_(rounded, errors)
    moved = wanted + torch.nn.functional.conv2d(errors, kernel, padding=1)
    # Half a level and what float sums differ by: a sample just between two levels may go either way.
    assert (moved.clamp(0, 255) - rounded).abs().max() < 0.501


def test_gradient_reaches_picture_and_feedback():
    rounding = shaped(0.02)
    x = (torch.rand(1, 3, 8, 8) * 2 - 1).requires_grad_()
    rounding(x).square().sum().backward()
    assert torch.isfinite(x.grad).all() and x.grad.abs().min() >= 0 and x.grad.abs().max() > 0
    later = rounding.feedback.grad[1:].abs().sum()
    assert later > 0 and rounding.feedback.grad[0].abs().sum() == 0


def test_shaping_lowers_the_noise_where_it_counts():
    """Feedback of one sends the error of each red sample to the green beside it: their sum stays nearly exact."""
    rounding = NoiseShapedRounding(1)
    with torch.no_grad():
        rounding.feedback[1, 0, 1, 1] = 1 / rounding.gain
    x = torch.rand(1, 3, 64, 64) * 1.6 - 0.8

    def error_of_the_sum(y):
        return ((y - x)[:, :2].sum(1)).square().mean()

    assert error_of_the_sum(rounding(x)) < 0.6 * error_of_the_sum(NoiseShapedRounding(1)(x))
