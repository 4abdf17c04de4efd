"""`stego metrics --detect`: how well a trained detector tells stegos from covers, method by method, on a folder."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import threads
from ..discreet import coefficients, embedding, frame
from ..discreet.jpegfile import JpegFile
from ..errors import StegoError
from ..payload import embedding as plain
from ..picture import files
from ..picture.inputs import data_files, entries
from . import charts, detector, features

SIDE = 512
_FEWEST = 8
_PASSWORD = "detect"


class _Seen(NamedTuple):
    """What one picture gives to a row: features, bytes embedded (in both slots), and the share of samples changed."""

    features: np.ndarray
    length: int
    changed: float


def _replaced(rgb: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """Random bits in the lowest bits of random samples."""
    flat = rgb.ravel().copy()
    where = rng.choice(flat.size, 8 * length, replace=False)
    flat[where] = (flat[where] & 0xFE) | rng.integers(0, 2, len(where), dtype=np.uint8)
    found: np.ndarray = flat.reshape(rgb.shape)
    return found


def _exact(rgb: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    plan = plain.plan(plain.capacity(rgb.size, False), 8 * length)
    assert plan is not None  # `discreet` holds less
    return plain.embed_open(rgb, rng.bytes(length), plan)


def _loaded(capacity: Callable[[int], int], rng: np.random.Generator) -> tuple[int, bytes]:
    """How many slots `hide` would make, and as much content as goes into one."""
    slots = frame.SLOTS if capacity(frame.SLOTS) else 1
    return slots, rng.bytes(capacity(slots))


# Embed as many bytes as the two slots of `discreet normal` together.
_PLAIN = {"LSB replacement": _replaced, "exact": _exact}


def _pixels(path: Path, side: int, number: int, others: Sequence[Path]) -> dict[str, _Seen] | None:
    """Everything of one picture; None when it is too small or can't carry."""
    rgb = _middle(files.read(path).rgb, side)
    if rgb is None:
        return None
    cover, found = rgb, {"cover": _Seen(features.rich(rgb), 0, 0.0)}

    def seen(stego: np.ndarray, length: int = 0) -> _Seen:
        return _Seen(features.rich(stego), length, float((stego != cover).mean()))

    try:
        for name, method in _PLAIN.items():
            length = embedding.capacity(rgb, "normal")
            found[name] = seen(method(rgb, length, np.random.default_rng(number)), length)
        secret = embedding.derive(rgb, _PASSWORD)
        for size in ("normal", "large"):
            slots, content = _loaded(partial(embedding.capacity, rgb, size), np.random.default_rng(number))
            stego = embedding.hide(rgb, content, secret, size, slots=slots)
            found[f"discreet {size}"] = seen(stego, embedding.capacity(rgb, size))
    except embedding.Unsuitable:
        return None
    for folder in others:
        stego_path = next((p for p in entries(folder) if p.stem == path.stem), None)
        given = None if stego_path is None else _middle(files.read(stego_path, as_stored=True).rgb, side)
        if given is None:
            raise StegoError(f"{folder} has no stego of {path.name}: give each cover's stego its name.")
        found[folder.name] = seen(given)
    return found


def _middle(rgb: np.ndarray, side: int) -> np.ndarray | None:
    height, width = rgb.shape[:2]
    if min(height, width) < side:
        return None
    top, left = (height - side) // 2, (width - side) // 2
    return rgb[top : top + side, left : left + side]


def _jpeg(path: Path, side: int, number: int, quality: int) -> dict[str, _Seen] | None:
    """The same for the luma of a JPEG of this quality made of the picture, with and without the original at hand."""
    rgb = _middle(files.read(path).rgb, side)
    if rgb is None:
        return None
    cover = JpegFile(coefficients.compressed(rgb, True, quality))
    step = 8 * (2 - quality / 50) if quality < 97 else 0.4

    def seen(jpeg: JpegFile, length: int) -> _Seen:
        changed = float((jpeg.luma != cover.luma).sum() / max(1, coefficients.busy(cover.luma)))
        return _Seen(features.dctr(coefficients.decompressed(jpeg), step), length, changed)

    found, rng = {"cover": seen(cover, 0)}, np.random.default_rng(number)
    secret = coefficients.derive(cover, _PASSWORD)
    for size in ("normal", "large"):
        slots, content = _loaded(partial(coefficients.capacity, cover, size), rng)
        if not content:
            return None
        grey = np.repeat((rgb @ np.array([0.299, 0.587, 0.114])).round()[..., None], 3, axis=2)
        for name, original in ((f"discreet {size}", None), (f"discreet {size}, original at hand", grey)):
            file = coefficients.hide(cover, content, secret, size, original, slots)
            found[name] = seen(JpegFile(file), coefficients.capacity(cover, size))
    return found


def folder(
    directory: str | Path,
    plot: str | Path | None = None,
    *,
    quality: int | None = None,
    others: Sequence[str | Path] = (),
    side: int = SIDE,
    on_picture: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Hide in the middle of each picture of a folder by each method, train a detector on half of them, try the rest.

    Args:
        plot: also draw the figures here.
        quality: look at JPEGs of this quality instead, made of the pictures.
        others: folders of stegos made by other tools of the same pictures, under the same names; each is a row.
        side: of the square that is taken from each picture, which must hold it.
        on_picture: called with how many pictures are done, of how many.

    Returns:
        ``side``, ``quality``, ``pictures`` (how many were used), ``trained_on``, and ``rows`` of method, bytes (mean),
        bits_per_pixel, changed (share of samples, or of the coefficients that aren't zero), error (P_E), spread and
        caught.

    Raises:
        StegoError: for fewer than 8 pictures that serve, and what is no folder.
    """
    if plot is not None:
        plot = files.check_output(plot)
    paths = [path for path in data_files(directory) if files.is_picture(path)]
    found = [seen for seen in _all(paths, side, quality, [Path(o) for o in others], on_picture) if seen is not None]
    if len(found) < _FEWEST:
        raise StegoError(
            f"{directory} holds {len(found)} pictures of {side}x{side} or more that can carry something: "
            f"{_FEWEST} are needed, and a few hundred for figures that mean something."
        )
    covers, groups = np.stack([seen["cover"].features for seen in found]), np.arange(len(found))
    rows = []
    for name in (name for name in found[0] if name != "cover"):
        stegos = np.stack([seen[name].features for seen in found])
        judged = detector.detect(covers, stegos, groups)
        length = float(np.mean([seen[name].length for seen in found]))
        rows.append(
            {
                "method": name,
                "bytes": length,
                "bits_per_pixel": 8 * length / side**2,
                "changed": float(np.mean([seen[name].changed for seen in found])),
                "error": judged.error,
                "spread": judged.spread,
                "caught": judged.caught,
            }
        )
    result = {"side": side, "quality": quality, "pictures": len(found), "trained_on": judged.pictures, "rows": rows}
    if plot is not None:
        files.write(plot, files.Picture(charts.detection(result)))
    return result


def _all(
    paths: list[Path], side: int, quality: int | None, others: list[Path], on_picture: Callable[[int, int], None]
) -> list[dict[str, _Seen] | None]:
    """Every picture, in as many processes as there are cores."""
    arguments = [(path, side, number, others if quality is None else quality) for number, path in enumerate(paths)]
    one: Callable[..., dict[str, _Seen] | None] = _pixels if quality is None else _jpeg
    out: list[dict[str, _Seen] | None] = []
    if threads.count() == 1:
        for given in arguments:
            out.append(one(*given))
            on_picture(len(out), len(paths))
        return out
    with ProcessPoolExecutor(threads.count(), get_context("spawn"), threads.limit, (1,)) as pool:
        for task in [pool.submit(one, *given) for given in arguments]:
            out.append(task.result())
            on_picture(len(out), len(paths))
    return out
