"""Hide a picture with the network: it looks at most a grey level or two off when it comes back."""

import itertools
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import StegoError
from ..flow import weights
from ..flow.model import Model
from ..flow.strips import Progress
from ..payload import header
from ..payload.header import Header
from ..picture import files, layout
from ..picture.files import Picture
from .base import Cover, Found, Hiding, ModelLike, Options, Secret, Stego

METHOD = 1
# The few frequencies that a cover's last rows and columns, which fill no tile, leave no room for are not worth a word.
WHOLE = 0.985


def most_pixels(cover: int) -> int:
    """Of a secret, in a cover of so many pixels: more would hold nothing, and a forged header must fill no memory."""
    return min(files.MOST_PIXELS, max(16_000_000, 100 * cover))


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
            ValueError: when it says what can't be.
        """
        weights_id, width, height, flags = cls._FORM.unpack(packed)
        if not 0 < width * height <= most_pixels(cover):
            raise ValueError(f"a secret of {width}x{height}")
        return cls(weights_id, width, height, bool(flags & 1))


def embed(model: Model, cover: np.ndarray, secret: np.ndarray, grey: bool, progress: Progress) -> np.ndarray:
    """The cover with the secret and the header in it; all uint8, (height, width, 3)."""
    stego = model.embed(cover, secret, progress)
    origin = Origin(model.id, secret.shape[1], secret.shape[0], grey)
    return header.embed(stego, Header(METHOD, origin.pack()))


def extract(model: Model, stego: np.ndarray, origin: Origin, version: int, progress: Progress) -> np.ndarray:
    """The secret of a stego whose header, of this version of the format, is already read."""
    secret = model.extract(stego, (origin.width, origin.height), progress, tiled=version == 1)
    if origin.grey:
        secret = np.repeat(secret.mean(-1, keepdims=True).round().astype(np.uint8), 3, -1)
    return secret


def _loaded(model: ModelLike) -> Model:
    return model if isinstance(model, Model) else weights.shared_model(model)


def _model_for(stego: Path, origin: Origin, model: ModelLike) -> Model:
    """The given model or a shipped one: whichever the header names."""
    given = [] if model is None else [_loaded(model)]
    tried: list[str] = []
    for candidate in itertools.chain(given, map(weights.shared_model, weights.shipped())):
        if candidate.id == origin.weights_id:
            return candidate
        tried.append(f"{candidate.name} is {candidate.id.hex()}")
    raise StegoError(
        f"{stego} was made with other weights ({origin.weights_id.hex()}; {', '.join(tried)}): "
        "give the file that its maker used with --weights."
    )


def _notes(cover: Cover, secret: Secret, kept: float) -> Iterable[str]:
    picture = secret.picture
    if picture.alpha is not None and picture.alpha.min() < 255:
        yield f"{secret.path} has transparent parts: they are hidden as white."
    if kept < WHOLE:
        larger = picture.rgb.size > cover.rgb.size
        why = f"{secret.path} has more pixels than {cover.path}" if larger else f"{cover.path} ends in part of a tile"
        yield f"{why}: {secret.path} comes back at its own size, with {kept:.0%} of its detail."


class Flow:
    """The network as a method."""

    def hide(self, cover: Cover, secret: Secret, options: Options) -> Hiding:
        model = _loaded(options.model)
        picture = secret.seen
        (width, height), most = picture.size, most_pixels(cover.rgb.size // 3)
        if width * height > most:
            raise StegoError(
                f"{secret.path} has {width}x{height} pixels, and at most {most / 1e6:g} million can be hidden in "
                f"{cover.path}: shrink it, or use a larger cover."
            )
        rgb = embed(model, cover.rgb, picture.rgb, picture.grey, lambda share: options.progress("hiding", share))
        origin = Origin(model.id, width, height, picture.grey)
        received = extract(model, rgb, origin, header.VERSION, lambda share: options.progress("checking", share))
        kept = layout.plan(cover.picture.size, picture.size, model.network.config.stride).kept
        notes = list(_notes(cover, secret, kept))
        return Hiding(rgb, f"weights {model.name}", picture.rgb, received, notes=notes)

    def reveal(self, stego: Stego, options: Options) -> Found | None:
        found = stego.header
        if found is None or found.method != METHOD:
            return None
        origin = Origin.unpack(found.own, stego.rgb.size // 3)
        model = _model_for(stego.path, origin, options.model)
        rgb = extract(model, stego.rgb, origin, found.version, lambda share: options.progress("revealing", share))
        notes = [] if found.intact else [f"{stego.path} was altered after hiding: the picture may be damaged."]
        return Found(Picture(rgb, grey=origin.grey), ".png", f"weights {model.name}", notes)
