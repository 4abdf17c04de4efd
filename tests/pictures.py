"""Pictures that the tests make."""

import io
from typing import Any

import numpy as np
from PIL import Image


def natural(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth picture with edges and a little noise, uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(40, 216, (8, 8, 3), dtype=np.uint8)).resize((width, height), Image.BICUBIC)
    picture = np.asarray(coarse).astype(np.int32)
    picture[height // 3 : height // 2, width // 4 : width // 2] = rng.integers(20, 236, 3)
    return np.clip(picture + rng.normal(0, 1.5, picture.shape), 0, 255).astype(np.uint8)


def lively(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth picture with coarse grain all over, which carries much: uint8 (height, width, 3)."""
    grain = np.random.default_rng(5).integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
    coarse = np.asarray(Image.fromarray(grain).resize((width, height), Image.Resampling.BICUBIC))
    return (0.6 * natural(height, width, seed) + 0.4 * coarse).astype(np.uint8)


def photograph(height: int = 320, width: int = 360, seed: int = 0) -> np.ndarray:
    """Noise of all sizes, as photographs have it: uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    out = np.full((height, width, 3), 120.0)
    for size, power in ((64, 30), (32, 20), (16, 14), (8, 10), (4, 8), (2, 6), (1, 3)):
        noise = rng.normal(size=(height // size + 2, width // size + 2, 1)) + 0.2 * rng.normal(
            size=(height // size + 2, width // size + 2, 3)
        )
        planes = [Image.fromarray(noise[..., c].astype(np.float32)) for c in range(3)]
        grown = [np.asarray(p.resize((width + size, height + size), Image.Resampling.BICUBIC)) for p in planes]
        out += power * np.dstack(grown)[:height, :width]
    return np.clip(out, 0, 255).astype(np.uint8)


def jpeg(picture: np.ndarray, **options: Any) -> bytes:
    """The picture as a JPEG's file; options as Pillow's."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", **options)
    return content.getvalue()


# What a picture can be at worst, by name: uint8 (96, 96, 3).
EXTREMES = {
    "black": np.zeros((96, 96, 3), np.uint8),
    "white": np.full((96, 96, 3), 255, np.uint8),
    "noise": np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8),
    "checks": np.kron(np.indices((24, 24)).sum(0) % 2, np.ones((4, 4)))[..., None].repeat(3, -1).astype(np.uint8) * 255,
}
