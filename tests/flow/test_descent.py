import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import photograph

from stegocli.flow import descent, tiles, weights
from stegocli.flow.descent import Descent
from stegocli.flow.network import StegoNetwork


@pytest.fixture(scope="module")
def shipped() -> StegoNetwork:
    return weights.load_model().network


@pytest.fixture(scope="module")
def found(shipped) -> Descent:
    return Descent.of(shipped)


def cost(network: StegoNetwork, noise: torch.Tensor) -> float:
    """Of the noise in all, by the errors that feedback would have made it from: nothing is cut off."""
    # Beyond the picture's border noise ends and errors do not.
    noise = F.pad(noise, (6, 6, 6, 6))
    with torch.no_grad():
        kernel = network.rounding.kernel()
        weights_of = descent._weights(network, kernel)
        errors = torch.zeros_like(noise)
        for i in range(noise.shape[1]):
            errors[:, i] = F.conv2d(errors, kernel[i : i + 1], padding=1)[:, 0] - noise[:, i]
        return float(errors.square().sum((0, 2, 3)) @ weights_of)


def rounded_of(network: StegoNetwork, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    rounded, errors = wanted.clone(), torch.empty_like(wanted)
    with torch.no_grad():
        network.rounding.eval().round_(rounded, errors)
        network.rounding.noise_(errors, network.rounding.kernel())
    return rounded, errors


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 14), st.integers(1, 14), st.integers(0, 1000))
def test_it_never_costs_more_and_stays_in_whole_levels(shipped, found, height, width, seed):
    wanted = torch.rand(1, 48, height, width, generator=torch.Generator().manual_seed(seed)) * 215 + 20
    rounded, noise = rounded_of(shipped, wanted)
    assert torch.allclose(noise, rounded - wanted, atol=1e-3)
    before = cost(shipped, noise)
    found.lower_(rounded, noise)
    assert torch.equal(rounded, rounded.round())
    assert torch.allclose(noise, rounded - wanted, atol=1e-3)
    assert cost(shipped, noise) <= before * (1 + 1e-6)


def test_it_gains_where_there_is_room(shipped, found):
    rounded, noise = rounded_of(shipped, torch.rand(1, 48, 20, 20) * 200 + 20)
    before = cost(shipped, noise)
    found.lower_(rounded, noise)
    assert cost(shipped, noise) < 0.97 * before


@pytest.mark.parametrize("level", [0.0, 0.4, 1.6, 253.7, 255.0])
def test_no_sample_leaves_what_a_file_holds(shipped, found, level):
    wanted = (torch.randn(1, 48, 8, 8, generator=torch.Generator().manual_seed(0)) + level).clamp(-2, 257)
    rounded, noise = rounded_of(shipped, wanted)
    found.lower_(rounded, noise)
    assert rounded.min() >= 0 and rounded.max() <= 255


def test_every_tile_is_looked_at_whatever_is_in_memory_together(shipped, found, monkeypatch):
    rounded, noise = rounded_of(shipped, torch.rand(1, 48, 23, 9) * 200 + 20)
    other, same = rounded.clone(), noise.clone()
    before = cost(shipped, noise)
    found.lower_(rounded, noise)
    monkeypatch.setattr(descent, "_TOGETHER", 1)
    found.lower_(other, same)
    assert cost(shipped, same) < 0.97 * before
    assert cost(shipped, same) == pytest.approx(cost(shipped, noise), rel=0.01)


def test_numbers_that_are_none_stay_where_they_are(shipped, found):
    rounded, noise = rounded_of(shipped, torch.full((1, 48, 4, 4), float("nan")))
    found.lower_(rounded, noise)
    assert rounded.isnan().all()


def test_the_form_is_that_of_the_errors(shipped):
    """A lone error's cost is its place's in the form, which counts it without the noise of any other."""
    with torch.no_grad():
        kernel = shipped.rounding.kernel()
        gram = descent._gram(kernel, descent._weights(shipped, kernel))
    for sample in (0, 17, 40, 47):
        noise = torch.zeros(1, 48, 13, 13)
        noise[0, sample, 6, 6] = 1
        assert cost(shipped, noise) == pytest.approx(float(gram[sample, sample, 3, 3]), rel=0.02)


def test_a_feedback_of_nothing_is_left_as_it_is():
    torch.manual_seed(0)
    network = StegoNetwork().eval()
    wanted = torch.rand(1, 48, 6, 6) * 255
    rounded, noise = rounded_of(network, wanted)
    Descent.of(network).lower_(rounded, noise)
    assert torch.equal(rounded, wanted.round())


@pytest.mark.parametrize("levels", [1, 3])
def test_tiles_of_other_sizes(levels):
    from stegocli.flow.couplings import FlowConfig

    torch.manual_seed(0)
    network = StegoNetwork(FlowConfig(levels=levels, num_blocks=1, hidden_channels=4)).eval()
    torch.nn.init.normal_(network.rounding.feedback, std=0.1 / network.rounding.feedback.shape[0])
    wanted = torch.rand(1, network.config.channels, 5, 7) * 200 + 20
    rounded, noise = rounded_of(network, wanted)
    before = cost(network, noise)
    Descent.of(network).lower_(rounded, noise)
    assert cost(network, noise) <= before * (1 + 1e-6)
    assert (rounded - wanted).abs().max() < 3


def test_a_sample_changes_with_others_that_make_up_for_it(shipped, found):
    """Reveal's error by a changed bit is a small part of what the sample alone would make."""
    stego = (photograph(96, 120, 3) * 0.6 + 50).astype(np.uint8)
    secret = tiles.reveal(shipped, stego)

    def error(change):
        changed = stego.copy().reshape(-1)
        changed[change[0]] = change[1]
        return np.square(tiles.reveal(shipped, changed.reshape(stego.shape)) - secret).sum()

    ratios = []
    for index in np.random.default_rng(0).integers(0, stego.size, 12):
        samples, values = found.toggled(stego, index)
        here = stego.reshape(-1)
        moved = (values.astype(int) - here[samples])[samples == index]
        assert len(moved) == 1 and moved[0] % 2 == 1
        ratios.append(error((samples, values)) / error(([index], here[index] ^ 1)))
    assert np.median(ratios) < 0.05


def test_where_nothing_makes_up_for_a_sample_there_is_none(shipped, found):
    stego = photograph(30, 33, 3)
    in_no_tile = [(29, 4, 0), (4, 32, 1)]
    assert all(found.toggled(stego, np.ravel_multi_index(place, stego.shape)) is None for place in in_no_tile)
    for level in (0, 255):
        for index in range(0, 27 * 33 * 3, 97):
            change = found.toggled(np.full_like(stego, level), index)
            assert change is None or np.abs(change[1].astype(int) - level).max() < 10
    without = Descent(found.gram, found.moves[:0])
    assert without.toggled(stego, 0) is None
