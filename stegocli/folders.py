"""Whole folders: hide covers and secrets pair by pair in name order, reveal every stego, tell and skip what fails."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from . import api, errors
from . import threads as cores
from .api import Hidden, Revealed
from .calls import Call, on_executor
from .calls import Failed as Failed
from .errors import StegoError
from .methods import Method
from .methods.base import ModelLike
from .payload.gathering import Gathered, Given, listed
from .picture import files, outputs
from .picture.inputs import LITTER, Identity, Source, entries, identity, left_out
from .processes import stopping, undisturbed

# A file of such a name is meant as a picture, whether it can be read or not.
PICTURES = files.READABLE | {
    ".jfif", ".jpe", ".apng", ".heic", ".heif", ".jxl", ".j2k", ".tga", ".psd", ".svg", ".dng", ".cr2", ".nef", ".arw",
}  # fmt: skip


# -- what there is to do ------------------------------------------------------------------------------------------


def _unheard(note: str) -> None:
    """A note that nobody reads."""


def _listed(folder: Path, wanted: Callable[[Path], bool], note: Callable[[str], None]) -> list[Path]:
    """The wanted files of a folder in name order; which others, and which folders in it, are left out is noted."""
    every = entries(folder)
    found = [p for p in every if not (os.path.isdir(p) or p.name[0] == "." or p.name.lower() in LITTER) and wanted(p)]
    if not found:
        raise StegoError(f"{folder} holds nothing to work on: put the files in it.")
    chosen = set(found)
    others = [path.name + (os.sep if os.path.isdir(path) else "") for path in every if path not in chosen]
    for line in left_out(folder, others):
        note(line)
    return found


def _is_meant_as_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES or files.is_picture(path)


def _not_a_file(path: Path) -> Failed | None:
    """A pipe would be waited for, whoever fills it."""
    if os.path.isfile(path):
        return None
    return Failed(path, f"{path} is no file that can be read: skipped.")


def _names(sources: Sequence[Path]) -> list[str]:
    """A name for each source, different even where case does not count: its stem, or its whole name, or that numbered.

    A stem that several have goes to none of them.
    """
    stems = [outputs.name_key(p.stem) for p in sources]
    names: list[str] = []
    taken: set[str] = set()
    for path, stem in zip(sources, stems, strict=True):
        name, number = path.stem if stems.count(stem) == 1 else path.name, 1
        if outputs.name_key(name) in taken:
            name = path.name
        while outputs.name_key(name) in taken:
            number += 1
            name = f"{path.name}-{number}"
        taken.add(outputs.name_key(name))
        names.append(name)
    return names


def pairs(
    covers: Path, secrets: Path | Sequence[Path], note: Callable[[str], None] = _unheard
) -> list[tuple[Path, Path | Sequence[Path]]]:
    """(cover, secret) in name order; one file goes into every cover, and so do all secrets of a sequence.

    A cover that can't be read has its pair too: the others must not shift.

    Args:
        note: called with which files were left out.

    Raises:
        StegoError: when there is nothing, or the numbers differ.
    """
    found = _listed(covers, _is_meant_as_picture, note)
    if not isinstance(secrets, Path) or not os.path.isdir(secrets):
        return [(cover, secrets) for cover in found]
    hidden = _listed(secrets, lambda p: True, note)
    if len(found) != len(hidden):
        raise StegoError(
            f"{covers} holds {len(found)} pictures and {secrets} {len(hidden)} files: "
            "give as many secrets as covers, or one secret file for all."
        )
    return list(zip(found, hidden, strict=True))


def hide(
    covers: str | Path,
    secrets: str | Path | Sequence[str | Path],
    output: str | Path,
    method: Method | None = None,
    jobs: int = 1,
    *,
    executor: Executor | None = None,
    shard: tuple[int, int] = (1, 1),
    note: Callable[[str], None] = _unheard,
    **options: Any,
) -> Iterator[Hidden | Failed]:
    """Hide the secrets of one folder in the covers of another, and write the stegos to a third.

    Args:
        covers: a folder of pictures.
        secrets: a folder with as many files, or one file for all covers; or a sequence of files and folders, of which
            all go into each cover.
        output: a folder, made if it is missing; a stego is called as its cover, with .png.
        method: as for `api.hide`; weights are loaded once in each process.
        jobs: processes to share the work, each with its share of the cores.
        executor: whatever shares the work instead, as of `concurrent.futures` or Dask's `Client.get_executor()`; its
            workers see all folders under the same absolute names, and `model` and `keep` must be absolute, too.
        shard: (which, of how many) to do only one of so many equal parts: each file is in exactly one of them.
        note: called with what the user should know about the folders, one sentence each.
        options: of `api.hide`; `force` replaces what was there before, never a result of the same run.

    Returns:
        What `api.hide` gives for each pair as soon as it is there, in name order, or why it failed.

    Raises:
        StegoError: when the folders don't go together, or there are no such weights.
    """
    given = Path(secrets) if isinstance(secrets, (str, Path)) else [Path(secret) for secret in secrets]
    if executor is not None:  # whose workers may start anywhere
        covers = Path(covers).absolute()
        given = given.absolute() if isinstance(given, Path) else [path.absolute() for path in given]
    work = pairs(Path(covers), given, note)
    _check_weights(getattr(method, "model", None))
    pairwise = isinstance(given, Path) and os.path.isdir(given)
    shared = None if pairwise else _shared(given, executor is not None)
    decoy = getattr(method, "decoy", None)
    if decoy is not None:
        method = replace(method, decoy=replace(decoy, secret=_shared(decoy.secret, executor is not None)))  # type: ignore[type-var]
    folder = outputs.make_folder(output)
    names = _names([cover for cover, _ in work])
    inputs = {identity(cover) for cover, _ in work}
    for secret in (secret for _, secret in work) if pairwise else (given,):
        inputs |= {identity(path) for path in Gathered.of(secret).sources if isinstance(path, Path)}
    targets: dict[str, Path] = {}
    calls: list[Call | Failed] = []
    force = bool(options.get("force"))
    for (cover, secret), name in zip(work, names, strict=True):
        target = folder / f"{name}.png"
        calls.append(
            _not_a_file(cover)
            or (_not_a_file(secret) if isinstance(secret, Path) and pairwise else None)
            or _lost(cover, target, inputs, targets)
            or Call(cover, partial(api.hide, cover, shared or secret, method=method, **options), target, force)
        )
    return _done(calls, jobs, executor, shard, folder)


def _check_weights(model: ModelLike) -> None:
    """Refuse a name of no weights once, and not for each pair."""
    if isinstance(model, (str, Path)):
        from .flow import weights

        weights.find(model)


def _shared(given: Given, elsewhere: bool) -> list[Source | Path]:
    """What goes into every cover; a pipe gives its content only once, so it is read here.

    Args:
        elsewhere: whether it is opened by workers that may start anywhere.
    """
    every: list[Source | Path] = []
    for one in listed(given):
        if not isinstance(one, Source) and (os.path.isdir(one) or os.path.isfile(one)):
            every.append(one.absolute() if elsewhere else one)
        else:
            every.append(Source.of(one))
    return every


def _lost(cover: Path, target: Path, inputs: set[Identity | None], targets: dict[str, Path]) -> Failed | None:
    """Why a result would replace an input or another result of the run; links may lead to either."""
    if identity(target) in inputs - {None}:
        return Failed(cover, f"{target} is also an input and would be lost: choose another output folder.")
    other = targets.setdefault(outputs.key(target), target)
    if other is not target:
        return Failed(cover, f"{target} and {other} are one file, and one would be lost: choose another output folder.")
    return None


def reveal(
    stegos: str | Path,
    output: str | Path,
    model: ModelLike = None,
    jobs: int = 1,
    *,
    executor: Executor | None = None,
    shard: tuple[int, int] = (1, 1),
    note: Callable[[str], None] = _unheard,
    **options: Any,
) -> Iterator[Revealed | Failed]:
    """Reveal every picture of a folder into another.

    A secret keeps its own name where that is free, and a second of a name goes by its stego's: none replaces another.

    Args:
        model: as for `api.reveal`.
        options: of `api.reveal`; the others, results and errors are as for `hide`.
    """
    found = _listed(Path(stegos).absolute() if executor else Path(stegos), _is_meant_as_picture, note)
    stems = [f"{name}-revealed" for name in _names(found)]
    folder = outputs.make_folder(output)
    places = outputs.Folder.at_start(folder, stems, found)
    force = bool(options.get("force"))
    calls = [
        _not_a_file(stego) or Call(stego, partial(api.reveal, stego, model=model, **options), place, force)
        for stego, place in zip(found, places, strict=True)
    ]
    return _done(calls, jobs, executor, shard, folder)


# -- doing it -----------------------------------------------------------------------------------------------------


def _done(
    calls: Sequence[Call | Failed], jobs: int, executor: Executor | None, shard: tuple[int, int], folder: Path
) -> Iterator[Any]:
    which, count = shard
    calls = calls[which - 1 :: count]
    return _each(calls, jobs) if executor is None else on_executor(calls, executor, folder)


def _each(calls: Sequence[Call | Failed], jobs: int) -> Iterator[Any]:
    """The calls' results in order, each as soon as it is there."""
    if jobs == 1:
        yield from (call if isinstance(call, Failed) else call() for call in calls)
        return
    todo = {i: call for i, call in enumerate(calls) if isinstance(call, Call)}
    done: dict[int, Any] = {i: call for i, call in enumerate(calls) if isinstance(call, Failed)}
    suspects: deque[int] = deque()
    shown = 0
    while shown < len(calls):
        left = [suspects.popleft()] if suspects else [i for i in todo if i >= shown and i not in done]
        futures: dict[int, Future[Any]] = {}
        try:
            with _processes(max(1, min(jobs, len(left)))) as pool:
                with undisturbed():
                    for i in left:
                        futures[i] = pool.submit(todo[i])
                for i in left:
                    done[i] = futures[i].result()
                    while shown in done:
                        yield done.pop(shown)
                        shown += 1
        except BrokenExecutor:  # the system killed a process: which of those at work was too much for it is not told
            if len(left) == 1:
                path = todo[left[0]].path
                done[left[0]] = Failed(path, f"{path} ended its process, perhaps for lack of memory: shrink it.")
            else:
                ended = ((i, f) for i, f in futures.items() if i >= shown and f.done() and not f.cancelled())
                done.update((i, f.result()) for i, f in ended if f.exception() is None)
                # Each alone from now on, so that the one is found and the others are done.
                suspects.extend([i for i in left if i >= shown and i not in done][:jobs])
        while shown in done:
            yield done.pop(shown)
            shown += 1


@contextmanager
def _processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that end with this one, however it ends: they watch a pipe whose other end it alone holds."""
    # A forked child would inherit the threads' locks but not the threads.
    context = get_context("spawn")
    watched, held = context.Pipe(duplex=False)
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with undisturbed():
        pool = ProcessPoolExecutor(jobs, context, _begin, (threads, watched, errors.speaks_of_options()))
    try:
        yield pool
    except BaseException:
        held.close()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        held.close()
        watched.close()


def _begin(threads: int, watched: Connection, of_options: bool) -> None:
    """What each process does first."""
    errors.speak_of_options(of_options)
    cores.limit(threads)
    # Ctrl-C reaches the whole group of processes; the first of them tells the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in stopping() - {signal.SIGINT}:
        if signal.getsignal(number) == signal.SIG_DFL:  # nohup has one ignored
            signal.signal(number, lambda *_: _end())
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stopping())
    threading.Thread(target=_watch, args=(watched,), daemon=True).start()


def _watch(watched: Connection) -> None:
    with suppress(EOFError, OSError):
        watched.recv()
    _end()


def _end() -> None:
    outputs.close()
    os._exit(128 + signal.SIGTERM)
