"""What is to be hidden: one file, or several files and folders, under names that are safe side by side anywhere."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from ..errors import StegoError
from ..picture.inputs import LITTER, Source, entries, left_out, short
from ..picture.outputs import name_key
from .bundle import Bundle
from .codings import Secret
from .container import plain_name
from .several import DEEPEST, LONGEST_PATH, MOST_FILES

Given: TypeAlias = "Source | str | Path | Sequence[Source | str | Path]"
# No cover holds so much; it is not read.
MOST_BYTES = 1 << 30


def listed(given: Given) -> list[Source | Path]:
    """What was given, one by one.

    Raises:
        StegoError: for nothing.
    """
    every = [given] if isinstance(given, (Source, str, Path)) else [*given]
    if not every:
        raise StegoError("No secret was given: name a file.")
    return [one if isinstance(one, Source) else Path(one) for one in every]


@dataclass
class Gathered:
    """Files to be hidden, not read yet.

    Attributes:
        label: what they are called together.
        files: each with its name, a path with ``/``; a single one that is no folder's has the name "".
        notes: what of the folders is left out, and what can't keep its name.
    """

    label: str
    files: list[tuple[Source | Path, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, given: Given) -> "Gathered":
        """Look into the folders among what was given.

        Raises:
            StegoError: for nothing, a folder that can't be listed, and more than can be hidden.
        """
        every = listed(given)
        if len(every) == 1 and (isinstance(every[0], Source) or not os.path.isdir(every[0])):
            return cls("", [(every[0], "")])
        found = cls("")
        names = _Names()
        for one in every:
            path = one.path if isinstance(one, Source) else one
            own = one.own_name if isinstance(one, Source) else Source(one, b"").own_name or one.resolve().name
            name = found._named(path, own or "stream", names)
            if isinstance(one, Path) and os.path.isdir(one):
                found._walk(one, f"{name}/")
            else:
                found._add(one, name)
        count = f"{len(found.files)} file{'s' * (len(found.files) != 1)}"
        first = every[0].path if isinstance(every[0], Source) else every[0]
        found.label = f"{short(first)}{f' and {len(every) - 1} more' * (len(every) > 1)} ({count})"
        if not found.files:
            raise StegoError(f"{short(first)} holds no files: put some in it.")
        return found

    @property
    def sources(self) -> list[Source | Path]:
        """The files."""
        return [one for one, _ in self.files]

    def read(self) -> "Secret | Bundle":
        """Read each file once.

        Raises:
            StegoError: as `Source.read`, and for more than any cover holds.
        """
        if len(self.files) == 1 and not self.files[0][1]:
            return Secret(Source.of(self.files[0][0]))
        total = 0
        for one, _ in self.files:
            total += len(one.content) if isinstance(one, Source) else os.stat(one).st_size if os.path.exists(one) else 0
        if total > MOST_BYTES:
            raise StegoError(f"{self.label} comes to {total:,} bytes, more than any cover holds: hide fewer files.")
        return Bundle(Path(self.label), [(name, Secret(Source.of(one), False)) for one, name in self.files], self.notes)

    def _named(self, path: Path, own: str, names: "_Names") -> str:
        name = names.take(own)
        if name != own:
            self.notes.append(f"{short(path)} comes back as {name}.")
        return name

    def _add(self, one: Source | Path, name: str) -> None:
        if len(self.files) == MOST_FILES or len(name.encode()) > LONGEST_PATH or name.count("/") >= DEEPEST:
            most = f"at most {MOST_FILES:,} files, {DEEPEST} folders deep, go together"
            path = one.path if isinstance(one, Source) else one
            raise StegoError(f"{short(path)} is one too many, or too deep ({most}): pack them into one file first.")
        self.files.append((one, name))

    def _walk(self, folder: Path, prefix: str) -> None:
        """The files of a folder and of those in it, in name order; a link to a folder is left out."""
        if prefix.count("/") > DEEPEST:
            self._add(folder, prefix)  # which refuses it
        names, left = _Names(), []
        for path in entries(folder):
            if os.path.isdir(path) and not os.path.islink(path):
                self._walk(path, f"{prefix}{self._named(path, path.name, names)}/")
            elif os.path.isfile(path) and path.name.lower() not in LITTER:
                self._add(path, prefix + self._named(path, path.name, names))
            else:
                left.append(path.name)
        self.notes.extend(left_out(folder, left))


class _Names:
    """Names in one folder, different even where case does not count."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, own: str) -> str:
        """A plain name that nothing else here has, as near to its own as can be."""
        plain = plain_name(own)
        for name in self._candidates(plain):
            if name_key(name) not in self._taken:
                self._taken.add(name_key(name))
                return name
        raise AssertionError("numbers do not end")

    @staticmethod
    def _candidates(plain: str) -> Iterator[str]:
        yield plain
        stem, suffix = os.path.splitext(plain)
        for number in range(2, MOST_FILES + 3):
            yield plain_name(f"{stem[:150]}-{number}{suffix}")
