"""What a detector looks at: statistics of a picture's noise that hiding disturbs.

`rich` is a compact colour rich model: co-occurrences of quantised high-pass residuals, along lines in each channel
(Fridrich and Kodovsky, "Rich models for steganalysis of digital images", 2012) and across the channels of one pixel
(Goljan, Cogranne and Fridrich, "Rich model for steganalysis of color images", 2014). `dctr` is for JPEG (Holub and
Fridrich, "Low-complexity features for JPEG steganalysis using undecimated DCT", 2015).
"""

import itertools

import numpy as np

# Residuals are clipped to so many quantisation steps, in lines of four and across the channels.
_LINE, _ACROSS = 2, 3
_LEVELS = 2 * _LINE + 1
_WIDE_LEVELS = 2 * _ACROSS + 1
# DCTR: magnitudes from 0 to this many steps, the last for all that are larger.
_LARGEST = 4

# Of each residual, by the first letter of its name.
_STEPS = {"1": 1, "2": 2, "3": 3, "k": 4, "s": 12, "e": 4}
# Axis along which a residual is scanned.
_HORIZONTAL, _VERTICAL = 1, 0


def _families() -> list[tuple[bool, list[tuple[str, int]]]]:
    """Whether the family is of extremes, and its residuals with the axis along which they are scanned."""
    h, v = _HORIZONTAL, _VERTICAL
    linear: list[list[tuple[str, int]]] = []
    for first, second in (("1E", "1N"), ("2h", "2v"), ("3E", "3N")):
        linear += [[(first, h), (second, v)], [(first, v), (second, h)]]
    linear += [[("k", h), ("k", v)], [("s", h), ("s", v)]]
    linear += [[("eN", h), ("eS", h), ("eW", v), ("eE", v)], [("eN", v), ("eS", v), ("eW", h), ("eE", h)]]
    extremes: list[list[tuple[str, int]]] = []
    for order in "13":
        both = [f"{order}E {order}W", f"{order}N {order}S"]
        extremes.append([(both[0], h), (both[1], v)])
        extremes.append([(" ".join(both), h), (" ".join(both), v)])
    extremes.append([("1E 1W", v), ("1N 1S", h)])
    for name in ("2h 2v", "2h 2v 2d 2m", "eN eS eE eW"):
        extremes.append([(name, h), (name, v)])
    extremes.append([("eN eS", h), ("eE eW", v)])
    return [(False, family) for family in linear] + [(True, family) for family in extremes]


_FAMILIES = _families()
# Across the channels, likewise.
_COLOURS = [["1E", "1N"], ["2h", "2v"], ["3E", "3N"], ["k"], ["s"], ["eN", "eS", "eW", "eE"]]
_COLOUR_EXTREMES = ["1E 1W 1N 1S", "2h 2v 2d 2m", "3E 3W 3N 3S", "eN eS eE eW"]


def _folded(levels: int, length: int, reverse: bool, negate: bool) -> np.ndarray:
    """For each co-occurrence the number of its class: those that mirrored or negated pictures swap are one."""
    tuples = np.array(list(itertools.product(range(levels), repeat=length)))
    weights = levels ** np.arange(length)[::-1]
    same = [tuples @ weights]
    if reverse:
        same.append(tuples[:, ::-1] @ weights)
    if negate:
        same += [(levels - 1 - tuples) @ weights]
        if reverse:
            same.append((levels - 1 - tuples[:, ::-1]) @ weights)
    return np.unique(np.min(same, axis=0), return_inverse=True)[1]


_FOLD_LINEAR = _folded(_LEVELS, 4, True, True)
_FOLD_EXTREME = _folded(_LEVELS, 4, True, False)
_FOLD_COLOUR = _folded(_WIDE_LEVELS, 3, False, True)


def _residuals(channel: np.ndarray) -> dict[str, np.ndarray]:
    """Quantised high-pass residuals, int8 from -3 to 3, of all pixels two or more from the border."""
    x = channel.astype(np.int16)
    height, width = x.shape

    def at(dy: int, dx: int) -> np.ndarray:
        return x[2 + dy : height - 2 + dy, 2 + dx : width - 2 + dx]

    c, found = at(0, 0), {}
    plus = at(0, 1) + at(0, -1) + at(1, 0) + at(-1, 0)
    cross = at(1, 1) + at(-1, -1) + at(1, -1) + at(-1, 1)
    for name, (dy, dx) in {"E": (0, 1), "W": (0, -1), "N": (-1, 0), "S": (1, 0)}.items():
        found[f"1{name}"] = at(dy, dx) - c
        found[f"3{name}"] = -at(2 * dy, 2 * dx) + 3 * at(dy, dx) - 3 * c + at(-dy, -dx)
        sides = at(dx, dy) + at(-dx, -dy)
        corners = at(dy + dx, dx + dy) + at(dy - dx, dx - dy)
        found[f"e{name}"] = 2 * (at(dy, dx) + sides) - corners - 4 * c
    for name, (dy, dx) in {"h": (0, 1), "v": (1, 0), "d": (1, 1), "m": (1, -1)}.items():
        found[f"2{name}"] = at(dy, dx) + at(-dy, -dx) - 2 * c
    found["k"] = 2 * plus - cross - 4 * c
    far = at(0, 2) + at(0, -2) + at(2, 0) + at(-2, 0)
    corners = at(2, 2) + at(-2, -2) + at(2, -2) + at(-2, 2)
    knights = np.zeros_like(c)
    for dy, dx in itertools.product((-1, 1), (-2, 2)):
        knights += at(dy, dx) + at(dx, dy)
    found["s"] = 8 * plus - 12 * c - 6 * cross - 2 * far + 2 * knights - corners
    return {name: _quantised(residual, _STEPS[name[0]]) for name, residual in found.items()}


def _quantised(residual: np.ndarray, step: int) -> np.ndarray:
    """To whole steps, halves away from zero, clipped."""
    size = np.abs(residual)
    found = np.zeros(residual.shape, np.int8)
    for odd in (1, 3, 5):
        found += (size >= -(-odd * step // 2)).view(np.int8)
    # Two's complement: with all bits turned over, and one more, a number is negated.
    negative = (residual >> 15).astype(np.int8)
    found ^= negative
    found -= negative
    return found


def _along(residual: np.ndarray, axis: int) -> np.ndarray:
    """Counts of four neighbours in a line."""
    b = (np.clip(residual, -_LINE, _LINE) + _LINE).view(np.uint8)
    if axis == _VERTICAL:
        pair = b[:-1] * np.uint8(_LEVELS) + b[1:]
        four = pair[:-2] * np.uint16(_LEVELS**2) + pair[2:]
    else:
        pair = b[:, :-1] * np.uint8(_LEVELS) + b[:, 1:]
        four = pair[:, :-2] * np.uint16(_LEVELS**2) + pair[:, 2:]
    return np.bincount(four.ravel(), minlength=_LEVELS**4)


def _through(channels: list[np.ndarray]) -> np.ndarray:
    """Counts of the three channels' residuals in one pixel."""
    r, g, b = ((c + _ACROSS).view(np.uint8).astype(np.uint16) for c in channels)
    return np.bincount(((r * _WIDE_LEVELS + g) * _WIDE_LEVELS + b).ravel(), minlength=_WIDE_LEVELS**3)


def _shares(counts: np.ndarray, fold: np.ndarray | None) -> np.ndarray:
    folded = counts if fold is None else np.bincount(fold, weights=counts)
    found: np.ndarray = folded / max(1, folded.sum())
    return found


def _extremes(residuals: dict[str, np.ndarray], names: str) -> tuple[np.ndarray, np.ndarray]:
    several = [residuals[name] for name in names.split()]
    return np.minimum.reduce(several), np.maximum.reduce(several)


def rich(rgb: np.ndarray) -> np.ndarray:
    """Features of a picture: float32, 7,019 numbers; 4,615 for one channel.

    Args:
        rgb: uint8, (height, width, 3 or 1), 8x8 or larger.
    """
    channels = [_residuals(rgb[..., c]) for c in range(rgb.shape[2])]
    several = {n for extreme, family in _FAMILIES if extreme for n, _ in family} | set(_COLOUR_EXTREMES)
    ends = [{name: _extremes(residuals, name) for name in several} for residuals in channels]
    out = []
    for extreme, family in _FAMILIES:
        counts = np.zeros(_LEVELS**4, np.int64)
        for residuals, limits in zip(channels, ends, strict=True):
            for name, axis in family:
                if extreme:
                    low, high = limits[name]
                    # The maximum is the minimum of the negated picture.
                    counts += _along(low, axis) + _along(-high, axis)
                else:
                    counts += _along(residuals[name], axis)
        out.append(_shares(counts, _FOLD_EXTREME if extreme else _FOLD_LINEAR))
    if len(channels) == 3:
        for names in _COLOURS:
            counts = sum((_through([c[name] for c in channels]) for name in names), start=np.zeros(1, np.int64))
            out.append(_shares(counts, _FOLD_COLOUR))
        for extremes in _COLOUR_EXTREMES:
            counts = _through([e[extremes][0] for e in ends]) + _through([-e[extremes][1] for e in ends])
            out.append(_shares(counts, None))
    return np.concatenate(out).astype(np.float32)


# -- JPEG -------------------------------------------------------------------------------------------------------

_DCT = np.array(
    [[np.sqrt((1 if k == 0 else 2) / 8) * np.cos(np.pi * k * (2 * n + 1) / 16) for n in range(8)] for k in range(8)],
    np.float32,
)


def _phases() -> np.ndarray:
    """The class of each position in the 8x8 grid: positions that mirror each other are one of 25."""
    one = np.minimum(np.arange(8), (8 - np.arange(8)) % 8)
    return one[:, None] * 5 + one[None, :]


def dctr(luma: np.ndarray, step: float) -> np.ndarray:
    """DCTR features of a decompressed JPEG: float32, 8,000 numbers.

    Args:
        luma: float32, (height, width), unrounded where that is at hand, aligned with the JPEG's grid.
        step: quantisation of the residuals; 8 * (2 - quality / 50) suits qualities from 50 on.
    """
    height, width = luma.shape[0] - 7, luma.shape[1] - 7
    phase = np.tile(_phases(), (height // 8 + 1, width // 8 + 1))[:height, :width].astype(np.uint8) * (_LARGEST + 1)
    out = np.empty((64, 25, _LARGEST + 1))
    for k in range(8):
        rows = sum((_DCT[k, n] * luma[n : n + height] for n in range(8)), start=np.float32(0))
        for m in range(8):
            # The quantiser is in the kernel, and rounding is by the cut to an integer.
            kernel = _DCT[m] / np.float32(step)
            residual = sum((kernel[n] * rows[:, n : n + width] for n in range(8)), start=np.float32(0))
            np.abs(residual, out=residual)
            residual += np.float32(0.5)
            level = np.minimum(residual, np.float32(_LARGEST), out=residual).astype(np.uint8)
            level += phase
            counts = np.bincount(level.ravel(), minlength=25 * (_LARGEST + 1)).reshape(25, _LARGEST + 1)
            out[8 * k + m] = counts / np.maximum(1, counts.sum(1, keepdims=True))
    return out.ravel().astype(np.float32)
