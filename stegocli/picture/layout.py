"""How a secret of any size fills the frame of a cover: resampled in the DCT domain, cut and laid, and back.

Three steps, all computed from the two sizes and the stride, so that a stego need not say more than the secret's size:

1. The secret is resampled to a size that fills the frame. Its DCT (type II, one axis after the other) is padded with
   zeros or cut off. Padding makes a scaled isometry, so that the way back by the same function is exact, is the
   least-squares inverse, and leaves of white noise only the share that the secret has of the frame's pixels. Cutting
   off is the orthogonal projection: a secret a few pixels too wide loses its highest frequencies alone, where a
   resampling kernel blurs everywhere.
2. It is cut as in Euclid's algorithm: as much as fits the width (or height) of the room, then the rest into the rest
   of the room, turned over its diagonal where that fits better. Since the picture has no more pixels than the room,
   neither has any rest, and all fits whatever the sizes.
3. Room left over continues the last piece as in a mirror.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt

import numpy as np

Size = tuple[int, int]

# What the choice of a layout weighs, in millionths of the noise that the network leaves in a picture.
UNIT = 1_000_000
# A picture cut down to the share s of its width loses LOSS * (1 / s - 1): detail falls off as 1 / frequency**2.
LOSS = 8
# A seam adds the noise of so many tiles for each tile of its length: between tiles, and through them.
SEAMS = 2, 3
# How far from the even scale to look for better fitting sizes, in tiles.
REACH = 200
# Samples that are resampled at a time: memory for the steps between stays below some tens of megabytes.
CHUNK = 1 << 20


@dataclass(frozen=True)
class Piece:
    """A rectangle of the resampled secret and where it lies in the frame.

    Attributes:
        left, top: in the resampled secret.
        width, height: in the resampled secret.
        x, y: in the frame.
        turned: laid with rows as columns.
    """

    left: int
    top: int
    width: int
    height: int
    x: int
    y: int
    turned: bool

    @property
    def laid(self) -> Size:
        """(width, height) in the frame."""
        return (self.height, self.width) if self.turned else (self.width, self.height)

    def source(self, picture: np.ndarray) -> np.ndarray:
        """The view of this piece in the resampled secret, turned as it lies in the frame."""
        part = picture[self.top : self.top + self.height, self.left : self.left + self.width]
        return part.swapaxes(0, 1) if self.turned else part

    def place(self, frame: np.ndarray) -> np.ndarray:
        """The view of this piece in the frame."""
        width, height = self.laid
        return frame[self.y : self.y + height, self.x : self.x + width]


@dataclass(frozen=True)
class Layout:
    """Where each part of a secret lies in a cover; all sizes are (width, height) in pixels.

    Attributes:
        secret: the secret's own size.
        frame: the part of the cover that carries it, from the top left corner.
        scaled: the secret's size in the frame, before it is cut.
        pieces: its parts, the last beside the room left over.
    """

    secret: Size
    frame: Size
    scaled: Size
    pieces: tuple[Piece, ...]

    @property
    def kept(self) -> float:
        """Share of the secret's frequencies that come back: 1 unless it has more pixels than the frame."""
        return float(np.prod([min(1, scaled / own) for scaled, own in zip(self.scaled, self.secret, strict=True)]))


def frame_size(width: int, height: int, stride: int) -> Size:
    """(width, height) of the part of a cover that carries the secret: the last few rows and columns stay."""
    return width // stride * stride, height // stride * stride


# -- the plan ---------------------------------------------------------------------------------------------------


def _cut(size: Size, room: Size) -> Iterator[Piece]:
    """Lay a picture with no more pixels than the room into it, piece by piece."""
    (width, height), (room_width, room_height) = size, room
    left = top = x = y = 0
    while width and height:
        fits = width <= room_width and height <= room_height
        turned = not fits and (width > height) != (room_width > room_height)
        if turned:
            fits = height <= room_width and width <= room_height
        # How far the piece goes in the secret's own directions.
        across, along = (room_height, room_width) if turned else (room_width, room_height)
        piece = Piece(left, top, min(width, across), min(height, along), x, y, turned)
        yield piece
        if fits:
            return
        if width > across:
            left, width = left + across, width - across
        else:
            top, height = top + along, height - along
        laid_width, laid_height = piece.laid
        if laid_width == room_width:
            y, room_height = y + laid_height, room_height - laid_height
        else:
            x, room_width = x + laid_width, room_width - laid_width


def _cost(secret: Size, scaled: Size, frame: Size, stride: int, limit: int) -> int:
    """The noise and loss to expect of a resampled size, in millionths of the noise at equal size; above limit, any."""
    area = frame[0] * frame[1]
    lost = sum(max(0, UNIT * (own - now) // now) for own, now in zip(secret, scaled, strict=True))
    cost = LOSS * lost + UNIT * (area - scaled[0] * scaled[1]) // area
    previous = None
    for piece in _cut(scaled, frame):
        if cost > limit:
            break
        if previous is not None:
            border = previous.laid[0] if piece.x == previous.x else previous.laid[1]
            cost += SEAMS[bool(piece.x % stride or piece.y % stride)] * UNIT * border * stride // area
        previous = piece
    return cost


def _sizes(secret: Size, frame: Size, stride: int) -> Iterator[Size]:
    """Sizes that a secret may be resampled to, none with more pixels than the frame."""
    width, height = secret
    area = frame[0] * frame[1]
    yield frame
    yield frame[::-1]
    if width * height <= area:
        yield secret
    if width <= area:
        yield width, area // width
    if height <= area:
        yield area // height, height
    tiles = area // stride**2
    even = isqrt(tiles * width // height)
    for columns in range(max(1, even - REACH), min(tiles, even + REACH) + 1):
        yield columns * stride, tiles // columns * stride


@lru_cache(maxsize=64)
def plan(cover: Size, secret: Size, stride: int) -> Layout:
    """The layout that promises most for a secret in a cover; integer arithmetic, so the same on every machine.

    Args:
        cover: (width, height), each at least the stride.
        secret: (width, height), each at least 1.
        stride: the network works on frames of multiples of it.

    Raises:
        ValueError: when the cover is smaller than one tile or a size is not positive.
    """
    frame = frame_size(*cover, stride)
    if min(*frame, *secret) < 1:
        raise ValueError(f"no room for {secret[0]}x{secret[1]} in {cover[0]}x{cover[1]}")
    fits = secret[0] * secret[1] <= frame[0] * frame[1]
    best, least = None, None
    for scaled in _sizes(secret, frame, stride):
        if fits and (scaled[0] < secret[0] or scaled[1] < secret[1]):
            continue
        cost = _cost(secret, scaled, frame, stride, least if least is not None else 1 << 62)
        if least is None or cost < least:
            best, least = scaled, cost
    return Layout(secret, frame, best, tuple(_cut(best, frame)))


# -- resampling -------------------------------------------------------------------------------------------------


def _order(size: int) -> np.ndarray:
    """Even samples forward, then odd samples backward (Makhoul, "A fast cosine transform", 1980)."""
    return np.concatenate([np.arange(0, size, 2), np.arange(1, size, 2)[::-1]])


def _turns(size: int) -> np.ndarray:
    return np.exp(-0.5j * np.pi / size * np.arange(size // 2 + 1)).astype(np.complex64)


def _resample_last(x: np.ndarray, size: int) -> np.ndarray:
    """Resample the last axis by its DCT, with the order and the twiddle factors of Makhoul's fast transform."""
    own = x.shape[-1]
    half = own // 2 + 1
    spectrum = np.fft.rfft(x[..., _order(own)]) * _turns(own)
    dct = np.zeros((*x.shape[:-1], max(own, size) + 1), np.float32)
    dct[..., own : own - half : -1] = -spectrum.imag
    dct[..., :half] = spectrum.real
    dct[..., min(own, size) :] = 0
    half = size // 2 + 1
    spectrum = dct[..., :half] - 1j * dct[..., size : size - half : -1]
    y = np.empty((*x.shape[:-1], size), np.float32)
    y[..., _order(size)] = np.fft.irfft(spectrum * (_turns(size).conj() * (size / own)), size)
    return y


def _resample_rows(x: np.ndarray, width: int) -> np.ndarray:
    """(height, own width, channels) to (height, width, channels)."""
    if x.shape[1] == width:
        return x
    y = np.empty((x.shape[0], width, x.shape[2]), np.float32)
    rows = max(1, CHUNK // (max(x.shape[1], width) * x.shape[2]))
    for start in range(0, len(x), rows):
        part = np.ascontiguousarray(x[start : start + rows].swapaxes(1, 2), np.float32)
        y[start : start + rows] = _resample_last(part, width).swapaxes(1, 2)
    return y


def resample(x: np.ndarray, size: Size) -> np.ndarray:
    """Resample a picture through its DCT: exact there and back where it grows, a projection where it shrinks.

    Args:
        x: float32, (height, width, channels), any range.
        size: (width, height) wanted.

    Returns:
        float32, (height, width, channels); constants stay what they are.
    """
    x = _resample_rows(x, size[0])
    return _resample_rows(x.swapaxes(0, 1), size[1]).swapaxes(0, 1)


# -- laying and taking ------------------------------------------------------------------------------------------


def lay(secret: np.ndarray, layout: Layout) -> np.ndarray:
    """The frame for the network.

    Args:
        secret: float32, (height, width, 3) as in the layout, any range.

    Returns:
        float32, (frame height, frame width, 3), the same range up to some overshoot beside sharp edges.
    """
    if secret.shape[1::-1] != layout.secret:
        raise ValueError(f"a layout for {layout.secret} does not take {secret.shape[1::-1]}")
    scaled = resample(secret, layout.scaled)
    width, height = layout.frame
    frame = np.empty((height, width, secret.shape[2]), np.float32)
    for piece in layout.pieces:
        piece.place(frame)[:] = piece.source(scaled)
    last = layout.pieces[-1]
    room = frame[last.y :, last.x :]
    margins = [(0, whole - own) for whole, own in zip(room.shape, last.laid[::-1], strict=False)]
    if any(margin for _, margin in margins):
        room[:] = np.pad(last.source(scaled), [*margins, (0, 0)], mode="symmetric")
    return frame


def take(frame: np.ndarray, layout: Layout) -> np.ndarray:
    """The secret out of a frame that `lay` made and the network brought back: the least-squares inverse of `lay`.

    Args:
        frame: float32, (frame height, frame width, 3) as in the layout.

    Returns:
        float32, (height, width, 3), the secret's own size; what the network gave, not rounded or clamped.
    """
    if frame.shape[1::-1] != layout.frame:
        raise ValueError(f"a layout for a frame of {layout.frame} does not take {frame.shape[1::-1]}")
    width, height = layout.scaled
    scaled = np.empty((height, width, frame.shape[2]), np.float32)
    for piece in layout.pieces:
        piece.source(scaled)[:] = piece.place(frame)
    return resample(scaled, layout.secret)
