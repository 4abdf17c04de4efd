"""Hide and reveal as users know them: files in, files out, figures measured on what was written."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from . import methods
from .delivery import Delivery, default_output
from .delivery import Revealed as Revealed
from .errors import StegoError, option
from .methods import Auto, Flow, Method, Reader
from .methods.base import (
    SMALLEST_SIDE,
    AnySecret,
    Choice,
    Cover,
    Found,
    Hiding,
    HidingPart,
    ModelLike,
    Progress,
    Stego,
    look,
    unseen,
)
from .methods.decoys import Decoy
from .payload.codings import Secret
from .payload.errors import InvalidContent, LaterVersion
from .payload.gathering import Gathered, Given
from .picture import files, metrics, outputs
from .picture.files import Picture
from .picture.inputs import Source, check_read_once
from .picture.metrics import Comparison, Score
from .picture.outputs import Folder, Outputs


@dataclass(frozen=True, kw_only=True)
class HiddenPart:
    """One of several secrets.

    Attributes:
        name: its path when it comes back, below the folder that all go to.
        summary: how it was coded, and how true it comes back.
        length: bytes that it takes.
        secret, secret_size: as for `Hidden`.
    """

    name: str
    summary: str
    length: int
    secret: Comparison | None = None
    secret_size: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class Hidden(Choice):
    """What `hide` did, in addition to what `Choice` tells.

    Attributes:
        path: the stego file.
        size: its (width, height).
        cover: the stego file against the cover.
        secret: what the file reveals against the secret; None when the secret is no picture, and for several.
        secret_size: the secret picture's (width, height), or None.
        parts: of several secrets, each.
        decoys: of what a second password opens, each.
        beneath: the thumbnail that comes back where the secret picture itself is lost, or None.
    """

    path: Path
    size: tuple[int, int]
    cover: Comparison
    secret: Comparison | None = None
    secret_size: tuple[int, int] | None = None
    parts: list[HiddenPart] = field(default_factory=list)
    decoys: list[HiddenPart] = field(default_factory=list)
    beneath: HiddenPart | None = None

    @property
    def score(self) -> Score | None:
        """Both comparisons as one, for pictures."""
        if self.secret is None or self.secret_size is None:
            return None
        pixels = [width * height for width, height in (self.size, self.secret_size)]
        return metrics.joined(self.cover, self.secret, 24 * pixels[1] / pixels[0])


@dataclass(frozen=True)
class Pictures:
    """The pictures of a hide, for whoever shows them.

    Attributes:
        cover: as the method took it.
        stego: as its file has it.
        secret, revealed: the secret and what the receiver sees of it, uint8 of one shape; None for a secret that is no
            picture.
    """

    cover: Picture
    stego: Picture
    secret: np.ndarray | None
    revealed: np.ndarray | None


def hide(
    cover: Source | str | Path,
    secret: Given,
    output: str | Path,
    method: Method | None = None,
    *,
    force: bool = False,
    report: str | Path | None = None,
    keep: Sequence[Path] = (),
    progress: Progress = unseen,
    show: Callable[[Pictures], None] | None = None,
) -> Hidden:
    """Hide the file `secret`, or several, in the picture file `cover` and write `output`.

    The cover keeps its size, alpha channel and ICC profile, and is turned as its EXIF orientation says. The figures
    are the receiver's: the file is read back, and what it holds is revealed again.

    Args:
        cover: any format that `files.read` takes, from 16x16; a path is opened once.
        secret: such a picture, or any file; a folder, or a sequence of files and folders, goes whole, as bytes.
        output: ends in .png, .tif, .webp or .bmp, or, for what survives it and for `Discreet`, in .jpg; a folder (also
            one to be made, with a slash at its end) gets `default_stego(cover)`.
        method: one of `methods.Auto`, `Flow`, `Exact`, `Robust` and `Discreet`; by default `Auto()`: the network for a
            picture, bytes where they are better, and for a .jpg what survives it.
        force: replace `output` if it exists.
        report: also write a picture of cover, stego, residual, secret and revealed here, in any of these formats;
            for secret pictures, a line for each.
        keep: other files that no output may replace, as the one with the password.
        progress: called with what is being done and the share of it that is done.
        show: called with the pictures, before the output has its name.

    Raises:
        StegoError: with a sentence for the user; nothing is written then.
    """
    options: dict[str, Any] = {"force": force, "report": report, "keep": keep, "progress": progress, "show": show}
    if not outputs.names_folder(output):
        return _hide(cover, secret, Path(output), method or Auto(), **options)
    with outputs.made(output) as folder:
        return _hide(cover, secret, folder / default_stego(cover), method or Auto(), **options)


def default_stego(cover: Source | str | Path) -> str:
    """What a stego is called in a folder: NAME-stego.png."""
    path = cover.path if isinstance(cover, Source) else Path(cover)
    return f"{path.stem.lstrip('.')}-stego.png"


def _hide(
    cover: Source | str | Path,
    secret: Given,
    output: Path,
    method: Method,
    *,
    force: bool,
    report: str | Path | None,
    keep: Sequence[Path],
    progress: Progress,
    show: Callable[[Pictures], None] | None,
) -> Hidden:
    method = method.to_file(output.suffix.lower())
    gathered = Gathered.of(secret)
    decoy: Decoy | None = getattr(method, "decoy", None)
    decoys = Gathered.of(decoy.secret).sources if decoy else []
    inputs = _unlosable(cover, *gathered.sources, *decoys, *keep, *_weights_file(getattr(method, "model", None)))
    check_read_once([given for given in inputs if isinstance(given, Path)])
    output = files.check_output(output, inputs, force, may_lose=True)
    if report is not None:
        report = files.check_output(report, inputs, force, may_lose=True)
        outputs.check_apart([output, report])
    source, file = Source.of(cover), gathered.read()
    if report is not None and not file.is_picture:
        raise StegoError(f"{file.path} is no picture, so there is no {option('report')} of it: leave that out.")
    with ThreadPoolExecutor(1) as beside:
        if isinstance(file, Secret):
            # Decoded meanwhile: decoders let other threads run. What is wrong with it is told when its turn comes.
            beside.submit(lambda: file.is_readable)
        seen = method.prepare(_cover(source, file, output))
    del source  # a large file is not kept beside its samples
    if output.suffix.lower() not in files.LOSSY:
        files.check_holds(output, seen.picture)
    hiding = method.hide(seen, file, progress)
    with Outputs() as run:
        progress("writing", 0.0)
        hiding = replace(hiding, rgb=_write(run, output, hiding, seen.picture, force))
        progress("measuring", 0.0)
        if report is not None and hiding.pictures:
            from .picture import look

            grid = look.picture_grid([(seen.rgb, hiding.rgb, *pair) for pair in hiding.pictures])
            # It shows what a password hides.
            private = getattr(method, "password", None) is not None
            files.add(run, report, Picture(grid), force=force, private=private)
        if show is not None:
            stego = replace(seen.picture, rgb=hiding.rgb)
            show(Pictures(seen.picture, stego, hiding.reference, hiding.decoded))
        done = _told(output, seen, hiding)
    return done


def _unlosable(*inputs: Source | str | Path) -> list[Source | Path]:
    return [given.emptied() if isinstance(given, Source) else Path(given) for given in inputs]


def _weights_file(model: ModelLike) -> list[Path]:
    return [Path(model)] if isinstance(model, (str, Path)) and str(model).endswith(".safetensors") else []


def _cover(source: Source, secret: AnySecret, output: Path) -> Cover:
    """The cover as the output can hold it, and what was done to it."""
    path = source.path
    try:
        picture = files.read(source)
    except StegoError as error:
        if secret.is_picture and not files.is_picture(source):
            raise StegoError(
                f"{path} is no picture, but {secret.path} is: were cover and secret swapped? The cover comes first."
            ) from None
        raise error
    if min(picture.size) < SMALLEST_SIDE:
        raise StegoError(
            f"{path} is only {picture.size[0]}x{picture.size[1]}: "
            f"a cover needs {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels or more."
        )
    picture, changes = files.kept_in(output, picture)
    changes = (*picture.changes, *changes)
    notes = [*([f"{path}: {'; '.join(changes)}."] if changes else []), *secret.gathered]
    if source.content in secret.contents:
        notes.append(f"{path} is cover and secret at once: was another file meant?")
    return Cover(path, picture, tuple(notes), source)


def _write(run: Outputs, output: Path, hiding: Hiding, cover: Picture, force: bool) -> np.ndarray:
    """Write the stego and return its file's pixels; one that does not hold the secret never gets its name."""
    if hiding.file is not None:
        run.add(output, hiding.file, force=force)
        return hiding.rgb
    seen = []

    def check(written: np.ndarray) -> bool:
        seen.append(written)
        return np.array_equal(written, hiding.rgb) if hiding.comes_back is None else hiding.comes_back(written)

    # Grey stays grey where the method kept it so: a file of three equal channels would be a sign.
    grey = cover.grey and bool((hiding.rgb == hiding.rgb[..., :1]).all())
    files.add(run, output, replace(cover, rgb=hiding.rgb, grey=grey), check, force=force, usual=hiding.usual)
    return seen[0]


def _told(output: Path, cover: Cover, hiding: Hiding) -> Hidden:
    """The figures."""
    notes = [*cover.notes, *hiding.told.notes]
    if cover.picture.grey and not np.array_equal(hiding.rgb[..., 0], hiding.rgb[..., 1]):
        notes.append(f"{cover.path} is grey, but the stego needs colour: its file has three channels.")
    figures: dict[str, Any] = {"cover": metrics.compare(cover.rgb, hiding.rgb), **_figures(hiding)}
    for name, parts in (("parts", hiding.parts), ("decoys", hiding.decoys)):
        figures[name] = list(map(_part_told, parts))
    figures["beneath"] = None if hiding.beneath is None else _part_told(hiding.beneath)
    return Hidden(**(vars(hiding.told) | figures | {"notes": notes, "path": output, "size": cover.picture.size}))


def _part_told(part: HidingPart) -> HiddenPart:
    summary = f"{part.payload.coding}; {part.payload.fidelity}"
    return HiddenPart(name=part.name, summary=summary, length=len(part.payload.content), **_figures(part))


def _figures(hiding: Hiding | HidingPart) -> dict[str, Any]:
    if hiding.reference is None or hiding.decoded is None:
        return {}
    secret = metrics.compare(hiding.reference, hiding.decoded)
    return {"secret": secret, "secret_size": (hiding.reference.shape[1], hiding.reference.shape[0])}


# -- reveal -----------------------------------------------------------------------------------------------------


def reveal(
    stego: Source | str | Path,
    output: Folder | str | Path | None = None,
    model: ModelLike = None,
    *,
    amp: bool | None = None,
    password: str | Callable[[], str | None] | None = None,
    force: bool = False,
    keep: Sequence[Path] = (),
    progress: Progress = unseen,
) -> Revealed:
    """Bring back what is hidden in the file `stego` and write it to `output`; after a password, for the owner alone.

    Args:
        stego: a file written by `hide`, or a lossless copy of it; a path is opened once.
        output: by default `default_output(stego)`; in a folder, the secret's own name where that is known and free,
            else that name there. Several files go to a folder: under their own names where all are free, else into a
            new one in it. A picture may go to .png, .tif, .webp or .bmp, any other file only to a name with
            its own extension. A slash at its end makes the folder.
        model, amp: as for `Flow`; by default the shipped set named in the stego.
        password: or a function that asks for it, called only when the picture shows nothing without.
        force: replace `output` if it exists.
        keep: as for `hide`.
        progress: called with what is being done and the share of it that is done.

    Raises:
        StegoError: when nothing is hidden, the file was changed, or other weights or a password are needed;
            nothing is written then.
    """
    source = Source.of(stego)
    path, inputs = source.path, _unlosable(source, *keep, *_weights_file(model))
    if output is None and not source.own_name:
        raise StegoError(f"{path} is a stream, and nothing can be put beside it: name an {option('output')}.")
    with ExitStack() as stack:
        if isinstance(output, (str, Path)) and outputs.names_folder(output):
            folder = stack.enter_context(outputs.made(output))
            output = Folder.at_start(folder, [default_output(path).stem], inputs)[0]
        elif isinstance(output, (str, Path)):
            outputs.check_place(Path(output), inputs, force)
        picture = files.read(source, as_stored=True)
        # What lies in a JPEG's coefficients is not in its samples.
        content = source.content if source.content[:2] == b"\xff\xd8" else b""
        seen = Stego(path, picture.rgb, picture.alpha, content)
        del source  # a large file is not kept beside its samples
        found, authenticated = _found(seen, methods.readers(model, amp), password, progress)
        if found.told.method != Flow.name:
            unused = [option(name) for name, value in (("model", model), ("amp", amp)) if value is not None]
            found = found.telling(*(f"{path} was not hidden by the network: {name} has no effect." for name in unused))
        delivery = Delivery(seen, found, authenticated, inputs)
        if output is None:
            return delivery.beside(force)
        return delivery.to(output if isinstance(output, Folder) else Path(output), force)


def _found(
    stego: Stego, readers: Iterable[Reader], password: str | Callable[[], str | None] | None, progress: Progress
) -> tuple[Found, bool]:
    """What the first method finds, without the password or with it, and whether it took the password."""
    try:
        looked = look(readers, methods.searchers(), lambda reader, word: reader.reveal(stego, word, progress), password)
        if looked.found is None and stego.header is not None:
            raise LaterVersion(f"method {stego.header.method}")
    except LaterVersion as error:
        raise StegoError(f"{stego.path} was made by a later stego ({error}): upgrade.") from None
    except InvalidContent as error:
        raise StegoError(f"{stego.path} was forged, or damaged ({error}): ask its maker for the very file.") from None
    if looked.found is not None:
        found: Found = looked.found
        if isinstance(password, str) and password and not looked.private:
            found = found.telling(f"{stego.path} needs no password: anyone can read it, and nothing tells who made it.")
        return found, looked.private
    if not looked.asked:
        raise StegoError(
            f"{stego.path} holds no hidden picture, or was recompressed, resized or cropped since: use the very "
            "file that `stego hide` wrote, and give the password if it was hidden with one "
            f"({option('a_password')})."
        )
    raise StegoError(
        f"{stego.path} can't be opened: the password is wrong, or the picture was altered, or nothing is hidden in it."
    )
