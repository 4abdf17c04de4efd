import torch

from stegocli import channel
from stegocli.flow import FlowConfig
from stegocli.network import MARGIN, StegoNetwork

TINY = FlowConfig(levels=1, num_blocks=2, hidden_channels=8)


def test_untrained_it_returns_the_cover():
    pixels = torch.randint(10, 246, (1, 3, 16, 16), dtype=torch.uint8)
    cover = channel.from_bytes(pixels)
    assert torch.equal(channel.to_bytes(StegoNetwork(TINY).hide(cover, torch.zeros_like(cover))), pixels)


def test_black_and_white_covers_are_drawn_in():
    stark = torch.sign(torch.randn(1, 3, 16, 16))
    drawn = StegoNetwork(TINY).embed(stark, torch.zeros_like(stark))
    assert torch.allclose(drawn.abs(), torch.full_like(drawn, 1 - MARGIN), atol=1e-6)


def test_cost_counts_flow_and_feedback():
    network = StegoNetwork(TINY)
    flow = sum(m.weight.numel() for m in network.modules() if isinstance(m, torch.nn.Conv2d))
    assert network.operations_per_megapixel() == 2e6 * (flow + 12 * 12 * 9 / 2) / 4
