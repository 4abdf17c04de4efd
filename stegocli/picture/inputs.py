"""Input files: each is opened once and read whole, and everything about it is decided on those bytes."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import StegoError, option

# (device, inode): what two names of one file have in common.
Identity = tuple[int, int]


def short(path: Path) -> str:
    """A name to show: 300 characters of it help nobody."""
    return str(path) if len(str(path)) <= 120 else f"{str(path)[:50]}...{str(path)[-20:]}"


def left_out(folder: Path, names: Sequence[str]) -> list[str]:
    """The note, if there is one to make, that these of a folder are not taken."""
    more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
    return [f"{short(folder)}: left out {', '.join(names[:TOLD])}{more}."] if names else []


def entries(folder: Path) -> list[Path]:
    """What is in a folder, in name order.

    Raises:
        StegoError: where it can't be listed.
    """
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise StegoError(f"{short(folder)} can't be listed ({reason(error)}): check its permissions.") from None


def data_files(directory: str | Path) -> list[Path]:
    """The files of a folder that --data names, in name order, hidden ones left out.

    Raises:
        StegoError: for what is no folder, or can't be listed.
    """
    directory = Path(directory)
    if not os.path.isdir(directory):  # Path.is_dir raises for names that are too long
        raise StegoError(f"{short(directory)} is not a folder: give {option('data')} a folder of pictures.")
    return [p for p in entries(directory) if os.path.isfile(p) and not p.name.startswith(".")]


def reason(error: Exception) -> str:
    """What an error says, in one line and without the number and file name of the system's."""
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())


def identity(path: Path | int) -> Identity | None:
    """The file that a name, or an open file's number, leads to; None where this process sees none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


# What systems leave in folders, and nobody means.
LITTER = {"thumbs.db", "desktop.ini", ".ds_store"}
# So many names of what is left out of a folder are told.
TOLD = 5

# What messages call an input that came through stdin.
STDIN = Path("stdin")


@dataclass(frozen=True)
class Source:
    """One input, read.

    Attributes:
        path: what it is called in messages.
        content: all its bytes.
        identity: of the file that the bytes came from, to compare outputs with; None for bytes of no file.
    """

    path: Path
    content: bytes = field(repr=False)
    identity: Identity | None = None

    @property
    def own_name(self) -> str:
        """What the file is called; nothing for a stream, whose number in /dev/fd says nothing."""
        return "" if self.path is STDIN or self.path.parts[:2] in (("/", "dev"), ("/", "proc")) else self.path.name

    @classmethod
    def read(cls, path: str | Path) -> "Source":
        """Open a file once and read all of it: a regular file, a link, a FIFO, a process substitution, /dev/stdin.

        Raises:
            StegoError: when it does not exist, can't be read, or is a folder or a device.
        """
        path = Path(path)
        try:
            with open(path, "rb") as file:
                state = os.fstat(file.fileno())
                if _is_endless(file.fileno(), state):
                    raise StegoError(f"{short(path)} is a device, not a file: name a file.")
                return cls(path, file.read(), (state.st_dev, state.st_ino))
        except FileNotFoundError:
            raise StegoError(f"{short(path)} does not exist: check the name.") from None
        except PermissionError:
            if os.path.isdir(path):  # so Windows refuses to open a folder
                raise StegoError(f"{short(path)} is a folder: name a file.") from None
            raise StegoError(f"{short(path)} can't be read: check its permissions.") from None
        except IsADirectoryError:
            raise StegoError(f"{short(path)} is a folder: name a file.") from None
        except (OSError, ValueError) as error:  # a name too long, a NUL inside, a link to itself
            raise StegoError(f"{short(path)} can't be read ({reason(error)}): check the name.") from None

    def emptied(self) -> "Source":
        """The same without its content: to compare outputs with."""
        return Source(self.path, b"", self.identity)

    @classmethod
    def of(cls, given: "Source | str | Path") -> "Source":
        """What was read already, as it is; a path is read."""
        return given if isinstance(given, Source) else cls.read(given)


def _is_endless(descriptor: int, state: os.stat_result) -> bool:
    """Whether it is a device that may never end, as /dev/zero; a terminal ends when its user says so."""
    if stat.S_ISBLK(state.st_mode):
        return True
    return stat.S_ISCHR(state.st_mode) and not (os.isatty(descriptor) or os.path.samestat(state, os.stat(os.devnull)))


def check_read_once(inputs: Sequence[Path | int]) -> None:
    """Refuse inputs of one run that are the same pipe: the first would take all, and the second come out empty.

    Args:
        inputs: paths, and 0 for stdin.

    Raises:
        StegoError: when two are one file, and that is no regular file.
    """
    seen: dict[Identity, Path | int] = {}
    for given in inputs:
        try:
            state = os.stat(given)
        except (OSError, ValueError):  # told when it is read
            continue
        if stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode):
            continue
        stream = state.st_dev, state.st_ino
        if stream in seen:
            names = " and ".join("stdin" if isinstance(n, int) else short(n) for n in (seen[stream], given))
            raise StegoError(f"{names} are one stream, which can be read only once: name a file for one of them.")
        seen[stream] = given
