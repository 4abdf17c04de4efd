"""Several files as one content: their names and, one after another, the content of each.

Content of kind 10, without a name: the table's length (4, big-endian), its CRC-32 (4), the table, the contents. The
table has for each file the length of its content (4), the content's CRC-32 (4), the length of its name (2) and the name
(UTF-8): a path below the folder that all go to, with ``/`` between its plain names. A file's own content is of any
other kind, under its extension only.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..picture import claims
from ..picture.outputs import name_key
from . import container
from .container import FILE, PACKED, PNG_REBUILT, Frame
from .errors import InvalidContent

MOST_FILES = 4096
# Folders within folders, and bytes of a path.
DEEPEST, LONGEST_PATH = 32, 1024
_HEAD = struct.Struct(">II")
_ROW = struct.Struct(">IIH")


@dataclass(frozen=True)
class Entry:
    """One file of several.

    Attributes:
        name: its path below the folder that all go to, plain names with ``/`` between them.
        content: as for one file alone.
        intact: whether the content is as it was written.
    """

    name: str
    content: bytes
    intact: bool = True


def pack(entries: Sequence[tuple[str, bytes]]) -> bytes:
    """The content for (name, content) of each file; the names are as `gathering` makes them."""
    rows = []
    for name, content in entries:
        field = name.encode()
        rows.append(_ROW.pack(len(content), zlib.crc32(content), len(field)) + field)
    table = b"".join(rows)
    contents = (content for _, content in entries)
    return container.pack(container.SEVERAL, "", _HEAD.pack(len(table), zlib.crc32(table)), table, *contents)


def overhead(names: Sequence[str]) -> int:
    """Bytes that `pack` adds to the contents."""
    return len(pack([(name, b"") for name in names]))


def entries(frame: Frame) -> list[Entry]:
    """Undo `pack`, for content that anyone may have made, or that was damaged on its way.

    Raises:
        InvalidContent: when the table is damaged, or names what could not be written side by side.
    """
    body = frame.body
    if len(body) < _HEAD.size:
        raise InvalidContent("content that is cut")
    length, code = _HEAD.unpack_from(body)
    table, at = body[_HEAD.size : _HEAD.size + length], _HEAD.size + length
    if len(table) != length or zlib.crc32(table) != code:
        raise InvalidContent("a list of files that is damaged")
    found: list[Entry] = []
    row = 0
    while row < length:
        if row + _ROW.size > length or len(found) == MOST_FILES:
            raise InvalidContent("a list of files that is cut, or of too many")
        size, code, name_length = _ROW.unpack_from(table, row)
        row += _ROW.size + name_length
        field = table[row - name_length : row]
        content, at = body[at : at + size], at + size
        found.append(Entry(_name(field), content, len(content) == size and zlib.crc32(content) == code))
    _check_apart([entry.name for entry in found])
    return found


def is_partly_intact(content: bytes) -> bool:
    """Whether content that was damaged is of several files, and at least one of them is whole."""
    try:
        frame = container.unframe(content)
        return frame.kind == container.SEVERAL and any(entry.intact for entry in entries(frame))
    except InvalidContent:
        return False


def _name(field: bytes) -> str:
    try:
        name = field.decode()
    except UnicodeDecodeError:
        raise InvalidContent("a name that is no text") from None
    parts = name.split("/")
    if len(field) > LONGEST_PATH or len(parts) > DEEPEST or not all(map(container.is_plain, parts)):
        raise InvalidContent(f"a file called {name!r}")
    return name


def _check_apart(names: list[str]) -> None:
    """Refuse two files of one name, and a file that is another's folder, where case does not count either."""
    keys = [name_key(name) for name in names]
    folders = {str(parent) for key in keys for parent in PurePosixPath(key).parents}
    if not keys or len(set(keys)) < len(keys) or folders & set(keys):
        raise InvalidContent("no files, or files that would replace one another")


class Allowance:
    """What all files of one content may ask for together; the rules are those for one (`claims`)."""

    def __init__(self, carrier: int | None):
        # Pixels that are decoded, those that are compressed again, and bytes that are unpacked.
        self._left = [claims.most_revealed(carrier), claims.most_rebuilt(carrier), claims.MOST_UNPACKED]

    def take(self, content: bytes, pixels: int, length: int) -> bool:
        """Count what decoding a content comes to, if that is within what is left.

        Args:
            pixels: of the picture that it was decoded to, if it is one.
            length: of the file.

        Returns:
            Whether it is.
        """
        kind = content[0]
        if kind == FILE:
            return True
        asked = (0, 0, length) if kind == PACKED else (pixels, pixels * (kind == PNG_REBUILT), 0)
        if any(a > b for a, b in zip(asked, self._left, strict=True)):
            return False
        self._left = [b - a for a, b in zip(asked, self._left, strict=True)]
        return True
