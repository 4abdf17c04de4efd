"""How a secret of any size fills the frame of a cover: stretched by way of its spectrum, cut and laid, and back.

Two steps, computed from the two sizes and the stride alone, so that a stego need not say more than the secret's size:

1. The secret gets a size that fills the frame well, through its orthonormal cosine transform (DCT-II). The new
   spectrum takes up the old, padded with zeros. Frequencies that it lacks (it is narrower, or less high) are put where
   the old one has none, low ones first. So a secret with no more pixels comes back exactly, and of white noise the
   way back leaves only the share that the secret has of the frame's pixels: the least that any linear way can leave.
   A secret with more pixels gives up its highest frequencies, first a corner where both are high, which holds least.
2. It is cut into whole tiles as in Euclid's algorithm: as much as fits the width (or height) of the room, then the
   rest into the rest of the room, turned over its diagonal where that fits better. Since the picture has no more
   pixels than the room, neither has any rest, and all fits whatever the sizes. What is left over mirrors the last
   piece.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt

import numpy as np

Size = tuple[int, int]

# What the choice of a layout weighs, against the noise that the network leaves of a secret, in millionths of it.
# Measured on photographs, the cover's loss included. A tile's length of seam costs the noise of so many tiles:
UNIT = 1_000_000
SEAM = 2
# Frequencies put elsewhere make the frame busier: times the share by which a side exceeds the frame's, in tenths.
MOVED = 8
# Room left over costs a secret that would fit anyhow its share of the noise, and one that does not, detail.
EMPTY, MISSED = 1, 4
# How far from the even scale to look for better fitting sizes, in tiles.
REACH = 200
# A secret with more pixels than its room keeps a band of this many percent of the room, less a corner.
BAND = 105
# Of a band cut off that way, so much at its end fades out, or edges would be seen to ring far into the sky.
FADE = 0.15
# Samples that are transformed at a time: the steps between stay below some tens of megabytes.
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
    """Where each part of a secret lies in a cover; all sizes are (width, height).

    Attributes:
        secret: the secret's own size in pixels.
        frame: the part of the cover that carries it, in pixels, from the top left corner.
        scaled: the secret's size in the frame, before it is cut.
        band: how many of the secret's lowest frequencies are kept.
        corner: how many of the highest of those are left out where both are that high.
        pieces: the parts of the scaled secret, the last one beside the room left over.
    """

    secret: Size
    frame: Size
    scaled: Size
    band: Size
    corner: Size
    pieces: tuple[Piece, ...]

    @property
    def kept(self) -> float:
        """Share of the secret's frequencies that come back: 1 unless it has more pixels than the frame."""
        return (_area(self.band) - _area(self.corner)) / _area(self.secret)


def _area(size: Size) -> int:
    return size[0] * size[1]


def frame_size(width: int, height: int, stride: int) -> Size:
    """(width, height) of the part of a cover that carries the secret: the last few rows and columns stay."""
    return width // stride * stride, height // stride * stride


# -- the plan ---------------------------------------------------------------------------------------------------


def _cut(size: Size, room: Size) -> Iterator[Piece]:
    """Lay a picture with no more pixels than the room into it, piece by piece: Euclid's algorithm on rectangles."""
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


def _shrunk(size: Size, pixels: int) -> Size:
    """A size of the same shape with at most so many pixels; the same if it has no more."""
    width, height = size
    if width * height <= pixels:
        return size
    if width < height:
        return _shrunk((height, width), pixels)[::-1]
    short = max(1, isqrt(pixels * height // width))
    return min(width, pixels // short), short


def _corner(band: Size, pixels: int) -> Size:
    """The corner to leave out of a band so that no more than so many frequencies remain."""
    excess = _area(band) - pixels
    if excess <= 0:
        return 0, 0
    # Shaped like the band, but never so high that it does not fit.
    across = min(band[0], max(isqrt(excess * band[0] // band[1]) + 1, -(-excess // band[1])))
    return across, -(-excess // across)


def _cost(secret: Size, scaled: Size, frame: Size, stride: int, limit: int) -> int:
    """Noise and loss to expect of a scaled size, in millionths of the noise at equal size; if over limit, any such."""
    area = _area(frame)
    band = _shrunk(secret, _area(scaled) * BAND // 100)
    moved = sum(max(0, wanted - there) * UNIT // there for wanted, there in zip(band, scaled, strict=True))
    empty = UNIT * (area - _area(scaled)) // area
    cost = moved * MOVED // 10 + empty * (EMPTY if _area(secret) <= area else MISSED)
    border = 0
    for piece in _cut(scaled, frame):
        cost += SEAM * UNIT * border * stride // area
        if cost > limit:
            break
        border = max(piece.laid)
    return cost


def _sizes(secret: Size, frame: Size, stride: int) -> Iterator[Size]:
    """Sizes of whole tiles, none with more pixels than the frame, about the secret's shape or the frame's."""
    yield frame
    yield frame[::-1]
    tiles = _area(frame) // stride**2
    even = isqrt(tiles * secret[0] // secret[1])
    for columns in range(max(1, even - REACH), min(tiles, even + REACH) + 1):
        yield columns * stride, tiles // columns * stride


@lru_cache(maxsize=64)
def plan(cover: Size, secret: Size, stride: int) -> Layout:
    """The layout that promises most for a secret in a cover; integer arithmetic, so the same on every machine.

    Part of the file format: reveal must lay out as hide did.

    Args:
        cover: (width, height), each at least the stride.
        secret: (width, height), each at least 1.
        stride: the network works on frames of multiples of it.

    Raises:
        ValueError: when the cover is smaller than one tile or the secret has no pixels.
    """
    frame = frame_size(*cover, stride)
    if min(*frame, *secret) < 1:
        raise ValueError(f"no room for {secret[0]}x{secret[1]} in {cover[0]}x{cover[1]}")
    best, least = frame, _cost(secret, frame, frame, stride, 1 << 62)
    for scaled in _sizes(secret, frame, stride):
        if _area(scaled) < _area(secret) <= _area(frame):  # what fits must come back whole
            continue
        cost = _cost(secret, scaled, frame, stride, least)
        if cost < least:
            best, least = scaled, cost
    band = _shrunk(secret, _area(best) * BAND // 100)
    return Layout(secret, frame, best, band, _corner(band, _area(best)), tuple(_cut(best, frame)))


# -- the transform ----------------------------------------------------------------------------------------------


def _order(size: int) -> np.ndarray:
    """Even samples forward, then odd samples backward (Makhoul, "A fast cosine transform", 1980)."""
    return np.concatenate([np.arange(0, size, 2), np.arange(1, size, 2)[::-1]])


def _twiddles(size: int) -> np.ndarray:
    """Turns, and the scale that makes the DCT orthonormal."""
    turns = np.exp(-0.5j * np.pi / size * np.arange(size // 2 + 1)) * np.sqrt(2 / size)
    turns[0] /= np.sqrt(2)
    return turns.astype(np.complex64)


def _dct(x: np.ndarray) -> np.ndarray:
    """Orthonormal DCT-II of the last axis, by a real FFT of the same length."""
    size = x.shape[-1]
    spectrum = np.fft.rfft(x[..., _order(size)]) * _twiddles(size)
    y = np.empty(x.shape, np.float32)
    half = size // 2 + 1
    y[..., half:] = -spectrum.imag[..., (size - 1) // 2 : 0 : -1]
    y[..., :half] = spectrum.real
    return y


def _inverse_dct(y: np.ndarray) -> np.ndarray:
    """The orthonormal inverse of `_dct`."""
    size = y.shape[-1]
    half = size // 2 + 1
    spectrum = y[..., :half].astype(np.complex64)
    spectrum.imag[..., 1:] = -y[..., size - 1 : size - half : -1]
    twiddles = _twiddles(size)
    x = np.empty(y.shape, np.float32)
    x[..., _order(size)] = np.fft.irfft(spectrum * (twiddles.conj() / np.abs(twiddles) ** 2), size)
    return x


def _along(transform: Callable[[np.ndarray], np.ndarray], x: np.ndarray, axis: int) -> np.ndarray:
    """Transform a picture of (height, width, channels) along its axis 0 or 1, in place and some rows at a time."""
    rows = np.moveaxis(x, axis, -1)
    step = max(1, CHUNK // (rows.shape[1] * rows.shape[2]))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        part[:] = transform(np.ascontiguousarray(part))
    return x


# -- the secret's spectrum in the scaled one --------------------------------------------------------------------


def _lowest_first(free: np.ndarray) -> np.ndarray:
    """Flat indices of the true places, by the product of their two frequencies: about from strong to weak."""
    places = np.flatnonzero(free)
    rows, columns = np.divmod(places, free.shape[1])
    return places[np.argsort((rows + 1) * (columns + 1), kind="stable")]


def _moves(layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices, in the band and in the scaled spectrum, of the frequencies that lie elsewhere."""
    kept = np.ones(layout.band[::-1], bool)
    kept[_outer(layout.band, layout.corner)] = False
    free = np.ones(layout.scaled[::-1], bool)
    common = _common(layout)
    free[common] = ~kept[common]
    kept[common] = False
    moved = _lowest_first(kept) if kept.any() else np.empty(0, np.int64)
    return moved, _lowest_first(free)[: len(moved)] if len(moved) else moved


def _common(layout: Layout) -> tuple[slice, slice]:
    """Rows and columns that the band and the scaled spectrum both have."""
    return slice(min(layout.band[1], layout.scaled[1])), slice(min(layout.band[0], layout.scaled[0]))


def _outer(size: Size, corner: Size) -> tuple[slice, slice]:
    """Rows and columns of a corner at the highest frequencies."""
    return slice(size[1] - corner[1], size[1]), slice(size[0] - corner[0], size[0])


def _rescaled(x: np.ndarray, size: Size, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """To the spectrum, through `change` and back from a spectrum of the given size; constants stay what they are."""
    gain = np.float32(np.sqrt(_area(size) / (x.shape[0] * x.shape[1])))
    spectrum = _along(_dct, _along(_dct, np.array(x, np.float32, order="C"), 1), 0)
    changed = change(spectrum)
    changed *= gain
    return _along(_inverse_dct, _along(_inverse_dct, changed, 0), 1)


def _fade(band: int, own: int) -> np.ndarray:
    """Weights of a band's frequencies: all 1 where nothing was cut off, and falling to 0 at the end where much was."""
    share = min(FADE, ((own - band) / own) ** 2)
    beyond = np.clip(np.arange(band) - band * (1 - share), 0, None) / max(1, band * share)
    return (0.5 + 0.5 * np.cos(np.pi * np.minimum(beyond, 1))).astype(np.float32)


def _to_scaled(secret: np.ndarray, layout: Layout) -> np.ndarray:
    def change(spectrum: np.ndarray) -> np.ndarray:
        band = np.ascontiguousarray(spectrum[: layout.band[1], : layout.band[0]])
        band[_outer(layout.band, layout.corner)] = 0
        scaled = np.zeros((*layout.scaled[::-1], band.shape[2]), np.float32)
        scaled[_common(layout)] = band[_common(layout)]
        sources, places = _moves(layout)
        scaled.reshape(-1, band.shape[2])[places] = band.reshape(-1, band.shape[2])[sources]
        return scaled

    return secret if layout.scaled == layout.secret else _rescaled(secret, layout.scaled, change)


def _from_scaled(scaled: np.ndarray, layout: Layout) -> np.ndarray:
    def change(spectrum: np.ndarray) -> np.ndarray:
        band = np.zeros((*layout.band[::-1], spectrum.shape[2]), np.float32)
        band[_common(layout)] = spectrum[_common(layout)]
        sources, places = _moves(layout)
        band.reshape(-1, spectrum.shape[2])[sources] = spectrum.reshape(-1, spectrum.shape[2])[places]
        band[_outer(layout.band, layout.corner)] = 0
        across, along = (_fade(*sides) for sides in zip(layout.band, layout.secret, strict=True))
        band *= along[:, None, None] * across[:, None]
        secret = np.zeros((*layout.secret[::-1], spectrum.shape[2]), np.float32)
        secret[: layout.band[1], : layout.band[0]] = band
        return secret

    return scaled if layout.scaled == layout.secret else _rescaled(scaled, layout.secret, change)


# -- laying and taking ------------------------------------------------------------------------------------------


def lay(secret: np.ndarray, layout: Layout) -> np.ndarray:
    """The frame for the network.

    Args:
        secret: (height, width, 3) as in the layout, any type and range.

    Returns:
        (frame height, frame width, 3): of the secret's type where its own pixels are laid, else float32 and the same
        range up to some overshoot beside sharp edges.
    """
    if secret.shape[1::-1] != layout.secret:
        raise ValueError(f"a layout for {layout.secret} does not take {secret.shape[1::-1]}")
    scaled = _to_scaled(secret, layout)
    width, height = layout.frame
    frame = np.empty((height, width, secret.shape[2]), scaled.dtype)
    for piece in layout.pieces:
        piece.place(frame)[:] = piece.source(scaled)
    last = layout.pieces[-1]
    room = frame[last.y :, last.x :]
    margins = [(0, whole - own) for whole, own in zip(room.shape, last.laid[::-1], strict=False)]
    if any(margin for _, margin in margins):
        room[:] = np.pad(last.source(scaled), [*margins, (0, 0)], mode="symmetric")
    return frame


def take(frame: np.ndarray, layout: Layout) -> np.ndarray:
    """The secret out of a frame that `lay` made and the network brought back.

    The least-squares inverse of `lay`; of a secret that was shrunk, the highest frequencies left fade out.

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
    return _from_scaled(scaled, layout)
