"""Samples as Pillow decodes them to what they are for a viewer: turned, cut out, 8 bits, RGB."""

from typing import Any

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin

from . import colour, png


def turned(picture: Image.Image) -> Image.Image:
    """As the EXIF orientation says."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # EXIF that can't be read turns nothing
        return picture


def to_rgb(picture: Image.Image, icc: bytes | None) -> tuple[Image.Image, str]:
    """CMYK or CIELab as RGB, and what was done."""
    if picture.mode == "LAB":
        return colour.from_lab(picture), "its CIELab becomes sRGB"
    shown = colour.through_profile(picture, icc) if icc else None
    return (shown, "its CMYK becomes sRGB through its profile") if shown else (picture, "its CMYK becomes RGB")


def prepare(opened: Image.Image) -> None:
    """Before a file is decoded: tell Pillow what it misses of a TIFF.

    Raises:
        ValueError: for one that it takes for something else.
    """
    if not isinstance(opened, TiffImagePlugin.TiffImageFile):
        return
    tags = opened.tag_v2
    if tags.get(284) == 2 and max(tags.get(258, (1,))) > 8 and all(tile.codec_name == "raw" for tile in opened.tile):
        # Planes of 16 bits that are not compressed are read as bytes, unless each says what it is.
        if opened.mode not in ("RGB", "RGBA"):
            raise ValueError(f"planes of {opened.mode} in 16 bits")
        mark = ";16L" if tags.prefix == b"II" else ";16B"
        raw: list[Any] = [(tile, tile.args) for tile in opened.tile]
        opened.tile = [tile._replace(args=(args[0] + mark, *args[1:])) for tile, args in raw]
    if 2 in tags.get(339, ()) and (opened.mode not in ("I", "F") or max(tags.get(258, (1,))) < 32):
        raise ValueError("samples with a sign")


def narrowed(picture: Image.Image, opened: Image.Image, depth: int) -> Image.Image:
    """Grey of more than 8 bits as L."""
    tags = getattr(opened, "tag_v2", {})
    if opened.format == "TIFF" and opened.mode.startswith("I;16"):
        white: float | None = 2.0**depth - 1
    else:
        white = None if opened.format == "TIFF" or opened.mode == "F" else 65535.0
    inverted = tags.get(262) == 0
    if inverted and white is None:
        raise ValueError("white at 0, and no saying where black is")
    return colour.to_8_bits(picture, white, inverted, tags.get(339, (1,))[0] == 1)


def cut_out(opened: Image.Image, picture: Image.Image, content: bytes) -> np.ndarray | None:
    """Alpha of a grey or RGB PNG with one transparent colour, which is compared at the file's own depth.

    Args:
        opened: the file.
        picture: the same, turned, or `opened` itself; loses the mark, so that Pillow compares no samples of 8 bits
            with it.
    """
    if opened.format != "PNG" or picture.mode in ("P", "LA", "RGBA") or "transparency" not in picture.info:
        return None
    picture.info.pop("transparency")
    mark = next(data for kind, data in png.walk(content) if kind == b"tRNS")
    depth, samples = content[24], np.asarray(picture)
    colours = [int.from_bytes(mark[at : at + 2], "big") & ((1 << depth) - 1) for at in range(0, len(mark), 2)]
    if samples.ndim == 2:
        same = samples == (colours[0] if depth in (1, 16) else colours[0] * 255 // ((1 << depth) - 1))
    else:
        same = np.all(samples == [c >> 8 if depth == 16 else c for c in colours[:3]], -1)
        if depth == 16:
            # Pillow decodes the upper bytes. Told that the lower ones come last, it decodes those.
            lower = Image.open(png.stripped(content), formats=("PNG",))
            lower.tile = [tile._replace(args="RGB;16L") for tile in lower.tile]
            bottom = np.asarray(lower if picture is opened else turned(lower))
            same &= np.all(bottom == [c & 255 for c in colours[:3]], -1)
    return np.where(same, 0, 255).astype(np.uint8)
