"""Samples as one stream of JPEG XL or WebP without loss, and back from a stream that anyone may have made."""

import io
import warnings
from typing import Any

import numpy as np
from PIL import Image

from ..errors import StegoError
from ..picture import claims
from ..picture.files import Picture
from .errors import InvalidContent


def need_jxl() -> None:
    """Register JPEG XL with Pillow, which has it only through a plug-in.

    Raises:
        StegoError: when that is not installed.
    """
    try:
        import pillow_jxl  # noqa: F401
    except ImportError:
        raise StegoError("JPEG XL is missing: install it with `pip install pillow-jxl-plugin`.") from None


def has_jxl() -> bool:
    """Whether `need_jxl` succeeds: what can be coded otherwise is, without it."""
    try:
        need_jxl()
    except StegoError:
        return False
    return True


def encode_jxl(samples: np.ndarray, **options: Any) -> bytes:
    """A JPEG XL stream by the plug-in's options; samples as for `jxl`."""
    need_jxl()
    content = io.BytesIO()
    Image.fromarray(samples).save(content, "JXL", **options)
    return content.getvalue()


def jxl(samples: np.ndarray, effort: int) -> bytes:
    """A JPEG XL stream without loss: uint8, (height, width) or (height, width, 3 or 4), at an effort of 1 to 9."""
    return encode_jxl(samples, lossless=True, effort=effort)


def webp(samples: np.ndarray) -> bytes:
    """A WebP file without loss: samples as for `jxl`, no side over 16383."""
    content = io.BytesIO()
    Image.fromarray(samples).save(content, "WEBP", lossless=True, exact=True)
    return content.getvalue()


def decode(stream: bytes, codec: str, carrier: int | None) -> np.ndarray:
    """Samples, uint8, (height, width) or (height, width, 3 or 4), by the given decoder and no other.

    Args:
        stream: a bare JPEG XL stream or a lossless WebP file.
        codec: "JXL" or "WEBP".
        carrier: pixels of the picture that it was embedded in, which bound what is decoded (`claims`).

    Raises:
        InvalidContent: for another format, other samples, or more pixels than `claims.check_revealed` allows.
        StegoError: when JPEG XL is not installed.
    """
    # The JPEG XL plug-in decodes as soon as it opens: the size is looked at before.
    try:
        size = claims.jxl_size(stream) if codec == "JXL" else claims.lossless_webp_size(stream)
        claims.check_revealed(*size, carrier)
    except ValueError as error:
        raise InvalidContent(str(error)) from None
    if codec == "JXL":
        need_jxl()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = Image.open(io.BytesIO(stream), formats=(codec,))
            mode, opened = picture.mode, picture.size
            samples = np.asarray(picture) if mode in ("L", "RGB", "RGBA") and opened == size else None
    except Exception as error:  # decoders raise what they like on forged streams
        raise InvalidContent(f"a stream that can't be decoded ({type(error).__name__})") from None
    if samples is None:
        raise InvalidContent(f"samples of kind {mode}")
    return samples


def decode_either(stream: bytes, carrier: int | None) -> np.ndarray:
    """`decode` by the codec that the stream's start tells, as kinds 6 to 8 hold it."""
    return decode(stream, "WEBP" if stream[:4] == b"RIFF" else "JXL", carrier)


def samples_of(picture: Picture) -> np.ndarray:
    """Grey as (height, width), else RGB or RGBA as the codecs take them."""
    if picture.alpha is not None:
        return np.dstack([picture.rgb, picture.alpha])
    return picture.rgb[..., 0] if picture.grey else picture.rgb


def picture_of(samples: np.ndarray, icc: bytes | None = None) -> Picture:
    """Undo `samples_of`."""
    if samples.ndim == 2:
        return Picture(np.repeat(samples[..., None], 3, -1), None, icc, grey=True)
    alpha = samples[..., 3] if samples.shape[2] == 4 else None
    return Picture(np.ascontiguousarray(samples[..., :3]), alpha, icc)
