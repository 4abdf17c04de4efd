"""`stegocli.load_model`: hide and reveal on arrays and Pillow pictures, without files."""

from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from ..errors import StegoError
from ..flow import weights
from ..flow.model import Model
from ..flow.strips import Progress, unseen
from ..payload import header
from ..payload.errors import InvalidContent, LaterVersion
from ..picture import claims
from . import flow
from .base import SMALLEST_SIDE

PictureLike = TypeVar("PictureLike", np.ndarray, Image.Image)


class ArrayModel(Model):
    """A loaded network whose stegos tell how to read them, as those in files do."""

    def hide(
        self, cover: PictureLike, secret: PictureLike, grey: bool = False, progress: Progress = unseen
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
            ValueError: for arrays of another shape or type.
            StegoError: for a cover that is too small, alone or for so large a secret, and for damaged weights.
        """
        cover_rgb, secret_rgb = _array(cover), _array(secret)
        height, width = cover_rgb.shape[:2]
        if min(height, width) < SMALLEST_SIDE:
            raise StegoError(
                f"The cover has {width}x{height} pixels: use one of {SMALLEST_SIDE}x{SMALLEST_SIDE} or more."
            )
        claims.check_secret("The secret", secret_rgb.shape[1::-1], width * height, "the cover")
        stego = flow.embed(self, cover_rgb, secret_rgb, grey, progress)
        return Image.fromarray(stego) if isinstance(cover, Image.Image) else stego

    def reveal(self, stego: PictureLike, progress: Progress = unseen) -> PictureLike:
        """The secret that `hide` hid: of the stego's kind, at the secret's own size.

        Raises:
            ValueError: for arrays of another shape or type.
            StegoError: when the network hid nothing in this picture, or other weights or a later version did.
        """
        rgb = _array(stego)
        try:
            found = header.extract(rgb)
            origin = flow.Origin.unpack(found.own, rgb.size // 3) if found and found.method == flow.METHOD else None
        except (InvalidContent, LaterVersion) as error:
            raise StegoError(f"The picture was made by a later stego, or forged ({error}): upgrade.") from None
        if found is None or origin is None:
            raise StegoError("The picture holds nothing that a network hid: use the very picture that hide gave.")
        if origin.weights_id != self.id:
            made_by = (name for name in weights.shipped() if weights.shared_model(name).id == origin.weights_id)
            remedy = next((f"use load_model({name!r})" for name in made_by), "load those")
            raise StegoError(f"The picture was made with other weights ({origin.weights_id.hex()}): {remedy}.")
        secret = flow.extract(self, rgb, origin, found.version, progress)
        return Image.fromarray(secret) if isinstance(stego, Image.Image) else secret


def load_model(source: str | Path | None = None, device: str | None = None, amp: bool | None = None) -> ArrayModel:
    """As `flow.weights.load_model`, with `hide` and `reveal`."""
    return ArrayModel(**vars(weights.load_model(source, device, amp)))


def _array(picture: np.ndarray | Image.Image) -> np.ndarray:
    rgb = np.asarray(picture.convert("RGB")) if isinstance(picture, Image.Image) else picture
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise ValueError(f"{rgb.dtype} {rgb.shape}: give uint8 (height, width, 3) or a Pillow picture")
    return rgb
