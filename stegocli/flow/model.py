"""A network ready to use: its two passes over arrays of any size, without the header that `methods.flow` adds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import StegoError
from ..picture import files, layout
from . import tiles
from .network import StegoNetwork
from .precision import Precision

Progress = Callable[[float], None]


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

    def embed(self, cover: np.ndarray, secret: np.ndarray, progress: Progress = tiles.unseen) -> np.ndarray:
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
        try:
            return tiles.hide(self.network, cover, frame, progress)
        except ArithmeticError:
            raise self._damaged() from None

    def extract(
        self, stego: np.ndarray, size: tuple[int, int], progress: Progress = tiles.unseen, tiled: bool = False
    ) -> np.ndarray:
        """The secret that `embed` put into a stego, uint8, (height, width, 3).

        Args:
            stego: uint8, (height, width, 3).
            size: the secret's (width, height).
            progress: called with the share that is done, 0 to 1.
            tiled: the stego is of format version 1; see `tiles.reveal`.

        Raises:
            StegoError: when the weights are damaged.
        """
        try:
            frame = tiles.reveal(self.network, stego, progress, tiled)
        except ArithmeticError:
            raise self._damaged() from None
        if tiled:
            return files.resize(_bytes(frame), size)
        return _bytes(layout.take(frame, layout.plan(stego.shape[1::-1], size, self.network.config.stride)))

    def _damaged(self) -> StegoError:
        return StegoError(f"The weights {self.name} give values that are no numbers: use an intact copy of them.")


def _bytes(levels: np.ndarray) -> np.ndarray:
    """uint8; what is given is used up."""
    return np.rint(levels, out=levels).clip(0, 255, out=levels).astype(np.uint8)
