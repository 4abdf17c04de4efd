"""Hide and reveal as users know them: files in, files out, figures measured on what was written."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import floor
from pathlib import Path

import numpy as np

from . import methods
from .errors import StegoError
from .methods.base import (
    COVER_PSNR,
    SMALLEST_SIDE,
    Cover,
    Found,
    Hiding,
    ModelLike,
    Options,
    Progress,
    Secret,
    Stego,
    unseen,
)
from .methods.exact import budget
from .payload import codings, estimate
from .picture import files, metrics
from .picture.files import Picture
from .picture.metrics import Comparison, Score
from .robust.channels import CHANNELS
from .robust.embedding import QUALITIES

# Lowest JPEG quality that a stego survives that is itself a JPEG.
SURVIVED = 75
# Under these a change or a blemish shows, and the secret goes as bytes: mean of either picture, and its worst block.
LEAST_PSNR = 36.0
LEAST_BLOCK = 28.0
# So many decibels of the secret are worth a word about another way.
WORTH_FITTING = 4.0
# What becomes of a hidden file that another format can't hold: 16 bits a sample, palettes, a turn in its EXIF.
AS_SEEN = "as seen, 8 bits"


@dataclass(frozen=True)
class Hidden:
    """What `hide` did.

    Attributes:
        path: the stego file.
        size: its (width, height).
        method: in words: the weights' name, or how the secret was coded.
        cover: the stego file against the cover.
        secret: what the file reveals against the secret; None when the secret is no picture.
        secret_size: the secret picture's (width, height), or None.
        notes: what the user should know, one sentence each.
    """

    path: Path
    size: tuple[int, int]
    method: str
    cover: Comparison
    secret: Comparison | None
    secret_size: tuple[int, int] | None
    notes: list[str] = field(default_factory=list)

    @property
    def score(self) -> Score | None:
        """Both comparisons as one, for pictures."""
        if self.secret is None or self.secret_size is None:
            return None
        pixels = [width * height for width, height in (self.size, self.secret_size)]
        return metrics.joined(self.cover, self.secret, 24 * pixels[1] / pixels[0])


@dataclass(frozen=True)
class Revealed:
    """What `reveal` found.

    Attributes:
        path: the file it wrote.
        size: the picture's (width, height), or None.
        method: how true it is, or with which weights.
        notes: what the user should know, one sentence each.
        name: what the secret's file was called when it was hidden, or None.
    """

    path: Path
    size: tuple[int, int] | None
    method: str
    notes: list[str] = field(default_factory=list)
    name: str | None = None


def hide(
    cover: str | Path,
    secret: str | Path,
    output: str | Path,
    model: ModelLike = None,
    *,
    exact: bool = False,
    password: str | Callable[[], str] | None = None,
    fit: bool = False,
    flow: bool = False,
    cover_psnr: float | None = None,
    survive: int | str | None = None,
    force: bool = False,
    report: str | Path | None = None,
    progress: Progress = unseen,
) -> Hidden:
    """Hide the file `secret` in the picture file `cover` and write `output`.

    The cover keeps its size, alpha channel and ICC profile, and is turned as its EXIF orientation says. By default
    a picture is hidden by the network and comes back at its own size, a few grey levels off; where that would leave
    a blemish, it is embedded as bytes instead, and a note says so. With any of `exact`, `password` and `fit`, or
    when the secret is no picture, it is embedded as bytes and comes back as the same file, or, for some PNG and
    TIFF pictures, with the same pixels (with `fit`: as near as the budget allows). With `survive`, or a .jpg as
    `output`, the stego may be recompressed. Always the figures are the receiver's: the file is read back.

    Args:
        cover: any format that `files.read` takes, from 16x16.
        secret: such a picture, or any file.
        output: ends in .png, .tif, .webp or .bmp, or in .jpg, which is made to survive.
        model: for the network: a loaded model, the name of a shipped set, a weights file, or None for the default.
        exact: give the secret back as the same file, or a picture with the same pixels.
        password: encrypt; implies `exact`. Or a function that asks for it, once the cover is known to do.
        fit: code a picture as finely as `cover_psnr` allows instead of failing when it is too large.
        flow: keep to the network whatever comes out.
        cover_psnr: how much the cover may change, in dB, for bytes; by default 40, and 37 for what survives.
        survive: make the stego survive JPEG down to this quality, or what the channel of this name does (see
            `robust.channels`), to whose longest side the cover is shrunk first; 75 for a .jpg.
        force: replace `output` if it exists.
        report: also write a picture of cover, stego, residual, secret and revealed here; for secret pictures.
        progress: called with what is being done and the share of it that is done.

    Raises:
        StegoError: with a sentence for the user; nothing is written then.
    """
    bytes_wanted = exact or fit or password is not None
    if flow and (bytes_wanted or survive is not None):
        raise StegoError("--flow is the network's alone: leave out --flow, or all other ways.")
    if survive is None and Path(output).suffix.lower() in files.LOSSY:
        survive = SURVIVED
    if survive is not None and (exact or fit):
        raise StegoError("What survives has little room: leave out --exact and --fit, or --survive and .jpg.")
    inputs = Path(cover), Path(secret)
    output = files.check_output(output, inputs, force, may_lose=survive is not None)
    if report is not None:
        report = files.check_output(report, (*inputs, output), force)
    quality, side = _to_survive(survive)
    seen, notes = _cover(inputs[0], survive, side)
    if survive is None:
        files.check_holds(output, seen.picture)
    word = password() if callable(password) else password
    if word == "":
        raise StegoError("The password is empty: give one, or leave --password out.")
    file = Secret(inputs[1])
    options = Options(model, word, fit, cover_psnr, quality, progress)
    if quality is not None:
        hiding = methods.SURVIVE.hide(seen, file, options)
    elif bytes_wanted or not file.is_picture:
        hiding = methods.EXACT.hide(seen, file, options)
        if not file.is_picture and file.path.suffix.lower() in files.READABLE:
            hiding = hiding.noting(f"{file.path} is no picture that can be read: hidden as the file that it is.")
    else:
        hiding = methods.FLOW.hide(seen, file, options)
        if not flow:
            hiding = _with_a_floor(seen, file, hiding, options)
    progress("writing", 0.0)
    written = _write(output, hiding, seen.picture)
    progress("measuring", 0.0)
    return _told(output, seen, replace(hiding, rgb=written, notes=[*notes, *hiding.notes]), report)


def _to_survive(survive: int | str | None) -> tuple[int | None, int | None]:
    """(design quality, longest side) of a quality or a channel's name."""
    if survive is None or isinstance(survive, int):
        quality, side = survive, None
    elif survive.isdecimal():
        quality, side = int(survive), None
    elif survive.lower() in CHANNELS:
        channel = CHANNELS[survive.lower()]
        quality, side = channel.design_quality, channel.longest_side
    else:
        raise StegoError(f"--survive {survive} is no quality and no channel: use one of {', '.join(CHANNELS)}.")
    if quality is not None and quality not in QUALITIES:
        raise StegoError(f"--survive {quality} can't be done: use {QUALITIES[0]} to {QUALITIES[-1]}.")
    return quality, side


def _cover(path: Path, survive: int | str | None, side: int | None) -> tuple[Cover, list[str]]:
    """The cover, made ready for the channel that it is to survive, and what was done to it."""
    picture = files.read(path)
    if min(picture.size) < SMALLEST_SIDE:
        raise StegoError(
            f"{path} is only {picture.size[0]}x{picture.size[1]}: "
            f"a cover needs {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels or more."
        )
    notes = []
    if survive is not None and picture.alpha is not None:
        if picture.alpha.min() < 255:
            notes.append(f"{path} has transparent parts, which JPEG lacks: they are white in the stego.")
        picture = replace(picture, rgb=files.over_white(picture), alpha=None)
    if side is not None and max(picture.size) > side:
        width, height = (max(1, round(n * side / max(picture.size))) for n in picture.size)
        picture = replace(picture, rgb=files.resize(picture.rgb, (width, height)))
        notes.append(f"{path} was shrunk to {width}x{height}, the most that {survive} leaves alone.")
    return Cover(path, picture), notes


def _write(output: Path, hiding: Hiding, cover: Picture) -> np.ndarray:
    """Write the stego and return its file's pixels; one that does not hold the secret never gets its name."""
    seen = []

    def check(written: np.ndarray) -> bool:
        seen.append(written)
        return np.array_equal(written, hiding.rgb) if hiding.comes_back is None else hiding.comes_back(written)

    files.write(output, Picture(hiding.rgb, cover.alpha, cover.icc), check)
    return seen[0]


def _told(output: Path, cover: Cover, hiding: Hiding, report: Path | None) -> Hidden:
    """The figures, and the picture of them if one was asked for."""
    secret = size = None
    if hiding.wanted is not None and hiding.received is not None:
        secret = metrics.compare(hiding.wanted, hiding.received)
        size = hiding.wanted.shape[1], hiding.wanted.shape[0]
    notes = [*hiding.notes]
    if report is not None:
        if hiding.wanted is None or hiding.received is None:
            notes.append(f"{report} was not written: the secret is no picture.")
        else:
            from .picture import look

            grid = look.picture_grid([(cover.rgb, hiding.rgb, hiding.wanted, hiding.received)])
            files.write(report, Picture(grid))
    if cover.picture.grey and not np.array_equal(hiding.rgb[..., 0], hiding.rgb[..., 1]):
        notes.append(f"{cover.path} is grey, but the stego needs colour: its file has three channels.")
    return Hidden(output, cover.picture.size, hiding.words, metrics.compare(cover.rgb, hiding.rgb), secret, size, notes)


# -- the floor under the network --------------------------------------------------------------------------------


def _worst(cover: Cover, hiding: Hiding) -> tuple[float, float]:
    """The lower mean PSNR of the two pictures, and their lowest block's."""
    assert hiding.wanted is not None and hiding.received is not None  # the secret is a picture
    pairs = ((cover.rgb, hiding.rgb), (hiding.wanted, hiding.received))
    return min(metrics.psnr(*p) for p in pairs), min(metrics.worst_block(*p) for p in pairs)


def _with_a_floor(cover: Cover, secret: Secret, hiding: Hiding, options: Options) -> Hiding:
    """The network's stego, or the same secret as bytes where the network leaves blemishes and bytes leave fewer."""
    mean, block = _worst(cover, hiding)
    if mean >= LEAST_PSNR and block >= LEAST_BLOCK:
        advice = _advice(cover, secret, hiding)
        return hiding.noting(advice) if advice else hiding
    try:
        other = methods.EXACT.hide(cover, secret, replace(options, fit=True))
    except StegoError:  # it fits at no quality
        return hiding.noting("This pair is hard for the network, and too large as bytes: use a larger cover.")
    other_mean, other_block = _worst(cover, other)
    told = f"the network: mean {mean:.1f} dB, worst block {block:.1f} dB; bytes: {other_mean:.1f}, {other_block:.1f}"
    if min(other_mean - LEAST_PSNR, other_block - LEAST_BLOCK) <= min(mean - LEAST_PSNR, block - LEAST_BLOCK):
        return hiding.noting(f"This pair is hard ({told}): use a larger or calmer cover.")
    return other.noting(f"Hidden as bytes ({told}); --flow keeps the network.")


def _advice(cover: Cover, secret: Secret, hiding: Hiding) -> str | None:
    """What bytes would do better, where they do, by estimate: the secret whole, or several decibels nearer to it."""
    # Rounded down, as the option that is named takes it; COVER_PSNR is what it is when it is not named.
    kept = floor(10 * metrics.psnr(cover.rgb, hiding.rgb)) / 10
    limit = budget(cover.rgb.size, False, kept + estimate.lost_psnr(cover.rgb, kept))
    length = estimate.exact_length(secret.content, secret.path.suffix.lower(), limit)
    if length is not None and length <= limit:
        psnr = estimate.cover_psnr(cover.rgb, length)
        option = f" --cover-psnr {kept:g}" if psnr < COVER_PSNR else ""
        kind = "kinder than" if psnr >= kept + 1 else "as kind as"
        return f"--exact{option} would bring it back whole at {psnr:.1f} dB of the cover, {kind} the network."
    assert hiding.wanted is not None and hiding.received is not None  # the secret is a picture
    gained = metrics.psnr(hiding.wanted, hiding.received) + WORTH_FITTING
    fitted = estimate.fitted_psnr(secret.picture, limit, gained)
    if fitted is None:
        return None
    return f"--fit --cover-psnr {kept:g} would bring it back at about {fitted:.1f} dB, with the cover as it is now."


# -- reveal -----------------------------------------------------------------------------------------------------


def default_output(stego: str | Path, extension: str = ".png") -> Path:
    """Where `reveal` writes when not told: beside the stego, NAME-revealed and the secret's extension."""
    stego = Path(stego)
    return stego.with_name(f"{stego.stem}-revealed{extension}")


def reveal(
    stego: str | Path,
    output: str | Path | None = None,
    model: ModelLike = None,
    *,
    password: str | Callable[[], str | None] | None = None,
    force: bool = False,
    progress: Progress = unseen,
) -> Revealed:
    """Bring back what is hidden in the file `stego` and write it to `output`.

    Args:
        stego: a file written by `hide`, or a lossless copy of it.
        output: by default `default_output(stego)`; in a folder, the secret's own name where that is known and free,
            else that name there. A picture may go to .png, .tif, .webp or .bmp, any other file only to a name with
            its own extension.
        model: as for `hide`; by default the shipped set named in the stego.
        password: or a function that asks for it, called only when the picture shows nothing without.
        force: replace `output` if it exists.
        progress: called with what is being done and the share of it that is done.

    Raises:
        StegoError: when nothing is hidden, the file was changed, or other weights or a password are needed;
            nothing is written then.
    """
    seen = Stego(Path(stego), files.read(stego).rgb)
    found = _found(seen, Options(model, progress=progress), password)
    target = Path(output) if output is not None else default_output(stego, found.extension)
    if not target.is_dir():
        return _deliver(seen.path, target, found, force)
    claimed = _claim(target, found)
    if claimed is None:
        return _deliver(seen.path, target / default_output(stego, found.extension).name, found, force)
    try:
        return _deliver(seen.path, claimed, found, force=True)
    except BaseException:
        claimed.unlink()
        raise


def _claim(folder: Path, found: Found) -> Path | None:
    """An empty file of the secret's own name, made here so that no other process takes it; None if it is not free."""
    if found.name is None:
        return None
    path = folder / found.name
    if path.suffix.lower() != found.extension:
        path = path.with_suffix(found.extension)
    try:
        path.open("x").close()
    except (OSError, ValueError):  # it exists, or this system does not take it
        return None
    return path


def _found(stego: Stego, options: Options, password: str | Callable[[], str | None] | None) -> Found:
    """What the first method finds: first what anyone may see, then what the password opens."""
    try:
        for method in methods.METHODS:
            found = method.reveal(stego, options)
            if found is not None:
                return found
        word = password() if callable(password) else password
        if not word:
            raise StegoError(
                f"{stego.path} holds no hidden picture, or was recompressed, resized or cropped since: use the very "
                "file that `stego hide` wrote, and give the password if it was hidden with one (--password, "
                "--password-file or STEGO_PASSWORD)."
            )
        for method in methods.METHODS:
            found = method.reveal(stego, replace(options, password=word))
            if found is not None:
                return found
    except ValueError as error:
        raise StegoError(
            f"{stego.path} was made by a later stego, or forged ({error}): upgrade, or ask its maker for the very file."
        ) from None
    raise StegoError(
        f"{stego.path} can't be opened: the password is wrong, or the picture was altered, or nothing is hidden in it."
    )


def _deliver(stego: Path, target: Path, found: Found, force: bool) -> Revealed:
    """Write what was found: a file's own bytes under its extension, a picture in any lossless format."""
    files.check_place(target, (stego,), force)
    secret, words, notes = found.secret, found.words, [*found.notes]
    if isinstance(secret, Picture):
        picture = secret
    else:
        seen = _picture_in(target, secret)
        if target.suffix.lower() == found.extension:
            files.write_beside(target, secret)
            return Revealed(target, seen.size if seen else None, words, notes, found.name)
        if seen is None:
            what = found.extension or "file without extension"
            raise StegoError(f"{stego} holds a {what}: name the output so, not {target}.")
        picture, words = seen, codings.SAME_PIXELS if codings.is_whole(secret, seen) else AS_SEEN
    files.write(files.check_output(target, (stego,)), picture)
    if picture.remarks and target.suffix.lower() != ".png":
        notes.append(f"{target} has the pixels, but not the text and camera data that the hidden PNG had: use .png.")
    return Revealed(target, picture.size, words, notes, found.name)


def _picture_in(path: Path, content: bytes) -> Picture | None:
    """A file's bytes as a picture, if they are one that can be read."""
    try:
        return files.read(path, content=content) if files.is_picture(path, content) else None
    except StegoError:
        return None
