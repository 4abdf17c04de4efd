"""Hiding and revealing arrays of one frame: in strips as at once, whatever the memory, and as version 1 did."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import natural

from stegocli.flow import channel, precision, tiles, weights
from stegocli.flow.couplings import FlowConfig
from stegocli.flow.network import StegoNetwork
from stegocli.picture import files, metrics

CPU = precision.Precision(torch.device("cpu"), torch.float32)
FIXTURES = Path(__file__).parent.parent / "fixtures" / "v1"


def in_strips(monkeypatch, rows, width, stride=4):
    monkeypatch.setitem(tiles.PLACES, "cpu", rows * width // stride)


def as_tensor(picture):
    return channel.from_bytes(torch.from_numpy(picture.transpose(2, 0, 1).copy())[None])


@pytest.fixture(scope="module")
def whole():
    """The shipped weights in float32 everywhere, on the CPU."""
    model = weights.load_model(device="cpu")
    assert model.precision == CPU
    return model


@pytest.mark.parametrize("rows", [1, 3, 16, 1000])
def test_strips_are_the_whole(whole, monkeypatch, rows):
    """Whatever the strips, the stego and the secret are those of the network on the whole picture at once."""
    cover, secret = natural(92, 68, 1), natural(92, 68, 2)
    in_strips(monkeypatch, rows, 68)
    plain = copy.deepcopy(whole)
    plain.network.rounding.feedback.zero_()
    # A sample that lies halfway between two levels may go either way. Noise shaping hands that on: what the last bit of
    # one float changes there is 2 % of all samples, by a level.
    for model, most in ((plain, 0.001), (whole, 0.05)):
        with torch.inference_mode():
            expected = channel.to_bytes(model.network.hide(as_tensor(cover), as_tensor(secret)))[0]
            expected = expected.permute(1, 2, 0).numpy()
            revealed = (model.network.reveal(as_tensor(expected))[0].permute(1, 2, 0).numpy() + 1) * 127.5
        assert (tiles.hide(model.network, cover, secret) != expected).mean() < most
        assert np.abs(tiles.reveal(model.network, expected) - revealed.clip(0, 255)).max() < 0.01


@pytest.mark.parametrize("wavelet", ["haar", "legall53"])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_any_network_in_strips(monkeypatch, wavelet, levels):
    """Wavelets that look past a strip's end are the same in place."""
    torch.manual_seed(0)
    config = FlowConfig(wavelet, levels, num_blocks=2, hidden_channels=8)
    network = StegoNetwork(config)
    with torch.no_grad():
        for parameter in network.flow.parameters():
            if not parameter.abs().sum():
                parameter.normal_(0, 0.03)
    model = weights.Model(network.eval().requires_grad_(False), CPU, bytes(4), "any")
    cover, secret = natural(96, 64, 1) // 2 + 60, natural(96, 64, 2)
    stegos, secrets = [], []
    for rows in (3, 1000):
        in_strips(monkeypatch, rows, 64, config.stride)
        stegos.append(tiles.hide(model.network, cover, secret))
        secrets.append(tiles.reveal(model.network, stegos[0]))
    assert np.abs(stegos[0].astype(int) - stegos[1]).max() <= 1 and (stegos[0] != stegos[1]).mean() < 0.01
    assert np.abs(secrets[0] - secrets[1]).max() < 0.01
    with torch.inference_mode():
        expected = (network.reveal(as_tensor(stegos[0]))[0].permute(1, 2, 0).numpy() + 1) * 127.5
    assert np.abs(secrets[0] - expected.clip(0, 255)).max() < 0.01


def test_white_is_embedded_again_around_itself_only(whole, monkeypatch):
    """A white band in a tall picture: far from it nothing changes, and the secret is as good as everywhere."""
    cover, secret = natural(1400, 32, 1), natural(1400, 32, 2)
    banded = cover.copy()
    banded[690:710] = 255
    in_strips(monkeypatch, 50, 32)
    plain, stego = tiles.hide(whole.network, cover, secret), tiles.hide(whole.network, banded, secret)
    assert np.array_equal(plain[:100], stego[:100]) and np.array_equal(plain[-100:], stego[-100:])
    with torch.inference_mode():
        expected = (
            channel.to_bytes(whole.network.hide(as_tensor(banded), as_tensor(secret)))[0].permute(1, 2, 0).numpy()
        )
    ours, theirs = (
        metrics.psnr(np.rint(tiles.reveal(whole.network, s)).astype(np.uint8), secret) for s in (stego, expected)
    )
    assert ours > theirs - 0.1 and metrics.psnr(stego, banded) > metrics.psnr(expected, banded) - 0.1


@pytest.mark.parametrize("most", [16, 10_000])
def test_boxes_cover_what_changes_once(most):
    near = np.random.default_rng(0).random((40, 70)) > 0.995
    near[10:20, 30:50] = True
    done = np.zeros(near.shape, int)
    for top, left, height, width in tiles._covering(near, 1, most):
        done[top : top + height, left : left + width] += 1
        assert (height + 2) * (width + 2) <= most
    assert done.max() == 1 and done[near].all() and done.mean() < 0.5
    assert tiles._covering(near & False, 1, most) == []


def test_a_full_memory_halves_the_strips(whole, monkeypatch):
    cover, secret = natural(64, 64, 1), natural(64, 64, 2)
    expected = tiles.hide(whole.network, cover, secret)
    sizes, said, shares = [], [], []
    subnet = type(whole.network.flow.blocks[0].coupling.add)
    normal = subnet.rows

    def full(self, x, top, bottom):
        sizes.append(bottom - top)
        if bottom - top > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return normal(self, x, top, bottom)

    monkeypatch.setattr(subnet, "rows", full)
    stego = tiles.hide(whole.network, cover, secret, shares.append, said.append)
    assert np.abs(stego.astype(int) - expected).max() <= 2 and (stego != expected).mean() < 0.01
    assert said[-1].endswith("strips of 4 rows of subbands") and 4 in sizes
    assert shares == sorted(shares) and 0.8 < shares[-1] <= 1


def test_other_errors_are_not_taken_for_a_full_memory(whole, monkeypatch):
    subnet = type(whole.network.flow.blocks[0].coupling.add)
    monkeypatch.setattr(subnet, "rows", lambda *_: (_ for _ in ()).throw(RuntimeError("shapes differ")))
    with pytest.raises(RuntimeError, match="shapes"):
        tiles.hide(whole.network, natural(16, 16), natural(16, 16))


def test_pictures_of_version_1_reveal_in_their_tiles():
    whole = weights.load_model("full", device="cpu")
    stego = files.read(FIXTURES / "flow-two-tiles.png").rgb
    assert max(stego.shape) > tiles.TILE
    expected = files.read(FIXTURES / "flow-two-tiles-revealed.webp").rgb
    frames = [tiles.reveal(whole.network, stego, tiled=tiled) for tiled in (True, False)]
    scores = [metrics.psnr(files.resize(np.rint(f).astype(np.uint8), expected.shape[1::-1]), expected) for f in frames]
    assert scores[0] > 60 and scores[0] > scores[1]


def test_tiles_of_version_1_cover_everything_once():
    for length in (4, 1024, 1028, 5000):
        spans = tiles._spans(length, 4)
        assert [i for s in spans for i in range(s.start, s.stop)] == list(range(length))
        assert all(0 < s.stop - s.start <= tiles.TILE for s in spans)


def test_sizes_that_do_not_go_together(whole):
    with pytest.raises(ValueError, match="20x16"):
        tiles.hide(whole.network, natural(16, 16), natural(16, 20))


def test_any_precision_hides_for_any_other(model):
    """Half precision is for training only: what goes into the file and comes out of it is float32 on any machine."""
    cover, secret = natural(64, 64, 1), natural(64, 64, 2)
    sender = weights.load_model()
    sender.network.set_precision(precision.Precision(model.precision.device, torch.bfloat16))
    stego = tiles.hide(sender.network, cover, secret)
    sender.network.set_precision(precision.Precision(model.precision.device, torch.float32))
    assert np.array_equal(stego, tiles.hide(sender.network, cover, secret))
