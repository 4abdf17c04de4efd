"""Hide and reveal as users know them: files in, files out, figures measured on what was written."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from . import codec, header, image, metrics, weights
from .errors import StegoError
from .header import Header
from .image import Picture
from .metrics import Score
from .weights import Model

SMALLEST_SIDE = 16
# Python callers may give a loaded model (fastest), the name of a shipped set, a path, or nothing.
ModelLike = Model | str | Path | None


@dataclass(frozen=True)
class Hidden:
    """What `hide` did.

    Attributes:
        path: the stego file.
        size: its (width, height).
        secret_size: the secret's.
        score: measured on the file, read back and revealed.
        weights: name of the weights.
        notes: what the user should know, one sentence each.
    """

    path: Path
    size: tuple[int, int]
    secret_size: tuple[int, int]
    score: Score
    weights: str
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Revealed:
    """What `reveal` found: the file it wrote, the picture's (width, height), the weights' name, and notes."""

    path: Path
    size: tuple[int, int]
    weights: str
    notes: list[str] = field(default_factory=list)


def _loaded(model: ModelLike) -> Model:
    return model if isinstance(model, Model) else weights.load_model(model)


def _notes(cover_path: Path, cover: Picture, secret_path: Path, secret: Picture) -> Iterable[str]:
    if secret.alpha is not None and secret.alpha.min() < 255:
        yield f"{secret_path} has transparent parts: they are hidden as white."
    if secret.rgb.size > cover.rgb.size:
        yield f"{secret_path} has more pixels than {cover_path}: it comes back with less detail."


def hide(cover: str | Path, secret: str | Path, output: str | Path, model: ModelLike = None) -> Hidden:
    """Hide the picture file `secret` in the picture file `cover` and write `output`.

    The cover keeps its size, alpha channel and ICC profile, and is turned as its EXIF orientation says. The secret
    is fitted to the cover's frame and comes back at its own size. The file is read back and revealed, so that the
    figures are the receiver's.

    Args:
        cover, secret: any format that `image.read` takes, any sizes from 16x16 (cover) and 1x1 (secret).
        output: ends in .png, .tif, .webp or .bmp.
        model: a loaded model, the name of a shipped set, a weights file, or None for the default.

    Raises:
        StegoError: with a sentence for the user; nothing is written then.
    """
    cover_path, secret_path = Path(cover), Path(secret)
    output = image.check_output(output, (cover_path, secret_path))
    cover_picture, secret_picture = image.read(cover_path), image.read(secret_path, srgb=True)
    if min(cover_picture.size) < SMALLEST_SIDE:
        raise StegoError(
            f"{cover_path} is only {cover_picture.size[0]}x{cover_picture.size[1]}: "
            f"a cover needs {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels or more."
        )
    notes = list(_notes(cover_path, cover_picture, secret_path, secret_picture))
    model = _loaded(model)
    secret_rgb = image.over_white(secret_picture)
    frame = codec.frame_size(*cover_picture.size, model.network.config.stride)
    stego = codec.hide(model, cover_picture.rgb, image.resize(secret_rgb, frame))
    stego = header.embed(stego, Header(model.id, *secret_picture.size, grey=secret_picture.grey))
    image.write(output, Picture(stego, cover_picture.alpha, cover_picture.icc))
    written = image.read(output).rgb
    if not np.array_equal(written, stego):
        output.unlink()
        raise StegoError(f"{output} did not read back as it was written: use .png.")
    revealed = _own_size(codec.reveal(model, written), header.extract(written))
    score = metrics.score(cover_picture.rgb, written, secret_rgb, revealed)
    return Hidden(output, cover_picture.size, secret_picture.size, score, model.name, notes)


def _own_size(frame: np.ndarray, found: Header) -> np.ndarray:
    secret = image.resize(frame, (found.width, found.height))
    if found.grey:
        secret = np.repeat(secret.mean(-1, keepdims=True).round().astype(np.uint8), 3, -1)
    return secret


def _model_for(stego: Path, found: Header, model: ModelLike) -> Model:
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


def default_output(stego: str | Path) -> Path:
    """Where `reveal` writes when not told: beside the stego, NAME-revealed.png."""
    stego = Path(stego)
    return stego.with_name(f"{stego.stem}-revealed.png")


def reveal(stego: str | Path, output: str | Path | None = None, model: ModelLike = None) -> Revealed:
    """Bring back the picture hidden in the file `stego` and write it to `output`.

    Args:
        stego: a file written by `hide`, or a lossless copy of it.
        output: ends in .png, .tif, .webp or .bmp; by default `default_output(stego)`.
        model: as for `hide`; by default the shipped set named in the stego.

    Raises:
        StegoError: when nothing is hidden, the file was changed, or other weights are needed; nothing is written.
    """
    stego = Path(stego)
    output = image.check_output(output or default_output(stego), (stego,))
    pixels = image.read(stego).rgb
    try:
        found = header.extract(pixels)
    except ValueError as error:
        raise StegoError(
            f"{stego} was made by a later stego ({error}): upgrade with `pip install -U stegocli`."
        ) from None
    if found is None:
        raise StegoError(
            f"{stego} holds no hidden picture, or was recompressed, resized or cropped since: "
            "use the very file that `stego hide` wrote."
        )
    model = _model_for(stego, found, model)
    secret = _own_size(codec.reveal(model, pixels), found)
    image.write(output, Picture(secret, grey=found.grey))
    notes = [] if found.intact else [f"{stego} was altered after hiding: parts of the picture may be damaged."]
    return Revealed(output, (found.width, found.height), model.name, notes)
