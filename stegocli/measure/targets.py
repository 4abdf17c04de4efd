"""The baseline targets: what the system that this project began from promised of itself."""

from dataclasses import asdict

from ..picture.metrics import Score

# Its "Expected Results": PSNR in dB, SSIM, and shares of the secret's bits.
BASELINE = {
    "hide_psnr": (">", 35.0),
    "hide_ssim": (">", 0.95),
    "reveal_psnr": (">", 20.0),
    "reveal_ssim": (">", 0.90),
    "bit_accuracy": (">", 0.95),
    "bit_error_rate": ("<", 0.05),
}


def met(score: Score) -> dict[str, bool]:
    """Whether a score meets each of `BASELINE`."""
    values = asdict(score)
    return {k: values[k] > goal if sign == ">" else values[k] < goal for k, (sign, goal) in BASELINE.items()}
