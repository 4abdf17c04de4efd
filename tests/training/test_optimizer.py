import copy

import torch

from stegocli.training.optimizer import Muon, orthogonalise


def test_orthogonalise_evens_out_singular_values():
    torch.manual_seed(0)
    for shape in [(3, 16, 16), (2, 8, 40), (2, 40, 8)]:
        result = orthogonalise(torch.randn(shape))
        assert result.shape == shape
        values = torch.linalg.svdvals(result)
        assert values.min() > 0.3 and values.max() < 1.4


def test_orthogonalise_keeps_singular_vectors():
    torch.manual_seed(0)
    u, v = torch.linalg.qr(torch.randn(12, 6))[0], torch.linalg.qr(torch.randn(6, 6))[0]
    matrix = u @ torch.diag(torch.linspace(0.5, 2, 6)) @ v.T
    aligned = u.T @ orthogonalise(matrix[None])[0] @ v
    assert (aligned - torch.diag(aligned.diag())).abs().max() < 0.02


def test_update_size_does_not_depend_on_the_gradient():
    kernel = torch.nn.Parameter(torch.zeros(24, 8, 3, 3))
    kernel.grad = 1e-4 * torch.randn(kernel.shape)
    Muon([kernel], lr=0.01).step()
    size = kernel.detach().square().mean().sqrt()
    # A matrix of 24 orthonormal rows has a root mean square of 1 / sqrt(72).
    assert 0.5 < size / (0.2 * 0.01) < 1.3


def test_muon_fits_a_convolution_from_any_memory_format():
    torch.manual_seed(0)
    x = torch.randn(8, 4, 8, 8)
    target = torch.nn.functional.conv2d(x, torch.randn(6, 4, 3, 3), padding=1)
    ends = []
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(1)
        layer = torch.nn.Conv2d(4, 6, 3, padding=1).to(memory_format=layout)
        optimizer = Muon([layer.weight], lr=0.1)
        for step in range(200):
            optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 200)
            optimizer.zero_grad()
            loss = (layer(x) - target).square().mean()
            loss.backward()
            optimizer.step()
        ends.append(layer.weight.detach())
        assert loss < 0.05 * target.square().mean()
    assert torch.allclose(*ends, atol=1e-3)


def test_state_comes_back():
    def one(steps, optimizer, kernel, seed):
        torch.manual_seed(seed)
        for _ in range(steps):
            kernel.grad = torch.randn(kernel.shape)
            optimizer.step()

    a = torch.nn.Parameter(torch.zeros(4, 3, 3, 3))
    first = Muon([a], lr=0.1)
    one(3, first, a, 0)
    b = torch.nn.Parameter(a.detach().clone())
    second = Muon([b], lr=0.1)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    one(2, first, a, 1)
    one(2, second, b, 1)
    assert torch.equal(a, b)
