import pytest
import torch

from stegocli.flow import quantize
from stegocli.flow.couplings import FlowConfig
from stegocli.flow.network import CLIP_MARGIN, MOST_PASSES, StegoNetwork, clip_margin

TINY = FlowConfig(levels=1, num_blocks=2, hidden_channels=8)


def test_untrained_it_returns_the_cover():
    pixels = torch.randint(10, 246, (1, 3, 16, 16), dtype=torch.uint8)
    cover = quantize.from_bytes(pixels)
    assert torch.equal(quantize.to_bytes(StegoNetwork(TINY).eval().hide(cover, torch.zeros_like(cover))), pixels)


def test_covers_are_drawn_in_at_black_and_white():
    stark = torch.sign(torch.randn(1, 3, 16, 16))
    assert torch.allclose(StegoNetwork(TINY).embed_inside(stark, torch.zeros_like(stark)), stark * (1 - CLIP_MARGIN))


def _counted(network, monkeypatch):
    """Makes the network list the covers that it embeds in."""
    covers, embed = [], network.embed
    monkeypatch.setattr(network, "embed", lambda cover, secret: (covers.append(cover), embed(cover, secret))[1])
    return covers


def test_room_is_made_where_a_stego_would_go_beyond_white(monkeypatch):
    torch.manual_seed(0)
    network = StegoNetwork(TINY).requires_grad_(False)
    for block in network.flow.blocks:
        torch.nn.init.normal_(block.coupling.add[-1].weight, std=0.05)
    cover, secret = torch.ones(1, 3, 32, 32), torch.rand(1, 3, 32, 32) * 2 - 1
    cover[..., :16] = 0
    covers = _counted(network, monkeypatch)

    def beyond(stego):
        return (stego.abs() - 1).clamp_min(0).square().mean()

    first = beyond(network.embed(clip_margin(cover), secret))
    covers.clear()
    assert beyond(network.embed_inside(cover, secret)) < 0.2 * first
    assert len(covers) > 1
    # Where there is room already it changes nothing.
    assert all(torch.equal(moved[..., :12], cover[..., :12]) for moved in covers)


def test_one_pass_is_enough_where_there_is_room(monkeypatch):
    network = StegoNetwork(TINY)
    covers = _counted(network, monkeypatch)
    network.hide(torch.rand(1, 3, 16, 16) - 0.5, torch.rand(1, 3, 16, 16))
    assert len(covers) == 1


@pytest.mark.parametrize(("shrink", "passes"), [(3.0, MOST_PASSES), (1.0, 2)])
def test_passes_come_to_an_end(monkeypatch, shrink, passes):
    """Each pass past white by a third of the one before; then all by the same, which no further pass would better."""
    network = StegoNetwork(TINY)
    calls = []
    monkeypatch.setattr(
        network, "embed", lambda c, s: (calls.append(1), torch.full_like(c, 1 + shrink ** -len(calls)))[1]
    )
    network.hide(*torch.zeros(2, 1, 3, 20, 24))
    assert len(calls) == passes


def test_cost_counts_a_pass_and_feedback():
    network = StegoNetwork(TINY)
    flow = sum(m.weight.numel() for m in network.modules() if isinstance(m, torch.nn.Conv2d))
    assert network.operations_per_megapixel() == 2e6 * (flow + 12 * 12 * 9 / 2) / 4
