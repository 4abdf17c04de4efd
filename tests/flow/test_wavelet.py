import pytest
import torch

from stegocli.flow.wavelet import WAVELETS, forward, from_subbands, inverse, to_subbands

SIZES = [(1, 1), (1, 9), (8, 1), (2, 2), (2, 3), (5, 4), (7, 7), (16, 31), (33, 64)]


@pytest.mark.parametrize("wavelet", WAVELETS)
@pytest.mark.parametrize("levels", [0, 1, 2, 5])
@pytest.mark.parametrize("size", SIZES)
def test_integers_come_back_bit_for_bit(wavelet, levels, size):
    x = torch.randint(-512, 512, (2, 3, *size), dtype=torch.int16)
    y = forward(x, levels, wavelet)
    assert y.shape == x.shape and y.dtype == x.dtype
    assert torch.equal(inverse(y, levels, wavelet), x)


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_is_stateless_between_calls_of_different_sizes(wavelet):
    """The seed system remembered its padding, so a second call broke the first one's inverse."""
    first, second = torch.randint(0, 256, (2, 3, 9, 7)), torch.randint(0, 256, (1, 1, 4, 12))
    a, b = forward(first, 2, wavelet), forward(second, 2, wavelet)
    assert torch.equal(inverse(a, 2, wavelet), first)
    assert torch.equal(inverse(b, 2, wavelet), second)


def test_batch_equals_its_members():
    x = torch.randint(0, 256, (4, 3, 11, 13))
    whole = forward(x, 2)
    assert all(torch.equal(whole[i], forward(x[i], 2)) for i in range(4))


def test_legall53_follows_t800():
    """Equations F-5 and F-6 of ITU-T T.800, written out for one row, with mirrored ends."""
    row = [3, 7, 1, 250, 8, 9, 77]
    at = lambda n: row[-n if n < 0 else n if n < 7 else 12 - n]  # noqa: E731
    odd = {n: at(n) - (at(n - 1) + at(n + 1)) // 2 for n in (-1, 1, 3, 5, 7)}
    even = [at(n) + (odd[n - 1] + odd[n + 1] + 2) // 4 for n in (0, 2, 4, 6)]
    got = forward(torch.tensor([row]), 1, "legall53")
    assert got.tolist() == [[*even, odd[1], odd[3], odd[5]]]


def test_haar_is_the_s_transform():
    got = forward(torch.tensor([[10, 13], [10, 13]]), 1, "haar")
    assert got.tolist() == [[11, 3], [0, 0]]


@pytest.mark.parametrize("wavelet", WAVELETS)
@pytest.mark.parametrize("size", SIZES)
def test_real_form_inverts_and_differentiates(wavelet, size):
    x = torch.randn(1, 2, *size, dtype=torch.float64, requires_grad=True)
    assert torch.allclose(inverse(forward(x, 3, wavelet), 3, wavelet), x)
    # The transform is linear: a random direction tells as much as each sample.
    assert torch.autograd.gradcheck(lambda t: forward(t, 2, wavelet), x, fast_mode=True)


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_real_form_is_the_integer_form_but_for_rounding(wavelet):
    x = torch.randint(0, 256, (1, 3, 32, 32))
    difference = forward(x.double(), 2, wavelet) - forward(x, 2, wavelet)
    assert difference.abs().max() < 4


def test_haar_subbands_keep_the_energy():
    x = torch.randn(2, 3, 16, 24)
    y = to_subbands(x, 2, "haar")
    assert y.shape == (2, 48, 4, 6)
    assert torch.allclose(y.square().sum(), x.square().sum(), rtol=1e-4)


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_subbands_invert(wavelet):
    x = torch.randn(2, 3, 16, 24)
    assert torch.allclose(from_subbands(to_subbands(x, 2, wavelet), 2, wavelet), x, atol=1e-5)


def test_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="unknown wavelet"):
        forward(torch.zeros(2, 2), 1, "db4")
    with pytest.raises(ValueError, match="int16"):
        forward(torch.zeros(2, 2, dtype=torch.uint8))
    with pytest.raises(ValueError, match="even size"):
        to_subbands(torch.zeros(1, 3, 5, 4))
