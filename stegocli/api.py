"""Hide and reveal as users know them: files in, files out, figures measured on what was written."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .errors import StegoError
from .flow import tiles, weights
from .flow.weights import Model
from .payload import codings, embedding, header, trellis
from .payload.header import ExactHeader, FlowHeader
from .picture import files, metrics
from .picture.files import Picture
from .picture.metrics import Comparison, Score

SMALLEST_SIDE = 16
COVER_PSNR = 40.0
# Below this a change shows: photographs stay ten decibels above, pure noise and full-contrast patterns may not.
POOR_PSNR = 32.0
# Python callers may give a loaded model (fastest), the name of a shipped set, a path, or nothing.
ModelLike = Model | str | Path | None
REJECTED = "the password is wrong, or the picture was altered, or nothing is hidden in it"


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
        if self.secret is None:
            return None
        pixels = [width * height for width, height in (self.size, self.secret_size)]
        return metrics.joined(self.cover, self.secret, 24 * pixels[1] / pixels[0])


@dataclass(frozen=True)
class Revealed:
    """What `reveal` found: the file it wrote, the picture's (width, height) if it is one, how, and notes."""

    path: Path
    size: tuple[int, int] | None
    method: str
    notes: list[str] = field(default_factory=list)


def hide(
    cover: str | Path,
    secret: str | Path,
    output: str | Path,
    model: ModelLike = None,
    *,
    exact: bool = False,
    password: str | None = None,
    fit: bool = False,
    cover_psnr: float = COVER_PSNR,
) -> Hidden:
    """Hide the file `secret` in the picture file `cover` and write `output`.

    The cover keeps its size, alpha channel and ICC profile, and is turned as its EXIF orientation says. By default
    a picture is hidden by the network: it is fitted to the cover's frame and comes back at its own size, a few grey
    levels off. With any of the keywords, or when the secret is no picture, it is embedded as bytes and comes back
    bit for bit (with `fit`: as near as the budget allows). Either way the file is read back and revealed, so that
    the figures are the receiver's.

    Args:
        cover: any format that `files.read` takes, from 16x16.
        secret: such a picture, or any file.
        output: ends in .png, .tif, .webp or .bmp.
        model: for the network: a loaded model, the name of a shipped set, a weights file, or None for the default.
        exact: give the secret back bit for bit.
        password: encrypt; implies `exact`.
        fit: code a picture as finely as `cover_psnr` allows instead of failing when it is too large.
        cover_psnr: how much the cover may change, in dB; for bytes only.

    Raises:
        StegoError: with a sentence for the user; nothing is written then.
    """
    cover_path, secret_path = Path(cover), Path(secret)
    output = files.check_output(output, (cover_path, secret_path))
    cover_picture = files.read(cover_path)
    if min(cover_picture.size) < SMALLEST_SIDE:
        raise StegoError(
            f"{cover_path} is only {cover_picture.size[0]}x{cover_picture.size[1]}: "
            f"a cover needs {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels or more."
        )
    if password == "":
        raise StegoError("The password is empty: give one, or leave --password out.")
    if exact or fit or password is not None or secret_path.suffix.lower() not in files.READABLE:
        return _hide_bytes(cover_path, cover_picture, secret_path, output, password, fit, cover_psnr)
    return _hide_by_flow(cover_path, cover_picture, secret_path, output, model)


def _write_and_read(output: Path, stego: np.ndarray, cover: Picture) -> np.ndarray:
    """Write the stego and read it back; no file is left that does not hold what it should."""
    files.write(output, Picture(stego, cover.alpha, cover.icc))
    written = files.read(output).rgb
    if not np.array_equal(written, stego):
        output.unlink()
        raise StegoError(f"{output} did not read back as it was written: use .png.")
    return written


# -- by the network ---------------------------------------------------------------------------------------------


def _notes(cover_path: Path, cover: Picture, secret_path: Path, secret: Picture) -> Iterable[str]:
    if secret.alpha is not None and secret.alpha.min() < 255:
        yield f"{secret_path} has transparent parts: they are hidden as white."
    if secret.rgb.size > cover.rgb.size:
        yield f"{secret_path} has more pixels than {cover_path}: it comes back with less detail."


def _loaded(model: ModelLike) -> Model:
    return model if isinstance(model, Model) else weights.load_model(model)


def _hide_by_flow(cover_path: Path, cover: Picture, secret_path: Path, output: Path, model: ModelLike) -> Hidden:
    secret = files.read(secret_path, srgb=True)
    notes = list(_notes(cover_path, cover, secret_path, secret))
    model = _loaded(model)
    secret_rgb = files.over_white(secret)
    frame = tiles.frame_size(*cover.size, model.network.config.stride)
    stego = tiles.hide(model, cover.rgb, files.resize(secret_rgb, frame))
    found = FlowHeader(model.id, *secret.size, grey=secret.grey)
    written = _write_and_read(output, header.embed(stego, found), cover)
    revealed = _own_size(tiles.reveal(model, written), found)
    compared = metrics.compare(cover.rgb, written), metrics.compare(secret_rgb, revealed)
    if min(c.psnr for c in compared) < POOR_PSNR:
        notes.append(f"{cover_path} and {secret_path} are hard for the network: --fit does better with such pictures.")
    return Hidden(output, cover.size, f"weights {model.name}", *compared, secret.size, notes)


def _own_size(frame: np.ndarray, found: FlowHeader) -> np.ndarray:
    secret = files.resize(frame, (found.width, found.height))
    if found.grey:
        secret = np.repeat(secret.mean(-1, keepdims=True).round().astype(np.uint8), 3, -1)
    return secret


def _model_for(stego: Path, found: FlowHeader, model: ModelLike) -> Model:
    """The given model, or the shipped one that the header names."""
    if model is not None:
        candidates = [_loaded(model)]
    else:
        names = {p.stem for folder in weights.FOLDERS for p in folder.glob("*.safetensors")} - {weights.DEFAULT}
        candidates = (weights.load_model(name) for name in (weights.DEFAULT, *sorted(names)))
    tried = []
    for candidate in candidates:
        if candidate.id == found.weights_id:
            return candidate
        tried.append(f"{candidate.name} is {candidate.id.hex()}")
    raise StegoError(
        f"{stego} was made with other weights ({found.weights_id.hex()}; {', '.join(tried)}): "
        "give the file that its maker used with --weights."
    )


# -- as bytes ---------------------------------------------------------------------------------------------------


def _budget(samples: int, private: bool, cover_psnr: float) -> int:
    """Bytes of content that a cover of so many samples holds at a PSNR, away from black and white."""
    room = embedding.room(samples, private)
    if room <= 0:
        return 0
    plan = trellis.largest(room, 255**2 / 10 ** (cover_psnr / 10))
    return max(0, plan.bits // 8 - embedding.overhead(private))


def _hide_bytes(
    cover_path: Path,
    cover: Picture,
    secret_path: Path,
    output: Path,
    password: str | None,
    fit: bool,
    cover_psnr: float,
) -> Hidden:
    private = password is not None
    budget = _budget(cover.rgb.size, private, cover_psnr)
    hidden = codings.fitted(secret_path, budget) if fit else codings.exact(secret_path)
    while True:
        if len(hidden.content) > budget:
            raise StegoError(
                f"{secret_path} needs {len(hidden.content):,} bytes and {cover_path} holds {budget:,} at a cover PSNR "
                f"of {cover_psnr:g} dB: use a larger cover, a lower --cover-psnr or, for a picture, --fit."
            )
        bits = 8 * (len(hidden.content) + embedding.overhead(private))
        plan = trellis.plan(embedding.room(cover.rgb.size, private), bits)
        stego = embedding.embed(cover.rgb, hidden.content, plan, password)
        reached = metrics.psnr(cover.rgb, stego)
        if reached >= cover_psnr - 0.05:
            break
        # Black and white leave only one way to go, so such covers change more than others.
        budget = int(budget * 10 ** ((reached - cover_psnr) / 40) * 0.98)
        if fit:
            hidden = codings.fitted(secret_path, budget)
    written = _write_and_read(output, stego, cover)
    if private:
        content = embedding.extract_private(written, password)
    else:
        content = _open_content(written, header.extract(written), output)
    if content != hidden.content:
        output.unlink()
        raise StegoError(f"{output} does not give the secret back: please report this.")
    method = f"{hidden.coding}; {len(hidden.content):,} of {budget:,} bytes" + (", encrypted" if private else "")
    seen = hidden.picture
    compared = secret_size = None
    if seen is not None:
        compared = metrics.compare(files.read(secret_path).rgb, seen.rgb)
        secret_size = seen.size
    return Hidden(output, cover.size, method, metrics.compare(cover.rgb, written), compared, secret_size)


def _open_content(pixels: np.ndarray, found: tuple[ExactHeader, bool], stego: Path) -> bytes:
    """Openly embedded bytes; a picture that was altered gives none."""
    if not found[1]:
        raise StegoError(f"{stego} was altered after hiding: use the very file that `stego hide` wrote.")
    return embedding.extract_open(pixels, found[0])


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
) -> Revealed:
    """Bring back what is hidden in the file `stego` and write it to `output`.

    Args:
        stego: a file written by `hide`, or a lossless copy of it.
        output: by default `default_output(stego)`. A picture may go to .png, .tif, .webp or .bmp, any other file
            only to a name with its own extension.
        model: as for `hide`; by default the shipped set named in the stego.
        password: or a function that asks for it, called only when the picture shows nothing without.

    Raises:
        StegoError: when nothing is hidden, the file was changed, or other weights or a password are needed;
            nothing is written then.
    """
    stego = Path(stego)
    pixels = files.read(stego).rgb
    try:
        found = header.extract(pixels)
    except ValueError as error:
        raise _unreadable(stego, error) from None
    if found and isinstance(found[0], FlowHeader):
        target = files.check_output(output or default_output(stego), (stego,))
        used = _model_for(stego, found[0], model)
        secret = _own_size(tiles.reveal(used, pixels), found[0])
        files.write(target, Picture(secret, grey=found[0].grey))
        notes = [] if found[1] else [f"{stego} was altered after hiding: parts of the picture may be damaged."]
        return Revealed(target, (found[0].width, found[0].height), f"weights {used.name}", notes)
    if found:
        content = _open_content(pixels, found, stego)
    else:
        content = _private_content(pixels, stego, password() if callable(password) else password)
    try:
        extension, secret = codings.unpack(content)
    except ValueError as error:
        raise _unreadable(stego, error) from None
    target = Path(output or default_output(stego, extension))
    if isinstance(secret, Picture):
        files.write(files.check_output(target, (stego,)), secret)
        return Revealed(target, secret.size, "bit for bit" if content[0] <= codings.WEBP else "fitted")
    return _write_file(stego, target, extension, secret)


def _unreadable(stego: Path, error: ValueError) -> StegoError:
    return StegoError(
        f"{stego} was made by a later stego, or forged ({error}): upgrade, or ask its maker for the very file."
    )


def _private_content(pixels: np.ndarray, stego: Path, password: str | None) -> bytes:
    if not password:
        raise StegoError(
            f"{stego} holds no hidden picture, or was recompressed, resized or cropped since: use the very file that "
            "`stego hide` wrote, and give --password if it was hidden with one."
        )
    try:
        return embedding.extract_private(pixels, password)
    except embedding.Rejected:
        raise StegoError(f"{stego} can't be opened: {REJECTED}.") from None


def _write_file(stego: Path, target: Path, extension: str, content: bytes) -> Revealed:
    """Write a file's own bytes; a picture may be asked for in another lossless format."""
    files.check_place(target, (stego,))
    try:
        picture = files.read(target, content=content) if extension in files.READABLE else None
    except StegoError:  # any bytes may carry a picture's name
        picture = None
    if target.suffix.lower() == extension:
        files.write_beside(target, content)
    elif picture is not None:
        files.write(files.check_output(target, (stego,)), picture)
    else:
        raise StegoError(f"{stego} holds a {extension or 'file without extension'}: name the output so, not {target}.")
    return Revealed(target, picture.size if picture else None, "bit for bit")
