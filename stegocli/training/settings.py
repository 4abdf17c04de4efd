"""What one training run is asked to do, and what of it a resumed run may change."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import StegoError, option
from ..flow.couplings import FlowConfig
from .conform import build

# What may differ when a run goes on; anything else would make another run of it.
FREE = frozenset({"out", "data", "epochs", "workers", "amp", "reveal_weight"})
# Options that stand for a part of `flow`.
ARCHITECTURE = frozenset({"num_blocks", "hidden_channels", "levels", "wavelet"})
# The least and the most that each number may be; a checkpoint's are anyone's.
LIMITS: dict[str, tuple[float, float]] = {
    "epochs": (1, 10**9),
    "crops": (1, 10**6),
    "batch_size": (1, 10**6),
    "amp_share": (0, 1),
    "workers": (0, 1024),
    "learning_rate": (0, 1e3),
    "reveal_weight": (0, 1e6),
    "prune": (0.01, 1),
    "warmup_steps": (0, 10**9),
    "ema_decay": (0, 1),
    "checkpoint_minutes": (0, 1e9),
}


@dataclass(frozen=True)
class Settings:
    """One training run.

    Attributes:
        out: folder for checkpoints, weights, metrics and pictures.
        data: folder of pictures, or None for the built-in procedural set.
        epochs: passes over the pictures; the learning rate falls to zero over them.
        crops: of each picture in an epoch. Each epoch ends with validation and its pictures, which take seconds.
        batch_size: pairs in a step of one process.
        crop: side of the random crops in pixels, rounded down to a multiple of the network's stride.
        amp: half precision for the subnets where the device gains from it.
        amp_share: of the epochs in half precision; the last ones are in float32. Where secrets come back at 45 dB,
            bfloat16's own errors, which the flow's inverse amplifies, are as large as those that are left.
        workers: loader processes for training; validation takes half as many.
        seed: decides the initial weights, the split and every crop; 0 to 2**63 - 1.
        learning_rate: its highest value.
        reveal_weight: weight of the reveal error against the hide error.
        init: weights file to start from instead of random ones.
        prune: first cut the subnets of `init` down to this share of their multiplications; see `pruning`.
        pin_memory, non_blocking, cuda_graph: the copies to a GPU, and its step in one launch; off only for `bench`'s
            ablation.
        warmup_steps: the learning rate rises over them; a gradient spike is skipped only after them.
        ema_decay: of the running average of the weights, which is what is validated and saved.
        checkpoint_minutes: between two checkpoints within an epoch.

    Raises:
        StegoError: for a crop under 16 pixels, a number out of its `LIMITS`, a seed that does not fit, or nothing to
            prune.
    """

    out: Path = Path("runs/train")
    data: Path | None = None
    epochs: int = 50
    crops: int = 1
    batch_size: int = 2
    crop: int = 224
    amp: bool = True
    amp_share: float = 0.8
    workers: int = 4
    seed: int = 0
    learning_rate: float = 1e-3
    reveal_weight: float = 0.85
    init: Path | None = None
    prune: float | None = None
    flow: FlowConfig = field(default_factory=FlowConfig)
    pin_memory: bool = True
    non_blocking: bool = True
    cuda_graph: bool = True
    warmup_steps: int = 200
    ema_decay: float = 0.998
    checkpoint_minutes: float = 3.0

    def __post_init__(self) -> None:
        if self.crop_side < 16:
            raise StegoError(f"{option('crop')} {self.crop} is too small: use 16 or more.")
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise StegoError(f"{option(name)} {value} can't be used: give {least:g} to {most:g}.")
        if not 0 <= self.seed < 2**63:
            raise StegoError(f"{option('seed')} {self.seed} does not fit into 63 bits: use a smaller one, not below 0.")
        if self.prune is not None and not self.init:
            raise StegoError(f"{option('prune')} cuts down trained weights: give them with {option('init')}.")

    @property
    def crop_side(self) -> int:
        """Side of the crops that the network takes."""
        return self.crop // self.flow.stride * self.flow.stride

    def as_json(self) -> dict[str, Any]:
        named = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}
        return {**named, "flow": self.flow.as_json()}

    @classmethod
    def from_json(cls, saved: Any) -> "Settings":
        """Undo `as_json`.

        Raises:
            ValueError, StegoError: for settings that can't be.
        """
        if isinstance(saved, dict):
            # Checkpoints of versions before 1.1 have no such setting.
            saved = {"crops": 1, **saved}
        return build(cls, saved)  # type: ignore[no-any-return]

    def resumed(self, given: "Settings", changed: frozenset[str] | set[str]) -> "Settings":
        """These settings of a checkpoint, but for the place and what the user gave this time.

        Args:
            given: this time's settings.
            changed: names of those that the user gave, those in `ARCHITECTURE` included; most must be as they were.

        Raises:
            StegoError: when one of them can't change in mid-run.
        """
        other = sorted(option(name) for name in changed - FREE if self._value(name) != given._value(name))
        if other:
            raise StegoError(f"A resumed run keeps its {', '.join(other)}: leave that out, or give what it began with.")
        return replace(self, **{name: getattr(given, name) for name in (changed & FREE) | {"out"}})

    def _value(self, name: str) -> Any:
        value = getattr(self.flow if name in ARCHITECTURE else self, name)
        return value.resolve() if isinstance(value, Path) else value
