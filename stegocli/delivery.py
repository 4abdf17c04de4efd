"""What a stego held, written to files: one secret under a name, or several in a folder."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from os.path import lexists
from pathlib import Path, PurePosixPath

from .errors import StegoError
from .methods.base import Found, Outcome, Stego
from .payload import codings
from .payload.codings import Several
from .picture import files, outputs
from .picture.files import Picture
from .picture.inputs import Source, reason, short
from .picture.outputs import Exists, Folder, Outputs


def default_output(stego: str | Path, extension: str = ".png") -> Path:
    """Where `reveal` writes when not told: beside the stego, NAME-revealed and the secret's extension."""
    stego = Path(stego)
    return stego.with_name(f"{stego.stem}-revealed{extension}")


# What becomes of a hidden file that another format can't hold: 16 bits a sample, palettes, a turn in its EXIF.
AS_SEEN = "as seen, 8 bits"


@dataclass(frozen=True, kw_only=True)
class RevealedPart:
    """One of several files that were hidden together.

    Attributes:
        name: its path when it was hidden, below the folder that all go to.
        path: the file that was written; None where nothing comes back.
        size: the picture's (width, height), or None.
        summary: how true it is.
        problem: why nothing comes back, or None.
    """

    name: str
    path: Path | None = None
    size: tuple[int, int] | None = None
    summary: str = ""
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Revealed(Outcome):
    """What `reveal` found, in addition to what `Outcome` tells.

    Attributes:
        path: the file it wrote; of several the folder.
        size: the picture's (width, height), or None.
        name: what the secret's file was called when it was hidden, or None.
        authenticated: whether a password opened it, so that whoever hid it knew the password.
        parts: of several files, each.
    """

    path: Path
    size: tuple[int, int] | None = None
    name: str | None = None
    authenticated: bool = False
    parts: list[RevealedPart] = field(default_factory=list)


@dataclass(frozen=True)
class Delivery:
    """What was found in a stego, on its way to files; what a password opened is for its owner alone.

    Attributes:
        inputs: files that must not be lost.
    """

    stego: Stego
    found: Found
    authenticated: bool
    inputs: Sequence[Path | Source] = ()

    def to(self, output: Folder | Path, force: bool) -> Revealed:
        """Write it to a place, or into a folder: under its own name where that is free, else under the folder's.

        Raises:
            StegoError: when it can't be written there; nothing is written then.
        """
        if isinstance(self.found.secret, Several):
            if isinstance(output, Path):
                count = len(self.found.secret.entries)
                raise StegoError(f"{self.stego.path} holds {count} files: name a folder for them, as {output}{os.sep}.")
            return self._each_to(output, self.found.secret, force)
        if isinstance(output, Path):
            return self._one_to(output, self.found.secret, force)
        secret = self.found.secret
        places = output.candidates(self.found.name, self.found.extension, force)
        return _first_free(places, lambda target, replaced: self._one_to(target, secret, replaced))

    def beside(self, force: bool) -> Revealed:
        """Write it beside the stego: to `default_output`, or several to a folder of that name."""
        place = default_output(self.stego.path, self.found.extension)
        if isinstance(self.found.secret, Several):
            before = frozenset([place.name] * lexists(place))
            return self._each_to(Folder(place.parent, place.name, before), self.found.secret, force, direct=False)
        return self._one_to(place, self.found.secret, force)

    def _one_to(self, target: Path, secret: Picture | bytes, force: bool) -> Revealed:
        """A file's own bytes under its extension, a picture in any lossless format."""
        stego, found = self.stego, self.found
        outputs.check_place(target, self.inputs, force)
        told = Revealed(**vars(found.told), path=target, name=found.name, authenticated=self.authenticated)
        if isinstance(secret, Picture):
            picture = secret
        else:
            seen = _picture_in(target, secret, stego.rgb.size // 3)
            if target.suffix.lower() == found.extension:
                outputs.write_beside(target, secret, force=force, private=self.authenticated)
                return replace(told, size=seen.size if seen else None)
            if seen is None:
                what = found.extension or "file without extension"
                raise StegoError(f"{stego.path} holds a {what}: name the output so, not {target}.")
            picture, summary = seen, codings.SAME_PIXELS if codings.is_whole(secret, seen) else AS_SEEN
            told = replace(told, summary=summary)
        picture, changes = files.kept_in(files.check_output(target), picture)
        if picture.changes or changes:
            told.notes.append(f"{target}: {'; '.join((*picture.changes, *changes))}.")
        with Outputs() as run:
            files.add(run, target, picture, force=force, private=self.authenticated)
        if picture.remarks and target.suffix.lower() != ".png":
            told.notes.append(f"{target} has the pixels, but not the text and camera data of the hidden PNG: use .png.")
        return replace(told, size=picture.size)

    def _each_to(self, folder: Folder, several: Several, force: bool, direct: bool = True) -> Revealed:
        """Into the folder itself where all their names are free (and `direct`), else into a folder in it."""
        tops = {PurePosixPath(entry.name).parts[0] for entry in several.entries} if direct else None

        def write(root: Path, replaced: bool) -> Revealed:
            return self._tree_to(_Tree.at(root, folder, replaced, self.authenticated), several)

        return _first_free(_roots(folder, tops, force), write)

    def _tree_to(self, tree: "_Tree", several: Several) -> Revealed:
        """All of them get their names together, or none does."""
        told = Revealed(**vars(self.found.told), path=tree.root, authenticated=self.authenticated)
        names = [entry.name for entry in several.entries]
        with ExitStack() as undo:
            with Outputs() as run:
                for part in several.parts():
                    if part.found is None:
                        told.parts.append(RevealedPart(name=part.name, problem=part.problem))
                        told.notes.append(f"{part.name} does not come back: {part.problem}.")
                    else:
                        told.parts.append(self._part_to(tree, part, part.found, names, run, undo, told.notes))
                there = sum(part.path is not None for part in told.parts)
                if not there:
                    raise StegoError(
                        f"{self.stego.path} holds {len(names)} files, and none comes back ({told.parts[0].problem}): "
                        "ask its maker for the very file."
                    )
            undo.pop_all()
        return replace(told, summary=f"{there} of {len(names)} files" if there < len(names) else f"{there} files")

    def _part_to(
        self,
        tree: "_Tree",
        part: codings.Part,
        found: codings.Unpacked,
        names: Sequence[str],
        run: Outputs,
        undo: ExitStack,
        notes: list[str],
    ) -> RevealedPart:
        secret = found.secret
        assert not isinstance(secret, Several)
        name = part.name if isinstance(secret, bytes) else _as_picture(part.name, found.extension, names)
        target = tree.place(name, undo)
        outputs.check_place(target, self.inputs, tree.force)
        if isinstance(secret, bytes):
            run.add(target, secret, force=tree.force, private=self.authenticated)
        else:
            secret, changes = files.kept_in(target, secret)
            notes.extend([f"{target}: {'; '.join(changes)}."] if changes else [])
            files.add(run, target, secret, force=tree.force, private=self.authenticated)
        return RevealedPart(name=part.name, path=target, size=part.size, summary=found.fidelity)


@dataclass
class _Tree:
    """A folder for several files, with folders in it.

    Attributes:
        force: whether it may be there, and files in it be replaced.
        private: whether new folders are for their owner alone.
        ready: folders that are there, and may be written to.
    """

    root: Path
    force: bool
    private: bool
    ready: set[Path]

    @classmethod
    def at(cls, root: Path, folder: Folder, force: bool, private: bool) -> "_Tree":
        """The folder itself is there; one in it is yet to be made."""
        return cls(root, force, private, {root} if root == folder.path else set())

    def place(self, name: str, undo: ExitStack) -> Path:
        """Where a file goes, in folders that are gone again unless all ends well.

        Raises:
            Exists: where a folder is there already, and not of this run.
            StegoError: for a folder that can't be made.
        """
        target = self.root / name
        folders = [self.root, *(self.root / parent for parent in reversed(PurePosixPath(name).parents[:-1]))]
        for path in folders:
            if path in self.ready:
                continue
            if self.force and path.is_dir():
                self.ready.add(path)
                continue
            if self.force and lexists(path):
                raise StegoError(f"{path} is no folder: choose another output.")
            try:
                path.mkdir(0o700 if self.private else 0o777)
            except FileExistsError:
                raise Exists(path) from None
            except (OSError, ValueError) as error:
                raise StegoError(f"{short(path)} can't be made a folder ({reason(error)}): choose another.") from None
            self.ready.add(path)
            undo.callback(_remove, path)
        return target


def moved(found: Revealed, place: Folder, force: bool) -> Revealed:
    """What was revealed into a folder of its own, in its place: under the names that `Delivery` would give it there.

    Raises:
        StegoError: when it can't be written there; nothing is moved then.
    """
    if not found.parts:

        def move(target: Path, replaced: bool) -> Revealed:
            with Outputs() as run:
                run.take(target, found.path, force=replaced)
            return replace(found, path=target)

        return _first_free(place.candidates(found.name, found.path.suffix, force), move)
    paths = [part.path for part in found.parts if part.path is not None]
    tops = {path.relative_to(found.path).parts[0] for path in paths}

    def move_all(root: Path, replaced: bool) -> Revealed:
        tree = _Tree.at(root, place, replaced, found.authenticated)
        with ExitStack() as undo:
            with Outputs() as run:
                for path in paths:
                    run.take(tree.place(path.relative_to(found.path).as_posix(), undo), path, force=replaced)
            undo.pop_all()
        parts = [
            part if part.path is None else replace(part, path=root / part.path.relative_to(found.path))
            for part in found.parts
        ]
        return replace(found, path=root, parts=parts)

    return _first_free(_roots(place, tops, force), move_all)


def _first_free(places: Iterable[tuple[Path, bool]], write: Callable[[Path, bool], Revealed]) -> Revealed:
    """What is written to the first place that is free: one may be taken between the look and the writing."""
    for place, replaced in places:
        try:
            return write(place, replaced)
        except Exists as error:
            taken = error
    raise taken


def _remove(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _roots(folder: Folder, tops: set[str] | None, force: bool) -> Iterator[tuple[Path, bool]]:
    """Folders to try in turn, each with whether it may be there and files in it be replaced.

    Args:
        tops: what is written into the folder itself, if all of it is free; None where it may not be.
    """
    if tops is not None and all(outputs.is_free(folder.path / top) for top in tops):
        yield folder.path, False
    if folder.stem in folder.before:
        yield folder.path / folder.stem, force
        return
    numbered = (f"{folder.stem}-{n}" for n in itertools.count(2))
    yield from (
        (folder.path / n, False) for n in itertools.chain([folder.stem], numbered) if not lexists(folder.path / n)
    )


def _as_picture(name: str, extension: str, others: Sequence[str]) -> str:
    """What a picture is called that can't be written in its own format: the extension changes, or is added."""
    renamed = str(PurePosixPath(name).with_suffix(extension))
    if name == renamed or PurePosixPath(name).suffix.lower() == extension:
        return name
    return renamed if outputs.name_key(renamed) not in map(outputs.name_key, others) else f"{name}{extension}"


def _picture_in(path: Path, content: bytes, carrier: int) -> Picture | None:
    """A file's bytes as a picture, if they are one that can be read."""
    try:
        return files.read(path, content, carrier=carrier) if files.is_picture(path, content) else None
    except StegoError:
        return None
