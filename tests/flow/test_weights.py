import pytest
import torch
from safetensors.torch import save_file

from stegocli.errors import StegoError
from stegocli.flow import weights
from stegocli.flow.couplings import FlowConfig
from stegocli.flow.network import StegoNetwork

TINY = FlowConfig(levels=1, num_blocks=1, hidden_channels=4, wavelet="legall53")


def test_round_trip_with_architecture_and_card(tmp_path):
    network = StegoNetwork(TINY)
    weights.save_weights(tmp_path / "a.safetensors", network, {"licence": "MIT"})
    model = weights.load_model(tmp_path / "a.safetensors")
    assert model.network.config == TINY and model.card == {"licence": "MIT"} and model.name == "a"
    assert model.id == weights.identity(network) and len(model.id) == 4


def test_identity_follows_values_and_architecture():
    network = StegoNetwork(TINY)
    before = weights.identity(network)
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] += 1
    assert weights.identity(network) != before


def test_bad_files_get_a_sentence(tmp_path):
    junk = tmp_path / "junk.safetensors"
    junk.write_bytes(b"junk")
    foreign = tmp_path / "foreign.safetensors"
    save_file({"a": torch.zeros(2)}, foreign)
    truncated = tmp_path / "truncated.safetensors"
    weights.save_weights(truncated, StegoNetwork(TINY), {})
    truncated.write_bytes(truncated.read_bytes()[:-50])
    for path in (junk, foreign, truncated):
        with pytest.raises(StegoError, match="not a weights file"):
            weights.load_model(path)
    with pytest.raises(StegoError, match="does not exist"):
        weights.load_model(tmp_path / "none.safetensors")
    with pytest.raises(StegoError, match="shipped: default"):
        weights.load_model("unheard-of")


def test_shipped_weights(model):
    path = weights.find()
    assert path.stat().st_size < 15e6
    assert {"recipe", "licence", "validation"} <= set(model.card)
    assert model.network.operations_per_megapixel() < 1e12
    assert all(torch.isfinite(p).all() for p in model.network.parameters())
