"""PSNR, SSIM and bit figures of 8-bit pictures."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from .. import threads

EXACT_PSNR = 99.0
_PIXELS = 1 << 16


def _strips(height: int, width: int) -> Iterator[slice]:
    """Rows of a picture that are worked on together: what fits into a processor's cache. Multiples of 16 rows."""
    step = max(16, _PIXELS // max(1, width) // 16 * 16)
    return (slice(top, min(height, top + step)) for top in range(0, height, step))


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.square(np.subtract(a, b, dtype=np.int16), dtype=np.int32)


def mse(a: np.ndarray, b: np.ndarray) -> float:
    """Mean squared difference of two uint8 arrays of one shape, in squared grey levels."""
    parts = _strips(len(a), a[:1].size)
    return sum(int(_squares(a[part], b[part]).sum(dtype=np.int64)) for part in parts) / a.size


def psnr_of(error: float) -> float:
    """Peak signal-to-noise ratio in dB for a mean squared error in 8-bit units; 99 for none."""
    return EXACT_PSNR if error == 0 else float(10 * np.log10(255**2 / error))


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """PSNR in dB of two uint8 arrays of one shape, peak 255; 99 when they are equal."""
    return psnr_of(mse(a, b))


def block_psnrs(a: np.ndarray, b: np.ndarray, side: int = 16) -> np.ndarray:
    """PSNR in dB of each block of side x side pixels of two uint8 pictures, (rows, columns) of blocks; 99 for equal.

    Rows and columns that fill no block are left out, unless the pictures are smaller than one.
    """
    height, width = (n // side * side for n in a.shape[:2])
    if not height or not width:
        return np.array([[psnr(a, b)]])
    errors = np.empty((height // side, width // side))
    for row, top in enumerate(range(0, height, side)):
        squares = _squares(a[top : top + side, :width], b[top : top + side, :width]).sum(0).reshape(width // side, -1)
        errors[row] = squares.sum(1)
    errors /= side * side * a.shape[2]
    return np.where(errors == 0, EXACT_PSNR, 10 * np.log10(255**2 / np.where(errors == 0, 1, errors)))


def worst_block(a: np.ndarray, b: np.ndarray, side: int = 16) -> float:
    """PSNR in dB of the lowest block of two uint8 pictures, see `block_psnrs`: the mean hides what the eye finds."""
    return float(block_psnrs(a, b, side).min())


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity (Wang et al., 2004) of two uint8 pictures (height, width, channels).

    7x7 uniform window, sample covariance, borders left out, mean over channels: the figure that scikit-image's
    `structural_similarity` gives. A picture smaller than the window is judged with the largest odd one it holds.
    """
    window = min(7, *(side - (side % 2 == 0) for side in a.shape[:2]))
    height, width = (side - window + 1 for side in a.shape[:2])
    with ThreadPoolExecutor(threads.count()) as pool:
        total = sum(pool.map(partial(_similarity, a, b, window=window), _strips(height, a.shape[1])))
    return total / (height * width * a.shape[2])


def _window_sums(x: np.ndarray, window: int) -> np.ndarray:
    """Sums over all windows of (channels, height, width)."""
    return _run_sums(_run_sums(x, window, 1), window, 2)


def _run_sums(x: np.ndarray, length: int, axis: int) -> np.ndarray:
    """Sums of as many neighbours along an axis: of those of one, two, four and so on that its binary digits name."""

    def along(first: int, stop: int) -> tuple[slice, ...]:
        return (*(slice(None),) * axis, slice(first, stop))

    count, done, size = x.shape[axis] - length + 1, 0, 1
    out = np.zeros((), x.dtype)
    while True:
        if length & size:
            out = out + x[along(done, done + count)]
            done += size
        if 2 * size > length:
            return out
        x = x[along(0, -size)] + x[along(size, x.shape[axis])]
        size *= 2


def _similarity(a: np.ndarray, b: np.ndarray, rows: slice, window: int) -> float:
    """The sum of the similarities of all windows that begin in some rows, over all channels."""
    count = window * window
    c1, c2 = (0.01 * 255 * count) ** 2, (0.03 * 255) ** 2 * count * max(count - 1, 1)
    # Up to the ratios all are whole numbers below 2**31, and so exact.
    x, y = (np.array(p[rows.start : rows.stop + window - 1].transpose(2, 0, 1), np.int32, order="C") for p in (a, b))
    sum_x, sum_y, squares, products = (_window_sums(z, window) for z in (x, y, x * x + y * y, x * y))
    product, energy = sum_x * sum_y, sum_x * sum_x + sum_y * sum_y
    products *= count
    products -= product
    squares *= count
    squares -= energy

    def ratio(above: np.ndarray, below: np.ndarray, constant: float) -> np.ndarray:
        """(2 * above + constant) / (below + constant), halved: a half exactly where the pictures are equal."""
        above, below = (whole.astype(np.float32) for whole in (above, below))
        above += np.float32(constant / 2)
        below += np.float32(constant)
        above /= below
        return above

    similarity = ratio(product, energy, c1)
    similarity *= ratio(products, squares, c2)
    return 4 * float(similarity.sum(dtype=np.float64))


def bit_accuracy(a: np.ndarray, b: np.ndarray) -> float:
    """Share of equal bits, 24 a pixel, of two uint8 RGB pictures of one shape."""
    parts = _strips(len(a), a[:1].size)
    return 1 - sum(int(np.bitwise_count(a[part] ^ b[part]).sum(dtype=np.int64)) for part in parts) / (a.size * 8)


@dataclass(frozen=True)
class Comparison:
    """Two pictures compared: PSNR in dB, SSIM, MSE in squared grey levels, shares of equal and unequal bits, and the
    PSNR of the worst 16x16 block."""

    psnr: float
    ssim: float
    mse: float
    bit_accuracy: float
    bit_error_rate: float
    worst_block: float


def compare(a: np.ndarray, b: np.ndarray) -> Comparison:
    """Compare two uint8 pictures of one shape.

    Raises:
        ValueError: when the shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"{a.shape[1]}x{a.shape[0]} against {b.shape[1]}x{b.shape[0]} pixels")
    error, accuracy = mse(a, b), bit_accuracy(a, b)
    return Comparison(psnr_of(error), ssim(a, b), error, accuracy, 1 - accuracy, worst_block(a, b))


@dataclass(frozen=True)
class Score:
    """One hide and reveal judged by its four pictures.

    bits_per_pixel: bits of the secret's pixels for each pixel of the cover.
    """

    hide_psnr: float
    hide_ssim: float
    hide_mse: float
    reveal_psnr: float
    reveal_ssim: float
    reveal_mse: float
    bit_accuracy: float
    bit_error_rate: float
    bits_per_pixel: float
    hide_worst_block: float
    reveal_worst_block: float


def score(cover: np.ndarray, stego: np.ndarray, secret: np.ndarray, revealed: np.ndarray) -> Score:
    """Judge four uint8 pictures (height, width, 3).

    Raises:
        ValueError: when cover and stego, or secret and revealed, differ in shape.
    """
    bits_per_pixel = 24 * secret.shape[0] * secret.shape[1] / (cover.shape[0] * cover.shape[1])
    return joined(compare(cover, stego), compare(secret, revealed), bits_per_pixel)


def joined(hide: Comparison, reveal: Comparison, bits_per_pixel: float) -> Score:
    """A score from its two comparisons."""
    return Score(
        hide.psnr, hide.ssim, hide.mse, reveal.psnr, reveal.ssim, reveal.mse,
        reveal.bit_accuracy, reveal.bit_error_rate, bits_per_pixel,
        hide.worst_block, reveal.worst_block,
    )  # fmt: skip


def mean(scores: list[Score]) -> Score:
    """Field by field."""
    return Score(*(float(np.mean(column)) for column in zip(*(asdict(s).values() for s in scores), strict=True)))
