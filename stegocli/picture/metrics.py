"""PSNR, SSIM and bit figures of 8-bit pictures, and the targets that they are held against."""

from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F

EXACT_PSNR = 99.0
# The seed system's targets (GPU_OPTIMIZATIONS.md, "Expected Results").
TARGETS = {
    "hide_psnr": (">", 35.0),
    "hide_ssim": (">", 0.95),
    "reveal_psnr": (">", 20.0),
    "reveal_ssim": (">", 0.90),
    "bit_accuracy": (">", 0.95),
    "bit_error_rate": ("<", 0.05),
}


def mse(a: np.ndarray, b: np.ndarray) -> float:
    """Mean squared difference of two uint8 arrays of one shape, in squared grey levels."""
    return float(np.mean(np.square(a.astype(np.int16) - b.astype(np.int16), dtype=np.int32)))


def psnr_of(error: float) -> float:
    """Peak signal-to-noise ratio in dB for a mean squared error in 8-bit units; 99 for none."""
    return EXACT_PSNR if error == 0 else float(10 * np.log10(255**2 / error))


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """PSNR in dB of two uint8 arrays of one shape, peak 255; 99 when they are equal."""
    return psnr_of(mse(a, b))


def worst_block(a: np.ndarray, b: np.ndarray, side: int = 16) -> float:
    """PSNR in dB of the worst block of side x side pixels of two uint8 pictures: the mean hides what the eye finds.

    Rows and columns that fill no block are left out, unless the pictures are smaller than one; 99 when all are equal.
    """
    error = np.square(a.astype(np.int16) - b, dtype=np.int32).mean(-1)
    rows, columns = error.shape[0] // side, error.shape[1] // side
    if not rows or not columns:
        return psnr_of(float(error.mean()))
    blocks = error[: rows * side, : columns * side].reshape(rows, side, columns, side).mean((1, 3))
    return psnr_of(float(blocks.max()))


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity (Wang et al., 2004) of two uint8 pictures (height, width, channels).

    7x7 uniform window, sample covariance, borders left out, mean over channels: the figure that scikit-image's
    `structural_similarity` gives. A picture smaller than the window is judged with the largest odd one it holds.
    """
    window = min(7, *(side - (side % 2 == 0) for side in a.shape[:2]))
    count = window * window
    unbias = count / max(count - 1, 1)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    scores = []
    for channel in range(a.shape[2]):
        # One channel at a time in float64: large photographs must fit in memory and the variance keep its digits.
        x, y = (torch.from_numpy(p[..., channel].astype(np.float64))[None, None] for p in (a, b))
        mean_x, mean_y, xx, yy, xy = (F.avg_pool2d(t, window, 1) for t in (x, y, x * x, y * y, x * y))
        var_x, var_y = unbias * (xx - mean_x**2), unbias * (yy - mean_y**2)
        covariance = unbias * (xy - mean_x * mean_y)
        similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
        scores.append((similarity / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean().item())
    return float(np.mean(scores))


def bit_accuracy(a: np.ndarray, b: np.ndarray) -> float:
    """Share of equal bits, 24 a pixel, of two uint8 RGB pictures of one shape."""
    return 1 - int(np.bitwise_count(a ^ b).sum()) / (a.size * 8)


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

    def targets(self) -> dict[str, bool]:
        """Whether each of `TARGETS` is met."""
        values = asdict(self)
        return {k: values[k] > goal if sign == ">" else values[k] < goal for k, (sign, goal) in TARGETS.items()}


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
