"""A network ready to use: its two passes over arrays of any size, without the header that `methods.flow` adds."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import StegoError
from ..picture import files, layout
from . import tiles
from .denoise import denoise_
from .descent import Descent
from .network import StegoNetwork
from .precision import Precision
from .strips import Progress, unseen


@dataclass(repr=False)
class Model:
    """A network with what it was loaded as.

    Attributes:
        network: in evaluation mode on `precision.device`.
        precision: the device, and the type that the subnets run in there.
        id: 4 bytes that identify the weights.
        name: file name without its extension.
        card: recipe, figures and licence as the file holds them.
    """

    network: StegoNetwork
    precision: Precision
    id: bytes
    name: str
    card: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, id={self.id.hex()}, {self.precision})"

    @cached_property
    def descent(self) -> Descent:
        """Made when something is hidden for the first time: revealing does without."""
        return Descent.of(self.network)

    def embed(self, cover: np.ndarray, secret: np.ndarray, progress: Progress = unseen) -> np.ndarray:
        """The cover with the secret in it, uint8, the cover's shape.

        Args:
            cover: uint8, (height, width, 3), at least one tile of the network's stride a side.
            secret: the same kind, any size.
            progress: called with the share that is done, 0 to 1.

        Raises:
            StegoError: when the weights are damaged.
        """
        plan = layout.plan(cover.shape[1::-1], secret.shape[1::-1], self.network.config.stride)
        frame = layout.lay(secret, plan)
        if frame.dtype != np.uint8:
            # A sixteenth of a level off at most, and half the memory.
            frame = frame.astype(np.float16)
        return self._in_numbers(lambda: tiles.hide(self.network, cover, frame, progress, descent=self.descent))

    def extract(
        self,
        stego: np.ndarray,
        size: tuple[int, int],
        progress: Progress = unseen,
        tiled: bool = False,
        denoise: bool = True,
    ) -> np.ndarray:
        """The secret that `embed` put into a stego, uint8, (height, width, 3).

        Args:
            stego: uint8, (height, width, 3).
            size: the secret's (width, height).
            progress: called with the share that is done, 0 to 1.
            tiled: the stego is of format version 1; see `tiles.reveal`.
            denoise: take off the noise that rounding the stego left; see `denoise`.

        Raises:
            StegoError: when the weights are damaged.
        """
        frame = self._in_numbers(lambda: tiles.reveal(self.network, stego, progress, tiled))
        if denoise:
            denoise_(frame)
        if tiled:
            return files.resize(_bytes(frame), size)
        return _bytes(layout.take(frame, layout.plan(stego.shape[1::-1], size, self.network.config.stride)))

    def _in_numbers(self, work: Callable[[], np.ndarray]) -> np.ndarray:
        """What it gives; again in float32 where values leave the range of half precision."""
        with suppress(ArithmeticError):
            return work()
        if self.precision.is_mixed:
            with suppress(ArithmeticError), self.network.flow.in_float32():
                return work()
        raise StegoError(f"The weights {self.name} give values that are no numbers: use an intact copy of them.")


def _bytes(levels: np.ndarray) -> np.ndarray:
    """uint8; what is given is used up."""
    np.rint(levels, out=levels)
    return np.clip(levels, 0, 255, out=levels).astype(np.uint8)
