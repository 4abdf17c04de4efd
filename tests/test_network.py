import torch

from stegocli import channel
from stegocli.flow import FlowConfig
from stegocli.network import FIRST_MARGIN, MARGIN, StegoNetwork

TINY = FlowConfig(levels=1, num_blocks=2, hidden_channels=8)


def test_untrained_it_returns_the_cover():
    pixels = torch.randint(10, 246, (1, 3, 16, 16), dtype=torch.uint8)
    cover = channel.from_bytes(pixels)
    assert torch.equal(channel.to_bytes(StegoNetwork(TINY).hide(cover, torch.zeros_like(cover))), pixels)


def test_covers_are_drawn_in_at_black_and_white():
    stark = torch.sign(torch.randn(1, 3, 16, 16))
    network, nothing = StegoNetwork(TINY), torch.zeros_like(stark)
    for training, margin in ((True, MARGIN), (False, FIRST_MARGIN)):
        drawn = network.train(training).embed(stark, nothing)
        assert torch.allclose(drawn.abs(), torch.full_like(drawn, 1 - margin), atol=1e-6)


def test_a_stego_beyond_white_is_embedded_again_with_more_room():
    torch.manual_seed(0)
    network = StegoNetwork(TINY)
    for block in network.flow.blocks:
        torch.nn.init.normal_(block.coupling.add[-1].weight, std=0.05)
    cover, secret = torch.ones(1, 3, 32, 32), torch.rand(1, 3, 32, 32) * 2 - 1
    cover[..., :16] = 0

    def beyond(stego):
        return (stego.abs() - 1).clamp_min(0).square().mean().detach()

    once, twice = network.train().embed(cover, secret), network.eval().embed(cover, secret)
    assert beyond(once) > 0 and beyond(twice) < 0.2 * beyond(once)
    # Where there is room it changes nothing.
    assert torch.allclose(once[..., :8], twice[..., :8], atol=1e-5)


def test_cost_counts_flow_and_feedback():
    network = StegoNetwork(TINY)
    flow = sum(m.weight.numel() for m in network.modules() if isinstance(m, torch.nn.Conv2d))
    assert network.operations_per_megapixel() == 2e6 * (flow + 12 * 12 * 9 / 2) / 4
