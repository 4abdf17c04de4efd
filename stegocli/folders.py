"""Whole folders: hide covers and secrets pair by pair in name order, reveal every stego, skip what fails."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from . import api, threads
from .api import Hidden, Revealed
from .errors import StegoError
from .flow import weights
from .methods.base import ModelLike
from .picture import files


@dataclass(frozen=True)
class Failed:
    """One file that could not be done, and why in one sentence."""

    path: Path
    reason: str


def _listed(folder: Path, wanted: Callable[[Path], bool]) -> list[Path]:
    found = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".") and wanted(p))
    if not found:
        raise StegoError(f"{folder} holds nothing to work on: put the files in it.")
    return found


def _into(output: str | Path) -> Path:
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StegoError(f"{folder} can't be made a folder ({error.strerror}): choose another --output.") from None
    return folder


def _names(sources: list[Path]) -> list[str]:
    """An output name for each source: its own stem, or its whole name where two stems are equal."""
    stems = [p.stem for p in sources]
    return [p.stem if stems.count(p.stem) == 1 else p.name for p in sources]


def pairs(covers: Path, secrets: Path) -> list[tuple[Path, Path]]:
    """(cover, secret) in name order; a single secret goes into every cover.

    Raises:
        StegoError: when there is nothing, or the numbers differ.
    """
    found = _listed(covers, files.is_picture)
    hidden = _listed(secrets, lambda p: True) if secrets.is_dir() else [secrets] * len(found)
    if len(found) != len(hidden):
        raise StegoError(
            f"{covers} holds {len(found)} pictures and {secrets} {len(hidden)} files: "
            "give as many secrets as covers, or one secret file for all."
        )
    return list(zip(found, hidden, strict=True))


def hide(
    covers: str | Path, secrets: str | Path, output: str | Path, model: ModelLike = None, jobs: int = 1, **options: Any
) -> Iterator[Hidden | Failed]:
    """Hide the secrets of one folder in the covers of another, and write the stegos to a third.

    Args:
        covers: a folder of pictures.
        secrets: a folder with as many files, or one file for all covers.
        output: a folder, made if it is missing; a stego is called as its cover, with .png.
        model: as for `api.hide`; weights are loaded once in each process.
        jobs: processes to share the work, each with its share of the cores.
        options: of `api.hide`.

    Returns:
        What `api.hide` gives for each pair as soon as it is there, in name order, or why it failed.

    Raises:
        StegoError: when the folders don't go together, or there are no such weights.
    """
    work = pairs(Path(covers), Path(secrets))
    if isinstance(model, (str, Path)):
        weights.find(model)  # told once, not for each pair
    folder = _into(output)
    names = _names([cover for cover, _ in work])
    calls = [(*pair, folder / f"{name}.png") for pair, name in zip(work, names, strict=True)]
    return _each(api.hide, calls, model, jobs, options)


def reveal(
    stegos: str | Path, output: str | Path, model: ModelLike = None, jobs: int = 1, **options: Any
) -> Iterator[Revealed | Failed]:
    """Reveal every picture of a folder into another; arguments and results as for `hide`."""
    folder = _into(output)
    calls = [(stego, folder) for stego in _listed(Path(stegos), files.is_picture)]
    return _each(api.reveal, calls, model, jobs, options)


def _each(
    action: Callable[..., Any], calls: Sequence[tuple[Path, ...]], model: ModelLike, jobs: int, options: dict[str, Any]
) -> Iterator[Any]:
    if jobs == 1:
        for call in calls:
            yield _tried(action, call, model, options)
        return
    share = max(1, (os.cpu_count() or 1) // jobs)
    # A forked child would inherit the threads' locks but not the threads.
    with ProcessPoolExecutor(jobs, get_context("spawn"), threads.limit, (share,)) as pool:
        yield from pool.map(_tried, *zip(*((action, call, model, options) for call in calls), strict=True))


def _tried(action: Callable[..., Any], call: tuple[Path, ...], model: ModelLike, options: dict[str, Any]) -> Any:
    try:
        return action(*call, model=model, **options)
    except StegoError as error:
        return Failed(call[0], str(error))
