"""One file's work: done here, or by whatever executor, and then told as a result or as why it failed.

An executor may run a call twice, since a worker that dies may have written all but not said so. So a worker writes into
a new folder, beside where the results go, and only who asked gives the files their names, in order: nothing is lost,
nothing is there twice, and names go to the same files as when all is done here.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os.path import lexists
from pathlib import Path
from typing import Any

from . import delivery, errors
from .errors import StegoError
from .picture.inputs import reason, short
from .picture.outputs import Exists, Folder, Outputs

# How a folder of work in progress is called.
_PREFIX = ".stego-"


@dataclass(frozen=True)
class Failed:
    """One file that could not be done, and why in one sentence."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Call:
    """One pair or file to do; run in whichever process.

    Attributes:
        path: of the file that it is about.
        action: called with a place, writes there and returns what it did.
        place: for the result: a file, or a folder where its name is not known yet.
        force: whether what is there may be replaced.
    """

    path: Path
    action: Callable[[Any], Any]
    place: Path | Folder
    force: bool = False

    def __call__(self) -> Any:
        """Do it, straight to its place."""
        return self._told(self.place)

    def _told(self, place: Path | Folder) -> Any:
        try:
            return self.action(place)
        except StegoError as error:
            return Failed(self.path, str(error))
        except MemoryError:
            return Failed(
                self.path, f"{self.path} takes more memory than there is: close other programs, or shrink it."
            )
        except Exception as error:
            why = f"{type(error).__name__}: {reason(error)}"
            return Failed(self.path, f"{self.path} could not be done ({why}): please report this.")

    def apart(self, folder: str, of_options: bool) -> Any:
        """Do it in a new folder in the given one, on whatever machine."""
        errors.speak_of_options(of_options)
        attempt = Path(tempfile.mkdtemp(dir=folder))
        place = self.place
        result = self._told(Folder(attempt, place.stem) if isinstance(place, Folder) else attempt / place.name)
        final = place.path if isinstance(place, Folder) else place.parent
        if isinstance(result, Failed):
            return Failed(result.path, result.reason.replace(str(attempt), str(final)))
        return result

    def named(self, result: Any) -> Any:
        """What `apart` wrote, under its name; or why it can't have it."""
        if isinstance(result, Failed):
            return result
        try:
            if isinstance(self.place, Folder):
                done: Any = delivery.moved(result, self.place, self.force)
            else:
                with Outputs() as run:
                    run.take(self.place, result.path, force=self.force)
                done = replace(result, path=self.place)
        except StegoError as error:
            return Failed(self.path, str(error))
        return replace(done, notes=[note.replace(str(result.path), str(done.path)) for note in done.notes])

    @property
    def taken(self) -> Failed | None:
        """Why it need not be begun: its place is taken."""
        if not isinstance(self.place, Path) or self.force or not lexists(self.place):
            return None
        return Failed(self.path, str(Exists(self.place)))


def on_executor(calls: Sequence[Call | Failed], executor: Executor, folder: Path) -> Iterator[Any]:
    """The calls' results in order, each as soon as it and those before it are there.

    Args:
        executor: as of `concurrent.futures`; its workers see `folder` and the inputs under the same names.
        folder: where the results go.
    """
    with _staging(folder) as staging:
        of_options = errors.speaks_of_options()
        ready = [call if isinstance(call, Failed) else call.taken or call for call in calls]
        futures: list[Future[Any] | None] = [
            None if isinstance(call, Failed) else executor.submit(call.apart, staging, of_options) for call in ready
        ]
        try:
            for call, future in zip(ready, futures, strict=True):
                yield call if isinstance(call, Failed) or future is None else call.named(_awaited(call, future))
        finally:
            for future in futures:
                if future is not None:
                    future.cancel()


def _awaited(call: Call, future: "Future[Any]") -> Any:
    try:
        return future.result()
    except (Exception, CancelledError) as error:  # whatever an executor says of a worker that it lost
        why = f"{type(error).__name__}: {reason(error)}"
        return Failed(call.path, f"{call.path} was lost with its worker ({why}): run it again, or shrink it.")


@contextmanager
def _staging(folder: Path) -> Iterator[str]:
    """A hidden folder for work in progress, gone at the end."""
    try:
        made = tempfile.mkdtemp(prefix=_PREFIX, dir=folder.absolute())
    except OSError as error:
        hint = "check the permissions" if error.errno in (errno.EACCES, errno.EPERM) else "check the free space"
        raise StegoError(f"{short(folder)} can't be written to ({reason(error)}): {hint}.") from None
    try:
        # Workers may run as another user of the same group.
        os.chmod(made, os.stat(folder).st_mode & 0o777)
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
