"""What happens to a picture that is shared: recompressed, resized, shown on a screen, toned, blurred, sharpened.

Each step takes uint8 RGB (height, width, 3) and gives uint8 RGB, through the real codecs and scalers; its text says
what it does. A channel is steps one after the other.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from . import scalers

Step = Callable[[np.ndarray], np.ndarray]
BICUBIC = "Pillow bicubic"


def _through(rgb: np.ndarray, codec: str, **options: Any) -> np.ndarray:
    """A picture that was written in a format and read again."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, codec, **options)
    with Image.open(file, formats=[codec]) as picture:
        return np.asarray(picture)


@dataclass(frozen=True)
class Jpeg:
    """Compression by libjpeg.

    Attributes:
        quality: as libjpeg counts.
        subsampling: of the chroma as Pillow counts: 2 is 4:2:0, 0 is 4:4:4.
    """

    quality: int
    subsampling: int = 2
    progressive: bool = False

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        options = {"quality": self.quality, "subsampling": self.subsampling, "progressive": self.progressive}
        return _through(rgb, "JPEG", **options)

    def __str__(self) -> str:
        sampling = " 4:4:4" if self.subsampling == 0 else ""
        return f"JPEG {self.quality}{sampling}" + (" progressive" if self.progressive else "")


@dataclass(frozen=True)
class WebP:
    """Lossy compression by libwebp, 0 to 100."""

    quality: int

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        return _through(rgb, "WEBP", quality=self.quality)

    def __str__(self) -> str:
        return f"WebP {self.quality}"


@dataclass(frozen=True)
class Avif:
    """Lossy compression by libavif, 0 to 100, at its usual speed."""

    quality: int

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        return _through(rgb, "AVIF", quality=self.quality)

    def __str__(self) -> str:
        return f"AVIF {self.quality}"


@dataclass(frozen=True)
class Resize:
    """The picture `scale` times as wide and high."""

    scale: float
    scaler: str = BICUBIC

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        height, width = (max(1, round(n * self.scale)) for n in rgb.shape[:2])
        return scalers.resize(rgb, (width, height), self.scaler)

    def __str__(self) -> str:
        return f"{self.scale:g} ({self.scaler})"


@dataclass(frozen=True)
class Longest:
    """A picture whose longest side is more than `side` pixels is made smaller, others stay."""

    side: int
    scaler: str = BICUBIC

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        return Resize(self.side / max(rgb.shape[:2]), self.scaler)(rgb) if max(rgb.shape[:2]) > self.side else rgb

    def __str__(self) -> str:
        return f"at most {self.side} px ({self.scaler})"


@dataclass(frozen=True)
class Wide:
    """The picture `width` pixels wide, as on a screen."""

    width: int
    scaler: str = BICUBIC

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        height, width = rgb.shape[:2]
        return scalers.resize(rgb, (self.width, max(1, round(height * self.width / width))), self.scaler)

    def __str__(self) -> str:
        return f"{self.width} px wide ({self.scaler})"


@dataclass(frozen=True)
class Tone:
    """Another brightness: of each sample v, from 0 to 1, contrast * (v ** gamma - 0.5) + 0.5 + offset."""

    contrast: float = 1.0
    offset: float = 0.0
    gamma: float = 1.0

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        table = self.contrast * ((np.arange(256) / 255) ** self.gamma - 0.5) + 0.5 + self.offset
        return np.rint(255 * np.clip(table, 0, 1)).astype(np.uint8)[rgb]

    def __str__(self) -> str:
        told = [f"contrast {self.contrast - 1:+.0%}"] if self.contrast != 1 else []
        told += [f"brightness {self.offset:+.0%}"] if self.offset else []
        return ", ".join([*told, f"gamma {self.gamma:g}"] if self.gamma != 1 else told)


@dataclass(frozen=True)
class Blur:
    """A Gaussian blur; its standard deviation in pixels."""

    radius: float

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(self.radius)))

    def __str__(self) -> str:
        return f"blur {self.radius:g} px"


@dataclass(frozen=True)
class Sharpen:
    """An unsharp mask of one pixel."""

    percent: int

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(rgb).filter(ImageFilter.UnsharpMask(1, self.percent, 0)))

    def __str__(self) -> str:
        return f"sharpened {self.percent} %"


@dataclass(frozen=True)
class Channel:
    """Steps one after the other; none leaves the picture as it is written."""

    steps: tuple[Step, ...] = ()

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """What arrives of a picture, uint8 RGB; its size may be another."""
        for step in self.steps:
            rgb = step(rgb)
        return rgb

    def __str__(self) -> str:
        return " + ".join(map(str, self.steps)) or "as written"


def channel(*steps: Step) -> Channel:
    """A channel of these steps."""
    return Channel(steps)


# What the writer tries: of each kind of thing that happens to pictures, what leaves least. Half the size and JPEG 75 is
# what must be survived, by the usual scaler and a worse one; scalers that alias, one that does so badly; stronger JPEG
# at a larger size; and the codec that leaves less than the others.
PLAYED = (
    channel(Resize(0.5, "OpenCV area"), Jpeg(75)),
    channel(Resize(0.6, "Pillow box")),
    channel(Resize(0.5), Jpeg(75)),
    channel(Resize(0.6, "OpenCV linear")),
    channel(Resize(0.66, "Pillow Hamming"), Jpeg(62)),
    channel(Resize(0.75), Avif(60)),
)
# And where few blocks of a cover are written to: WebP blurs what is beside flat places.
PLAYED_SPARSE = channel(Resize(0.75), WebP(80))
# Of the first of these, what can be foreseen of what they do to a coefficient: a scaler does the same again, JPEG only
# in part.
FORESEEN = (0.6, 0.8, 0.6, 0.8, 0.6)
