"""What samples mean: profiles, PNG's colour chunks and unusual depths, to 8 bits and to sRGB (IEC 61966-2-1)."""

import io
import struct
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from PIL import Image, ImageCms

_ROWS = 1 << 18
# xy of red, green, blue and white.
_D65 = (0.3127, 0.3290)
_SRGB = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65)
# ITU-T H.273, table 2, for those that are photographed and drawn in.
_PRIMARIES = {
    1: _SRGB,
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    12: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, *_D65),
}
# 1 / 2.2 as gAMA stores it: what everybody writes for sRGB.
_USUAL_GAMMA = 0.45455
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def to_8_bits(picture: Image.Image, white: float | None, inverted: bool = False, unsigned: bool = False) -> Image.Image:
    """16-bit, 32-bit and float grey to L, linearly from black at 0.

    Some files do not say what white is: the least of 1 (floats), 255 and 65535 that no sample goes beyond, else the
    largest sample. What is below 0 or not a number is black.

    Args:
        white: the sample that is white, or None for such files.
        inverted: 0 is white, and `white` black.
        unsigned: the 32 bits, which Pillow takes as signed, are not.
    """
    samples = np.asarray(picture)
    samples = samples.view(np.uint32) if unsigned and samples.dtype == np.int32 else samples
    if white is None:
        most = _largest(samples)
        whites = [1.0] * (picture.mode == "F") + [255.0, 65535.0]
        white = next((w for w in whites if most <= w), most)
    out = np.empty(samples.shape, np.uint8)
    for rows in _strips(samples.shape):
        # Strip by strip: the whole in 64 bits a sample would fill the memory.
        part = np.nan_to_num(samples[rows].astype(np.float64), nan=0.0, posinf=np.inf, neginf=0.0)
        share = np.clip(part / white, 0, 1)
        out[rows] = ((1 - share if inverted else share) * 255).round()
    return Image.fromarray(out)


def _strips(shape: tuple[int, ...]) -> Iterator[slice]:
    step = max(1, _ROWS // max(1, shape[1]))
    return (slice(top, top + step) for top in range(0, shape[0], step))


def _largest(samples: np.ndarray) -> float:
    largest = 0.0
    for rows in _strips(samples.shape):
        part = samples[rows]
        finite = part[np.isfinite(part)] if part.dtype.kind == "f" else part
        largest = max(largest, float(finite.max(initial=0)))
    return largest


def through_profile(picture: Image.Image, icc: bytes) -> Image.Image | None:
    """Converted to sRGB; None when the profile is broken or of another colour space, which viewers ignore."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        return ImageCms.profileToProfile(picture, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def from_lab(picture: Image.Image) -> Image.Image:
    """CIELab (D50), as TIFF holds it, to sRGB."""
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(picture, lab, srgb, outputMode="RGB")
    if converted is None:
        raise ValueError("CIELab")
    return converted


def says_srgb(chunks: Mapping[bytes, bytes]) -> bool:
    """Whether what PNG's colour chunks say comes to sRGB, or they say nothing."""
    try:
        return _meaning(chunks) is None
    except ValueError:
        return False


def to_srgb(rgb: np.ndarray, chunks: Mapping[bytes, bytes]) -> np.ndarray:
    """uint8 (height, width, 3) as PNG's colour chunks say, in sRGB (PNG, third edition, 4.3 and 11.3.2).

    Raises:
        ValueError: for colours that 8 bits of sRGB are not made for, as HDR.
    """
    meaning = _meaning(chunks)
    if meaning is None:
        return rgb
    linear, matrix = meaning
    levels = linear(np.arange(256) / 255).astype(np.float32)
    if matrix is None:
        return _encoded(levels)[rgb]
    out = np.empty_like(rgb)
    for rows in _strips(rgb.shape):
        out[rows] = _encoded(levels[rgb[rows]] @ matrix.T.astype(np.float32))
    return out


def _encoded(linear: np.ndarray) -> np.ndarray:
    clipped = np.clip(linear, 0, 1)
    curved = np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return np.rint(255 * curved).astype(np.uint8)


def _srgb_curve(levels: np.ndarray) -> np.ndarray:
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def _bt709_curve(levels: np.ndarray) -> np.ndarray:
    return np.where(levels < 0.081, levels / 4.5, ((levels + 0.099) / 1.099) ** (1 / 0.45))


def _power(exponent: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda levels: levels**exponent


def _meaning(chunks: Mapping[bytes, bytes]) -> tuple[Callable[[np.ndarray], np.ndarray], np.ndarray | None] | None:
    """The curve from samples to light and the matrix from there to sRGB's primaries (None: they are sRGB's)."""
    if len(chunks.get(b"cICP", b"")) == 4:
        primaries, transfer, _, full = chunks[b"cICP"]
        curves = {
            13: _srgb_curve,
            4: _power(2.2),
            5: _power(2.8),
            8: _power(1.0),
            **dict.fromkeys((1, 6, 14, 15), _bt709_curve),
        }
        if primaries not in _PRIMARIES or transfer not in curves or not full:
            raise ValueError(f"cICP {primaries}, {transfer}")
        if (primaries, transfer) == (1, 13):
            return None
        return curves[transfer], None if primaries == 1 else _matrix(_PRIMARIES[primaries])
    gamma = int.from_bytes(chunks.get(b"gAMA", b""), "big") / 100_000
    if b"sRGB" in chunks or len(chunks.get(b"gAMA", b"")) != 4 or not gamma:
        return None
    primaries_xy = _SRGB
    if len(chunks.get(b"cHRM", b"")) == 32:
        white_x, white_y, *colours = (value / 100_000 for value in struct.unpack(">8I", chunks[b"cHRM"]))
        primaries_xy = (*colours, white_x, white_y)
    usual = abs(gamma - _USUAL_GAMMA) < 0.002
    same = max(abs(a - b) for a, b in zip(primaries_xy, _SRGB, strict=True)) < 0.002
    if usual and same:
        return None
    return _srgb_curve if usual else _power(1 / gamma), None if same else _matrix(primaries_xy)


def _to_xyz(primaries: tuple[float, ...]) -> np.ndarray:
    """From linear RGB of these primaries to XYZ, their white adapted to D65 (Bradford)."""
    xy = np.array(primaries).reshape(4, 2)
    if xy.min() <= 0:
        raise ValueError("primaries that are none")
    xyz = np.column_stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(1)) / xy[:, 1]])
    try:
        matrix = xyz[:3].T * np.linalg.solve(xyz[:3].T, xyz[3])
    except np.linalg.LinAlgError:
        raise ValueError("primaries that are none") from None
    d65 = np.array([_D65[0] / _D65[1], 1, (1 - sum(_D65)) / _D65[1]])
    gains = (_BRADFORD @ d65) / (_BRADFORD @ xyz[3])
    return np.linalg.inv(_BRADFORD) @ (gains[:, None] * _BRADFORD) @ matrix


def _matrix(primaries: tuple[float, ...]) -> np.ndarray:
    return np.linalg.inv(_to_xyz(_SRGB)) @ _to_xyz(primaries)
