"""A network ready to use: hide and reveal on arrays and Pillow pictures, without files."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from PIL import Image

from ..errors import StegoError
from ..payload import header
from ..payload.errors import InvalidContent
from ..payload.header import Header
from ..picture import claims, files, layout
from . import tiles
from .network import StegoNetwork
from .precision import Precision

METHOD = 1
PictureLike = TypeVar("PictureLike", np.ndarray, Image.Image)


@dataclass(frozen=True)
class Origin:
    """What reveal must know of a picture hidden by the network; 16 bytes of the header.

    Attributes:
        weights_id: first 4 bytes of the weights' SHA-256.
        width, height: the secret's own size in pixels.
        grey: the secret had no colour.
    """

    weights_id: bytes
    width: int
    height: int
    grey: bool = False

    _FORM = struct.Struct(">4sIIB3x")

    def pack(self) -> bytes:
        return self._FORM.pack(self.weights_id, self.width, self.height, self.grey)

    @classmethod
    def unpack(cls, packed: bytes, cover: int) -> "Origin":
        """Undo `pack` for a stego of so many pixels.

        Raises:
            InvalidContent: when it says what can't be.
        """
        weights_id, width, height, flags = cls._FORM.unpack(packed)
        try:
            claims.check_revealed(width, height, cover)
        except ValueError as error:
            raise InvalidContent(str(error)) from None
        return cls(weights_id, width, height, bool(flags & 1))


@dataclass
class Model:
    """A network ready to hide and reveal.

    Attributes:
        network: in evaluation mode on `precision.device`.
        precision: the device; the type is float32.
        id: 4 bytes that identify the weights, stored in every stego.
        name: file name without its extension.
        card: recipe, figures and licence as the file holds them.
    """

    network: StegoNetwork
    precision: Precision
    id: bytes
    name: str
    card: dict = field(default_factory=dict)

    def hide(
        self,
        cover: PictureLike,
        secret: PictureLike,
        grey: bool = False,
        progress: Callable[[float], None] = lambda share: None,
    ) -> PictureLike:
        """Hide one picture in another, of any two sizes.

        Args:
            cover: uint8 array (height, width, 3) of 16x16 pixels or more, or a Pillow picture, taken as RGB.
            secret: the same kind, any size.
            grey: the secret has no colour, and none shall come back.
            progress: called with the share that is done, 0 to 1.

        Returns:
            The stego, of the cover's kind and size; any lossless file format keeps what is in it.

        Raises:
            ValueError: for arrays of another shape or type, and a secret that `claims.check_revealed` refuses.
        """
        cover_rgb, secret_rgb = _array(cover), _array(secret)
        height, width = secret_rgb.shape[:2]
        claims.check_revealed(width, height, cover_rgb.size // 3)
        plan = layout.plan(cover_rgb.shape[1::-1], (width, height), self.network.config.stride)
        frame = layout.lay(secret_rgb, plan)
        if frame.dtype != np.uint8:
            # A sixteenth of a level off at most, and half the memory.
            frame = frame.astype(np.float16)
        stego = tiles.hide(self, cover_rgb, frame, progress)
        stego = header.embed(stego, Header(METHOD, Origin(self.id, width, height, grey).pack()))
        return Image.fromarray(stego) if isinstance(cover, Image.Image) else stego

    def reveal(self, stego: PictureLike, progress: Callable[[float], None] = lambda share: None) -> PictureLike:
        """The secret that `hide` hid: of the stego's kind, at the secret's own size.

        Raises:
            StegoError: when the network hid nothing in this picture, or other weights did.
        """
        rgb = _array(stego)
        found = header.extract(rgb)
        if found is None or found.method != METHOD:
            raise StegoError("The picture holds nothing that a network hid: use the very picture that hide gave.")
        origin = Origin.unpack(found.own, rgb.size // 3)
        if origin.weights_id != self.id:
            raise StegoError(
                f"The picture was made with other weights ({origin.weights_id.hex()}): load those; earlier versions "
                "used load_model('full')."
            )
        secret = self.secret_in(rgb, origin, found.version, progress)
        return Image.fromarray(secret) if isinstance(stego, Image.Image) else secret

    def secret_in(
        self, rgb: np.ndarray, origin: Origin, version: int, progress: Callable[[float], None] = lambda share: None
    ) -> np.ndarray:
        """The secret of a stego whose header is already read: uint8, (height, width, 3)."""
        size = origin.width, origin.height
        if version == 1:
            frame = _bytes(tiles.reveal(self, rgb, progress, tiled=True))
            secret = files.resize(frame, size)
        else:
            plan = layout.plan(rgb.shape[1::-1], size, self.network.config.stride)
            secret = _bytes(layout.take(tiles.reveal(self, rgb, progress), plan))
        if origin.grey:
            secret = np.repeat(secret.mean(-1, keepdims=True).round().astype(np.uint8), 3, -1)
        return secret


def _array(picture: np.ndarray | Image.Image) -> np.ndarray:
    rgb = np.asarray(picture.convert("RGB")) if isinstance(picture, Image.Image) else picture
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise ValueError(f"{rgb.dtype} {rgb.shape}: give uint8 (height, width, 3) or a Pillow picture")
    return rgb


def _bytes(levels: np.ndarray) -> np.ndarray:
    """uint8; what is given is used up."""
    return np.rint(levels, out=levels).clip(0, 255, out=levels).astype(np.uint8)
