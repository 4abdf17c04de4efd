"""Picture files to arrays and back: formats, alpha, colour profiles, orientation, writes that never half happen."""

import io
import os
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from ..errors import StegoError

READABLE = {
    ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".jp2", ".avif",
}  # fmt: skip
# What Pillow needs to store every sample unchanged. Level 6 for PNG: a stego comes out a tenth smaller than with
# level 1, for 0.3 s a megapixel; level 9 gains nothing more.
LOSSLESS = {
    ".png": ("PNG", {"compress_level": 6}),
    ".tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".webp": ("WEBP", {"lossless": True, "exact": True, "quality": 25}),
    ".bmp": ("BMP", {}),
}


@dataclass
class Picture:
    """One picture as it looks in a viewer.

    Attributes:
        rgb: uint8, (height, width, 3).
        alpha: uint8, (height, width), or None.
        icc: the ICC profile that rgb is to be seen through, or None.
        grey: the file holds no colour.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    icc: bytes | None = None
    grey: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.rgb.shape[1], self.rgb.shape[0]


def _open(path: Path, content: bytes | None) -> Image.Image:
    """Open and decode the first frame, or say in one sentence why not."""
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 megapixels on; its error at twice that stays.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(path if content is None else io.BytesIO(content))
            picture.load()
        return picture
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
        raise StegoError(f"{path} is damaged ({error}): use an intact copy.") from None


def _to_8_bits(picture: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float grey to L."""
    samples = np.asarray(picture).astype(np.float64)
    if picture.mode == "F":
        top = 1.0 if samples.max(initial=0) <= 1 else 255.0
    else:
        top = 65535.0 if picture.mode.startswith("I;16") or samples.max(initial=0) > 255 else 255.0
    return Image.fromarray((samples / top * 255).round().clip(0, 255).astype(np.uint8))


def _through_profile(picture: Image.Image, icc: bytes) -> Image.Image:
    """Convert to sRGB; a profile that is broken or of another colour space is ignored, as viewers do."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        return ImageCms.profileToProfile(picture, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture.convert("RGB")


def read(path: str | Path, srgb: bool = False, content: bytes | None = None) -> Picture:
    """Read a picture as a viewer shows it: EXIF orientation applied, 8 bits a sample, RGB.

    Args:
        path: PNG, JPEG, WebP, BMP, TIFF, GIF, PPM, JPEG 2000 or AVIF; grey, palette, CMYK, 16-bit too.
        srgb: convert through the ICC profile to sRGB instead of keeping the profile.
        content: the file's bytes when they are at hand; the path then only names them in errors.

    Raises:
        StegoError: when the file is missing, damaged, or no picture.
    """
    path = Path(path)
    picture = ImageOps.exif_transpose(_open(path, content))
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
            with Image.open(path) as picture:
                # verify() catches files cut short without decoding them.
                enough = min(picture.size) >= smallest
                picture.verify()
        return enough
    except Exception:  # whatever is wrong with a training picture, it is skipped and counted
        return False


def over_white(picture: Picture) -> np.ndarray:
    """uint8 RGB with the alpha channel, if any, laid over white."""
    if picture.alpha is None:
        return picture.rgb
    alpha = picture.alpha[..., None].astype(np.float32) / 255
    return (picture.rgb * alpha + 255 * (1 - alpha)).round().astype(np.uint8)


def check_output(path: str | Path, inputs: tuple[Path, ...] = ()) -> Path:
    """Refuse, before any work is done, a name that a lossless picture can't be written to.

    Raises:
        StegoError: for a lossy or unknown format, a missing folder, or a name that is one of the `inputs`.
    """
    path = Path(path)
    if path.suffix.lower() not in LOSSLESS:
        what = path.suffix or "a name without an extension"
        raise StegoError(
            f"{path} can't be written as {what}: the picture must be stored without loss, so end the name in "
            ".png, .tif, .webp or .bmp."
        )
    check_place(path, inputs)
    return path


def check_place(path: Path, inputs: tuple[Path, ...] = ()) -> None:
    """Refuse a folder, a missing folder, and a name that is one of the `inputs`.

    Raises:
        StegoError: with the reason.
    """
    if path.is_dir():
        raise StegoError(f"{path} is a folder: name a file.")
    if not path.parent.is_dir():
        raise StegoError(f"{path.parent} does not exist: create the folder first.")
    for given in inputs:
        if path.exists() and given.exists() and path.samefile(given):
            raise StegoError(f"{path} is also an input and would be lost: choose another output name.")


def write_beside(path: Path, content: bytes) -> None:
    """Write a whole file beside its place, then move it there: readers see the old file or the new one.

    Raises:
        StegoError: when the folder can't be written or the disk is full.
    """
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = file.name
            file.write(content)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except OSError as error:
        raise StegoError(f"{path} can't be written ({error.strerror}): check the folder and the free space.") from None
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def write(path: str | Path, picture: Picture) -> None:
    """Store a picture without loss; grey pictures as grey.

    Raises:
        StegoError: as `check_output` and `write_beside`, and when the format can't hold the size.
    """
    path = check_output(path)
    kind, options = LOSSLESS[path.suffix.lower()]
    samples = picture.rgb if picture.alpha is None else np.dstack([picture.rgb, picture.alpha])
    out = Image.fromarray(np.ascontiguousarray(samples))
    if picture.grey and picture.alpha is None:
        out = out.convert("L")
    if picture.icc:
        options = {**options, "icc_profile": picture.icc}
    content = io.BytesIO()
    try:
        out.save(content, kind, **options)
    except (OSError, ValueError) as error:
        raise StegoError(f"{path} can't hold this picture as {kind} ({error}): use .png.") from None
    write_beside(path, content.getvalue())


def resize(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Lanczos to (width, height), uint8 in and out; unchanged when it already has that size."""
    if (rgb.shape[1], rgb.shape[0]) == size:
        return rgb
    return np.asarray(Image.fromarray(rgb).resize(size, Image.LANCZOS))
