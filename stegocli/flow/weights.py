"""Weights files: safetensors that carry the architecture and the model card in their metadata."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..errors import StegoError
from ..picture import outputs
from . import precision
from .couplings import FlowConfig
from .model import Model
from .network import StegoNetwork

DEFAULT = "default"
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


def save_weights(path: str | Path, network: StegoNetwork, card: dict) -> None:
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
    if name.endswith(".safetensors"):
        if Path(name).is_file():
            return Path(name)
        raise StegoError(f"{name} does not exist: check the path given to --weights.")
    for folder in FOLDERS:
        if (folder / f"{name}.safetensors").is_file():
            return folder / f"{name}.safetensors"
    known = ", ".join(shipped()) or "none"
    raise StegoError(f"No weights are named {name!r} (shipped: {known}): name one of these or a .safetensors file.")


def _check_shapes(config: FlowConfig, shapes: dict[str, tuple[int, ...]]) -> None:
    """Raises ValueError when the network would hold other tensors; takes no memory for it, whatever its size."""
    with torch.device("meta"):
        expected = {name: tuple(value.shape) for name, value in StegoNetwork(config).state_dict().items()}
    if shapes != expected:
        raise ValueError("other tensors than the architecture has")


def load_model(source: str | Path | None = None, device: str | None = None) -> Model:
    """Load weights, ready to use in float32.

    Args:
        source: name of a shipped set, path of a .safetensors file, or None for the default set.
        device: ``cuda``, ``cpu`` or None for the best present.

    Raises:
        StegoError: when the file is missing or not one of ours.
    """
    path = find(source)
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            config = FlowConfig(**json.loads(metadata["config"]))
            card = dict(json.loads(metadata.get("card", "{}")))
            _check_shapes(config, {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()})  # noqa: SIM118
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not iterable)
        if not all(value.isfinite().all() for value in tensors.values()):
            raise ValueError("weights that are no numbers")
        network = StegoNetwork(config)
        network.load_state_dict(tensors)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError):
        raise StegoError(f"{path} is not a weights file of stego: use one that `stego train` wrote.") from None
    chosen = precision.choose(device, amp=False)
    network.set_precision(chosen).eval().requires_grad_(False)
    torch.set_flush_denormal(True)
    return Model(network, chosen, identity(network), path.stem, card)


def shared_model(source: str | Path | None = None) -> Model:
    """What `load_model` gives on the best device, loaded once as long as the file stays the same.

    Everyone gets the same model: nobody may change it. Errors as for `load_model`.
    """
    # Links are not resolved: a model is called by the name that was given.
    path = find(source).absolute()
    state = path.stat()
    return _shared(path, (state.st_mtime_ns, state.st_size, state.st_ino))


@lru_cache(maxsize=4)
def _shared(path: Path, state: tuple[int, ...]) -> Model:
    """The state stands in the key alone: a file that was replaced is loaded anew."""
    return load_model(path)
