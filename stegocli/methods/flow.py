"""Hide a picture with the network: it looks at most a grey level or two off when it comes back."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import StegoError, option
from ..picture import layout
from ..picture.files import Picture
from .base import Choice, Cover, Found, Hiding, Lossless, Outcome, Progress, Secret, Stego, unseen

if TYPE_CHECKING:
    from ..flow.model import Model, Origin

# The few frequencies that a cover's last rows and columns, which fill no tile, leave no room for are not worth a word.
WHOLE = 0.985


@dataclass(frozen=True)
class Flow(Lossless):
    """The network as a method.

    Attributes:
        model: a loaded model, the name of a shipped set, a weights file, or None for the default set.
    """

    model: "Model | str | Path | None" = None
    name = "flow"

    def hide(self, cover: Cover, secret: Secret, progress: Progress = unseen) -> Hiding:
        from ..flow.model import most_pixels

        if not secret.is_picture:
            raise StegoError(f"{secret.path} is no picture, and the network hides nothing else: leave {option('flow')} out.")
        model = _loaded(self.model)
        picture = secret.seen
        (width, height), most = picture.size, most_pixels(cover.rgb.size // 3)
        if width * height > most:
            raise StegoError(
                f"{secret.path} has {width}x{height} pixels, and at most {most / 1e6:g} million can be hidden in "
                f"{cover.path}: shrink it, or use a larger cover."
            )
        rgb = model.hide(cover.rgb, picture.rgb, picture.grey, lambda share: progress("hiding", share))
        decoded = model.reveal(rgb, lambda share: progress("checking", share))
        kept = layout.plan(cover.picture.size, picture.size, model.network.config.stride).kept
        told = Choice(method=self.name, summary=f"weights {model.name}", notes=list(_notes(cover, secret, kept)))
        return Hiding(rgb, told, picture.rgb, decoded)

    def reveal(self, stego: Stego, password: str | None = None, progress: Progress = unseen) -> Found | None:
        from ..flow.model import METHOD, Origin

        found = stego.header
        if found is None or found.method != METHOD:
            return None
        origin = Origin.unpack(found.own, stego.rgb.size // 3)
        model = _model_for(stego.path, origin, self.model)
        rgb = model.secret_in(stego.rgb, origin, found.version, lambda share: progress("revealing", share))
        notes = [] if found.intact else [f"{stego.path} was altered after hiding: the picture may be damaged."]
        told = Outcome(method=self.name, summary=f"weights {model.name}", notes=notes)
        return Found(Picture(rgb, grey=origin.grey), ".png", told)


def _loaded(model: "Model | str | Path | None") -> "Model":
    from ..flow import weights

    return weights.shared_model(model) if model is None or isinstance(model, (str, Path)) else model


def _model_for(stego: Path, origin: "Origin", model: "Model | str | Path | None") -> "Model":
    """The given model or a shipped one: whichever the header names."""
    from ..flow import weights

    given = [] if model is None else [_loaded(model)]
    tried: list[str] = []
    for candidate in itertools.chain(given, map(weights.shared_model, weights.shipped())):
        if candidate.id == origin.weights_id:
            return candidate
        tried.append(f"{candidate.name} is {candidate.id.hex()}")
    raise StegoError(
        f"{stego} was made with other weights ({origin.weights_id.hex()}; {', '.join(tried)}): "
        f"give the file that its maker used with {option('model')}."
    )


def _notes(cover: Cover, secret: Secret, kept: float) -> Iterable[str]:
    picture = secret.picture
    if picture.alpha is not None and picture.alpha.min() < 255:
        yield f"{secret.path} has transparent parts: they are hidden as white."
    if kept < WHOLE:
        larger = picture.rgb.size > cover.rgb.size
        why = f"{secret.path} has more pixels than {cover.path}" if larger else f"{cover.path} ends in part of a tile"
        yield f"{why}: {secret.path} comes back at its own size, with {kept:.0%} of its detail."
