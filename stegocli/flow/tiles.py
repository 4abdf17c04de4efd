"""Hide and reveal arrays with a network: whole pictures of any size in bounded memory.

A picture's subbands lie in memory row by row, channels last, and take the very bytes of its pixels, so that a
transform needs no second array. The couplings run over them in place, a strip of rows at a time (`couplings`).
All in all hide takes two float32 arrays of the picture's size, and reveal too.
"""

import itertools
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from ..picture.layout import frame_size
from . import wavelet
from .couplings import FlowConfig
from .descent import Descent
from .network import BACK_OFF, BLOCK, MOST_PASSES, StegoNetwork, block_energy, clip_margin
from .quantize import PEAK
from .strips import Count, Notice, Progress, Strips, unseen

# Format version 1 worked on larger pictures in tiles that knew nothing of each other.
TILE = 1024
# Rows of subbands above and below that a wavelet's result depends on, at up to four levels.
_HALO = {"haar": 0, "legall53": 4}

# As `network.MOST_OVERFLOW`, for one block: a picture has many that are below that, and they add up in the secret.
_MOST_OVERFLOW = 0.004
# How far a moved cover reaches in the stego, and how far the zeros beyond a box do, in positions of the subbands: until
# 0.01 levels are left of the one, and 0.03 of the other. Measured on photographs; in theory it is the flow's radius.
_CHANGE, _EDGE = 2, 4
# What is embedded again at a time, at most.
_MOST_POSITIONS = 1 << 17

# Rows and columns of subbands.
Box = tuple[slice, slice]


def _spans(length: int, stride: int) -> list[slice]:
    """Cut a length, a multiple of the stride, into nearly equal spans of at most TILE."""
    count = -(-length // TILE)
    units = np.linspace(0, length // stride, count + 1).astype(int) * stride
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(units)]


def _matrix(config: FlowConfig, inverse: bool = False) -> Tensor:
    """What a wavelet that looks at each tile alone makes of its samples (row, column, colour), or of its subbands."""
    count, stride = config.channels, config.stride
    if inverse:
        unit = torch.eye(count).view(count, count, 1, 1)
        return wavelet.from_subbands(unit, config.levels, config.wavelet).permute(0, 2, 3, 1).reshape(count, count)
    unit = torch.eye(count).view(count, stride, stride, 3).permute(0, 3, 1, 2)
    return wavelet.to_subbands(unit, config.levels, config.wavelet).reshape(count, count)


class _Plane:
    """A picture's memory, seen as pixels or as subbands: a row of subbands takes the bytes of `stride` rows of pixels.

    Attributes:
        bands: (rows of subbands, columns, channels).
        pixels: (rows of subbands, stride, width, 3), the same memory; range -1..1.
    """

    def __init__(self, network: StegoNetwork, bands: Tensor, strips: Strips):
        self.network, self.bands, self.strips = network, bands, strips
        stride = network.config.stride
        self.pixels = bands.view(len(bands), stride, bands.shape[1] * stride, 3)

    @classmethod
    def empty(cls, network: StegoNetwork, rows: int, strips: Strips) -> "_Plane":
        shape = rows, strips.width, network.config.channels
        return cls(network, torch.empty(shape, device=strips.device), strips)

    def part(self, rows: slice, columns: slice) -> Tensor:
        """The pixels of a box of subbands, in the order of `pixels`."""
        stride = self.pixels.shape[1]
        return self.pixels[rows, :, columns.start * stride : columns.stop * stride]

    @property
    def stream(self) -> Tensor:
        """The subbands as the flow takes them: (1, channels, rows, columns)."""
        return self.bands.permute(2, 0, 1)[None]

    def load(self, picture: np.ndarray, rows: slice) -> Tensor:
        """Some rows of subbands' worth of a picture in grey levels, as pixels of range -1..1."""
        stride = self.pixels.shape[1]
        part = picture[rows.start * stride : rows.stop * stride, : self.pixels.shape[2]]
        pixels = torch.from_numpy(np.array(part, np.float32)).to(self.bands.device)
        return pixels.div_(PEAK / 2).sub_(1).view(-1, *self.pixels.shape[1:])

    def analyse(self) -> None:
        """Pixels to subbands, in place."""
        self._transform(self.pixels, self.bands, self._to_bands)

    def synthesise(self) -> None:
        """Subbands to pixels, in place."""
        self._transform(self.bands, self.pixels, self._to_pixels)

    def _to_bands(self, pixels: Tensor) -> Tensor:
        """Some rows, of a wavelet that looks at each tile alone (by a matrix) or beyond it."""
        config = self.network.config
        if not _HALO[config.wavelet]:
            tiles = pixels.view(*pixels.shape[:2], -1, config.stride, 3).permute(0, 2, 1, 3, 4).flatten(2)
            bands: Tensor = tiles @ _matrix(config).to(tiles.device)
            return bands
        flat = pixels.reshape(1, -1, *pixels.shape[2:]).permute(0, 3, 1, 2)
        return wavelet.to_subbands(flat, config.levels, config.wavelet)[0].permute(1, 2, 0)

    def _to_pixels(self, bands: Tensor) -> Tensor:
        config = self.network.config
        if not _HALO[config.wavelet]:
            tiles: Tensor = bands @ _matrix(config, inverse=True).to(bands.device)
            return tiles.view(*bands.shape[:2], config.stride, config.stride, 3).permute(0, 2, 1, 3, 4).flatten(2, 3)
        pixels = wavelet.from_subbands(bands.permute(2, 0, 1)[None], config.levels, config.wavelet)[0]
        return pixels.permute(1, 2, 0).reshape(len(bands), -1, bands.shape[1] * config.stride, 3)

    def _transform(self, source: Tensor, target: Tensor, transform: Callable[[Tensor], Tensor]) -> None:
        halo = _HALO[self.network.config.wavelet]
        above = source[:0]
        for rows in self.strips.cut(len(source)):
            if not halo:
                target[rows] = transform(source[rows])
                continue
            part = torch.cat([above, source[rows.start : rows.stop + halo]])
            first = len(above)
            # Kept, since the strip below needs these rows as they were.
            above = part[: first + rows.stop - rows.start][-halo:].clone()
            target[rows] = transform(part)[first : first + rows.stop - rows.start]


def _check(network: StegoNetwork, cover: np.ndarray, secret: np.ndarray) -> None:
    height, width = secret.shape[:2]
    if (width, height) != frame_size(cover.shape[1], cover.shape[0], network.config.stride) or not secret.size:
        raise ValueError(f"a secret of {width}x{height} does not fit a cover of {cover.shape[1]}x{cover.shape[0]}")


@torch.inference_mode()
def hide(
    network: StegoNetwork,
    cover: np.ndarray,
    secret: np.ndarray,
    progress: Progress = unseen,
    notice: Notice = warnings.warn,
    descent: Descent | None = None,
) -> np.ndarray:
    """Hide one picture in another, in float32.

    As `StegoNetwork.hide`, but where a stego passes black or white the cover is moved back in those blocks alone, and
    embedded again no farther around them than that reaches.

    Args:
        cover: uint8, (height, width, 3).
        secret: grey levels 0..255 of any type, the size that `frame_size` gives for the cover; float16 is fine
            enough and takes half the memory of float32.
        progress: is called with the share that is done, 0..1.
        notice: is called with a sentence when memory was full and the work goes on in smaller parts.
        descent: what `Descent.of` gives for the network, where it is at hand.

    Returns:
        The stego: uint8, the cover's shape.

    Raises:
        ValueError: when the sizes don't go together.
        ArithmeticError: when the network's weights give no numbers.
    """
    _check(network, cover, secret)
    rows, columns = (side // network.config.stride for side in secret.shape[:2])
    strips = Strips(network.device, columns, Count(progress), notice)
    outer, inner = (_Plane.empty(network, rows, strips) for _ in range(2))
    # The flow works on each place twice a block; rounding takes about a tenth of that.
    strips.count.total = 2.2 * len(network.flow.blocks) * rows * columns
    for part in strips.cut(rows):
        outer.pixels[part] = clip_margin(outer.load(cover, part))
    _embed(outer, inner, secret)
    # How far the cover is moved back; in half precision that is a thousandth of a level. Where nothing ever is, numpy's
    # zeros take no memory.
    moved = torch.from_numpy(np.zeros(outer.pixels.shape, np.float16)).to(strips.device)
    before = np.full([-(-side // BLOCK) for side in secret.shape[:2]], np.inf)
    for _ in range(MOST_PASSES - 1):
        spilling = _move_back(outer, moved, before)
        if not spilling.any():
            break
        for box, wide in _boxes(outer, spilling):
            _embed_again(outer, cover, secret, moved, box, wide)
    del moved
    return _rounded(outer, inner, cover, descent or Descent.of(network))


def _embed(outer: _Plane, inner: _Plane, secret: np.ndarray) -> None:
    """Pixels of a cover to pixels of a stego, in place; `inner` is room for the secret."""
    for part in inner.strips.cut(len(inner.bands)):
        inner.pixels[part] = inner.load(secret, part)
    outer.analyse()
    inner.analyse()
    outer.network.flow.forward_(outer.stream, inner.stream, outer.strips)
    outer.synthesise()


def _move_back(stego: _Plane, moved: Tensor, before: np.ndarray) -> np.ndarray:
    """Add to `moved` what the stego has past black and white, where that is much and moving the cover back helps.

    Args:
        moved: of the stego's pixels' shape, how far the cover was moved back up to now.
        before: for each block of 16x16 pixels its energy when it was last moved back, at first infinite.

    Returns:
        Which blocks were moved back; for these `before` and `moved` are new.
    """
    height, stride, width = stego.pixels.shape[:3]
    unit = BLOCK // stride
    spilling = np.zeros(before.shape, bool)
    for part in stego.strips.cut(height, unit):
        pixels = stego.pixels[part]
        least, most = pixels.aminmax()
        if least >= -1 and most <= 1:
            continue
        overflow = pixels - pixels.clamp(-1, 1)
        energy = block_energy(overflow.flatten(0, 1).permute(2, 0, 1)[None])[0, 0].cpu().numpy()
        rows = slice(part.start // unit, part.start // unit + len(energy))
        # Where a pass has not halved it, another helps no more.
        found = (energy > _MOST_OVERFLOW) & (energy <= before[rows] / 2)
        if found.any():
            where = found.repeat(unit, 0)[: len(pixels)].repeat(BLOCK, 1)[:, :width]
            moved[part] += BACK_OFF * overflow * torch.from_numpy(where).to(overflow.device)[:, None, :, None]
            spilling[rows], before[rows][found] = found, energy[found]
    return spilling


def _boxes(stego: _Plane, spilling: np.ndarray) -> Iterator[tuple[Box, Box]]:
    """What changes where these blocks of the cover were moved back, and the same with what must be around it."""
    (rows, columns), stride = stego.bands.shape[:2], stego.pixels.shape[1]
    unit, change = BLOCK // stride, _CHANGE + 2 * _HALO[stego.network.config.wavelet]
    for top, left, height, width in _covering(spilling, (change + _EDGE) / unit, _MOST_POSITIONS // unit**2):
        inner, outer = (
            (
                slice(max(0, top * unit - around), min(rows, (top + height) * unit + around)),
                slice(max(0, left * unit - around), min(columns, (left + width) * unit + around)),
            )
            for around in (change, change + _EDGE)
        )
        yield inner, outer


def _covering(
    near: np.ndarray, margin: float, most: int, top: int = 0, left: int = 0
) -> list[tuple[int, int, int, int]]:
    """Boxes (top, left, height, width) around all that is True, cut in two wherever that leaves less to do.

    Args:
        near: bool, (rows, columns).
        margin: what each box needs besides on each side.
        most: boxes that are larger, with their margins, are cut in any case.
        top, left: where `near` begins.
    """
    rows, columns = (np.flatnonzero(near.any(axis)) for axis in (1, 0))
    if not len(rows):
        return []
    near = near[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    top, left, (height, width) = top + int(rows[0]), left + int(columns[0]), near.shape
    whole = [(top, left, height, width)]
    if max(height, width) <= 2 * margin:
        return whole
    if height > width:
        half = height // 2
        parts = _covering(near[:half], margin, most, top, left)
        parts += _covering(near[half:], margin, most, top + half, left)
    else:
        half = width // 2
        parts = _covering(near[:, :half], margin, most, top, left)
        parts += _covering(near[:, half:], margin, most, top, left + half)

    def area(boxes: list[tuple[int, int, int, int]]) -> float:
        return sum((box[2] + 2 * margin) * (box[3] + 2 * margin) for box in boxes)

    return parts if area(parts) < area(whole) or area(whole) > most else whole


def _embed_again(stego: _Plane, cover: np.ndarray, secret: np.ndarray, moved: Tensor, box: Box, wide: Box) -> None:
    """Embed a box again, with the cover moved back; what is around it is embedded with it and stays as it is."""
    stride = stego.pixels.shape[1]
    y, x = (slice(side.start * stride, side.stop * stride) for side in wide)
    strips = stego.strips.of(wide[1].stop - wide[1].start)
    outer, inner = (_Plane.empty(stego.network, wide[0].stop - wide[0].start, strips) for _ in range(2))
    strips.count.total += 2 * len(stego.network.flow.blocks) * len(outer.bands) * strips.width
    outer.pixels[:] = moved[wide[0], :, x]
    for part in strips.cut(len(outer.bands)):
        outer.pixels[part] = clip_margin(outer.load(cover[y, x], part)) - outer.pixels[part]
    _embed(outer, inner, secret[y, x])
    inside = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, wide, strict=True))
    stego.part(*box).copy_(outer.part(*inside))


def _check_numbers(levels: Tensor) -> None:
    """Raises ArithmeticError when some of these clamped levels are no numbers: then their sum is none."""
    if levels.sum().isnan():
        raise ArithmeticError("the network gives values that are no numbers")


def _rounded(stego: _Plane, inner: _Plane, cover: np.ndarray, descent: Descent) -> np.ndarray:
    """The cover with the stego's samples as 8 bits; the memory of both planes is used up."""
    rows, stride, width, _ = stego.pixels.shape
    pixels = stego.pixels.view(rows, stride, width // stride, stride, 3)
    # Samples of a tile first, as the rounding takes them: colour, row, column.
    wanted = inner.bands.view(3, stride, stride, rows, width // stride)
    for part in stego.strips.cut(rows):
        wanted[..., part, :] = pixels[part].add(1).mul_(PEAK / 2).permute(4, 1, 3, 0, 2)
    samples = (1, 3 * stride**2, rows, width // stride)
    rounded, errors = wanted.view(samples), stego.bands.view(samples)
    rounding, kernel = stego.network.rounding, stego.network.rounding.kernel()
    rounding.round_(rounded, errors, kernel)
    rounding.noise_(errors, kernel)
    descent.lower_(rounded, errors)
    out: np.ndarray = cover.copy()
    for part in stego.strips.cut(rows):
        _check_numbers(wanted[..., part, :])
        done = wanted[..., part, :].to(torch.uint8).permute(3, 1, 4, 2, 0)
        out[part.start * stride : part.stop * stride, :width] = done.reshape(-1, width, 3).cpu().numpy()
    return out


@torch.inference_mode()
def reveal(
    network: StegoNetwork,
    stego: np.ndarray,
    progress: Progress = unseen,
    tiled: bool = False,
    notice: Notice = warnings.warn,
) -> np.ndarray:
    """The secret hidden by `hide`. Always in float32.

    Args:
        stego: uint8, (height, width, 3).
        tiled: the stego is of format version 1: one larger than 1024 pixels was hidden in separate tiles.
        progress, notice: as for `hide`.

    Returns:
        Grey levels 0..255, not rounded, float32, (height, width, 3), the size that `frame_size` gives for the stego.

    Raises:
        ArithmeticError: as for `hide`.
    """
    stride = network.config.stride
    width, height = frame_size(stego.shape[1], stego.shape[0], stride)
    if not tiled or max(width, height) <= TILE:
        return _revealed(network, stego[:height, :width], progress, notice)
    secret = np.empty((height, width, 3), np.float32)
    parts = list(itertools.product(_spans(height, stride), _spans(width, stride)))
    for done, part in enumerate(parts, 1):
        secret[part] = _revealed(network, stego[part], unseen, notice)
        progress(done / len(parts))
    return secret


def _revealed(network: StegoNetwork, stego: np.ndarray, progress: Progress, notice: Notice) -> np.ndarray:
    rows, columns = (side // network.config.stride for side in stego.shape[:2])
    strips = Strips(network.device, columns, Count(progress), notice)
    strips.count.total = 2 * len(network.flow.blocks) * rows * columns
    outer, inner = (_Plane.empty(network, rows, strips) for _ in range(2))
    for part in strips.cut(rows):
        outer.pixels[part] = outer.load(stego, part)
    outer.analyse()
    inner.bands.zero_()
    network.flow.inverse_(outer.stream, inner.stream, strips)
    del outer
    inner.synthesise()
    _check_numbers(inner.bands.add_(1).mul_(PEAK / 2).clamp_(0, PEAK))
    return inner.pixels.view(stego.shape).cpu().numpy()
