"""Hide and reveal arrays with a model: whole pictures of any size in bounded memory.

A picture's subbands lie in memory row by row, channels last, and take the very bytes of its pixels, so that a
transform needs no second array. The couplings run over them in place, a strip of rows at a time (`couplings`).
All in all hide takes two float32 arrays of the picture's size, and reveal too.
"""

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from . import wavelet
from .channel import PEAK
from .network import BEYOND, BLOCK, MOST_PASSES, RETREAT, StegoNetwork, block_energy, draw_in
from .precision import is_out_of_memory

if TYPE_CHECKING:
    from .model import Model

# Format version 1 worked on larger pictures in tiles that knew nothing of each other.
TILE = 1024
# Places of subbands whose activations are in memory together: 512 bytes each, two or three at a time.
PLACES = {"cpu": 1 << 15, "cuda": 1 << 18}
# glibc gives what a strip frees back to the system, and gets it anew, page by page, for the next. It stops that for
# chunks up to the largest that it has seen freed, if that was not over 32 MiB.
_FREED = 31 << 20
# Rows of subbands above and below that a wavelet's result depends on, at up to four levels.
_HALO = {"haar": 0, "legall53": 4}

Progress = Callable[[float], None]
Notice = Callable[[str], None]


def _unseen(share: float) -> None:
    """Progress that nobody looks at."""


def frame_size(width: int, height: int, stride: int) -> tuple[int, int]:
    """(width, height) of the part of a cover that carries the secret: the last few rows and columns stay."""
    return width // stride * stride, height // stride * stride


def _spans(length: int, stride: int) -> list[slice]:
    """Cut a length, a multiple of the stride, into nearly equal spans of at most TILE."""
    count = -(-length // TILE)
    units = np.linspace(0, length // stride, count + 1).astype(int) * stride
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(units)]


class _Strips:
    """Cuts work on rows of subbands into strips that fit into memory and the processor's cache, and counts them."""

    def __init__(self, device: torch.device, width: int, progress: Progress, notice: Notice):
        self.rows = max(1, PLACES[device.type] // max(1, width))
        self.total, self.done, self.shown = 1.0, 0, 0.0
        self.progress, self.notice = progress, notice
        torch.empty(_FREED, dtype=torch.uint8)

    def cut(self, height: int, unit: int = 1) -> Iterator[slice]:
        """The strips of so many rows, each but the last a multiple of a unit."""
        step = -(-self.rows // unit) * unit
        return (slice(top, min(height, top + step)) for top in range(0, height, step))

    def __call__(self, height: int, step: Callable[[int, int], None]) -> None:
        """Work on the strips one after another; on a full memory they halve and the work goes on."""
        top = 0
        while top < height:
            bottom = min(height, top + self.rows)
            try:
                step(top, bottom)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error) or self.rows == 1:
                    raise
            else:
                self._count(bottom - top)
                top = bottom
                continue
            # Not in the handler: the traceback holds on to the very tensors that are too many.
            self.rows = -(-self.rows // 2)
            self.notice(f"memory is full: going on in strips of {self.rows} rows of subbands")
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _count(self, rows: int) -> None:
        self.done += rows
        # Work that turns up on the way never takes back what was shown.
        self.shown = max(self.shown, self.done / self.total)
        self.progress(min(1.0, self.shown))


class _Plane:
    """A picture's memory, seen as pixels or as subbands: a row of subbands takes the bytes of `stride` rows of pixels.

    Attributes:
        bands: (rows of subbands, columns, channels).
        pixels: (rows of subbands, stride, width, 3), the same memory; range -1..1.
    """

    def __init__(self, network: StegoNetwork, bands: Tensor, strips: _Strips):
        self.network, self.bands, self.strips = network, bands, strips
        stride = network.config.stride
        self.pixels = bands.view(len(bands), stride, bands.shape[1] * stride, 3)

    @classmethod
    def empty(cls, network: StegoNetwork, height: int, width: int, device: torch.device, strips: _Strips) -> "_Plane":
        stride, channels = network.config.stride, network.config.channels
        return cls(network, torch.empty(height // stride, width // stride, channels, device=device), strips)

    def __getitem__(self, rows: slice) -> "_Plane":
        return _Plane(self.network, self.bands[rows], self.strips)

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
        config = self.network.config

        def transform(pixels: Tensor) -> Tensor:
            flat = pixels.reshape(1, -1, *pixels.shape[2:]).permute(0, 3, 1, 2)
            return wavelet.to_subbands(flat, config.levels, config.wavelet)[0].permute(1, 2, 0)

        self._transform(self.pixels, self.bands, transform)

    def synthesise(self) -> None:
        """Subbands to pixels, in place."""
        config = self.network.config

        def transform(bands: Tensor) -> Tensor:
            pixels = wavelet.from_subbands(bands.permute(2, 0, 1)[None], config.levels, config.wavelet)[0].permute(
                1, 2, 0
            )
            return pixels.reshape(len(bands), -1, *pixels.shape[1:])

        self._transform(self.bands, self.pixels, transform)

    def _transform(self, source: Tensor, target: Tensor, transform: Callable[[Tensor], Tensor]) -> None:
        halo = _HALO[self.network.config.wavelet]
        above = source[:0]
        for rows in self.strips.cut(len(source)):
            part = torch.cat([above, source[rows.start : rows.stop + halo]])
            first = len(above)
            # Kept, since the strip below needs these rows as they were.
            above = part[: first + rows.stop - rows.start][-halo:].clone() if halo else above
            target[rows] = transform(part)[first : first + rows.stop - rows.start]


def _check(model: "Model", cover: np.ndarray, secret: np.ndarray) -> None:
    height, width = secret.shape[:2]
    if (width, height) != frame_size(cover.shape[1], cover.shape[0], model.network.config.stride) or not secret.size:
        raise ValueError(f"a secret of {width}x{height} does not fit a cover of {cover.shape[1]}x{cover.shape[0]}")


@torch.inference_mode()
def hide(
    model: "Model",
    cover: np.ndarray,
    secret: np.ndarray,
    progress: Progress = _unseen,
    notice: Notice = warnings.warn,
) -> np.ndarray:
    """Hide one picture in another, in float32.

    As `StegoNetwork.hide`, but where a stego passes black or white the cover is moved back in those rows alone, and
    embedded again no farther around them than the flow reaches.

    Args:
        cover: uint8, (height, width, 3).
        secret: grey levels 0..255 of any type, the size that `frame_size` gives for the cover; float16 is fine
            enough and takes half the memory of float32.
        progress: is called with the share that is done, 0..1.
        notice: is called with a sentence when memory was full and the work goes on in smaller parts.

    Returns:
        The stego: uint8, the cover's shape.

    Raises:
        ValueError: when the sizes don't go together.
    """
    _check(model, cover, secret)
    network, device = model.network, model.precision.device
    height, width = secret.shape[:2]
    strips = _Strips(device, width // network.config.stride, progress, notice)
    outer, inner = (_Plane.empty(network, height, width, device, strips) for _ in range(2))
    rows = slice(0, len(outer.bands))
    # The flow works on each row twice a block; rounding takes about a tenth of that.
    strips.total = 2.2 * len(network.flow.blocks) * rows.stop
    for part in strips.cut(rows.stop):
        outer.pixels[part] = draw_in(outer.load(cover, part))
    _embed(outer, inner, secret, rows)
    # How far the cover is moved back; in half precision that is a thousandth of a level.
    moved = None
    before: float | np.ndarray = np.inf
    for _ in range(MOST_PASSES - 1):
        energy = _spilt(outer)
        # Where a pass has not halved it, another helps no more.
        spilling = (energy > BEYOND) & (energy <= before / 2)
        if not spilling.any():
            break
        before = energy
        moved = torch.zeros_like(outer.pixels, dtype=torch.float16) if moved is None else moved
        for run in _runs(spilling, 2 * _margin(outer)):
            _embed_again(outer, inner, cover, secret, moved, spilling, run)
    del moved
    return _rounded(outer, inner, cover)


def _embed(outer: _Plane, inner: _Plane, secret: np.ndarray, rows: slice) -> None:
    """Pixels of some rows of covers to pixels of stegos, in place; `inner` is room for the secret."""
    strips = outer.strips
    for part in strips.cut(rows.stop - rows.start):
        inner.pixels[rows][part] = inner.load(secret, slice(rows.start + part.start, rows.start + part.stop))
    outer, inner = outer[rows], inner[rows]
    outer.analyse()
    inner.analyse()
    outer.network.flow.forward_(outer.stream, inner.stream, strips)
    outer.synthesise()


def _spilt(stego: _Plane) -> np.ndarray:
    """For each row of subbands the most that a block there has past black and white, in squared grey levels."""
    height, stride = stego.pixels.shape[:2]
    out = np.zeros(height)
    unit = BLOCK // math.gcd(BLOCK, stride)
    for part in stego.strips.cut(height, unit):
        pixels = stego.pixels[part].flatten(0, 1)
        beyond = (pixels - pixels.clamp(-1, 1)).permute(2, 0, 1)[None]
        found = block_energy(beyond).flatten(0, 2).amax(-1).cpu().numpy()
        edges = np.repeat(found, BLOCK)[: len(pixels)]
        out[part] = edges.reshape(-1, stride).max(1)
    return out


def _runs(rows: np.ndarray, margin: int) -> list[slice]:
    """The runs of rows that are True or at most `margin` from one that is."""
    near = np.zeros(len(rows), bool)
    for row in np.flatnonzero(rows):
        near[max(0, row - margin) : row + margin + 1] = True
    edges = np.flatnonzero(np.diff(near.astype(np.int8), prepend=0, append=0))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _margin(plane: _Plane) -> int:
    """How many rows of subbands a change reaches."""
    return plane.network.flow.radius + 2 * _HALO[plane.network.config.wavelet]


def _embed_again(
    stego: _Plane,
    inner: _Plane,
    cover: np.ndarray,
    secret: np.ndarray,
    moved: Tensor,
    spilling: np.ndarray,
    run: slice,
) -> None:
    """Embed a run of rows again, with the cover moved back in the rows where the stego passed black or white."""
    margin = _margin(stego)
    # At the ends of the run, unless they are the picture's, the flow lacks its neighbours. There nothing changes.
    ends = [slice(run.start, run.start + margin)] if run.start else []
    ends += [slice(run.stop - margin, run.stop)] if run.stop < len(stego.bands) else []
    kept = [stego.pixels[end].clone() for end in ends]
    strips = stego.strips
    strips.total += 2 * len(stego.network.flow.blocks) * (run.stop - run.start)
    for part in strips.cut(run.stop - run.start):
        rows = slice(run.start + part.start, run.start + part.stop)
        first = stego.pixels[rows]
        where = torch.from_numpy(spilling[rows]).to(first.device)[:, None, None, None]
        moved[rows] += RETREAT * (first - first.clamp(-1, 1)) * where
        stego.pixels[rows] = draw_in(stego.load(cover, rows)) - moved[rows]
    _embed(stego, inner, secret, run)
    for end, pixels in zip(ends, kept, strict=True):
        stego.pixels[end] = pixels


def _rounded(stego: _Plane, inner: _Plane, cover: np.ndarray) -> np.ndarray:
    """The cover with the stego's samples as 8 bits; the memory of both planes is used up."""
    rows, stride, width, _ = stego.pixels.shape
    pixels = stego.pixels.view(rows, stride, width // stride, stride, 3)
    # Samples of a tile first, as the rounding takes them: colour, row, column.
    wanted = inner.bands.view(3, stride, stride, rows, width // stride)
    for part in stego.strips.cut(rows):
        wanted[..., part, :] = pixels[part].add(1).mul_(PEAK / 2).permute(4, 1, 3, 0, 2)
    samples = (1, 3 * stride**2, rows, width // stride)
    stego.network.rounding.round_(wanted.view(samples), stego.bands.view(samples))
    out = cover.copy()
    for part in stego.strips.cut(rows):
        done = wanted[..., part, :].to(torch.uint8).permute(3, 1, 4, 2, 0)
        out[part.start * stride : part.stop * stride, :width] = done.reshape(-1, width, 3).cpu().numpy()
    return out


@torch.inference_mode()
def reveal(
    model: "Model",
    stego: np.ndarray,
    progress: Progress = _unseen,
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
    """
    stride = model.network.config.stride
    width, height = frame_size(stego.shape[1], stego.shape[0], stride)
    if not tiled or max(width, height) <= TILE:
        return _revealed(model, stego[:height, :width], progress, notice)
    secret = np.empty((height, width, 3), np.float32)
    places = list(itertools.product(_spans(height, stride), _spans(width, stride)))
    for done, place in enumerate(places, 1):
        secret[place] = _revealed(model, stego[place], _unseen, notice)
        progress(done / len(places))
    return secret


def _revealed(model: "Model", stego: np.ndarray, progress: Progress, notice: Notice) -> np.ndarray:
    network, device = model.network, model.precision.device
    height, width = stego.shape[:2]
    strips = _Strips(device, width // network.config.stride, progress, notice)
    strips.total = 2 * len(network.flow.blocks) * (height // network.config.stride)
    outer, inner = (_Plane.empty(network, height, width, device, strips) for _ in range(2))
    for part in strips.cut(len(outer.bands)):
        outer.pixels[part] = outer.load(stego, part)
    outer.analyse()
    inner.bands.zero_()
    network.flow.inverse_(outer.stream, inner.stream, strips)
    del outer
    inner.synthesise()
    inner.bands.add_(1).mul_(PEAK / 2).clamp_(0, PEAK)
    return inner.pixels.view(height, width, 3).cpu().numpy()
