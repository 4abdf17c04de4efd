"""What a stego goes through before it is written: chains of JPEG files, by libjpeg and by a second kind of encoder."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np

from ..canonical import channels
from . import blocks, fastdct
from .services import Service

# Larger pictures, in pixels, go through fewer chains, and a trial uses strips of this many pixels in all.
LARGE = 1_000_000
# Shares of the design quality's steps with which a stego that is a JPEG is recompressed: about three quarters are hard,
# which no single recompression shows. And the hardest.
_AGAIN, _AGAIN_HARDEST = (0.9, 0.82, 0.75, 0.6, 0.5), (0.9, 0.75)
_Result = TypeVar("_Result")


class Jpeg(NamedTuple):
    """One compression.

    Attributes:
        quality: as libjpeg counts.
        subsampling: of the chroma as Pillow counts: 2 is 4:2:0, 0 is 4:4:4.
        fast: with the fast integer DCT instead of the accurate one (see `fastdct`).
    """

    quality: int
    subsampling: int = 2
    fast: bool = False


# JPEG files one after the other.
Chain = tuple[Jpeg, ...]


def between_qualities(scale: float) -> float:
    """The quality that has a scale (`blocks.scale`), between whole ones."""
    return (200 - scale) / 2 if scale <= 100 else 5000 / scale


def lowest(quality: int, times: int) -> int:
    """The quality that each of so many recompressions in a row may have, to do about what one does at `quality`.

    Each moves a coefficient by up to half its quantiser: what that is in proportion to, the scale, adds up.
    """
    return math.ceil(between_qualities(blocks.scale(quality) / times))


def chains(quality: int, pixels: int = 0) -> list[Chain]:
    """What a stego of so many pixels is tried with: fewer qualities for a large one.

    The qualities just above the design's are the hardest: their quantisers are nearly the grid's own, but not quite.
    The fast DCT is one more draw of the rounding errors at the design quality.
    """
    if pixels > LARGE:
        tried = {quality, quality + 2, quality + 5, quality + 10, 95}
    else:
        tried = {*range(quality, quality + 5), *range(quality, 96, 5), 95}
    once: list[Chain] = [(), *((Jpeg(q),) for q in sorted(tried) if q <= 95), (Jpeg(quality, 0),)]
    once += [(Jpeg(q, fast=True),) for q in (quality, min(95, quality + 2))]
    once += [_again(quality, share) for share in _AGAIN]
    # The hardest of several in a row, as found with some hundred of them.
    two, three = lowest(quality, 2), lowest(quality, 3)
    often: list[Chain] = [_twice_near(quality), (Jpeg(min(two + 3, 100)), Jpeg(two)), (Jpeg(three),) * 3]
    return [*once, *often] if pixels > LARGE else [*once, *often, (Jpeg(two), Jpeg(min(two + 1, 100)))]


def hardest(quality: int) -> list[Chain]:
    """The few of `chains` whose errors, avoided, are most of what all of them do."""
    two, three = lowest(quality, 2), lowest(quality, 3)
    near = min(95, quality + 2)
    once: list[Chain] = [(Jpeg(q, fast=fast),) for q in (quality, near) for fast in (False, True)]
    once += [_again(quality, share) for share in _AGAIN_HARDEST]
    often = [_twice_near(quality), (Jpeg(min(two + 3, 100)), Jpeg(two)), (Jpeg(two), Jpeg(min(two + 1, 100)))]
    return [*once, *often, (Jpeg(three),) * 3]


def _again(quality: int, share: float) -> Chain:
    """A stego that is a JPEG itself, recompressed with a share of the steps of the design quality."""
    return Jpeg(97, 0), Jpeg(min(95, round(between_qualities(share * blocks.scale(quality)))))


def _twice_near(quality: int) -> Chain:
    """More than what several in a row are promised to leave, and nearly free."""
    return Jpeg(min(95, quality + 4)), Jpeg(quality)


def recompress(rgb: np.ndarray, chain: Chain) -> np.ndarray:
    """The picture through a chain's files by libjpeg, uint8; a fast DCT can't be asked of it."""
    for jpeg in chain:
        rgb = channels.Jpeg(jpeg.quality, jpeg.subsampling)(rgb)
    return rgb


def received(rgb: np.ndarray, chain: Chain) -> np.ndarray:
    """The coefficients (`blocks.forward`) that a chain leaves; of its files only the last may be fast."""
    if chain and chain[-1].fast:
        return fastdct.received(recompress(rgb, chain[:-1]), chain[-1].quality)
    return blocks.forward(recompress(rgb, chain))


def through(service: Service) -> channels.Channel:
    """What is simulated of a service."""
    codec = channels.WebP if service.codec == "WebP" else channels.Jpeg
    return channels.channel(channels.Longest(service.longest_side), codec(service.design_quality))


def side_by_side(simulate: Callable[[Chain], _Result], tried: list[Chain]) -> Iterator[_Result]:
    """What comes of each chain, in order; two at a time, since most of it runs on one core."""
    with ThreadPoolExecutor(2) as threads:
        yield from threads.map(simulate, tried)
