"""Weights files: safetensors that carry the architecture and the model card in their metadata."""

import hashlib
import json
import stat
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ..errors import StegoError, option
from ..picture import outputs
from ..picture.inputs import reason
from . import precision
from .couplings import FlowConfig
from .model import Model
from .network import StegoNetwork

DEFAULT = "default"
# In a card: the subnets that lose nothing worth a word in bfloat16.
BFLOAT16 = "bfloat16"
# A header beyond this is no header: it is read before anything is known of the rest.
LONGEST_HEADER = 1 << 24
_PACKAGE = Path(__file__).resolve().parent.parent
# Inside the wheel the weights lie in the package; in a checkout beside it.
FOLDERS = (_PACKAGE / "weights", _PACKAGE.parent / "weights")


def identity(network: StegoNetwork) -> bytes:
    """First 4 bytes of the SHA-256 over the architecture and all values: equal weights, equal identity."""
    digest = hashlib.sha256(json.dumps(network.config.as_json(), sort_keys=True).encode())
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.digest()[:4]


def save_weights(path: str | Path, network: StegoNetwork, card: dict[str, Any]) -> None:
    """Write weights with their architecture and card.

    Args:
        path: ends in .safetensors.
        card: anything JSON can hold; by custom recipe, figures, licence.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    metadata = {"config": json.dumps(network.config.as_json()), "card": json.dumps(card)}
    outputs.write_beside(Path(path), save(tensors, metadata))


def shipped() -> list[str]:
    """Names of the shipped sets, the default first."""
    names = {p.stem for folder in FOLDERS for p in folder.glob("*.safetensors")}
    return sorted(names, key=lambda name: (name != DEFAULT, name))


def find(source: str | Path | None = None) -> Path:
    """The file of a shipped set (by name), of a path, or of the default set.

    Raises:
        StegoError: when there is none.
    """
    name = str(source or DEFAULT)
    if not name.endswith(".safetensors"):
        for folder in FOLDERS:
            if _kind(folder / f"{name}.safetensors") is not None:
                return folder / f"{name}.safetensors"
    kind = _kind(Path(name))
    if kind is not None and not stat.S_ISDIR(kind):
        return Path(name)
    shown = name if len(name) <= 120 else f"{name[:50]}...{name[-20:]}"
    if name.endswith(".safetensors"):
        raise StegoError(f"{shown!s} does not exist: check the path given to {option('model')}.")
    known = ", ".join(shipped()) or "none"
    raise StegoError(f"No weights are named {shown!r} (shipped: {known}): name one of these or a .safetensors file.")


def _kind(path: Path) -> int | None:
    """The mode of what is there; None when nothing is, or nothing can be called so."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return None


def skeleton(config: FlowConfig) -> StegoNetwork:
    """The network without values: it takes no memory, whatever its size."""
    with torch.device("meta"):
        return StegoNetwork(config)


def check_tensors(network: StegoNetwork, tensors: Mapping[str, Tensor]) -> None:
    """Make sure that these are the values of a network, as `skeleton` gives it.

    Raises:
        ValueError: when there are others, of other shapes or types, or some are no numbers.
    """
    own = network.state_dict()
    if {n: (v.shape, v.dtype) for n, v in tensors.items()} != {n: (v.shape, v.dtype) for n, v in own.items()}:
        raise ValueError("other tensors than the architecture has")
    if not all(value.isfinite().all() for value in tensors.values()):
        raise ValueError("values that are no numbers")


def _read(path: Path) -> tuple[StegoNetwork, dict[str, Any]]:
    """The network and the card of a file, which is read once, and no farther than its architecture reaches.

    Raises:
        SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError: when it is not one of ours.
    """
    with path.open("rb") as file:
        prefix = file.read(8)
        length = int.from_bytes(prefix, "little")
        if length > LONGEST_HEADER:
            raise ValueError(f"a header of {length} bytes")
        header = file.read(length)
        metadata = json.loads(header)["__metadata__"]
        config, card = FlowConfig.from_json(json.loads(metadata["config"])), json.loads(metadata.get("card", "{}"))
        if not isinstance(card, dict):
            raise ValueError("the card is no object with names")
        # A byte more than there should be is seen by safetensors.
        network = skeleton(config)
        values = file.read(4 * sum(value.numel() for value in network.state_dict().values()) + 1)
    tensors = load(prefix + header + values)
    check_tensors(network, tensors)
    network.load_state_dict(tensors, assign=True)
    return network, card


def _tolerant(card: dict[str, Any], network: StegoNetwork) -> tuple[set[str], float]:
    """The subnets that stand bfloat16, as the card says, and their share of the multiplications.

    Raises:
        ValueError: when the card names none of the network's.
    """
    subnets = network.flow.subnets()
    named = card.get(BFLOAT16, [])
    if not isinstance(named, list) or not all(isinstance(name, str) and name in subnets for name in named):
        raise ValueError(f"the card's {BFLOAT16} are not among {', '.join(subnets)}")
    return set(named), sum(subnets[name].macs for name in set(named)) / network.flow.macs_per_position()


def load_model(source: str | Path | None = None, device: str | None = None, amp: bool | None = None) -> Model:
    """Load weights, ready to hide and reveal.

    Args:
        source: name of a shipped set, path of a .safetensors file, or None for the default set.
        device: ``cuda``, ``cpu`` or None for the best present.
        amp: half precision for the subnets: where it gains (None), wherever the device has one (True), or nowhere.
            What is hidden in one is revealed in any other.

    Raises:
        StegoError: when the file is missing or not one of ours.
    """
    path = find(source)
    try:
        network, card = _read(path)
        tolerant, share = _tolerant(card, network)
    except OSError as error:
        raise StegoError(f"{path} can't be read ({reason(error)}): check the file and its permissions.") from None
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError):
        raise StegoError(f"{path} is not a weights file of stego: use one that `stego train` wrote.") from None
    network.set_precision(precision.choose(device, amp=False)).eval().requires_grad_(False)
    chosen = precision.for_inference(device, amp, share)
    network.flow.set_inference(chosen, tolerant)
    torch.set_flush_denormal(True)
    return Model(network, chosen, identity(network), path.stem, card)


def shared_model(source: str | Path | None = None, amp: bool | None = None) -> Model:
    """What `load_model` gives on the best device, loaded once as long as the file stays the same.

    Everyone gets the same model: nobody may change it. Arguments and errors as for `load_model`.
    """
    # Links are not resolved: a model is called by the name that was given.
    path = find(source).absolute()
    state = path.stat()
    # What comes through a pipe can be read once only; its times change as it is read.
    changes = (state.st_mtime_ns, state.st_size) if stat.S_ISREG(state.st_mode) else ()
    return _shared(path, amp, (state.st_dev, state.st_ino, *changes))


@lru_cache(maxsize=4)
def _shared(path: Path, amp: bool | None, state: tuple[int, ...]) -> Model:
    """The state stands in the key alone: a file that was replaced is loaded anew."""
    return load_model(path, amp=amp)
