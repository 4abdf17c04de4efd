"""The forty channels that `stego metrics --survive anything` sends a stego through, most of which no writer plays."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..canonical.channels import Avif, Blur, Channel, Jpeg, Resize, Sharpen, Tone, WebP, Wide, channel
from ..robust import blocks, fastdct


@dataclass(frozen=True)
class FastJpeg:
    """Compression with the fast integer DCT of the luma, 4:2:0, as ImageMagick's; libjpeg's own for the chroma."""

    quality: int

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        height, width = rgb.shape[:2]
        _, *chroma = Image.fromarray(Jpeg(self.quality)(rgb)).convert("YCbCr").split()
        # Encoders repeat the last row and column up to whole blocks.
        padded = np.pad(rgb, ((0, -height % blocks.SIDE), (0, -width % blocks.SIDE), (0, 0)), mode="edge")
        luma = blocks.inverse(fastdct.received(padded, self.quality))[:height, :width]
        samples = Image.fromarray(np.clip(np.rint(luma), 0, 255).astype(np.uint8))
        return np.asarray(Image.merge("YCbCr", (samples, *chroma)).convert("RGB"))

    def __str__(self) -> str:
        return f"JPEG {self.quality} fast DCT"


MEASURED: tuple[Channel, ...] = (
    channel(),
    # Written anew, once or several times.
    channel(Jpeg(75)),
    channel(Jpeg(50)),
    channel(Jpeg(75, 0)),
    channel(Jpeg(80, progressive=True)),
    channel(FastJpeg(75)),
    channel(Jpeg(75), Jpeg(77)),
    channel(Jpeg(75), Jpeg(80), Jpeg(75)),
    channel(Jpeg(75), Jpeg(83), Jpeg(77), Jpeg(85), Jpeg(75)),
    channel(WebP(80)),
    channel(WebP(85), Jpeg(80)),
    channel(Avif(60)),
    # Resized.
    channel(Resize(0.5)),
    channel(Resize(0.5, "OpenCV area")),
    channel(Resize(0.6, "Pillow box")),
    channel(Resize(0.6, "OpenCV linear")),
    channel(Resize(0.6, "OpenCV cubic")),
    channel(Resize(0.66, "Pillow Lanczos")),
    channel(Resize(0.75, "OpenCV Lanczos")),
    channel(Resize(0.9, "OpenCV linear")),
    channel(Resize(1.3)),
    channel(Resize(2.0, "OpenCV cubic")),
    # Resized and written anew.
    channel(Resize(0.5), Jpeg(75)),
    channel(Resize(0.5, "Pillow Lanczos"), Jpeg(75)),
    channel(Resize(0.5, "OpenCV area"), Jpeg(85)),
    channel(Resize(0.6, "OpenCV area"), Jpeg(75)),
    channel(Resize(0.66, "Pillow Hamming"), Jpeg(62)),
    channel(Resize(0.75, "OpenCV linear"), Jpeg(75)),
    channel(Resize(0.9, "Pillow bilinear"), Jpeg(75)),
    channel(Resize(0.75), WebP(80)),
    channel(Resize(0.75), Avif(60)),
    channel(Jpeg(75), Resize(0.75), Jpeg(75)),
    # Screens.
    channel(Wide(1080, "Pillow bilinear")),
    channel(Wide(1080), Jpeg(75)),
    channel(Wide(1440, "OpenCV cubic"), Tone(1.05), WebP(80)),
    # Edited.
    channel(Tone(0.95, 0.03)),
    channel(Tone(offset=0.05), Jpeg(80)),
    channel(Tone(gamma=1.05), Jpeg(75)),
    channel(Blur(0.8)),
    channel(Sharpen(60)),
)
