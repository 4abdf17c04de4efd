"""Output files: checked before any work is done, written beside their places, and moved there whole and last."""

import atexit
import contextlib
import itertools
import os
import secrets
import stat
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os.path import lexists
from pathlib import Path
from typing import BinaryIO

from ..errors import StegoError, option
from .inputs import Identity, Source, identity, reason, short


class Exists(StegoError):
    """A file has the output's name already, and may not be replaced."""

    def __init__(self, path: Path):
        super().__init__(f"{path} already exists: add {option('force')} to replace it, or choose another output name.")


# -- before any work is done --------------------------------------------------------------------------------------


def check_place(path: Path, inputs: Sequence[Path | Source] = (), force: bool = True) -> None:
    """Refuse a place where no file can be written; a link stands for the file that it points to.

    Args:
        inputs: files that must not be lost.
        force: whether a file that is there may be replaced.

    Raises:
        StegoError: for a folder, a missing folder, a device or pipe, one of the `inputs`, a name that the system
            does not take, and without `force` for a file that exists.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            os.stat(path)  # Path.exists hides, from Python 3.12 on, that a name is too long
        if path.is_dir():
            raise StegoError(f"{path} is a folder: name a file.")
        if not path.resolve().parent.is_dir():
            raise StegoError(f"{path.parent} does not exist: create the folder first.")
        if not os.access(path.resolve().parent, os.W_OK | os.X_OK):
            raise StegoError(f"{short(path)} can't be written: check the permissions of its folder.")
        if not path.exists():
            return
        if not stat.S_ISREG(path.stat().st_mode):
            raise StegoError(f"{path} is a device or a pipe, not a file: name a file.")
        if identity(path) in {_identity(given) for given in inputs} - {None}:
            raise StegoError(f"{path} is also an input and would be lost: choose another output name.")
    except (OSError, ValueError, RuntimeError) as error:  # too long, a NUL inside, a link to itself
        raise StegoError(f"{short(path)} is no name for a file ({reason(error)}): choose another.") from None
    if not force:
        raise Exists(path)


def _identity(given: Path | Source) -> Identity | None:
    return given.identity if isinstance(given, Source) else identity(given)


def key(path: Path) -> str:
    """Equal for two names that are one file on some system: links are followed, and case and accents don't count."""
    with contextlib.suppress(OSError, RuntimeError, ValueError):  # told by `check_place`
        path = path.resolve()
    return name_key(str(path))


def name_key(name: str) -> str:
    """Equal for names that differ in case, or in how their accents are composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def check_apart(outputs: Sequence[Path]) -> None:
    """Refuse outputs of one run of which one would replace another.

    Raises:
        StegoError: for two names that are one file, here or where case does not count.
    """
    seen: dict[str | Identity, Path] = {}
    for path in outputs:
        marks = {mark for mark in (key(path), identity(path)) if mark is not None}
        for mark in marks & seen.keys():
            raise StegoError(f"{path} and {seen[mark]} are one file, and one would be lost: name another.")
        seen.update((mark, path) for mark in marks)


def is_free(path: Path) -> bool:
    """Whether nothing has this name, not even a broken link, and the system takes it."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        pass
    return False


def names_folder(output: str | Path) -> bool:
    """Whether an output is meant as a folder: one is there, or the name ends in a slash."""
    return str(output).endswith(("/", os.sep)) or os.path.isdir(output)


def make_folder(folder: str | Path) -> Path:
    """Make a folder, with those above it, unless it is there.

    Raises:
        StegoError: when it can't be made.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise StegoError(f"{short(folder)} can't be made a folder ({reason(error)}): choose another.") from None
    return folder


@contextlib.contextmanager
def made(folder: str | Path) -> Iterator[Path]:
    """`make_folder`, and if it is new, it stays only if the block ends well."""
    new = not os.path.isdir(folder)
    folder = make_folder(folder)
    try:
        yield folder
    except BaseException:
        if new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder, gone at the end of the block.

    Raises:
        StegoError: when none can be made.
    """
    try:
        folder = tempfile.TemporaryDirectory()
    except OSError as error:
        raise StegoError(f"No temporary folder can be made ({reason(error)}): set TMPDIR to one.") from None
    with folder as path:
        yield Path(path)


@dataclass(frozen=True)
class Folder:
    """A folder for results whose names are known only when they are there.

    Attributes:
        path: of the folder.
        stem: what a result without a name of its own is called.
        before: the names in it that begin so, were there before the run, and may be replaced with `force`.
    """

    path: Path
    stem: str
    before: frozenset[str] = frozenset()

    @classmethod
    def at_start(cls, path: Path, stems: Sequence[str], inputs: Sequence[Path | Source] = ()) -> "list[Folder]":
        """One for each of the stems, before any result of the run is there.

        Args:
            path: of the folder.
            stems: all different.
            inputs: files that must not be lost, whatever they are called.

        Raises:
            StegoError: when the folder can't be listed.
        """
        kept: set[str | Identity | None] = {mark for given in inputs if (mark := _identity(given))}
        before: dict[str, set[str]] = {stem: set() for stem in stems}
        try:
            for name in sorted(os.listdir(path)):
                starts = before.keys() & {name, Path(name).stem}
                if not starts or {identity(path / name), key(path / name)} & kept:
                    continue
                # Of links to one file only the first stands for it: the second result would replace the first.
                kept.add(key(path / name))
                for start in starts:
                    before[start].add(name)
        except OSError as error:
            raise StegoError(f"{short(path)} can't be listed ({reason(error)}): check its permissions.") from None
        return [cls(path, stem, frozenset(before[stem])) for stem in stems]

    def candidates(self, own: str | None, extension: str, force: bool) -> Iterator[tuple[Path, bool]]:
        """Names to try in turn, each with whether what has it may be replaced.

        Its own name is never taken from another file. Nor are names that other results of the run have.
        """
        name = f"{self.stem}{extension}"
        if own is not None:
            own = own if Path(own).suffix.lower() == extension else str(Path(own).with_suffix(extension))
            if is_free(self.path / own):
                yield self.path / own, False
        if name in self.before:
            yield self.path / name, force
            return
        numbered = (f"{self.stem}-{n}{extension}" for n in itertools.count(2))
        yield from ((self.path / n, False) for n in itertools.chain([name], numbered) if not lexists(self.path / n))


# -- writing ------------------------------------------------------------------------------------------------------

# Files that exist but have not got their names; a name is in here before its file exists.
_temporaries: set[Path] = set()
_creating = threading.RLock()


@atexit.register
def clean() -> None:
    """Remove what an end at a bad moment left behind; what has its name stays."""
    for path in list(_temporaries):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        _temporaries.discard(path)


def close() -> None:
    """For a process that ends at once: `clean`, and let no other thread begin a file any more."""
    _creating.acquire()
    clean()


if hasattr(os, "register_at_fork"):  # a child does not remove what its parent is writing
    os.register_at_fork(after_in_child=_temporaries.clear)


@contextlib.contextmanager
def _known(path: Path) -> Iterator[Path]:
    """A file that is gone at the end of the block, or by `clean`, unless it was renamed."""
    _temporaries.add(path)
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        _temporaries.discard(path)


def _beside(place: Path) -> Path:
    """A name that no other file has; a short one, since one made of the file's own could be too long."""
    return place.with_name(f".{secrets.token_hex(12)}")


@dataclass(frozen=True)
class _Staged:
    """A file that was written whole under another name."""

    path: Path
    place: Path
    temporary: Path
    force: bool


class Outputs:
    """The files of one run: each is written beside its place, and at the end all get their names, or none does.

    Readers see the old file or the new one. A link stays, and the file that it points to is replaced. New files are
    readable as the umask says, and one that replaces another at most as that was.
    """

    def __init__(self) -> None:
        self._staged: list[_Staged] = []
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Outputs":
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        with self._stack:
            if kind is None:
                self._name_all()

    def add(
        self,
        path: Path,
        content: bytes,
        check: Callable[[bytes], None] | None = None,
        *,
        force: bool = True,
        private: bool = False,
    ) -> None:
        """Write a file that gets its name at the end.

        Args:
            check: gets what the disk holds; what it raises leaves everything as it was.
            force: replace what has the name by then; without, `Exists` is raised.
            private: let nobody but the owner read it.

        Raises:
            StegoError: as `check_place`, when the folder can't be written, and when the disk is full.
        """
        check_place(path, force=force)
        with _told(path):
            place = path.resolve()
            temporary = self._stack.enter_context(_known(_beside(place)))
            # The kernel applies the umask.
            mode = 0o600 if private else 0o666
            with contextlib.suppress(FileNotFoundError):
                mode &= stat.S_IMODE(place.stat().st_mode)
            with _create(temporary, mode) as file:
                file.write(content)
                file.flush()
                # Some systems tell only now that the disk is full.
                os.fsync(file.fileno())
                if check is not None:
                    file.seek(0)
                    check(file.read())
        self._staged.append(_Staged(path, place, temporary, force))

    def take(self, path: Path, written: Path, *, force: bool = True) -> None:
        """As `add`, for a file that was written whole already on the same file system: it is moved."""
        check_place(path, force=force)
        with _told(path):
            self._staged.append(_Staged(path, path.resolve(), self._stack.enter_context(_known(written)), force))

    def _name_all(self) -> None:
        with contextlib.ExitStack() as undo:
            for file in self._staged:
                with _told(file.path):
                    if file.force:
                        self._replace(file, undo)
                    else:
                        _claim(file)
                        undo.callback(file.place.unlink, missing_ok=True)
            undo.pop_all()

    def _replace(self, file: _Staged, undo: contextlib.ExitStack) -> None:
        """Where other files must still follow, what was there is kept until they have their names."""
        if len(self._staged) > 1:
            old = self._stack.enter_context(_known(_beside(file.place)))
            try:
                os.link(file.place, old)
                undo.callback(os.replace, old, file.place)
            except FileNotFoundError:
                undo.callback(file.place.unlink, missing_ok=True)
            except OSError:  # a system without links: what is replaced now does not come back
                pass
        os.replace(file.temporary, file.place)


def write_beside(
    path: Path,
    content: bytes,
    check: Callable[[bytes], None] | None = None,
    *,
    force: bool = True,
    private: bool = False,
) -> None:
    """Write one file as `Outputs` does; arguments and errors as for `Outputs.add`."""
    with Outputs() as outputs:
        outputs.add(path, content, check, force=force, private=private)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:
        hint = "check the folder and the free space"
        raise StegoError(f"{short(path)} can't be written ({reason(error)}): {hint}.") from None


def _create(path: Path, mode: int) -> BinaryIO:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with _creating:
        return open(os.open(path, flags, mode), "w+b")


def _claim(file: _Staged) -> None:
    """Give a file a name that nothing has: of several that want it, exactly one gets it.

    Raises:
        Exists: when something has it.
    """
    try:
        os.link(file.temporary, file.place)
        return
    except FileExistsError:
        raise Exists(file.path) from None
    except OSError:  # a system without links, or a folder that can't be written, which is told below
        pass
    try:
        os.close(os.open(file.place, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        raise Exists(file.path) from None
    try:
        os.replace(file.temporary, file.place)
    except BaseException:
        file.place.unlink()
        raise
