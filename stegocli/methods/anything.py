"""The base layer: few bytes, a note or a thumbnail, that survive nearly anything."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..canonical import geometry, preamble, reading
from ..canonical.embedding import Embedded
from ..canonical.lock import Lock
from ..canonical.reading import NothingFound, TooDamaged
from ..errors import StegoError
from ..payload.bundle import Bundle
from ..payload.container import APPROXIMATE, Payload
from ..payload.errors import LaterVersion
from ..picture import files
from ..picture.files import Picture
from .base import AnySecret, Contents, Found, Locked, Progress, Secret, Stego, described, unpacked, unseen

SURVIVES = "survives half the size, WebP, AVIF, screenshots, and crops of 2 %"
NAME = "robust"
# To what a picture is lost that its thumbnail survives.
RESIZED, RECOMPRESSED = "resizing, another format or an edit", "recompression"


def told(packed: Payload) -> str:
    """How a secret was coded, in words."""
    if packed.picture is None or packed.fidelity != APPROXIMATE:
        return f"{packed.coding}; {packed.fidelity}"
    return f"{_thumbnail(packed.picture)}, {packed.coding}"


def _thumbnail(picture: Picture) -> str:
    return f"a thumbnail of {picture.size[0]}x{picture.size[1]}"


def shown(secret: Secret, packed: Payload) -> tuple[np.ndarray, np.ndarray]:
    """The secret made as small as its thumbnail, and what the receiver sees; for a secret picture."""
    assert packed.picture is not None
    reference, decoded = secret.seen.rgb, files.seen(packed.picture).rgb
    if reference.shape != decoded.shape:
        reference = files.resize(reference, packed.picture.size)
    return reference, decoded


def notes(secret: AnySecret, packed: Payload, done: Embedded) -> list[str]:
    """What the user should know."""
    played = f"Played before it was written: {'; '.join(map(str, done.played))}. The hardest was {done.worst}."
    if isinstance(secret, Bundle) or packed.picture is None or packed.picture.size == secret.picture.size:
        return [played]
    width, height = secret.picture.size
    return [
        f"{secret.path} ({width}x{height}) goes as {_thumbnail(packed.picture)}, and its figures are of that size.",
        played,
    ]


def comes_back(content: bytes, password: str | None) -> Callable[[np.ndarray], bool]:
    """Whether a file's pixels hold this content."""

    def check(received: np.ndarray) -> bool:
        try:
            return reading.extract(received, password) == content
        except (NothingFound, TooDamaged):
            return False

    return check


def content(stego: Stego, password: str | None, thoroughly: bool, progress: Progress = unseen) -> bytes | None:
    """The bytes of the base layer; None where there is none, or none under this password.

    Args:
        thoroughly: look for a crop, a frame, a turn or a mirror, too, which takes seconds. Done in any case where
            something is there that can't be read.

    Raises:
        TooDamaged: when it is there, but lost.
        LaterVersion: for what a later version made.
    """
    lock = None if password is None else Lock.of(password, preamble.LOCK)
    failed: TooDamaged | None = None
    try:
        if not thoroughly:
            try:
                return reading.read(stego.rgb, lock)
            except NothingFound:
                return None
            except TooDamaged as error:
                failed = error
        return geometry.search(stego.rgb, lock, lambda share: progress("searching", share))
    except NothingFound:
        if failed is not None:
            raise failed from None
        return None
    except preamble.LaterFormat as error:
        raise LaterVersion(str(error)) from None


def found(content: bytes, stego: Stego, lost_to: str = RESIZED) -> Found:
    """What the base layer brings back, and to what the picture above it was lost, in words."""
    back = unpacked(content, stego, NAME)
    if isinstance(back.secret, Picture) and back.told.summary == APPROXIMATE:
        above = f"its thumbnail: the picture itself was lost to {lost_to}"
        summary = _thumbnail(back.secret) if back.layer is None else above
        return replace(back, told=replace(back.told, summary=summary))
    return back


def damaged(stego: Stego) -> StegoError:
    """What to say of a base layer that is lost."""
    return StegoError(
        f"{stego.path} holds something that was made to survive, but it can't be corrected: ask for a copy that was "
        "compressed less, resized less and not edited."
    )


class Search:
    """Reads the base layer of what was cropped, framed, turned or mirrored: last of all, since it takes seconds."""

    name = NAME

    def reveal(self, stego: Stego, password: str | None = None, progress: Progress = unseen) -> Found | Locked | None:
        content = self._content(stego, password, progress)
        return found(content, stego) if isinstance(content, bytes) else content

    def inspect(
        self, stego: Stego, password: str | None = None, progress: Progress = unseen
    ) -> Contents | Locked | None:
        content = self._content(stego, password, progress)
        if not isinstance(content, bytes):
            return content
        return described(content, stego, NAME, private=password is not None)

    def _content(self, stego: Stego, password: str | None, progress: Progress) -> bytes | Locked | None:
        if stego.header is not None:
            return None
        try:
            return content(stego, password, True, progress) or Locked()
        except TooDamaged:
            raise damaged(stego) from None
