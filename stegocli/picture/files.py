"""Picture files to arrays and back: formats, alpha, colour profiles, orientation."""

import importlib
import importlib.util
import io
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import StegoError
from . import claims, colour, metadata, outputs, png, samples
from .inputs import Source, reason
from .metadata import NONE, Metadata
from .outputs import Outputs

READABLE = {
    ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".jp2", ".avif",
}  # fmt: skip
# No other decoder is ever handed a file, whatever its name or content says. AVIF came with Pillow 11.3.
for _plugin in ("TiffImagePlugin", "WebPImagePlugin", "Jpeg2KImagePlugin", "AvifImagePlugin"):
    # Those that Pillow does not load at once: it would load all of its forty to look for them.
    if importlib.util.find_spec(f"PIL.{_plugin}"):
        importlib.import_module(f"PIL.{_plugin}")
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000") + (
    ("AVIF",) if importlib.util.find_spec("PIL.AvifImagePlugin") else ()
)
WEBP_SIDE = 16383
# What Pillow needs to store every sample unchanged. A PNG's level is for drawings: 9 gains nothing more.
LOSSLESS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {"compress_level": 6}),
    ".tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".webp": ("WEBP", {"lossless": True, "exact": True, "quality": 25}),
    ".bmp": ("BMP", {}),
}

# For stegos that survive it: fine enough that what was hidden does not feel it.
LOSSY = {".jpg", ".jpeg"}
JPEG_OPTIONS: dict[str, Any] = {"quality": 97, "subsampling": "4:4:4"}


@dataclass
class Picture:
    """One picture as it looks in a viewer.

    Attributes:
        rgb: uint8, (height, width, 3).
        alpha: uint8, (height, width), or None.
        icc: the ICC profile that rgb is to be seen through, or None.
        grey: the file holds no colour.
        remarks: text, EXIF, resolution and the like of a PNG, as `png.remarks` gives them; only a PNG takes them, and
            in place of `metadata`.
        metadata: what the file holds besides.
        changes: what reading it changed, for people: pages left out, depth, colours.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    icc: bytes | None = None
    grey: bool = False
    remarks: bytes = b""
    metadata: Metadata = NONE
    changes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.rgb.shape[1], self.rgb.shape[0]


def _open(content: bytes) -> Image.Image:
    """The file as Pillow opens it, nothing decoded yet, its claimed size held against its length."""
    claims.check_unopened(content)
    opened = Image.open(png.stripped(content), formats=FORMATS)
    claims.check_file(opened, content)
    return opened


def _decode(path: Path, content: bytes, carrier: int | None) -> Image.Image:
    """The first frame, or in one sentence why not."""
    try:
        opened = _open(content)
        if carrier is not None:
            claims.check_revealed(*opened.size, carrier)
        samples.prepare(opened)
        opened.load()
        return opened
    except Image.DecompressionBombError:
        raise StegoError(f"{path} has more pixels than is safe to decode: shrink it first.") from None
    except UnidentifiedImageError:
        raise StegoError(f"{path} is not a picture that can be read: use PNG, JPEG, WebP, BMP or TIFF.") from None
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, struct.error and more on damage.
        raise StegoError(f"{path} is damaged ({reason(error)}): use an intact copy.") from None


def read(
    path: Source | str | Path, content: bytes | None = None, as_stored: bool = False, carrier: int | None = None
) -> Picture:
    """Read a picture: EXIF orientation applied, 8 bits a sample, RGB.

    An RGB profile and what a PNG says of its colours are kept beside the samples; grey and CMYK profiles, which don't
    describe the RGB samples that those become, are applied. `as_srgb` and `seen` give what a viewer shows.

    Args:
        path: PNG, JPEG, WebP, BMP, TIFF, GIF, PPM, JPEG 2000 or AVIF; grey, palette, CMYK, 16-bit too. A path is
            opened once.
        content: the file's bytes when they are at hand; the path then only names them in errors.
        as_stored: apply no profile and no orientation: for samples that carry something, in the order that they have.
        carrier: pixels of the stego that the file came out of, which bound what is decoded (`claims`).

    Raises:
        StegoError: when the file is missing, damaged, or no picture.
    """
    source = Source(Path(path), content) if content is not None and not isinstance(path, Source) else Source.of(path)
    path = source.path
    with warnings.catch_warnings():
        # Pillow warns of odd EXIF, of palettes, from 89 megapixels on; its error at twice that stays.
        warnings.simplefilter("ignore")
        opened = _decode(path, source.content, carrier)
        try:
            return _converted(opened, source.content, as_stored)
        except (OSError, ValueError) as error:  # a colour space that can't be converted
            raise StegoError(f"{path} can't be shown as RGB ({reason(error)}): convert it first.") from None


def _converted(opened: Image.Image, content: bytes, as_stored: bool) -> Picture:
    held, changes = metadata.of(opened, content), []
    if metadata.is_several(opened):
        changes.append("only the first of its pictures is used")
    depth = metadata.bits(opened, content)
    if depth > 8:
        changes.append(f"its {depth} bits a sample become 8")
    icc = metadata.profile(opened, content)
    picture = opened if as_stored else samples.turned(opened)
    alpha = samples.cut_out(opened, picture, content)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        picture = samples.narrowed(picture, opened, depth)
    grey = picture.mode in ("1", "L", "LA", "La")
    if alpha is None and (picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info):
        picture = picture.convert("RGBA")
        alpha = np.asarray(picture.getchannel("A"))
    if picture.mode in ("CMYK", "LAB"):
        picture, done = samples.to_rgb(picture, None if as_stored else icc)
        changes.append(done)
        icc = None
    rgb = np.asarray(picture.convert("RGB"))
    if grey and icc:
        shown = None if as_stored else colour.through_profile(Image.fromarray(rgb[..., 0]), icc)
        if shown is not None:
            rgb = np.repeat(np.asarray(shown)[..., 1:2], 3, -1)
            held = replace(held, chunks=tuple(c for c in held.chunks if c[0] not in metadata.COLOUR))
            changes.append("its grey profile is applied, so that it looks the same in sRGB")
        elif not as_stored:
            changes.append("its profile, which is broken or of another colour space, is dropped")
        icc = None
    return Picture(rgb, alpha, icc, grey, metadata=held, changes=tuple(changes))


def as_srgb(picture: Picture) -> Picture:
    """In sRGB as a viewer shows it, through its profile or what a PNG says of its colours; alpha as it is."""
    if picture.icc is None:
        rgb = as_said(picture)[0].rgb
    else:
        shown = colour.through_profile(Image.fromarray(picture.rgb), picture.icc)
        rgb = picture.rgb if shown is None else np.asarray(shown)
    return Picture(rgb, picture.alpha, grey=picture.grey, changes=picture.changes)


def as_said(picture: Picture) -> tuple[Picture, tuple[str, ...]]:
    """A picture that looks the same without PNG's colour chunks, and what was changed for that."""
    said = picture.metadata.colour
    held = replace(picture.metadata, chunks=tuple(c for c in picture.metadata.chunks if c[0] not in said))
    plain = replace(picture, metadata=held)
    if picture.icc or colour.says_srgb(said):
        return plain, ()
    try:
        rgb = colour.to_srgb(picture.rgb, said)
    except ValueError:  # HDR, which no two viewers show alike
        return plain, ("what its cICP says of its colours is dropped",)
    return replace(plain, rgb=rgb), (f"its colours, by {' and '.join(k.decode() for k in said)}, become sRGB",)


def lost_as_pixels(picture: Picture) -> tuple[str, ...]:
    """What does not come back of a picture when only how it looks is coded."""
    changes = [*picture.changes, *as_said(picture)[1]]
    if picture.metadata.named:
        changes.append(f"dropped: {', '.join(picture.metadata.named)}")
    return tuple(changes)


def seen(picture: Picture) -> Picture:
    """As a viewer shows it: in sRGB, over white."""
    return replace(picture, rgb=over_white(as_srgb(picture)), alpha=None, icc=None, remarks=b"", metadata=NONE)


def is_readable(path: Path, smallest: int) -> bool:
    """Whether the file opens and both sides have at least `smallest` pixels; looks at the header only."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as picture:
                # verify() catches files cut short without decoding them.
                enough = min(picture.size) >= smallest
                picture.verify()
        return enough
    except Exception:  # whatever is wrong with a training picture, it is skipped and counted
        return False


def is_picture(path: Source | str | Path, content: bytes | None = None) -> bool:
    """Whether a file is a picture by what its first bytes say, in one of `FORMATS`; its name counts for nothing.

    A path is opened and left unread behind its first bytes, so that no pipe is asked what it is: read it to know.

    So a JPEG named .jfif, .dat or nothing is one, and text named .png is none. HEIC and raw files, which Pillow can't
    read, and TGA, which has no mark to know it by, are not: as secrets they are hidden as the bytes they are.
    True does not promise that the rest is intact.
    """
    if content is None and not isinstance(path, Source) and not os.path.isfile(path):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if isinstance(path, Source) or content is not None:
                _open(path.content if isinstance(path, Source) else content or b"").close()
            else:
                Image.open(path, formats=FORMATS).close()
            return True
    except Image.DecompressionBombError:
        return True
    except Exception:  # whatever it is, it can't be opened as a picture
        return False


def size_of(content: bytes) -> tuple[int, int] | None:
    """(width, height) of a file's bytes as a viewer shows it; None where they are no picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _open(content) as opened:
                width, height = opened.size
                turned = opened.getexif().get(0x0112, 1) in (5, 6, 7, 8)
                return (height, width) if turned else (width, height)
    except Exception:  # whatever it is, it can't be opened as a picture
        return None


def over_white(picture: Picture) -> np.ndarray:
    """uint8 RGB with the alpha channel, if any, laid over white."""
    if picture.alpha is None:
        return picture.rgb
    alpha = picture.alpha[..., None].astype(np.float32) / 255
    return (picture.rgb * alpha + 255 * (1 - alpha)).round().astype(np.uint8)


def check_output(
    path: str | Path, inputs: Sequence[Path | Source] = (), force: bool = True, may_lose: bool = False
) -> Path:
    """Refuse, before any work is done, a name that a picture can't be written to without loss.

    Args:
        may_lose: take JPEG too.

    Raises:
        StegoError: for a lossy or unknown format, or as `outputs.check_place`.
    """
    path = Path(path)
    if not (may_lose and path.suffix.lower() in LOSSY):
        _lossless(path)
    outputs.check_place(path, inputs, force)
    return path


def _lossless(path: Path) -> str:
    """The suffix of a format that can be written, in lower case."""
    suffix = path.suffix.lower()
    if not suffix:
        raise StegoError(f"{path} has no extension, which names the format: end it in .png, .tif, .webp or .bmp.")
    if suffix not in LOSSLESS:
        raise StegoError(
            f"{path} can't be written as {suffix}: the picture must be stored without loss, so end the name in "
            ".png, .tif, .webp or .bmp."
        )
    return suffix


def check_holds(path: str | Path, picture: Picture) -> None:
    """Refuse a format that would lose parts of a picture, before any work is done.

    Raises:
        StegoError: for transparency or a colour profile in a BMP, and sides over 16383 in a WebP.
    """
    suffix = _lossless(Path(path))
    if suffix == ".bmp" and picture.alpha is not None and picture.alpha.min(initial=255) < 255:
        raise StegoError(f"{path} would lose the transparency, which BMP can't hold: use .png.")
    if suffix == ".bmp" and picture.icc:
        raise StegoError(f"{path} would lose the colour profile, which BMP can't hold: use .png.")
    if suffix == ".webp" and max(picture.size) > WEBP_SIDE:
        raise StegoError(f"{path} can't hold {picture.size[0]}x{picture.size[1]}, over {WEBP_SIDE} a side: use .png.")


def kept_in(path: str | Path, picture: Picture) -> tuple[Picture, tuple[str, ...]]:
    """A picture as the format that a name says can hold it, looking the same, and what is changed for that.

    What it means by its samples is applied where it can't be told: PNG's colour chunks. Metadata that the format lacks
    is left out.
    """
    suffix = Path(path).suffix.lower()
    kind = "JPEG" if suffix in LOSSY else LOSSLESS[_lossless(Path(path))][0]
    changed, changes = (picture, ()) if kind == "PNG" else as_said(picture)
    held, lost = metadata.kept_in(kind, changed.metadata)
    dropped = (f"dropped: {', '.join(lost)}",) if lost else ()
    return replace(changed, metadata=held), (*changes, *dropped)


def encode(picture: Picture, suffix: str, path: str | Path | None = None, usual: bool = False) -> bytes:
    """The bytes of a file that stores a picture, without loss but for JPEG; grey pictures as grey.

    Args:
        suffix: of the format, as .png.
        path: the file's name with that suffix, to show in errors.
        usual: whether a PNG is compressed as most programs do it, be it slower.

    Raises:
        StegoError: as `check_output` and `check_holds`.
    """
    path = Path(path or f"output{suffix}")
    if path.suffix.lower() in LOSSY:
        kind, options = "JPEG", JPEG_OPTIONS
    else:
        check_holds(path, picture)
        kind, options = LOSSLESS[_lossless(path)]
    if picture.alpha is None or kind in ("BMP", "JPEG"):
        out = Image.fromarray(np.ascontiguousarray(picture.rgb)).convert("L" if picture.grey else "RGB")
    else:
        samples = picture.rgb[..., :1] if picture.grey else picture.rgb
        out = Image.fromarray(np.dstack([samples, picture.alpha]))
    described = picture.remarks if kind == "PNG" else b""
    chunks: list[tuple[bytes, bytes]] = []
    if not described:
        kept, chunks = metadata.options(kind, picture.metadata)
        options = {**options, **kept, **({"icc_profile": picture.icc} if picture.icc else {})}
    try:
        if kind == "PNG":
            content = png.saved(out, options) if usual else png.quickly_saved(out, options)
            return png.describe(metadata.with_chunks(content, chunks), described)
        file = io.BytesIO()
        out.save(file, kind, **options)
        return file.getvalue()
    except (OSError, ValueError, RuntimeError) as error:
        raise StegoError(f"{path} can't hold this picture as {kind} ({reason(error)}): use .png.") from None


def write(path: str | Path, picture: Picture) -> None:
    """Store a picture, without loss but for JPEG; grey pictures as grey. Errors as for `add`."""
    with Outputs() as run:
        add(run, path, picture)


def add(
    run: Outputs,
    path: str | Path,
    picture: Picture,
    check: Callable[[np.ndarray], bool] | None = None,
    *,
    force: bool = True,
    private: bool = False,
    usual: bool = False,
) -> None:
    """Store a picture as `write` does, among the outputs of a run.

    Args:
        force, private: as for `Outputs.add`.
        usual: as for `encode`.
        check: whether the samples (uint8, (height, width, 3)) read back from the disk are what they should be; asked
            before the file takes its place.

    Raises:
        StegoError: as `encode` and `Outputs.add`, and when the check says no; everything is as it was then.
    """
    path = Path(path)

    def read_back(written: bytes) -> None:
        if check is not None and not check(read(path, content=written, as_stored=True).rgb):
            raise StegoError(f"{path} did not read back as it was written: use .png.")

    content = encode(picture, path.suffix, path, usual)
    run.add(path, content, read_back if check else None, force=force, private=private)


def resize(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Lanczos to (width, height), uint8 in and out; unchanged when it already has that size."""
    if (rgb.shape[1], rgb.shape[0]) == size:
        return rgb
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))
