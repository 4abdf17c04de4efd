"""Pruning: what is left does about what the whole did, and says what it is."""

from dataclasses import replace

import pytest
import torch
from pictures import natural

from stegocli.errors import StegoError
from stegocli.flow import quantize, weights
from stegocli.flow.couplings import FlowConfig, Subnet
from stegocli.flow.network import StegoNetwork
from stegocli.training import pruning
from stegocli.training.loop import train


def test_channels_that_say_the_same_go_first():
    torch.manual_seed(0)
    own = torch.randn(500, 3)
    # Channels 3 and 4 are sums of others: nothing is lost without them, when the others make up for it.
    x = torch.cat([own, own[:, :1] + own[:, 1:2] + 2, 3 * own[:, 2:] - 1], 1)
    layer = torch.randn(5, 4)
    wanted = x @ layer
    (three, fitted, bias), (two, rough, _) = pruning.fewer(x, layer, 1, [2, 3])
    assert len(three) == 3 and len(two) == 2 and set(two) < set(three)
    assert torch.allclose(x[:, three] @ fitted + bias, wanted, atol=0.01)
    assert rough.shape == (2, 4)


def test_groups_go_together():
    torch.manual_seed(0)
    x = torch.randn(400, 6)
    layer = torch.randn(6, 2)
    layer[2:4] = 1e-3
    ((kept, fitted, _),) = pruning.fewer(x, layer, 2, [2])
    assert kept == [0, 2] and torch.allclose(fitted, layer[[0, 1, 4, 5]], atol=0.01)


def trained_subnet(first: int = 16, second: int = 16) -> Subnet:
    torch.manual_seed(1)
    subnet = Subnet(12, (first, second), 12)
    torch.nn.init.normal_(subnet[4].weight, std=0.1)
    return subnet.requires_grad_(False)


def test_narrower_subnets_do_about_the_same():
    subnet, x = trained_subnet(), torch.randn(4, 12, 16, 16)
    # Two channels of the first layer are copies of others, and half of the second layer's are hardly read.
    subnet[0].weight[8:] = subnet[0].weight[:8]
    subnet[0].bias[8:] = subnet[0].bias[:8]
    subnet[4].weight[:, 8:] *= 1e-3
    wanted = subnet(x).detach()
    found = {s.widths: s for s in pruning.narrower(subnet, x)}
    assert set(found) == {(a, b) for a in (16, 12, 8, 6, 4, 2) for b in (16, 12, 8, 6, 4, 2)}

    def error(widths):
        return float((found[widths](x).detach() - wanted).square().mean() / wanted.square().mean())

    assert error((8, 8)) < 1e-4 < error((4, 8)) < error((2, 2))


@pytest.fixture(scope="module")
def pairs():
    seen = [
        torch.stack([torch.from_numpy(natural(64, 64, s).transpose(2, 0, 1).copy()) for s in seeds])
        for seeds in (range(2), range(10, 12))
    ]
    return [quantize.from_bytes(pixels) for pixels in seen]


def test_a_trained_network_can_be_cut_down(pairs, monkeypatch):
    model = weights.load_model("full", device="cpu")
    monkeypatch.setattr(pruning, "WIDTHS", (1.0, 0.5))
    done = []
    slim = pruning.prune(model.network, *pairs, 0.8, done.append)
    assert done == sorted(done) and done[-1] == 1
    assert 0.5 < slim.operations_per_megapixel() / model.network.operations_per_megapixel() < 0.82
    assert slim.config.widths and len(slim.config.widths) == 2 * slim.config.num_blocks
    lost = pruning._decibels(model.network, *pairs) - pruning._decibels(slim, *pairs)
    assert lost < 1.5, "decibels of cover and secret together"


def test_more_than_there_is_to_cut_is_refused(pairs):
    network = StegoNetwork(FlowConfig(levels=1, num_blocks=1, hidden_channels=8))
    with pytest.raises(StegoError, match="or more"):
        pruning.prune(network, *pairs, 0.001)


def test_a_run_that_prunes(settings):
    train(settings)
    whole = settings.out / "best.safetensors"
    pruned = replace(settings, out=settings.out.parent / "pruned", init=whole, prune=0.5)
    summary = train(pruned)
    model = weights.load_model(pruned.out / "best.safetensors")
    assert model.network.config.widths == tuple(map(tuple, summary["flow"]["widths"]))
    before = weights.load_model(whole).network.flow.macs_per_position()
    assert model.network.flow.macs_per_position() <= 0.5 * before
    assert model.card["recipe"]["prune"] == 0.5
    resumed = train(replace(pruned, epochs=3), resume=True, changed={"epochs"})
    assert resumed["flow"] == summary["flow"] and len(resumed["history"]) == 3
    with pytest.raises(StegoError, match="init"):
        replace(settings, prune=0.5)
