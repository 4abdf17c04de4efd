"""The private folder of a running server: only its user can read it, and it goes when the server ends, however."""

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..errors import StegoError
from ..picture.inputs import reason

PREFIX = "stego-serve-"
# A file that the server keeps locked: whoever can lock it knows that the server is gone.
LOCK = "lock"


@contextmanager
def private() -> Iterator[Path]:
    """A new folder (mode 0700), gone at the end of the block; what a killed server left behind goes first.

    Raises:
        StegoError: when none can be made.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _is_abandoned(left):
            shutil.rmtree(left, ignore_errors=True)
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError as error:
        raise StegoError(f"No temporary folder can be made ({reason(error)}): set TMPDIR to one.") from None
    try:
        with open(folder / LOCK, "wb") as lock:
            _try_to_lock(lock)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    """Whether it is a folder of this user's whose server has ended."""
    try:
        state = os.lstat(folder)
        if not stat.S_ISDIR(state.st_mode) or (hasattr(os, "getuid") and state.st_uid != os.getuid()):
            return False
        with open(folder / LOCK, "r+b") as lock:
            return _try_to_lock(lock)
    except OSError:  # one that is being made has no lock yet
        return False


def _try_to_lock(file: IO[bytes]) -> bool:
    """Lock a file for as long as it is open; False when another process has."""
    with contextlib.suppress(ImportError):
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            return False
    import msvcrt

    try:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        return True
    except OSError:
        return False
