"""Bytes into a JPEG's own coefficients, and out again by the password; nothing is decompressed or compressed.

Costs are UERD's: Guo, Ni, Su, Tang and Shi, "Using statistical image model for JPEG steganography: uniform embedding
revisited" (2015). With the uncompressed original at hand a change towards the original's value costs less: Denemark and
Fridrich, "Side-informed steganography with additive distortion" (2015).
"""

import io
import itertools
import math
import os
from collections.abc import Iterator
from functools import cached_property
from typing import cast

import numpy as np
from PIL import Image

from ..payload import keys
from . import frame, stc
from .embedding import Unsuitable, as_bits
from .frame import FRONT, Front
from .jpegfile import JpegFile
from .viterbi import Unreachable

# Of the JPEG that an uncompressed cover becomes.
QUALITY = 90
# Bits for each coefficient of the luma's AC that isn't zero, at most; of all coefficients most are zero.
RATES = {"small": 0.05, "normal": 0.1, "large": 0.2}
# Beyond these a coefficient has no code in a baseline JPEG.
_LARGEST = 1022
_FRONT_SAMPLES = 15
_SMALLEST = 4096
# A change towards the original costs at least this share. With 0.03 calm blocks are changed too, and a detector errs in
# 46 % of cases at quality 95 instead of 49 %.
_LEAST_SHARE = 0.2
# Coefficients of whole pixels are whole eighths in these, so that many lie exactly in the middle: free places that give
# themselves away. Holub, Fridrich and Denemark, "Universal distortion function for steganography in an arbitrary
# domain" (2014).
_RATIONAL = (..., [0, 0, 4, 4], [0, 4, 0, 4])
_DCT = np.array(
    [[np.sqrt((1 if k == 0 else 2) / 8) * np.cos(np.pi * k * (2 * n + 1) / 16) for n in range(8)] for k in range(8)]
)


def uerd(luma: np.ndarray, quantiser: np.ndarray) -> np.ndarray:
    """Cost of a change of each coefficient, float32 (rows, columns, 8, 8): little in busy blocks and fine frequencies.

    Args:
        luma: int16 of that shape.
        quantiser: float32 (8, 8).
    """
    energy = np.abs(luma) * quantiser
    busy = energy.sum((2, 3)) - energy[..., 0, 0]
    wide = np.pad(busy, 1, "reflect" if min(busy.shape) > 1 else "edge")
    rows, columns = busy.shape
    around = sum(
        (wide[y : y + rows, x : x + columns] for y in range(3) for x in range(3) if (y, x) != (1, 1)),
        start=np.zeros_like(busy),
    )
    steps = quantiser.copy()
    steps[0, 0] = (quantiser[0, 1] + quantiser[1, 0]) / 2
    with np.errstate(divide="ignore"):
        cost = steps / (busy + around / 4)[..., None, None]
    return cast(np.ndarray, cost.astype(np.float32))


def _rounding(rgb: np.ndarray, jpeg: JpegFile) -> np.ndarray:
    """How far the uncompressed picture's coefficients are from the JPEG's, in steps, clipped to half a step."""
    luma = rgb.astype(np.float64) @ (0.299, 0.587, 0.114) - 128
    rows, columns = jpeg.luma.shape[:2]
    padded = np.pad(luma, ((0, 8 * rows - luma.shape[0]), (0, 8 * columns - luma.shape[1])), "edge")
    blocks = padded.reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3)
    found: np.ndarray = np.clip(_DCT @ blocks @ _DCT.T / jpeg.quantiser - jpeg.luma, -0.5, 0.5).astype(np.float32)
    return found


def compressed(rgb: np.ndarray, grey: bool, quality: int = QUALITY, **options: object) -> bytes:
    """A baseline JPEG of an uncompressed picture (uint8, (height, width, 3)); options as Pillow's."""
    content = io.BytesIO()
    picture = Image.fromarray(rgb).convert("L") if grey else Image.fromarray(rgb)
    picture.save(content, "JPEG", quality=quality, **options)
    return content.getvalue()


def decompressed(jpeg: JpegFile) -> np.ndarray:
    """The luma's samples, neither rounded nor clipped: float32, whole blocks."""
    rows, columns = jpeg.luma.shape[:2]
    blocks = _DCT.T @ (jpeg.luma * jpeg.quantiser) @ _DCT + 128
    return cast(np.ndarray, blocks.transpose(0, 2, 1, 3).reshape(8 * rows, 8 * columns).astype(np.float32))


class _Layout:
    """The keyed order of the coefficients: first the front's, then the content's; the salt's blocks have neither.

    Of a slot every second block counts, as the squares of one colour of a chessboard.
    """

    def __init__(self, luma: np.ndarray, order: bytes, slot: int | None):
        free = np.ones(luma.size, bool)
        free[64 * frame.salt_positions(luma.shape[0] * luma.shape[1])] = False
        if slot is not None:
            colour = np.indices(luma.shape[:2]).sum(0).ravel() % frame.SLOTS
            free &= np.repeat(colour == slot, 64)
        self._order, self._free = order, np.flatnonzero(free).astype(np.int32)
        share = luma.size if slot is None else luma.size // frame.SLOTS
        self._front = min(_FRONT_SAMPLES * math.isqrt(luma.size), share // 4)
        self.front = keys.first_of_shuffle(order, self._free, self._front)

    @cached_property
    def content(self) -> np.ndarray:
        """Flat indices of the coefficients that carry the content."""
        return keys.shuffle(self._order, self._free)[self._front :]


def _keys(luma: np.ndarray, password: str) -> keys.Keys:
    dc = luma[..., 0, 0].ravel()[frame.salt_positions(luma.shape[0] * luma.shape[1])].astype(">i2")
    return keys.derive(password, frame.salt(dc.view(np.uint8), luma.shape))


def derive(jpeg: JpegFile, password: str) -> keys.Keys:
    """The keys that `hide` takes instead of the password; slow on purpose, so once for several stegos of a cover."""
    return _keys(jpeg.luma, password)


def capacity(jpeg: JpegFile, size: str, slots: int = 1) -> int:
    """Bytes of content that a JPEG may carry; `size` and `slots` as for `hide`."""
    if jpeg.luma.size < _SMALLEST:
        return 0
    return frame.capacity(jpeg.luma.size, size, _most(jpeg.luma, size), slots)


def same_class(jpeg: JpegFile, length: int, size: str) -> range:
    """The lengths of content that change as much as this one in a slot."""
    return frame.same_class(jpeg.luma.size, length, size, _most(jpeg.luma, size))


def busy(luma: np.ndarray) -> int:
    """How many AC coefficients aren't zero."""
    found: int = np.count_nonzero(luma) - np.count_nonzero(luma[..., 0, 0])
    return found


def _most(luma: np.ndarray, size: str) -> float:
    return RATES[size] * busy(luma) / 8


def hide(
    jpeg: JpegFile,
    content: bytes,
    password: str | keys.Keys,
    size: str = "normal",
    original: np.ndarray | None = None,
    slots: int = 1,
    decoy: tuple[bytes, str] | None = None,
) -> bytes:
    """The JPEG's file with the content in its luma, for those who know the password.

    Args:
        content: at most `capacity` bytes.
        password: not empty; or what `derive` gives.
        original: the uncompressed picture that the JPEG was made of, uint8 (height, width, 3).
        slots, decoy: as for `embedding.hide`.

    Raises:
        Unsuitable: when the content is too long, or the JPEG too smooth.
        segments.Unsuitable: when it can't be written back as it was.
    """
    luma = jpeg.luma
    size_class = frame.fitting_class(luma.size, len(content), size, _most(luma, size), slots)
    if luma.size < _SMALLEST or size_class is None:
        raise Unsuitable(f"{len(content):,} bytes, and only {busy(luma):,} of its coefficients are not zero")
    secret = password if isinstance(password, keys.Keys) else _keys(luma, password)
    contents = [(secret, content), *([(_keys(luma, decoy[1]), decoy[0])] if decoy else [])]
    return jpeg.with_luma(_changed(jpeg, contents, size_class, slots, original))


def _changed(
    jpeg: JpegFile, contents: list[tuple[keys.Keys, bytes]], size_class: int, slots: int, original: np.ndarray | None
) -> np.ndarray:
    """The luma with one content or two, each with its keys."""
    luma, length = jpeg.luma, frame.class_bytes(jpeg.luma.size, size_class, slots)
    up, down = _costs(jpeg, original)
    loads = frame.loads(contents, lambda: Front(os.urandom(keys.NONCE), size_class), length, slots)
    flat = luma.ravel().copy()

    def parts() -> Iterator[tuple[np.ndarray, bytes]]:
        for slot, load in enumerate(loads):
            layout = _Layout(luma, load.order, slot if slots > 1 else None)
            yield layout.front, load.front
            yield layout.content, load.sealed

    ahead, behind = itertools.tee(parts())
    tasks = (stc.Task(flat[where], up[where], down[where], as_bits(part)) for where, part in ahead)
    try:
        for changes, (where, _) in zip(stc.embed(tasks), behind, strict=True):
            flat[where] += changes
    except Unreachable as error:
        raise Unsuitable(str(error)) from None
    return cast(np.ndarray, flat.reshape(luma.shape))


def _costs(jpeg: JpegFile, original: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    cost = uerd(jpeg.luma, jpeg.quantiser)
    up, down = cost, cost.copy()
    if original is not None:
        error = _rounding(original, jpeg)
        share = np.maximum(1 - 2 * np.abs(error), _LEAST_SHARE)
        share[_RATIONAL] = 1
        up, down = np.where(error > 0, cost * share, cost), np.where(error < 0, cost * share, cost)
    up[jpeg.luma >= _LARGEST] = np.inf
    down[jpeg.luma <= -_LARGEST] = np.inf
    return up.ravel(), down.ravel()


def reveal(jpeg: JpegFile, password: str) -> bytes | None:
    """What `hide` wrote; None for another password, or a JPEG that holds nothing or was changed."""
    if jpeg.luma.size < _SMALLEST:
        return None
    secret = _keys(jpeg.luma, password)
    for slots, slot in ((frame.SLOTS, 0), (frame.SLOTS, 1), (1, None)):
        found = _content(jpeg.luma, secret, slots, slot)
        if found is not None:
            return found
    return None


def _content(luma: np.ndarray, secret: keys.Keys, slots: int, slot: int | None) -> bytes | None:
    """What the key opens in a slot, or alone."""
    flat, layout = luma.ravel(), _Layout(luma, secret.order, slot)
    try:
        packed = stc.extract(flat[layout.front], 8 * FRONT)
        front = Front.unpack(np.packbits(packed).tobytes(), secret)
        if not frame.known_class(front.size_class):
            return None
        sealed = stc.extract(flat[layout.content], 8 * frame.class_bytes(luma.size, front.size_class, slots))
    except Unreachable:
        return None
    return frame.unseal(secret, front.nonce, np.packbits(sealed).tobytes())
