"""Hiding and revealing arrays of one frame: in strips as at once, whatever the memory, and as version 1 did."""

import copy
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import natural, photograph

from stegocli.flow import couplings, precision, quantize, strips, tiles, weights
from stegocli.flow.couplings import FlowConfig
from stegocli.flow.descent import Descent
from stegocli.flow.network import StegoNetwork
from stegocli.picture import files, metrics

CPU = precision.Precision(torch.device("cpu"), torch.float32)
FIXTURES = Path(__file__).parent.parent / "fixtures" / "v1"


def in_strips(monkeypatch, rows, width, stride=4):
    monkeypatch.setitem(strips.POSITIONS, "cpu", rows * width // stride)


def as_tensor(picture):
    return quantize.from_bytes(torch.from_numpy(picture.transpose(2, 0, 1).copy())[None])


@pytest.fixture(scope="module")
def whole():
    """The shipped weights in float32 everywhere, on the CPU."""
    model = weights.load_model(device="cpu")
    assert model.precision == CPU
    return model


def unmoved(network):
    """No second look at the rounding, which the network on whole pictures has not."""
    channels = network.config.channels
    return Descent(torch.eye(channels)[..., None, None], torch.zeros(0, channels))


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
            expected = quantize.to_bytes(model.network.hide(as_tensor(cover), as_tensor(secret)))[0]
            expected = expected.permute(1, 2, 0).numpy()
            revealed = (model.network.reveal(as_tensor(expected))[0].permute(1, 2, 0).numpy() + 1) * 127.5
        stego = tiles.hide(model.network, cover, secret, descent=unmoved(model.network))
        assert (stego != expected).mean() < most
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
            quantize.to_bytes(whole.network.hide(as_tensor(banded), as_tensor(secret)))[0].permute(1, 2, 0).numpy()
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
    # Winograd's tiles lie elsewhere, and what rounds the other way is made up for by the samples after it.
    assert np.abs(stego.astype(int) - expected).max() <= 2 and (stego != expected).mean() < 0.2
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


HALVES = {
    "float32": precision.Precision(CPU.device, torch.float32),
    "float16": precision.Precision(CPU.device, torch.float16),
    "bfloat16": precision.Precision(CPU.device, torch.bfloat16),
}
PAIRS = [(photograph(64, 80, 1), photograph(64, 80, 2)), (natural(64, 80, 1), natural(64, 80, 2))]


@pytest.fixture(scope="module")
def crossed():
    """For each pair of precisions, one that hides and one that reveals, PSNR of covers and of secrets.

    This CPU may not have the types: PyTorch then emulates them, every convolution's inputs, weights and outputs.
    """
    whole = weights.load_model(device="cpu", amp=False)
    tolerant = whole.card[weights.BFLOAT16]
    found = {}
    for sender, sent in HALVES.items():
        whole.network.flow.set_inference(sent, tolerant)
        stegos = [tiles.hide(whole.network, *pair) for pair in PAIRS]
        for receiver, received in HALVES.items():
            whole.network.flow.set_inference(received, tolerant)
            revealed = [np.rint(tiles.reveal(whole.network, stego)).astype(np.uint8) for stego in stegos]
            found[sender, receiver] = (
                [metrics.psnr(cover, stego) for (cover, _), stego in zip(PAIRS, stegos, strict=True)],
                [metrics.psnr(secret, back) for (_, secret), back in zip(PAIRS, revealed, strict=True)],
            )
    return found


@pytest.mark.parametrize("sender", HALVES)
@pytest.mark.parametrize("receiver", HALVES)
def test_any_precision_hides_for_any_other(crossed, sender, receiver):
    """Half precision of one or of both costs a tenth of a decibel each, a little more where a picture is clean."""
    covers, secrets = crossed[sender, receiver]
    wanted_covers, wanted_secrets = crossed["float32", "float32"]
    for found, wanted in zip((*covers, *secrets), (*wanted_covers, *wanted_secrets), strict=True):
        assert found > wanted - 0.4
    assert np.mean(secrets) > np.mean(wanted_secrets) - 0.25


def test_no_value_leaves_the_range_of_float16(whole, monkeypatch):
    """On ordinary pictures all that is computed stays far below 65504, and on stark ones below."""
    seen, convolve = [0.0], torch.nn.functional.conv2d

    def watched(x, weight, *given, **named):
        y = convolve(x, weight, *given, **named)
        seen[0] = max(seen[0], float(x.abs().max()), float(weight.abs().max()), float(y.abs().max()))
        return y

    checks = (np.indices((64, 64)).sum(0)[..., None].repeat(3, 2) % 2 * 255).astype(np.uint8)
    noise = (np.random.default_rng(0).integers(0, 2, (64, 64, 3)) * 255).astype(np.uint8)
    plain = photograph(64, 64, 5)
    most = {}
    with monkeypatch.context() as patch:
        patch.setattr(couplings.F, "conv2d", watched)
        for subnet in whole.network.flow.subnets().values():
            patch.setattr(subnet, "fast", False)
        for kind, pictures in (("ordinary", [plain]), ("stark", [checks, noise, plain])):
            for cover, secret in itertools.product(pictures, pictures):
                stego = tiles.hide(whole.network, cover, secret, descent=unmoved(whole.network))
                tiles.reveal(whole.network, stego)
            most[kind] = seen[0]
    assert 1 < most["ordinary"] < 65504 / 256
    assert most["ordinary"] < most["stark"] < 65504


def test_what_leaves_the_range_of_float16_is_done_in_float32():
    """The first block's hidden values a million times as large, and what reads them a million times as small."""
    small, large = (weights.load_model(device="cpu", amp=False) for _ in range(2))
    for layer, factor in ((0, 2.0**20), (4, 2.0**-20)):
        for parameter in large.network.flow.blocks[0].coupling.affine[layer].parameters():
            if parameter.dim() > 1 or layer == 0:
                parameter.mul_(factor)
    large.network.flow.blocks[0].coupling.affine[2].bias.mul_(2.0**20)
    large.precision = HALVES["float16"]
    large.network.flow.set_inference(large.precision)
    cover, secret = natural(48, 48, 1), natural(48, 48, 2)
    stego = large.embed(cover, secret)
    assert (stego != small.embed(cover, secret)).mean() < 0.05
    assert metrics.psnr(large.extract(stego, (48, 48)), small.extract(stego, (48, 48))) > 60
    assert large.network.flow.blocks[0].coupling.affine.dtype == torch.float16


def test_bfloat16_is_for_subnets_that_stand_it(whole):
    network = copy.deepcopy(whole.network)
    network.flow.set_inference(HALVES["bfloat16"], ["0.add", "7.affine"])
    types = {name: subnet.dtype for name, subnet in network.flow.subnets().items()}
    assert [name for name, dtype in types.items() if dtype == torch.bfloat16] == ["0.add", "7.affine"]
    assert len(types) == 16
    network.flow.set_inference(HALVES["float16"], ["0.add"])
    assert {subnet.dtype for subnet in network.flow.subnets().values()} == {torch.float16}
