"""Hide a picture with the network: it looks at most a grey level or two off when it comes back."""

import itertools
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import StegoError, option
from ..payload import header
from ..payload.bundle import Bundle
from ..payload.codings import Secret
from ..payload.errors import InvalidContent
from ..payload.header import Header
from ..picture import claims, layout
from ..picture.files import Picture
from .base import (
    AnySecret,
    Choice,
    Contents,
    Cover,
    Found,
    Hiding,
    Lossless,
    ModelLike,
    Outcome,
    Progress,
    Stego,
    unseen,
)  # fmt: skip
from .judging import above_floor

if TYPE_CHECKING:
    from ..flow.model import Model

METHOD = 1
# The few frequencies that a cover's last rows and columns, which fill no tile, leave no room for are not worth a word.
WHOLE = 0.985


@dataclass(frozen=True)
class Origin:
    """What reveal must know of a picture hidden by the network; 16 bytes of the header.

    Attributes:
        weights_id: first 4 bytes of the weights' SHA-256.
        width, height: the secret's own size in pixels.
        grey: the secret had no colour.
        denoise: noise is to be taken off what comes back. Stegos from before there was that come back as they always
            did.
    """

    weights_id: bytes
    width: int
    height: int
    grey: bool = False
    denoise: bool = True

    _FORM = struct.Struct(">4sIIB3x")

    def pack(self) -> bytes:
        return self._FORM.pack(self.weights_id, self.width, self.height, self.grey | self.denoise << 1)

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
        return cls(weights_id, width, height, bool(flags & 1), bool(flags & 2))


def embed(
    model: "Model", cover: np.ndarray, secret: np.ndarray, grey: bool, progress: Callable[[float], None]
) -> np.ndarray:
    """The cover with the secret and the header in it; all uint8, (height, width, 3)."""
    stego = model.embed(cover, secret, progress)
    origin = Origin(model.id, secret.shape[1], secret.shape[0], grey)
    # A sample that moves alone is noise that the network's inverse amplifies.
    return header.embed(stego, Header(METHOD, origin.pack()), model.descent.toggled)


def extract(
    model: "Model", stego: np.ndarray, origin: Origin, version: int, progress: Callable[[float], None]
) -> np.ndarray:
    """The secret of a stego whose header, of this version of the format, is already read."""
    secret = model.extract(stego, (origin.width, origin.height), progress, tiled=version == 1, denoise=origin.denoise)
    if origin.grey:
        secret = np.repeat(secret.mean(-1, keepdims=True).round().astype(np.uint8), 3, -1)
    return secret


@dataclass(frozen=True)
class Flow(Lossless):
    """The network as a method.

    Attributes:
        model: a loaded model, the name of a shipped set, a weights file, or None for the default set.
        amp: half precision for a model that is not loaded yet: where it gains (None), wherever the device has one
            (True), or nowhere (False).
    """

    model: ModelLike = None
    amp: bool | None = None
    name = "flow"

    def hide(self, cover: Cover, secret: AnySecret, progress: Progress = unseen) -> Hiding:
        if isinstance(secret, Bundle):
            raise StegoError(
                f"{secret.path} are several, and the network hides one picture: leave {option('flow')} out."
            )
        if not secret.is_picture:
            raise StegoError(
                f"{secret.path} is no picture, and the network hides nothing else: leave {option('flow')} out."
            )
        model = _loaded(self.model, self.amp)
        picture = secret.seen
        claims.check_secret(secret.path, picture.size, cover.rgb.size // 3, cover.path)
        rgb = embed(model, cover.rgb, picture.rgb, picture.grey, lambda share: progress("hiding", share))
        origin = Origin(model.id, *picture.size, picture.grey)
        decoded = extract(model, rgb, origin, header.VERSION, lambda share: progress("checking", share))
        kept = layout.plan(cover.picture.size, picture.size, model.network.config.stride).kept
        told = Choice(method=self.name, summary=f"weights {model.name}", notes=list(_notes(cover, secret, kept)))
        hiding = Hiding(rgb, told, picture.rgb, decoded)
        return above_floor(hiding, "The secret", (picture.rgb, decoded), f"or bytes ({option('exact')})")

    def reveal(self, stego: Stego, password: str | None = None, progress: Progress = unseen) -> Found | None:
        found = stego.header
        if found is None or found.method != METHOD:
            return None
        origin = Origin.unpack(found.own, stego.rgb.size // 3)
        model = _model_for(stego.path, origin, self)
        rgb = extract(model, stego.rgb, origin, found.version, lambda share: progress("revealing", share))
        notes = [] if found.intact else [f"{stego.path} was altered after hiding: the picture may be damaged."]
        if self.model is not None and _loaded(self.model, self.amp).id != origin.weights_id:
            notes.append(f"{stego.path} names the weights {model.name}: those of {option('model')} were not used.")
        told = Outcome(method=self.name, summary=f"weights {model.name}", notes=notes)
        return Found(Picture(rgb, grey=origin.grey), ".png", told)

    def inspect(self, stego: Stego, password: str | None = None, progress: Progress = unseen) -> Contents | None:
        found = stego.header
        if found is None or found.method != METHOD:
            return None
        origin = Origin.unpack(found.own, stego.rgb.size // 3)
        return Contents(
            method=self.name, version=found.version, coding=f"by the network, weights {origin.weights_id.hex()}",
            size=(origin.width, origin.height), intact=found.intact,
        )  # fmt: skip

    def capacity(self, cover: Cover) -> tuple[int, int]:
        """The largest picture that comes back without losing detail, (width, height): one of the cover's own size."""
        return cover.picture.size


def _loaded(model: ModelLike, amp: bool | None) -> "Model":
    from ..flow import weights

    return weights.shared_model(model, amp) if model is None or isinstance(model, (str, Path)) else model


def _model_for(stego: Path, origin: Origin, method: Flow) -> "Model":
    """The given model or a shipped one: whichever the header names."""
    from ..flow import weights

    given = [] if method.model is None else [_loaded(method.model, method.amp)]
    known = (weights.shared_model(name, method.amp) for name in weights.shipped())
    tried: list[str] = []
    for candidate in itertools.chain(given, known):
        if candidate.id == origin.weights_id:
            return candidate
        tried.append(f"{candidate.name} is {candidate.id.hex()}")
    raise StegoError(
        f"{stego} was made with other weights ({origin.weights_id.hex()}; {', '.join(tried)}): "
        f"give the file that its maker used with {option('model')}."
    )


def _notes(cover: Cover, secret: Secret, kept: float) -> Iterable[str]:
    picture = secret.picture
    yield from secret.notes()
    if picture.alpha is not None and picture.alpha.min() < 255:
        yield f"{secret.path} has transparent parts: they are hidden as white."
    if kept < WHOLE:
        larger = picture.rgb.size > cover.rgb.size
        why = f"{secret.path} has more pixels than {cover.path}" if larger else f"{cover.path} ends in part of a tile"
        yield f"{why}: {secret.path} comes back at its own size, with {kept:.0%} of its detail."
