import torch

from stegocli.flow import channel
from stegocli.flow.couplings import FlowConfig
from stegocli.flow.network import MARGIN, StegoNetwork, draw_in

TINY = FlowConfig(levels=1, num_blocks=2, hidden_channels=8)


def test_untrained_it_returns_the_cover():
    pixels = torch.randint(10, 246, (1, 3, 16, 16), dtype=torch.uint8)
    cover = channel.from_bytes(pixels)
    assert torch.equal(channel.to_bytes(StegoNetwork(TINY).eval().hide(cover, torch.zeros_like(cover))), pixels)


def test_covers_are_drawn_in_at_black_and_white():
    stark = torch.sign(torch.randn(1, 3, 16, 16))
    drawn = StegoNetwork(TINY).make_room(stark, torch.zeros_like(stark))
    assert torch.allclose(drawn, stark * (1 - MARGIN))


def test_room_is_made_where_a_stego_would_go_beyond_white():
    torch.manual_seed(0)
    network = StegoNetwork(TINY)
    for block in network.flow.blocks:
        torch.nn.init.normal_(block.coupling.add[-1].weight, std=0.05)
    cover, secret = torch.ones(1, 3, 32, 32), torch.rand(1, 3, 32, 32) * 2 - 1
    cover[..., :16] = 0
    room = network.make_room(cover, secret)

    def beyond(cover):
        return (network.embed(cover, secret).abs() - 1).clamp_min(0).square().mean().detach()

    assert beyond(draw_in(cover)) > 0 and beyond(room) < 0.2 * beyond(draw_in(cover))
    # Where there is room already it changes nothing.
    assert torch.equal(room[..., :12], cover[..., :12])


def test_cost_counts_both_passes_and_feedback():
    network = StegoNetwork(TINY)
    flow = sum(m.weight.numel() for m in network.modules() if isinstance(m, torch.nn.Conv2d))
    assert network.operations_per_megapixel() == 2e6 * (2 * flow + 12 * 12 * 9 / 2) / 4
