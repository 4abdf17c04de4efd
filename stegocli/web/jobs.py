"""Jobs, one at a time in a process of their own, so that the page answers meanwhile; the others wait in a queue."""

import os
import secrets
import shutil
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from .. import errors
from ..errors import StegoError, printable
from ..picture import outputs
from ..picture.inputs import reason
from ..processes import stopping, undisturbed
from .tasks import Asked, Result, Task

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
# More than so many jobs wait for nobody.
MOST_WAITING = 20
# The process tells of its progress no more often, s.
TELLS = 0.1
_context = get_context("spawn")


@dataclass(eq=False)
class Job:
    """One task on its way.

    Attributes:
        owner: the session that asked for it; no other sees it.
        folder: its files.
        task: what is to be done; None once that has begun, so that no password stays here.
        state: waiting, running, done or failed.
        stage, share: what is being done and the share of it that is done.
        found: what is known before the end.
        result: when it is done.
        error: one sentence when it failed.
        asked: whether it failed for want of a password.
        ended: when, by `time.monotonic`.
    """

    owner: str
    folder: Path
    task: Task | None = field(repr=False)
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: str = WAITING
    stage: str = ""
    share: float = 0.0
    found: dict[str, Any] = field(default_factory=dict)
    result: Result | None = None
    error: str = ""
    asked: bool = False
    ended: float | None = None


class TooMany(StegoError):
    """The queue is full."""


class Queue:
    """Does jobs one after another in one process, which stays for the next job."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: deque[Job] = deque()
        self._current: Job | None = None
        self._worker: _Worker | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> "Queue":
        """Begin, with the process ready for the first job."""
        self._worker = _Worker(self._folder)
        self._thread.start()
        return self

    def close(self) -> None:
        """End the process and its job at once."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            if self._worker is not None:
                self._worker.kill()
            self._changed.notify_all()
        self._thread.join()

    def add(self, owner: str, task: Task) -> Job:
        """A new job at the end of the queue.

        Raises:
            TooMany: when too many wait already.
        """
        with self._changed:
            if len(self._waiting) >= MOST_WAITING:
                raise TooMany("Too many jobs are waiting: try again when some are done.")
            job = Job(owner, self._folder / secrets.token_hex(8), task)
            self._waiting.append(job)
            self._changed.notify_all()
        return job

    def ahead(self, job: Job) -> int:
        """How many jobs come before a waiting one."""
        with self._changed:
            if job not in self._waiting:
                return 0
            return list(self._waiting).index(job) + (self._current is not None)

    def drop(self, job: Job) -> None:
        """Forget a job: stop it where it runs, and delete its files."""
        with self._changed:
            if job in self._waiting:
                self._waiting.remove(job)
            job.task = None
            if job is self._current and self._worker is not None:
                self._worker.kill()
                while job is self._current:
                    self._changed.wait()
        shutil.rmtree(job.folder, ignore_errors=True)

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                job = self._current = self._waiting.popleft()
                if self._worker is None or not self._worker.is_alive():
                    self._worker = _Worker(self._folder)
                worker = self._worker
                job.state = RUNNING
            try:
                job.folder.mkdir()
                worker.do(job)
            except OSError as error:
                _fail(job, f"There is no place for the files ({reason(error)}): make room on the disk.")
            with self._changed:
                job.task, job.ended, self._current = None, time.monotonic(), None
                self._changed.notify_all()


def _fail(job: Job, why: str, asked: bool = False) -> None:
    job.error, job.asked, job.state = why, asked, FAILED


class _Worker:
    """The process, as the server sees it. It ends with the server, and takes the folder with it."""

    def __init__(self, folder: Path) -> None:
        self._pipe, given = _context.Pipe()
        watched, self._held = _context.Pipe(duplex=False)
        self._process = _context.Process(target=_work, args=(given, watched, folder), daemon=True)
        with undisturbed():
            self._process.start()
        given.close()
        watched.close()

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def do(self, job: Job) -> None:
        """Have its task done and forgotten here, and write into the job what the process tells of it."""
        try:
            self._pipe.send((job.task, job.folder))
            job.task = None
            while job.state == RUNNING:
                kind, told = self._pipe.recv()
                if kind == "progress":
                    job.stage, job.share = told
                elif kind == "found":
                    job.found = told
                elif kind == "done":
                    job.result, job.state = told, DONE
                else:
                    _fail(job, *told)
        except (EOFError, OSError):  # it was killed: by `drop`, or by the system
            self.kill()
            _fail(job, "The work was ended from outside, perhaps for lack of memory: try smaller pictures.")


# -- in the process -----------------------------------------------------------------------------------------------


def _work(pipe: Connection, watched: Connection, folder: Path) -> None:
    # Ctrl-C reaches the whole group of processes; the server ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stopping())
    errors.speak_of_fields()
    watch = threading.Thread(target=_watch, args=(watched, folder), daemon=True)
    watch.start()
    with suppress(EOFError, OSError):
        while True:
            pipe.send(_next(pipe))
    watch.join()  # the server is gone: not to end before its files are, too


def _watch(watched: Connection, folder: Path) -> None:
    """Wait for the end of the server, whose end of this pipe then closes, and leave nothing behind."""
    with suppress(EOFError, OSError):
        watched.recv()
    outputs.close()
    for _ in range(3):  # the other thread may be making a file
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _next(pipe: Connection) -> tuple[str, Any]:
    """Do the next task, which is not kept: it may hold a password."""
    task, folder = pipe.recv()
    return _done(task, folder, pipe)


def _done(task: Task, folder: Path, pipe: Connection) -> tuple[str, Any]:
    """What there is to tell of a task, whatever happens."""
    try:
        result = task.run(folder, _teller(pipe), lambda known: pipe.send(("found", known)))
        notes = [_without(folder, note) for note in result.told.get("notes", [])]
        return "done", Result(result.told | {"notes": notes}, result.parts)
    except StegoError as error:
        return "failed", (_without(folder, str(error)), isinstance(error, Asked))
    except MemoryError:
        return "failed", ("Memory is full: close other programs or use smaller pictures.",)
    except Exception as error:
        why = f"{type(error).__name__}: {reason(error)}"
        return "failed", (f"This should not have happened ({_without(folder, why)}): please report it.",)


def _without(folder: Path, text: str) -> str:
    """A message without the place of temporary files, which tells nobody anything."""
    return printable(text.replace(f"{folder}{os.sep}", ""))


def _teller(pipe: Connection) -> Callable[[str, float], None]:
    last: tuple[str, float] = "", 0.0

    def progress(stage: str, share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if stage != last[0] or now - last[1] > TELLS:
            last = stage, now
            pipe.send(("progress", (stage, share)))

    return progress
