"""What the browsers have uploaded and asked for, each session's own, kept while it is of use."""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeVar

from ..errors import StegoError, printable
from .jobs import Job, Queue
from .tasks import Look, Task, Upload

# So many files, and so many jobs that have ended, are kept; and so long, s.
MOST_KEPT, KEPT_FOR = 24, 3600.0


class Gone(StegoError):
    """There is nothing of this name, or not for this session."""


@dataclass(eq=False)
class Kept:
    """An uploaded file.

    Attributes:
        owner: the session that sent it.
        upload: where it lies, and its name.
        bytes: its length.
        size: (width, height) of a picture that can be read, or None.
        at: when it was last used, by `time.monotonic`.
    """

    owner: str
    upload: Upload
    bytes: int
    size: tuple[int, int] | None
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    at: float = field(default_factory=time.monotonic)


Thing = TypeVar("Thing", Kept, Job)


class Store:
    """Uploads and jobs by their ids. What is looked at by another session than its own is not there.

    Args:
        folder: private, for all files.
    """

    def __init__(self, folder: Path) -> None:
        self._uploads = folder / "uploads"
        self._uploads.mkdir()
        self._files: dict[str, Kept] = {}
        self._jobs: dict[str, Job] = {}
        self._lock = threading.RLock()
        # Looking at a cover is short, and does not wait for those who hide.
        self._looks, self._work = Queue(folder), Queue(folder)

    @contextmanager
    def running(self) -> Iterator["Store"]:
        """With its processes; at the end of the block they and their jobs are ended."""
        self._looks.start()
        self._work.start()
        try:
            yield self
        finally:
            self._looks.close()
            self._work.close()

    def place(self) -> Path:
        """A new path for an upload."""
        return self._uploads / secrets.token_hex(8)

    def keep(self, owner: str, upload: Upload, length: int, size: tuple[int, int] | None) -> Kept:
        """Take in an uploaded file."""
        kept = Kept(owner, upload, length, size)
        with self._lock:
            self._files[kept.id] = kept
        self.tidy()
        return kept

    def file(self, owner: str, name: str) -> Kept:
        """An uploaded file.

        Raises:
            Gone: when it is not there.
        """
        kept = self._own(self._files, owner, name, "This file is no longer here: choose it again.")
        kept.at = time.monotonic()
        return kept

    def job(self, owner: str, name: str) -> Job:
        """A job.

        Raises:
            Gone: when it is not there.
        """
        return self._own(self._jobs, owner, name, "This job is no longer here: start it again.")

    def begin(self, owner: str, task: Task) -> Job:
        """Put a task into its queue.

        Raises:
            TooMany: when that is full.
        """
        job = self._queue(task).add(owner, task)
        with self._lock:
            self._jobs[job.id] = job
        self.tidy()
        return job

    def ahead(self, job: Job) -> int:
        """How many jobs come before it."""
        return self._looks.ahead(job) + self._work.ahead(job)

    def drop(self, thing: Kept | Job) -> None:
        """Forget a file or a job, and stop the job if it runs."""
        with self._lock:
            if isinstance(thing, Kept):
                self._files.pop(thing.id, None)
                thing.upload.path.unlink(missing_ok=True)
                return
            self._jobs.pop(thing.id, None)
        for queue in (self._looks, self._work):
            queue.drop(thing)

    def tidy(self) -> None:
        """Drop what is old, and the oldest of what is too much; never what waits or runs, nor its files."""
        with self._lock:
            ended = sorted(
                (job for job in self._jobs.values() if job.ended is not None), key=lambda job: job.ended or 0
            )
            busy = len(ended) < len(self._jobs)
            files = [] if busy else sorted(self._files.values(), key=lambda kept: kept.at)
            limit = time.monotonic() - KEPT_FOR
            old: list[Kept | Job] = list(ended[:-MOST_KEPT])
            old += [job for job in ended[-MOST_KEPT:] if (job.ended or 0) < limit]
            old += [*files[:-MOST_KEPT], *(kept for kept in files[-MOST_KEPT:] if kept.at < limit)]
        for thing in old:
            self.drop(thing)

    def _queue(self, task: Task) -> Queue:
        return self._looks if isinstance(task, Look) else self._work

    def _own(self, among: dict[str, Thing], owner: str, name: str, why: str) -> Thing:
        with self._lock:
            thing = among.get(name)
        if thing is None or thing.owner != owner:
            raise Gone(why)
        return thing


def shown_name(name: str) -> str:
    """An uploaded file's name, without any folder of it, fit to be shown and to name a file of the same kind."""
    last = PureWindowsPath(PurePosixPath(name).name).name
    last = printable(last).strip()
    stem, suffix = PurePosixPath(last).stem[:100], PurePosixPath(last).suffix[:20]
    return stem + suffix if stem.strip(". ") else "file"
