import json
import os
import threading
from dataclasses import asdict

import numpy as np
import pytest
import torch
from pictures import natural
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
    monkeypatch.setattr(weights, "load_model", lambda path, amp: loads.append(path) or load(path, amp=amp))
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
        {"hidden_channels": None}, {"actnorm": 1}, {"conv1x1": "no"}, {"conv1x1": True}, {"widths": 8},
        {"widths": [[4, 4]]},
        {"widths": [[4, 4], [4]]}, {"widths": [[4, 4], [4, 0]]}, {"widths": [[4, 4], [4, 10**7]]}, {"widths": [4, 4]},
        {"widths": [[4, 4], [4, True]]}, {"widths": "ab"},
    ],
)  # fmt: skip
def test_an_architecture_beyond_reason_is_refused(tmp_path, change):
    with pytest.raises(ValueError, match=next(iter(change))):
        FlowConfig.from_json(change)
    forged = tmp_path / "forged.safetensors"
    tensors = {name: value.contiguous() for name, value in StegoNetwork(TINY).state_dict().items()}
    save_file(tensors, forged, {"config": json.dumps(asdict(TINY) | change)})
    with pytest.raises(StegoError, match="not a weights file"):
        weights.load_model(forged)


def forge(path, config=None, card="{}", edit=lambda tensors: None):
    tensors = {name: value.contiguous() for name, value in StegoNetwork(TINY).state_dict().items()}
    edit(tensors)
    save_file(tensors, path, {"config": json.dumps(asdict(config or TINY)), "card": card})


def test_shipped_sets_keep_their_identity():
    """Every stego names its weights by it."""
    assert {name: weights.load_model(name).id.hex() for name in weights.shipped()} == {
        "default": "004c3d01", "medium": "f1b441b5", "full": "141c429a"
    }  # fmt: skip


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
    assert set(built) == {"meta"}


@pytest.mark.parametrize("options", [{}, {"levels": 2}, {"widths": ((3, 2), (1, 4))}])
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


# -- read once, and nothing believed ----------------------------------------------------------------------------


def test_a_pipe_is_read_once(tmp_path):
    """As `--weights <(cat a.safetensors)` gives it."""
    path, pipe = tmp_path / "a.safetensors", tmp_path / "pipe"
    weights.save_weights(path, StegoNetwork(TINY), {})
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(path.read_bytes()), daemon=True)
    writer.start()
    model = weights.shared_model(str(pipe))
    writer.join(10)
    assert model.id == weights.load_model(path).id
    assert weights.shared_model(str(pipe)) is model, "it can't be read again"


@pytest.mark.parametrize(
    "source", ["a" * 5000, "a" * 5000 + ".safetensors", "a\0b", "a\0b.safetensors", "x/" * 3000, "/"]
)
def test_names_that_no_file_has_get_a_sentence(source):
    with pytest.raises(StegoError) as said:
        weights.load_model(source)
    assert len(str(said.value)) < 400


def test_a_stream_without_end_is_not_read_to_its_end():
    with pytest.raises(StegoError, match="not a weights file"):
        weights.load_model("/dev/zero")


@pytest.mark.parametrize("length", [0, 7, 2**24 + 1, 2**63])
def test_a_header_of_any_length_gets_a_sentence(tmp_path, length):
    (tmp_path / "a.safetensors").write_bytes(length.to_bytes(8, "little") + b"{}" * 50)
    with pytest.raises(StegoError, match="not a weights file"):
        weights.load_model(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "config",
    ["null", "[]", "3", '"x"', "{", "[" * 10**5, '{"levels": NaN}', '{"widths": {"a": 1}}', "{}", '{"odd": 1}',
     '{"levels": 1, "num_blocks": 1, "hidden_channels": 4, "wavelet": ["legall53"]}',
     '{"levels": 1, "num_blocks": 1, "hidden_channels": 4, "wavelet": "legall53", "conv1x1": true}'],
)  # fmt: skip
def test_an_odd_config_gets_a_sentence(tmp_path, config):
    tensors = {name: value.contiguous() for name, value in StegoNetwork(TINY).state_dict().items()}
    save_file(tensors, tmp_path / "a.safetensors", {"config": config})
    with pytest.raises(StegoError, match="not a weights file"):
        weights.load_model(tmp_path / "a.safetensors")


@pytest.mark.parametrize("card", ["null", "[]", "[[1, 2]]", "3", '"x"', "[" * 10**5])
def test_an_odd_card_gets_a_sentence(tmp_path, card):
    forge(tmp_path / "a.safetensors", card=card)
    with pytest.raises(StegoError, match="not a weights file"):
        weights.load_model(tmp_path / "a.safetensors")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_values_that_are_no_numbers_get_a_sentence(tmp_path, value, dtype):
    def poison(tensors):
        name = sorted(tensors)[0]
        tensors[name] = tensors[name].to(dtype)
        tensors[name].view(-1)[-1] = value

    forge(tmp_path / "a.safetensors", edit=poison)
    with pytest.raises(StegoError, match="not a weights file"):
        weights.load_model(tmp_path / "a.safetensors")


@pytest.mark.parametrize("dtype", [torch.int32, torch.float64, torch.complex64, torch.bool, torch.float16])
def test_values_of_another_type_get_a_sentence(tmp_path, dtype):
    def change(tensors):
        name = sorted(tensors)[0]
        tensors[name] = torch.full(tensors[name].shape, 1e300 if dtype == torch.float64 else 1, dtype=dtype)

    forge(tmp_path / "a.safetensors", edit=change)
    with pytest.raises(StegoError, match="not a weights file"):
        weights.load_model(tmp_path / "a.safetensors")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e10, 1e30, 3e38])
def test_numbers_too_large_to_compute_with_get_a_sentence(tmp_path, size):
    """Finite weights may still give none."""
    from stegocli import load_model

    stego = load_model().hide(natural(48, 48, 1), natural(48, 48, 2))

    def grow(tensors):
        for tensor in tensors.values():
            tensor.copy_(torch.randn(tensor.shape).sign() * size)

    forge(tmp_path / "a.safetensors", edit=grow)
    model = load_model(tmp_path / "a.safetensors")
    for work in (lambda: model.hide(natural(48, 48, 1), natural(48, 48, 2)), lambda: model.extract(stego, (48, 48))):
        try:
            assert work().dtype == np.uint8
        except StegoError as error:
            assert "a.safetensors" in str(error) or "weights a" in str(error)


def test_a_model_is_shown_in_a_line(model):
    assert "default" in repr(model) and model.id.hex() in repr(model) and len(repr(model)) < 150


@pytest.mark.parametrize("named", ["0.add", {"0.add": 1}, ["0.none"], [3], [["0.add"]], None])
def test_a_card_that_names_no_subnet_gets_a_sentence(tmp_path, named):
    forge(tmp_path / "a.safetensors", card=json.dumps({"bfloat16": named}))
    with pytest.raises(StegoError, match="not a weights file"):
        weights.load_model(tmp_path / "a.safetensors")


def test_the_card_tells_what_may_be_in_bfloat16(tmp_path, monkeypatch):
    monkeypatch.setattr(weights.precision, "_cpu_has_float16", lambda: False)
    monkeypatch.setattr(weights.precision, "_cpu_has_bfloat16", lambda: True)
    forge(tmp_path / "a.safetensors", card='{"bfloat16": ["0.affine"]}')
    for amp, types in ((None, ["float32", "bfloat16"]), (True, ["float32", "bfloat16"]), (False, ["float32"] * 2)):
        model = weights.load_model(tmp_path / "a.safetensors", "cpu", amp)
        assert [str(s.dtype) for s in model.network.flow.subnets().values()] == [f"torch.{name}" for name in types]
        assert model.precision.is_mixed == ("bfloat16" in types)
    assert weights.shared_model(amp=False) is weights.shared_model(amp=False) is not weights.shared_model(amp=True)


def test_shipped_sets_that_gain_by_bfloat16_compute_in_it(monkeypatch):
    monkeypatch.setattr(weights.precision, "_cpu_has_float16", lambda: False)
    monkeypatch.setattr(weights.precision, "_cpu_has_bfloat16", lambda: True)
    mixed = {name for name in weights.shipped() if weights.load_model(name, "cpu").precision.is_mixed}
    asked = {name for name in weights.shipped() if weights.load_model(name, "cpu", amp=True).precision.is_mixed}
    assert mixed == {"medium"} and asked == {"medium", "default"}


def test_the_default_set_is_the_same_in_float16():
    """So what is hidden in float16 meets the same network in float32, and the other way round."""
    for name, value in weights.load_model("default", "cpu").network.flow.state_dict().items():
        assert torch.equal(value, value.half().float()), name
