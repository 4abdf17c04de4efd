"""`stego info`: what each method could hide in a picture, and what a stego says of what it holds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import methods
from .errors import StegoError
from .methods import Discreet, Exact, Flow, Robust
from .methods.base import SMALLEST_SIDE, Contents, Cover, Progress, Stego, look, unseen
from .payload.errors import InvalidContent, LaterVersion
from .picture import files
from .picture.inputs import Source
from .robust.services import ANYTHING

# Longest side, in pixels, to which a larger cover is shrunk before its base layer is measured: its grid is the same.
_MEASURED_SIDE = 1200


@dataclass(frozen=True)
class Capacity:
    """What one method holds in a cover.

    Attributes:
        method: flow, exact, robust, anything (which is robust's base layer) or discreet.
        holds: bytes, or None where it is a picture that is held.
        for_what: in words.
    """

    method: str
    holds: int | None
    for_what: str


def _unheard(capacity: Capacity) -> None:
    """A capacity that nobody waits for."""


@dataclass(frozen=True)
class Info:
    """What there is to know of a picture file.

    Attributes:
        path: the file.
        size: its (width, height).
        contents: what is hidden in it; None where nothing shows.
        locked: whether something could be hidden under a password, or under another one than was given.
        capacities: as a cover, what each method holds.
    """

    path: Path
    size: tuple[int, int]
    contents: Contents | None
    locked: bool
    capacities: list[Capacity] = field(default_factory=list)


def info(
    picture: Source | str | Path,
    password: str | Callable[[], str | None] | None = None,
    progress: Progress = unseen,
    held: Callable[[Capacity], None] = _unheard,
) -> Info:
    """What a picture holds, and what it could hold.

    Args:
        picture: any format that `files.read` takes; a path is opened once.
        password: to look under; or a function that asks for it, called when nothing shows without.
        progress: called with what is being done and the share of it that is done.
        held: called with each of the capacities as soon as it is known: those of a large cover take seconds.

    Raises:
        StegoError: for what is no picture, and for a stego that was altered or is damaged.
    """
    source = Source.of(picture)
    read = files.read(source, as_stored=True)
    stego = Stego(source.path, read.rgb, read.alpha, source.content)
    try:
        contents, locked = _contents(stego, password, progress)
    except (InvalidContent, LaterVersion) as error:
        raise StegoError(
            f"{source.path} was made by a later stego, or forged ({error}): upgrade, or ask its maker for the file."
        ) from None
    capacities = []
    if contents is None:
        for capacity in _capacities(Cover(source.path, read, source=source), progress):
            held(capacity)
            capacities.append(capacity)
    return Info(source.path, files.size_of(source.content) or read.size, contents, locked, capacities)


def _contents(
    stego: Stego, password: str | Callable[[], str | None] | None, progress: Progress
) -> tuple[Contents | None, bool]:
    looked = look(
        methods.readers(),
        methods.searchers(),
        lambda reader, word: reader.inspect(stego, word, progress),
        password,
    )
    return looked.found, looked.locked


def _capacities(cover: Cover, progress: Progress) -> Iterator[Capacity]:
    width, height = cover.picture.size
    if min(width, height) < SMALLEST_SIDE:
        return
    yield Capacity(Flow.name, None, f"a picture of {width}x{height}, a grey level or two off")
    exact = Exact()
    held = exact.capacity(cover)
    bits = 8 * held / (width * height)
    yield Capacity(
        exact.name, held,
        f"any file, whole, at {exact.cover_psnr:g} dB; {bits:.1f} bits for each pixel, where a photograph of this "
        "size takes 8 to 14 without loss",
    )  # fmt: skip
    robust = Robust()
    survives = robust.capacity(robust.prepare(cover), progress)
    what = f"through JPEG of quality {robust.quality} and above; a picture of this size at about 30 dB"
    yield Capacity(robust.name, survives, what if survives else "nothing: too small, too flat or too noisy")
    yield _through_anything(cover, progress)
    yield _unseen(cover)


def _through_anything(cover: Cover, progress: Progress) -> Capacity:
    """What nearly anything leaves, measured on a smaller copy of a large cover: more pixels hold no more."""
    method = Robust(ANYTHING)
    cover = method.prepare(cover)
    share = _MEASURED_SIDE / max(cover.picture.size)
    if share < 1:
        width, height = (max(1, round(share * side)) for side in cover.picture.size)
        cover = replace(cover, picture=replace(cover.picture, rgb=files.resize(cover.rgb, (width, height))))
    survives = method.capacity(cover, progress)
    what = "through resizing, WebP, AVIF and screenshots (--survive anything); a note or a thumbnail"
    return Capacity(ANYTHING, survives, what if survives else "nothing through resizing: too small, flat or noisy")


def _unseen(cover: Cover) -> Capacity:
    """What hardly shows, in the kind of file that the cover is."""
    is_jpeg = cover.source is not None and cover.source.content[:2] == b"\xff\xd8"
    method = Discreet().to_file(".jpg" if is_jpeg else ".png")
    try:
        held = method.capacity(method.prepare(cover))
    except StegoError as error:
        return Capacity(method.name, 0, f"nothing: {error}")
    kind = ".jpg" if is_jpeg else ".png"
    return Capacity(
        method.name, held, f"so that it hardly shows, as a {kind}, under a password; half of that for a picture"
    )
