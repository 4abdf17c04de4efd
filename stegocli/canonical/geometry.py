"""Where a stego lies in a picture that was cropped, framed, turned or mirrored since: found from its pilots alone.

A pilot tells only whether a guess is right, to a pixel of the grid or two; so every guess is tried. How much is missing
on the left and on the right decides over columns alone, above and below over rows: all guesses for one pilot are one
product of three matrices, and a search through tens of thousands of guesses takes tenths of a second.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product

import numpy as np

from . import estimate, fixed, grid, reading, scalers, texture
from .lock import Lock
from .reading import NothingFound, TooDamaged

# What may be missing at each edge, as a share of the side, and the steps of the first search, in pixels of the grid, up
# to a longest side of it and above. Agreement halves within a pixel or so.
_REACH = 0.03
_STEP, _LARGE, _LARGE_STEP = 1.0, 256, 1.5
# Pilots that the first search listens to, its best guesses that are looked into, and how many deviations of chance
# their agreement must be above none: of pictures that hold nothing the best of all guesses reaches some 3.7.
_PILOTS, _GUESSES, _HINT = 300, 3, 4.2
# The least agreement, 0 to 1, of a guess that is worth reading; where something is it is 0.4 and more.
_PRESENT = 0.25
# Steps of the second search, pixels of the grid, and how many of them it looks around; where pilots are few at an edge,
# there are ridges that single steps don't leave. Agreement that no other guess has to beat.
_FINE, _CLEAR = ((0.5, 3), (0.25, 1), (0.125, 1)), 0.5
# Samples on either side that are interpolated between, by Lanczos' kernel.
_TAPS = 4
# By how much a stego may have been made smaller or larger.
_SCALED = 2.2
# Of borders: levels within which their samples are alike, the share of a line that must be, since compression spoils
# the last lines, and the least side that is left.
_PLAIN, _SHARE, _LEAST_SIDE = 24, 0.8, 64
# Of a border so many steps of the first search may be left.
_LEFT = 2
_Edges = tuple[float, float, float, float]


def turned(picture: np.ndarray, turn: int) -> np.ndarray:
    """A picture after one of the eight turns and mirrors; 0 leaves it as it is."""
    return np.rot90(picture[:, ::-1] if turn >= 4 else picture, turn % 4)


@dataclass(frozen=True)
class Pose:
    """How a picture is to be seen as a stego.

    Attributes:
        turn: see `turned`.
        size: of the grid.
        missing: left, top, right and bottom, pixels of the grid that the turned picture lies on.
    """

    turn: int
    size: tuple[int, int]
    missing: _Edges


# -- the grid from a part of a picture ----------------------------------------------------------------------------


def _part_matrix(size: int, pixels: int, before: float, after: float) -> np.ndarray:
    """From pixels that are a part of a row to the samples of the grid's row: float32 (size, pixels).

    What is missing before and after, in pixels, is taken to be as the outermost pixels are.
    """
    whole = before + pixels + after
    order = np.arange(min(size, int(whole)))[:, None]
    scale = np.sqrt(np.where(order == 0, 1, 2) / whole)
    waves = scale * np.cos(np.pi * order * (before + np.arange(pixels) + 0.5) / whole)
    rate = np.pi * np.maximum(order, 1) / whole

    def sums(to: float) -> np.ndarray:
        return scale * np.where(order == 0, to, np.sin(rate * to) / rate)

    waves[:, 0] += sums(before)[:, 0]
    waves[:, -1] += (sums(whole) - sums(whole - after))[:, 0]
    at = (np.arange(size)[:, None] + 0.5) / size
    back = np.cos(np.pi * order.T * at) * np.where(order.T == 0, 1, np.sqrt(2))
    return (back @ waves / np.sqrt(whole)).astype(np.float32)


def straightened(luma: np.ndarray, pose: Pose) -> np.ndarray:
    """The grid's own picture, float32 (rows, columns), from luma, float32 (height, width), as it was received."""
    seen = turned(luma, pose.turn)
    (rows, columns), (left, top, right, bottom) = pose.size, pose.missing
    across, down = seen.shape[1] / columns, seen.shape[0] / rows
    edges = [left * across, top * down, right * across, bottom * down]
    # What lies outside of the stego is cut off.
    cut = [max(0, int(np.ceil(-edge))) for edge in edges]
    seen = seen[cut[1] : seen.shape[0] - cut[3], cut[0] : seen.shape[1] - cut[2]]
    left, top, right, bottom = (edge + off for edge, off in zip(edges, cut, strict=True))
    vertical = _part_matrix(rows, seen.shape[0], top, bottom)
    return vertical @ seen @ _part_matrix(columns, seen.shape[1], left, right).T


def told(pose: Pose) -> np.ndarray:
    """What each block of the grid still tells, 0 to 1, (down, across): none where half of it is missing."""
    left, top, right, bottom = pose.missing

    def there(size: int, before: float, after: float) -> np.ndarray:
        first = np.arange(0, size, grid.SIDE)
        ends = np.minimum(first + grid.SIDE, size - after) - np.maximum(first, before)
        return np.clip(ends / grid.SIDE, 0, 1)

    rows, columns = pose.size
    return np.clip(2 * np.outer(there(rows, top, bottom), there(columns, left, right)) - 1, 0, 1)


# -- guesses ------------------------------------------------------------------------------------------------------


def _samplers(places: np.ndarray, size: int, missing: np.ndarray, start: int, length: int) -> np.ndarray:
    """From samples as received to those of the grid along one side, for each guess: float32 (guesses, places, length).

    Args:
        places: of the grid's samples.
        size: of the grid along the side; so many samples are there of what was received, too.
        missing: before and after, in samples, (guesses, 2).
        start, length: the samples that are looked at; those outside count as the outermost.
    """
    whole = size + missing.sum(1, keepdims=True)
    at = (places + 0.5) * whole / size - missing[:, :1] - 0.5
    first = np.floor(at).astype(int) - _TAPS + 1
    weights = scalers.lanczos(at - first - np.arange(2 * _TAPS)[:, None, None])
    weights /= weights.sum(0)
    out = np.zeros((len(missing), len(places), length), np.float32)
    guess, place = np.ogrid[: len(missing), : len(places)]
    for tap in range(2 * _TAPS):
        out[guess, place, np.clip(np.clip(first + tap, 0, size - 1) - start, 0, length - 1)] += weights[tap]
    return out


class _Pilots:
    """A picture's samples on a grid, heard where the pilots of a stego would be.

    Args:
        samples: float32 (rows, columns).
        written: how likely each of its blocks was written to, see `texture`.
        where: the pilots.
    """

    def __init__(self, samples: np.ndarray, written: np.ndarray, where: fixed.Places):
        self.samples, self.size = samples, (samples.shape[0], samples.shape[1])
        self.layout = where.pilots(self.size)
        across = self.size[1] // grid.SIDE
        self._own = grid.BASIS @ samples.reshape(-1, grid.SIDE, across, grid.SIDE).transpose(0, 2, 1, 3) @ grid.BASIS.T
        self.weights = written.reshape(-1)[self.layout.blocks]
        self.least = max(_PRESENT, reading.SURE * estimate.chance(self.weights))
        # Of each: its block and frequency down, and across.
        self.blocks = np.divmod(self.layout.blocks, across)
        self.frequencies = np.divmod(self.layout.frequencies, grid.SIDE)

    def _agrees(self, values: np.ndarray, number: int | slice) -> np.ndarray:
        phase = values / self.layout.step[number] - self.layout.shift[number]
        return self.weights[number] * np.cos(np.float32(2 * np.pi) * phase.astype(np.float32))

    def _share(self, values: np.ndarray) -> float:
        return float(self._agrees(values, slice(None)).sum() / (self.weights.sum() + 1))

    def straight(self) -> float:
        """How well all pilots agree where nothing is missing."""
        return self._share(self._own.reshape(-1)[self.layout.positions])

    def coarse(self, fewest: float, most: float, step: float) -> Iterator[_Edges]:
        """The best guesses among all with so much missing at each edge, as far as they are more than chance."""
        edge = np.arange(fewest, most + step / 2, step)
        missing = np.stack(np.meshgrid(edge, edge, indexing="ij"), -1).reshape(-1, 2)
        margin = int(2 * most) + 2 * _TAPS
        chosen = np.argsort(sum(self.frequencies) - 10 * self.weights, kind="stable")[:_PILOTS]

        @cache
        def side(axis: int, block: int) -> tuple[slice, np.ndarray]:
            size, first = self.size[axis], grid.SIDE * block
            start, end = max(0, first - margin), min(size, first + grid.SIDE + margin)
            places = first + np.arange(grid.SIDE)
            return slice(start, end), grid.BASIS @ _samplers(places, size, missing, start, end - start)

        total = np.zeros((len(missing), len(missing)), np.float32)
        for number in chosen:
            (rows, down), (columns, across) = (side(axis, int(self.blocks[axis][number])) for axis in (0, 1))
            v, h = (self.frequencies[axis][number] for axis in (0, 1))
            total += self._agrees(down[:, v] @ (self.samples[rows, columns] @ across[:, h].T), number)
        total /= self.weights[chosen].sum() + 1
        least = _HINT * estimate.chance(self.weights[chosen])
        for best in np.argsort(total, axis=None)[: -_GUESSES - 1 : -1]:
            if total.flat[best] < least:
                break
            (top, bottom), (left, right) = missing[best // len(missing)], missing[best % len(missing)]
            yield left, top, right, bottom

    def fine(self, missing: _Edges) -> tuple[float, _Edges]:
        """The best guess near one, the edges of one side after those of the other."""
        found = [np.array(missing[1::2]), np.array(missing[0::2])]
        lines = [grid.SIDE * self.blocks[axis] + self.frequencies[axis] for axis in (0, 1)]
        samples = [self.samples, self.samples.T]

        def side(axis: int, edges: np.ndarray) -> np.ndarray:
            size = self.size[axis]
            own = _samplers(np.arange(size), size, edges[None], 0, size)[0]
            return (grid.BASIS @ own.reshape(-1, grid.SIDE, size)).reshape(size, size)

        best = -1.0
        for step, around in _FINE:
            moves = [step * np.array(move) for move in product(range(-around, around + 1), repeat=2)]
            improved = True
            while improved:
                improved = False
                for axis in (0, 1):
                    # What the other side's edges make of the samples does not change meanwhile.
                    other = (side(1 - axis, found[1 - axis]) @ samples[1 - axis])[lines[1 - axis]]
                    start = found[axis]
                    for move in moves:
                        tried = start + move
                        agrees = self._share((side(axis, tried)[lines[axis]] * other).sum(1))
                        if agrees > best + 1e-3:
                            found[axis], best, improved = tried, agrees, True
        (top, bottom), (left, right) = (edges.tolist() for edges in found)
        return best, (left, top, right, bottom)


# -- the search ---------------------------------------------------------------------------------------------------


def _sides(longest: int) -> list[int]:
    """Longest sides of the grids that a picture of this longest side, in pixels, may have, the likeliest first."""
    most = [*list(grid.LONGEST.values())[1:], 1 << 30]
    scaled = {
        side: max(least / longest, longest / end, 1.0)
        for (side, least), end in zip(grid.LONGEST.items(), most, strict=True)
    }
    return sorted((side for side, by in scaled.items() if by <= _SCALED), key=lambda side: scaled[side])


def _sizes(shape: tuple[int, ...], longest: int) -> list[tuple[int, int]]:
    """Grids that what a picture of this shape was cropped from may have had, the likeliest first."""
    found: dict[tuple[int, int], None] = {}
    for skew in np.linspace(0, _REACH, 4):
        for sign in (1, -1):
            height, width = shape[0] * (1 + sign * skew), shape[1]
            scale = longest / max(height, width)
            sides = [max(1, round(scale * side / grid.SIDE)) * grid.SIDE for side in (height, width)]
            found[sides[0], sides[1]] = None
    return list(found)


@dataclass(frozen=True)
class Search:
    """A picture that may hold a stego, cropped or turned.

    Attributes:
        luma: float32 (height, width), perhaps of a smaller copy.
        longest: the picture's longest side, pixels.
        where: the pilots of no password, or of one.
        loose: whether some of what is there may lie outside of the stego, as after a border is cut off.
    """

    luma: np.ndarray
    longest: int
    where: fixed.Places
    loose: bool = False

    @cached_property
    def _seen(self) -> dict[tuple[int, int], tuple[np.ndarray, np.ndarray]]:
        return {}

    def _pilots(self, turn: int, size: tuple[int, int]) -> _Pilots:
        received = (size[1], size[0]) if turn % 2 else size
        if received not in self._seen:
            blocks = grid.coefficients(self.luma, received)
            self._seen[received] = grid.samples(blocks), texture.likely_written(texture.flatness(blocks))
        samples, written = (np.ascontiguousarray(turned(part, turn)) for part in self._seen[received])
        return _Pilots(samples, written, self.where)

    def poses(self, progress: Callable[[float], None] = lambda share: None) -> Iterator[Pose]:
        """What is likely, first turns and mirrors, then crops: searched as it is asked for.

        Args:
            progress: called with the share of the search that is done, 0 to 1.
        """
        shapes = [(turn, side, turned(self.luma, turn).shape) for turn in range(8) for side in _sides(self.longest)]
        tasks = [(turn, size) for turn, side, shape in shapes for size in _sizes(shape, side)]
        # Turns and mirrors of whole pictures take no time; what is turned is rarely cropped as well.
        for number, (turn, size) in enumerate(
            sorted(tasks, key=lambda task: (not task[0], task[1] if task[0] else (0, 0)))
        ):
            progress(number / len(tasks))
            pilots = self._pilots(turn, size)
            found = [(pilots.straight(), (0.0, 0.0, 0.0, 0.0))] if turn else self._cropped(pilots)
            yield from (Pose(turn, size, missing) for agrees, missing in found if agrees >= pilots.least)

    def _cropped(self, pilots: _Pilots) -> list[tuple[float, _Edges]]:
        longest = max(pilots.size)
        step = _STEP if longest <= _LARGE else _LARGE_STEP
        guesses = pilots.coarse(-_LEFT * step if self.loose else 0.0, _REACH * longest, step)
        found = [(-1.0, (0.0, 0.0, 0.0, 0.0))]
        for missing in guesses:
            found.append(pilots.fine(missing))
            if found[-1][0] >= _CLEAR:
                break
        return [max(found)]


# -- borders ------------------------------------------------------------------------------------------------------


def _plain_lines(rgb: np.ndarray) -> int:
    """How many rows from the top on are of one colour."""
    border = np.median(rgb[0], 0)
    for number, row in enumerate(rgb):
        if (np.abs(row - border).max(1) <= _PLAIN).mean() < _SHARE:
            return number
    return len(rgb)


def unframed(rgb: np.ndarray) -> np.ndarray:
    """What is left of a picture, uint8 (height, width, 3), without plain bars at its edges, each of one colour.

    A picture whose own edges are plain loses them, too.
    """
    box = rgb
    while True:
        turns = [np.rot90(box, turn) for turn in range(4)]  # top, right, bottom, left come to the top
        top, right, bottom, left = (_plain_lines(turn) for turn in turns)
        height, width = box.shape[0] - top - bottom, box.shape[1] - left - right
        if not any((top, right, bottom, left)) or min(height, width) < _LEAST_SIDE:
            return box
        box = box[top : top + height, left : left + width]


# -- reading ------------------------------------------------------------------------------------------------------


def _views(rgb: np.ndarray) -> Iterator[tuple[np.ndarray, bool]]:
    """Pictures in which to look, and whether they may hold some of a border."""
    box = unframed(rgb)
    if box.shape != rgb.shape:
        yield box, True
    yield rgb, False


def search(rgb: np.ndarray, lock: Lock | None, progress: Callable[[float], None] = lambda share: None) -> bytes:
    """The content of a stego as received, uint8 (height, width, 3), that was cropped, framed, turned or mirrored.

    Args:
        rgb: the picture.
        lock: of the password that it was hidden under; None where under none.
        progress: called with the share of the search that is done, 0 to 1.

    Raises:
        NothingFound: nothing is here, or nothing that the password opens.
        TooDamaged: something is here, but lost.
        LaterFormat: for what a later version made.
    """
    failed: ValueError = NothingFound("nothing that survived is hidden here")
    for view, loose in _views(rgb):
        luma = grid.lowest(view)
        for pose in Search(luma, max(view.shape), reading.places(lock), loose).poses(progress):
            try:
                received = reading.receive(straightened(luma, pose), pose.size).less(told(pose))
                return reading.on_grid(received, pose.size, lock)
            except TooDamaged as error:
                failed = error
            except NothingFound:
                continue
    raise failed
