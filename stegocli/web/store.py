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
from ..picture import claims
from .jobs import Job, Queue
from .tasks import Look, Task, Upload

# So many files, and so many jobs that have ended, are kept; of the files so many bytes; and all so long, s.
MOST_KEPT, MOST_BYTES, KEPT_FOR = 24, 4 * claims.MOST_SENT, 3600.0
# It is looked for what is old so often, s.
TIDIED = 60.0


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
        # Where the files lie that a job reads, until it has ended.
        self._read: dict[Job, set[Path]] = {}
        self._lock = threading.RLock()
        self._ended = threading.Event()
        # Looking at a cover is short, and does not wait for those who hide.
        self._looks, self._work = Queue(folder), Queue(folder)

    @contextmanager
    def running(self) -> Iterator["Store"]:
        """With its processes; at the end of the block they and their jobs are ended."""
        self._looks.start()
        self._work.start()
        threading.Thread(target=self._tidy_at_times, daemon=True).start()
        try:
            yield self
        finally:
            self._ended.set()
            self._looks.close()
            self._work.close()

    def place(self) -> Path:
        """A new path for an upload."""
        return self._uploads / secrets.token_hex(8)

    def keep(self, owner: str, upload: Upload, length: int, size: tuple[int, int] | None) -> Kept:
        """Take in an uploaded file.

        Raises:
            StegoError: when jobs need all that is there already.
        """
        kept = Kept(owner, upload, length, size)
        with self._lock:
            self._files[kept.id] = kept
            self.tidy()
            if kept.id not in self._files:
                raise StegoError(f"There is no place for {upload.name} beside the files of jobs: try again later.")
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
        with self._lock:
            job = (self._looks if isinstance(task, Look) else self._work).add(owner, task)
            self._jobs[job.id] = job
            self._read[job] = {value.path for value in vars(task).values() if isinstance(value, Upload)}
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
            self._read.pop(thing, None)
        for queue in (self._looks, self._work):
            queue.drop(thing)

    def tidy(self) -> None:
        """Drop what is old, and the oldest of what is too much; never what waits or runs, nor what that reads."""
        with self._lock:
            limit = time.monotonic() - KEPT_FOR
            jobs = [job for job in self._jobs.values() if job.ended is not None]
            self._read = {job: paths for job, paths in self._read.items() if job.ended is None}
            needed = set().union(*self._read.values())
            files = sorted((kept for kept in self._files.values()), key=lambda kept: kept.at)
            count, length = len(files), sum(kept.bytes for kept in files)
            for kept in files:
                much = count > MOST_KEPT or length > MOST_BYTES
                if kept.upload.path not in needed and (much or kept.at < limit):
                    self.drop(kept)
                    count, length = count - 1, length - kept.bytes
            jobs.sort(key=lambda job: job.ended or 0.0)
            old = [job for i, job in enumerate(jobs) if i < len(jobs) - MOST_KEPT or (job.ended or 0.0) < limit]
        for job in old:
            self.drop(job)

    def _tidy_at_times(self) -> None:
        while not self._ended.wait(TIDIED):
            self.tidy()

    def _own(self, among: dict[str, Thing], owner: str, name: str, why: str) -> Thing:
        with self._lock:
            thing = among.get(name)
        if thing is None or thing.owner != owner:
            raise Gone(why)
        return thing


def shown_name(name: str) -> str:
    """An uploaded file's name, without any folder of it, fit to be shown and to name a file of the same kind."""
    last = PureWindowsPath(PurePosixPath(name).name).name
    last = "".join(c for c in last if printable(c) == c).strip()
    stem, suffix = PurePosixPath(last).stem[:100], PurePosixPath(last).suffix[:20]
    return stem + suffix if stem.strip(". ") else "file"
