"""Hide a picture with the network: it looks at most a grey level or two off when it comes back."""

import itertools
from collections.abc import Iterable
from pathlib import Path

from ..errors import StegoError
from ..flow import weights
from ..flow.model import METHOD, Model, Origin
from ..picture import claims, layout
from ..picture.files import Picture
from .base import Cover, Found, Hiding, ModelLike, Options, Secret, Stego

# The few frequencies that a cover's last rows and columns, which fill no tile, leave no room for are not worth a word.
WHOLE = 0.985


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
    yield from secret.notes()
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
        claims.check_secret(secret.path, picture.size, cover.rgb.size // 3, cover.path)
        rgb = model.hide(cover.rgb, picture.rgb, picture.grey, lambda share: options.progress("hiding", share))
        received = model.reveal(rgb, lambda share: options.progress("checking", share))
        kept = layout.plan(cover.picture.size, picture.size, model.network.config.stride).kept
        notes = list(_notes(cover, secret, kept))
        return Hiding(rgb, f"weights {model.name}", picture.rgb, received, notes=notes)

    def reveal(self, stego: Stego, options: Options) -> Found | None:
        found = stego.header
        if found is None or found.method != METHOD:
            return None
        origin = Origin.unpack(found.own, stego.rgb.size // 3)
        model = _model_for(stego.path, origin, options.model)
        rgb = model.secret_in(stego.rgb, origin, found.version, lambda share: options.progress("revealing", share))
        notes = [] if found.intact else [f"{stego.path} was altered after hiding: the picture may be damaged."]
        return Found(Picture(rgb, grey=origin.grey), ".png", f"weights {model.name}", notes)
