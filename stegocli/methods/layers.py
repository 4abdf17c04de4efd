"""Two layers: a secret that survives JPEG, and beneath it what of it survives nearly anything: a picture's thumbnail.

A file goes whole into both, where it fits; of several secrets nothing lies beneath.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from ..canonical import reading
from ..canonical.embedding import Embedder, Layer, Unsuitable
from ..canonical.lock import Lock
from ..canonical.preamble import LOCK
from ..canonical.reading import NothingFound, TooDamaged
from ..errors import StegoError
from ..payload import container
from ..payload.bundle import Bundle
from ..payload.container import APPROXIMATE, SAME_FILE, Payload
from ..robust.embedding import Embedder as Above
from . import anything
from .base import AnySecret, Contents, Cover, HidingPart, Stego, described

# By how many dB the cover is nearer with the base layer alone than with both.
_APART = 5.5
# Share of what the base layer holds beneath the other that is taken; then, where that was too much, less.
_SHARES = 1.0, 0.8
# The kinds of thumbnails, and what they are beneath.
_THUMBNAILS = {container.TINY: container.THUMBNAIL, container.SMALL: container.LARGER_THUMBNAIL}


@dataclass(frozen=True)
class Base:
    """What lies beneath.

    Attributes:
        above: embeds on it.
        part: what it holds.
    """

    above: Above
    part: HidingPart
    _embedder: Embedder
    _lock: Lock | None

    @property
    def is_thumbnail(self) -> bool:
        """Whether it is less than the secret."""
        return self.part.payload.fidelity == APPROXIMATE

    def survives(self, stego: np.ndarray) -> bool:
        """Whether all channels that are played leave it readable."""
        for number, channel in enumerate(self._embedder.played):
            self.above.progress("playing", number / len(self._embedder.played))
            if not self.comes_back(channel(stego)):
                return False
        return True

    def comes_back(self, received: np.ndarray) -> bool:
        """Whether a picture's samples hold it."""
        with suppress(NothingFound, TooDamaged):
            return reading.read(received, self._lock) == self.part.payload.content
        return False

    @property
    def told(self) -> str:
        """What it is, for the summary."""
        length = f"{len(self.part.payload.content):,} bytes"
        if not self.is_thumbnail:
            return f"the same again beneath, which {anything.SURVIVES}"
        return f"beneath it {anything.told(self.part.payload)}, {length}, which {anything.SURVIVES}"

    @property
    def note(self) -> str:
        """What was played on it."""
        return f"Played on what lies beneath: {'; '.join(map(str, self._embedder.played))}."


def above(payload: Payload, base: Base | None) -> Payload:
    """What lies on it: of a picture it says that a thumbnail lies beneath."""
    if base is None or not base.is_thumbnail or payload.fidelity == SAME_FILE:
        return payload
    return replace(payload, content=container.as_kind(container.UPPER, payload.content))


def bare(cover: Cover, secret: AnySecret) -> str:
    """Why nothing lies beneath, for the user."""
    if isinstance(secret, Bundle):
        why = "several secrets are too much for that"
    elif secret.is_readable:
        why = f"{cover.path} has no room for a thumbnail"
    else:
        why = f"{secret.path} does not fit whole"
    return f"Nothing comes back where the stego is resized, or stored as WebP or AVIF: {why}."


def with_beneath(told: Contents, content: bytes, stego: Stego, password: str | None) -> Contents:
    """What a picture's content says, and the thumbnail beneath it where there is one that can be read."""
    if container.unframe(content).kind != container.UPPER:
        return told
    with suppress(TooDamaged):
        beneath = anything.content(stego, password, False)
        if beneath is not None:
            return replace(told, beneath=described(beneath, stego, told.method, private=told.private))
    return told


def bases(
    cover: Cover, secret: AnySecret, password: str | None, above: Callable[[Layer | None], Above]
) -> Iterator[Base]:
    """What may lie beneath a secret, the most first; nothing where there is no room for it.

    Args:
        above: what embeds on a layer, or on the cover itself.
    """
    bare = above(None)
    tried: list[Above] = []

    def covered(layer: Layer) -> np.ndarray:
        tried.append(above(layer))
        return tried[-1].trial

    try:
        embedder = Embedder(cover.rgb, bare.cover_psnr + _APART, bare.progress, covered)
    except Unsuitable:
        return
    capacity = embedder.capacity(password is not None)
    lock = None if password is None else Lock.of(password, LOCK)
    for share in _SHARES:
        payload = _coded(secret, int(share * capacity), cover.rgb.size // 3)
        if payload is None:
            return
        with suppress(Unsuitable):
            layer = embedder.layer(payload.content, lock)
            part = HidingPart("thumbnail", payload)
            if payload.fidelity == APPROXIMATE:
                assert not isinstance(secret, Bundle)
                reference, decoded = anything.shown(secret, payload)
                part = replace(part, reference=reference, decoded=decoded)
            yield Base(tried[-1].on(layer) if tried else above(layer), part, embedder, lock)


def _coded(secret: AnySecret, budget: int, pixels: int) -> Payload | None:
    """A file whole, or a picture's thumbnail; None where it does not fit."""
    if isinstance(secret, Bundle) and sum(map(len, secret.contents)) > budget:
        return None
    try:
        payload = secret.encoder.thumbnail(budget, pixels)
    except StegoError:
        return None
    if payload.fidelity == SAME_FILE:
        return payload
    if isinstance(secret, Bundle):
        return None
    return replace(payload, content=container.as_kind(_THUMBNAILS[payload.content[0]], payload.content))
