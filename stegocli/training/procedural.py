"""Made-up pictures: what is rare in photographs and common in what people hide, and a set that is there everywhere."""

import numpy as np
from PIL import Image, ImageDraw

# Repeated by how hard they are to learn.
_KINDS = (
    *("gradient", "flat", "shapes", "shapes", "text", "text", "text"),
    *("checks", "stripes", "stripes", "stripes", "texture", "noise"),
)


def grating(rng: np.random.Generator, size: int, angle: float) -> np.ndarray:
    """Stripes as float32 (size, size), range 0..1: a period of 2 to 16 pixels that may change from side to side."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    periods = size / np.exp(rng.uniform(np.log(2), np.log(16)))
    if rng.random() < 0.5:
        # A chirp, and stripes that run together, as lines on a wall seen at a slant.
        along = along * (1 + rng.uniform(-0.25, 0.25) * along + rng.uniform(-0.25, 0.25) * across)
    wave = np.sin(2 * np.pi * (periods * along + rng.random()))
    # From soft to hard-edged, and lines from thin to thick.
    hard = np.exp(rng.uniform(-1, 2))
    return np.asarray(np.clip(0.5 + hard * (wave + rng.uniform(-0.7, 0.7)), 0, 1), np.float32)


def stripes(rng: np.random.Generator, size: int) -> np.ndarray:
    """A grating, or two across each other like the windows of a facade; float32 (size, size), range 0..1."""
    angle = rng.integers(2) * np.pi / 2 if rng.random() < 0.4 else rng.uniform(0, np.pi)
    lines = grating(rng, size, angle)
    if rng.random() < 0.4:
        lines = lines * grating(rng, size, angle + np.pi / 2)
    return lines


def _samples(levels: np.ndarray) -> np.ndarray:
    """uint8, rounded down."""
    return np.asarray(levels.clip(0, 255), np.uint8)


def procedural(rng: np.random.Generator, size: int) -> np.ndarray:
    """One made-up picture, uint8 (size, size, 3).

    A gradient, a flat colour, shapes, checks, stripes, lettering, a texture or noise.
    """
    kind = _KINDS[rng.integers(len(_KINDS))]
    dark, light = rng.integers(0, 256, (2, 3))
    if kind == "flat":
        # Every channel at one of its ends or anywhere: pure and saturated colours.
        ends = np.where(rng.random(3) < 0.6, 255 * rng.integers(0, 2, 3), light)
        return np.broadcast_to(ends.astype(np.uint8), (size, size, 3))
    if kind == "stripes":
        if rng.random() < 0.5:
            dark, light = np.array([-20, -20, -20]), np.array([275, 275, 275])
        wave = stripes(rng, size)[..., None]
        return _samples(dark * wave + light * (1 - wave))
    if kind == "gradient":
        angle = rng.uniform(0, 2 * np.pi)
        y, x = np.mgrid[0:size, 0:size] / size - 0.5
        ramp = np.clip(0.5 + x * np.cos(angle) + y * np.sin(angle), 0, 1)[..., None]
        return _samples(dark * ramp + light * (1 - ramp))
    if kind == "shapes":
        canvas = Image.new("RGB", (size, size), tuple(map(int, dark)))
        draw = ImageDraw.Draw(canvas)
        for _ in range(rng.integers(2, 9)):
            box = np.sort(rng.integers(-size // 4, size + size // 4, (2, 2)), axis=0)
            shape = (draw.ellipse, draw.rectangle)[rng.integers(2)]
            shape((*map(int, box[0]), *map(int, box[1])), fill=tuple(map(int, rng.integers(0, 256, 3))))
        return np.asarray(canvas)
    if kind == "checks":
        if rng.random() < 0.5:
            dark, light = np.zeros(3), np.full(3, 255)
        (row, column), cell = rng.integers(0, 32, 2), rng.integers(1, 17)
        y, x = (np.mgrid[0:size, 0:size] + np.array([row, column])[:, None, None]) // cell
        return _samples(np.where(((y + x) % 2)[..., None], dark, light))
    if kind == "text":
        paper, ink = ((255, 255, 255), (0, 0, 0)) if rng.random() < 0.5 else ((24, 24, 28), (230, 230, 230))
        canvas = Image.new("RGB", (size, size), paper)
        draw = ImageDraw.Draw(canvas)
        letters = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 .,;:!?(){}[]<>=+-"
        for top in range(2, size, 13):
            line = "".join(rng.choice(list(letters), size // 6 + 1))
            draw.text((2, top), line, fill=ink if rng.random() < 0.8 else tuple(map(int, light)))
        return np.asarray(canvas)
    if kind == "texture":
        # Sums of random octaves: a cloud-like texture with the falling spectrum of natural pictures.
        field = np.zeros((size, size, 3))
        cells = 2
        while cells <= size:
            octave = rng.normal(0, 1 / cells**0.8, (cells, cells, 3)).astype(np.float32)
            for channel in range(3):
                grown = Image.fromarray(octave[..., channel]).resize((size, size), Image.Resampling.BICUBIC)
                field[..., channel] += np.asarray(grown)
            cells *= 2
        field = (field - field.min()) / max(np.ptp(field), 1e-6)
        return _samples(dark + (light - dark) * field)
    spread = np.exp(rng.uniform(0, 4))
    return _samples(dark + rng.normal(0, spread, (size, size, 3)))
