import json

import pytest
import torch

from stegocli.flow import precision
from stegocli.flow.couplings import AffineCoupling, Block, FlowConfig, StegoFlow

SMALL = {"levels": 1, "num_blocks": 2, "hidden_channels": 8}


def awake(module):
    """Random values everywhere: an untrained coupling is the identity and would prove nothing."""
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return module


def autograd_logdet(function, *streams):
    flat = torch.cat([s.flatten() for s in streams])
    sizes = [s.numel() for s in streams]

    def on_flat(x):
        parts = [p.view_as(s) for p, s in zip(x.split(sizes), streams, strict=True)]
        outputs = function(*parts)[:-1]
        return torch.cat([o.flatten() for o in outputs])

    jacobian = torch.autograd.functional.jacobian(on_flat, flat)
    return torch.linalg.slogdet(jacobian.double())[1].float()


PRUNED = {"widths": ((8, 4), (2, 3), (1, 1), (5, 8))}


@pytest.mark.parametrize("options", [{}, PRUNED])
@pytest.mark.parametrize("kind", [Block, StegoFlow])
def test_two_stream_modules_against_inverse_and_autograd(kind, options):
    module = awake(kind(FlowConfig(**SMALL, **options)))
    cover, secret = torch.randn(2, 1, 12, 2, 3)
    module.train()(cover, secret)
    module.eval()
    stego, latent, logdet = module(cover, secret)
    back = module.inverse(stego, latent)
    assert torch.allclose(back[0], cover, atol=1e-3) and torch.allclose(back[1], secret, atol=1e-3)
    assert torch.allclose(logdet, autograd_logdet(module, cover, secret), atol=1e-2)


def test_coupling_is_limited():
    module = awake(AffineCoupling(12, (8, 8), (8, 8)))
    secret = 1e3 * torch.randn(1, 12, 4, 4)
    assert module._addend(secret).abs().max() <= module.reach
    with torch.no_grad():
        module.affine[-1].bias.fill_(1e3)
    log_scale, _ = module._scale_shift(torch.randn(1, 12, 4, 4))
    assert log_scale.abs().max() <= module.limit


def test_untrained_flow_leaves_the_cover_alone():
    cover, secret = torch.randn(2, 1, 12, 4, 4)
    stego, _, logdet = StegoFlow(FlowConfig(**SMALL))(cover, secret)
    assert torch.equal(stego, cover) and logdet.item() == 0


def test_two_dozen_channels_at_half_resolution():
    config = FlowConfig(levels=1)
    assert 2 * config.channels == 24 and config.stride == 2
    assert (config.num_blocks, config.hidden_channels) == (8, 128)


def test_pruned_subnets_have_widths_of_their_own():
    config = FlowConfig(**SMALL, **PRUNED)
    flow = StegoFlow(config)
    found = [subnet.widths for block in flow.blocks for subnet in (block.coupling.add, block.coupling.affine)]
    assert tuple(found) == config.widths
    assert FlowConfig.from_json(json.loads(json.dumps(config.as_json()))) == config
    assert "widths" not in FlowConfig(**SMALL).as_json(), "or weights of earlier versions would change their identity"
    smaller = config.limited(1, 4)
    assert (smaller.num_blocks, smaller.hidden_channels, smaller.widths) == (1, 4, ((4, 4), (2, 3)))
    assert StegoFlow(smaller).macs_per_position() < flow.macs_per_position()


def test_reveal_without_a_latent_is_deterministic():
    flow = awake(StegoFlow(FlowConfig(**SMALL)))
    stego = torch.randn(1, 12, 4, 4)
    assert torch.equal(flow.inverse(stego)[1], flow.inverse(stego, torch.zeros_like(stego))[1])


def test_only_subnets_run_in_half_precision():
    flow = awake(StegoFlow(FlowConfig(**SMALL)))
    flow.set_precision(precision.Precision(torch.device("cpu"), torch.bfloat16))
    cover, secret = torch.randn(2, 1, 12, 8, 8)
    stego, latent, _ = flow(cover, secret)
    assert stego.dtype == latent.dtype == torch.float32
    back = flow.inverse(stego, latent)
    # The subnets see (nearly) the same input both ways, so even half precision inverts closely.
    assert (back[1] - secret).square().mean() < 1e-3 * secret.square().mean()


def test_checkpointing_changes_no_gradient():
    flow = awake(StegoFlow(FlowConfig(**SMALL)))
    cover, secret = torch.randn(2, 1, 12, 8, 8)

    def gradients():
        flow.zero_grad()
        sum(t.square().mean() for t in flow(cover, secret)[:2]).backward()
        return [p.grad.clone() for p in flow.parameters()]

    plain = gradients()
    flow.checkpointing = True
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(plain, gradients(), strict=True))


def test_bad_dimensions_are_refused():
    with pytest.raises(ValueError, match="num_blocks"):
        FlowConfig(num_blocks=0)
