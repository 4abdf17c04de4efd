"""Winograd's convolutions give what the usual ones give, and are taken where that is faster."""

import pytest
import torch
import torch.nn.functional as F

from stegocli.flow import convolution, weights
from stegocli.flow.precision import Precision

CPU = torch.device("cpu")
needs_nnpack = pytest.mark.skipif(not convolution.available(), reason="this processor gains nothing from NNPACK")


@needs_nnpack
@pytest.mark.parametrize("shape", [(48, 128, 20, 37), (16, 5, 3, 3), (1, 1, 6, 8), (96, 48, 7, 130)])
@pytest.mark.parametrize("padding", [(0, 1), (1, 1)])
def test_a_convolution_is_the_usual_one(shape, padding):
    inputs, outputs, height, width = shape
    torch.manual_seed(0)
    x, bias = torch.randn(1, inputs, height, width), torch.randn(outputs)
    weight = torch.randn(outputs, inputs, 3, 3) / (9 * inputs) ** 0.5
    exact = F.conv2d(x.double(), weight.double(), bias.double(), padding=padding)
    found = convolution.convolve(x, weight, bias, padding)
    assert found.shape == exact.shape and (found - exact).abs().max() < 3e-4
    assert (found - exact).square().mean().sqrt() < 1e-5


def test_of_one_position_it_is_a_matrix():
    torch.manual_seed(0)
    x, weight, bias = torch.randn(1, 24, 5, 7), torch.randn(9, 24, 1, 1), torch.randn(9)
    assert torch.allclose(convolution.convolve(x, weight, bias, (0, 0)), F.conv2d(x, weight, bias), atol=1e-4)


@pytest.mark.parametrize("rows", [slice(0, 9), slice(3, 5)])
def test_channels_first_and_back(rows):
    x = torch.randn(1, 6, 9, 5).to(memory_format=torch.channels_last)[:, :, rows]
    first = convolution.channels_first(x)
    assert first.is_contiguous() and torch.equal(first, x)
    last = convolution.channels_last(first[:, :, 1:])
    assert last.is_contiguous(memory_format=torch.channels_last) and torch.equal(last, x[:, :, 1:])


@needs_nnpack
def test_large_subnets_take_it_in_float32():
    network = weights.load_model(device="cpu").network
    x = torch.randn(1, 48, 40, 30).to(memory_format=torch.channels_last)
    subnets = network.flow.subnets()
    assert {name for name, subnet in subnets.items() if subnet.fast} > {"1.affine", "2.add"}
    assert not subnets["0.add"].fast and not subnets["7.affine"].fast
    with torch.inference_mode():
        for top, bottom in ((0, 40), (0, 7), (11, 29), (30, 40)):
            found = subnets["1.affine"].rows(x, top, bottom)
            assert (found - subnets["1.affine"](x)[:, :, top:bottom]).abs().max() < 1e-4
    network.flow.set_inference(Precision(CPU, torch.float16))
    assert subnets["1.affine"].rows(x, 0, 8).dtype == torch.float32


@pytest.mark.parametrize("broken", ["wider", "missing", "absent", "failing", "wrong"])
def test_without_it_the_usual_ones_are_taken(monkeypatch, broken):
    def fails(*_):
        raise RuntimeError("NNPACK SpatialConvolution_updateOutput failed")

    threads = torch.get_num_threads()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512" if broken == "wider" else "AVX2")
    monkeypatch.setattr(torch, "_nnpack_available", lambda: broken != "absent")
    if broken == "missing":
        monkeypatch.delattr(torch, "_nnpack_available")
    elif broken in ("failing", "wrong"):
        given = fails if broken == "failing" else lambda x, *_: x
        monkeypatch.setattr(torch, "_nnpack_spatial_convolution", given)
    assert convolution.available.__wrapped__() is False
    assert torch.get_num_threads() == threads
