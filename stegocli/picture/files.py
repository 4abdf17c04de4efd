"""Picture files to arrays and back: formats, alpha, colour profiles, orientation."""

import importlib.util
import io
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from ..errors import StegoError
from . import outputs, png
from .inputs import Source, reason, short

READABLE = {
    ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".jp2", ".avif",
}  # fmt: skip
# No other decoder is ever handed a file, whatever its name or content says. AVIF came with Pillow 11.3.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000") + (
    ("AVIF",) if importlib.util.find_spec("PIL.AvifImagePlugin") else ()
)
WEBP_SIDE = 16383
# Where Pillow refuses to decode a file.
MOST_PIXELS = 2 * 89_478_485
# What Pillow needs to store every sample unchanged. Level 6 for PNG: a stego comes out a tenth smaller than with
# level 1, for 0.3 s a megapixel; level 9 gains nothing more.
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
        remarks: text, EXIF, resolution and the like of a PNG, as `png.remarks` gives them; only a PNG takes them.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    icc: bytes | None = None
    grey: bool = False
    remarks: bytes = b""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.rgb.shape[1], self.rgb.shape[0]


def _decode(path: Path, content: bytes | None) -> Image.Image:
    """The first frame as a viewer turns it, or in one sentence why not."""
    try:
        picture = Image.open(path if content is None else io.BytesIO(content), formats=FORMATS)
        picture.load()
    except FileNotFoundError:
        raise StegoError(f"{path} does not exist: check the name.") from None
    except IsADirectoryError:
        raise StegoError(f"{path} is a folder: name a picture file.") from None
    except PermissionError:
        raise StegoError(f"{path} can't be read: check its permissions.") from None
    except Image.DecompressionBombError:
        raise StegoError(f"{path} has more pixels than is safe to decode: shrink it first.") from None
    except UnidentifiedImageError:
        raise StegoError(f"{path} is not a picture that can be read: use PNG, JPEG, WebP, BMP or TIFF.") from None
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, struct.error and more on damage.
        if (isinstance(error, OSError) and error.errno) or "\0" in str(path):
            raise StegoError(f"{short(path)} can't be read ({reason(error)}): check the name.") from None
        raise StegoError(f"{path} is damaged ({reason(error)}): use an intact copy.") from None
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # EXIF that can't be read turns nothing
        return picture


def _to_8_bits(picture: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float grey to L, linearly from black at 0.

    White is 65535 in 16-bit files. The others do not say what white is: the least of 1 (floats), 255 and 65535 that
    no sample goes beyond, else the largest sample. What is below 0 or not a number is black.
    """
    samples = np.nan_to_num(np.asarray(picture).astype(np.float64), nan=0.0, posinf=np.inf, neginf=0.0)
    finite = samples[np.isfinite(samples)]
    most = finite.max(initial=0)
    whites = [65535.0] if picture.mode.startswith("I;16") else [1.0] * (picture.mode == "F") + [255.0, 65535.0]
    white = next((w for w in whites if most <= w), most)
    return Image.fromarray((np.clip(samples / white, 0, 1) * 255).round().astype(np.uint8))


def _through_profile(picture: Image.Image, icc: bytes) -> Image.Image:
    """Convert to sRGB; a profile that is broken or of another colour space is ignored, as viewers do."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        converted = ImageCms.profileToProfile(picture, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        converted = None
    return converted or picture.convert("RGB")


def read(path: Source | str | Path, srgb: bool = False, content: bytes | None = None) -> Picture:
    """Read a picture as a viewer shows it: EXIF orientation applied, 8 bits a sample, RGB.

    Args:
        path: PNG, JPEG, WebP, BMP, TIFF, GIF, PPM, JPEG 2000 or AVIF; grey, palette, CMYK, 16-bit too. A path is
            opened once.
        srgb: convert through the ICC profile to sRGB instead of keeping the profile.
        content: the file's bytes when they are at hand; the path then only names them in errors.

    Raises:
        StegoError: when the file is missing, damaged, or no picture.
    """
    source = Source(Path(path), content) if content is not None and not isinstance(path, Source) else Source.of(path)
    path = source.path
    with warnings.catch_warnings():
        # Pillow warns of odd EXIF, of palettes, from 89 megapixels on; its error at twice that stays.
        warnings.simplefilter("ignore")
        picture = _decode(path, source.content)
        del source  # a large file is not kept beside its samples
        try:
            return _as_seen(picture, srgb)
        except (OSError, ValueError) as error:  # a colour space that Pillow can't convert
            raise StegoError(f"{path} can't be shown as RGB ({reason(error)}): convert it first.") from None


def _as_seen(picture: Image.Image, srgb: bool) -> Picture:
    icc = picture.info.get("icc_profile")
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        picture = _to_8_bits(picture)
    grey = picture.mode in ("1", "L", "LA", "La")
    alpha = None
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        alpha = np.asarray(picture.getchannel("A"))
    if picture.mode not in ("RGB", "RGBA", "P", "PA"):
        # The profile of a grey or CMYK file does not describe the RGB samples that it becomes.
        picture = _through_profile(picture, icc) if icc and picture.mode == "CMYK" else picture.convert("RGB")
        icc = None
    else:
        picture = picture.convert("RGB")
        if grey:
            icc = None
    if icc and srgb:
        picture, icc = _through_profile(picture, icc), None
    return Picture(np.asarray(picture), alpha, icc, grey)


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
    content = path.content if isinstance(path, Source) else content
    if isinstance(path, Source):
        path = path.path
    elif content is None and not os.path.isfile(path):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path if content is None else io.BytesIO(content), formats=FORMATS):
                return True
    except Image.DecompressionBombError:
        return True
    except Exception:  # whatever it is, it can't be opened as a picture
        return False


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
    if suffix not in LOSSLESS:
        what = path.suffix or "a name without an extension"
        raise StegoError(
            f"{path} can't be written as {what}: the picture must be stored without loss, so end the name in "
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


def encode(picture: Picture, suffix: str, path: str | Path | None = None) -> bytes:
    """The bytes of a file that stores a picture, without loss but for JPEG; grey pictures as grey.

    Args:
        suffix: of the format, as .png.
        path: the file's name with that suffix, to show in errors.

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
        out = Image.fromarray(np.dstack([picture.rgb, picture.alpha]))
    described = picture.remarks if kind == "PNG" else b""
    if picture.icc and not described:
        options = {**options, "icc_profile": picture.icc}
    content = io.BytesIO()
    try:
        out.save(content, kind, **options)
        return png.describe(content.getvalue(), described)
    except (OSError, ValueError) as error:
        raise StegoError(f"{path} can't hold this picture as {kind} ({reason(error)}): use .png.") from None


def write(path: str | Path, picture: Picture, check: Callable[[np.ndarray], bool] | None = None) -> None:
    """Store a picture, without loss but for JPEG; grey pictures as grey.

    Args:
        check: whether the samples (uint8, (height, width, 3)) read back from the disk are what they should be; asked
            before the file takes its place.

    Raises:
        StegoError: as `encode` and `outputs.write_beside`, and when the check says no; everything is as it was then.
    """
    path = Path(path)

    def read_back(written: bytes) -> None:
        if check is not None and not check(read(path, content=written).rgb):
            raise StegoError(f"{path} did not read back as it was written: use .png.")

    outputs.write_beside(path, encode(picture, path.suffix, path), read_back if check else None)


def resize(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Lanczos to (width, height), uint8 in and out; unchanged when it already has that size."""
    if (rgb.shape[1], rgb.shape[0]) == size:
        return rgb
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))
