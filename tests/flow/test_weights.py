import json
import os
from dataclasses import asdict

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


def test_a_shared_model_is_read_anew_when_its_file_is_replaced(tmp_path, monkeypatch):
    loads, load = [], weights.load_model
    monkeypatch.setattr(weights, "load_model", lambda path: loads.append(path) or load(path))
    path, link = tmp_path / "a.safetensors", tmp_path / "link.safetensors"
    first, second = (StegoNetwork(TINY) for _ in range(2))
    weights.save_weights(path, first, {})
    link.symlink_to(path)
    model = weights.shared_model(path)
    monkeypatch.chdir(tmp_path)
    assert weights.shared_model("a.safetensors") is weights.shared_model(str(path)) is model and len(loads) == 1
    assert weights.shared_model(link).name == "link" and model.id == weights.identity(first)
    before = path.stat()
    weights.save_weights(path, second, {})
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # a clock too coarse to tell
    for source in (path, link):
        assert weights.shared_model(source).id == weights.identity(second) != model.id
    path.write_bytes(b"junk")
    with pytest.raises(StegoError, match="not a weights file"):
        weights.shared_model(path)


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


@pytest.mark.parametrize(
    "change",
    [
        {"wavelet": "db4"}, {"wavelet": 3}, {"levels": 0}, {"levels": 31}, {"levels": 1.5}, {"levels": True},
        {"num_blocks": 10**9}, {"num_blocks": -1}, {"num_blocks": "8"}, {"hidden_channels": 10**7},
        {"hidden_channels": None}, {"actnorm": 1}, {"conv1x1": "no"}, {"widths": 8}, {"widths": [[4, 4]]},
        {"widths": [[4, 4], [4]]}, {"widths": [[4, 4], [4, 0]]}, {"widths": [[4, 4], [4, 10**7]]}, {"widths": [4, 4]},
        {"widths": [[4, 4], [4, True]]}, {"widths": "ab"},
    ],
)  # fmt: skip
def test_an_architecture_beyond_reason_is_refused(tmp_path, change):
    with pytest.raises(ValueError, match=next(iter(change))):
        FlowConfig(**change)
    forged = tmp_path / "forged.safetensors"
    tensors = {name: value.contiguous() for name, value in StegoNetwork(TINY).state_dict().items()}
    save_file(tensors, forged, {"config": json.dumps(asdict(TINY) | change)})
    with pytest.raises(StegoError, match="not a weights file"):
        weights.load_model(forged)


def forge(path, config=None, card="{}", edit=lambda tensors: None):
    tensors = {name: value.contiguous() for name, value in StegoNetwork(TINY).state_dict().items()}
    edit(tensors)
    save_file(tensors, path, {"config": json.dumps(asdict(config or TINY)), "card": card})


def test_tensors_that_the_architecture_does_not_have_take_no_memory(tmp_path, monkeypatch):
    built, build = [], weights.StegoNetwork
    monkeypatch.setattr(
        weights, "StegoNetwork", lambda config: built.append(torch.empty(0).device.type) or build(config)
    )
    forged = tmp_path / "forged.safetensors"
    # The largest that is allowed would take gigabytes; it is looked at where tensors have shapes only.
    forge(forged, FlowConfig(levels=3, num_blocks=64, hidden_channels=1024))
    with pytest.raises(StegoError, match="not a weights file"):
        weights.load_model(forged)
    assert built == ["meta"]


@pytest.mark.parametrize("options", [{}, {"actnorm": True, "conv1x1": True, "levels": 2}, {"widths": ((3, 2), (1, 4))}])
def test_every_architecture_loads(tmp_path, options):
    config = FlowConfig(**{"levels": 1, "num_blocks": 1, "hidden_channels": 4, **options})
    weights.save_weights(tmp_path / "a.safetensors", StegoNetwork(config), {})
    assert weights.load_model(tmp_path / "a.safetensors").network.config == config


def test_damaged_contents_get_a_sentence(tmp_path):
    forged = tmp_path / "forged.safetensors"

    def poison(tensors):
        next(iter(tensors.values())).view(-1)[0] = float("nan")

    for options in ({"edit": poison}, {"card": "[1, 2]"}, {"card": "{"}, {"edit": lambda t: t.popitem()}):
        forge(forged, **options)
        with pytest.raises(StegoError, match="not a weights file"):
            weights.load_model(forged)
