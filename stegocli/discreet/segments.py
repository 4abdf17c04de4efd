"""A JPEG's file taken apart: its segments, its scans, and which Huffman table each scan uses; ITU-T T.81, annex B."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .entropy import Table

SOI, EOI, SOS, DHT, DRI, DNL = 0xD8, 0xD9, 0xDA, 0xC4, 0xDD, 0xDC
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
# Frame markers of other codings, and the one that turns arithmetic coding on.
_UNUSUAL = {*range(0xC3, 0xD0)} - {DHT, 0xC8}


class Unsuitable(ValueError):
    """A JPEG that can't be written back as it was."""


@dataclass(frozen=True)
class Component:
    """A component of the frame: its sampling, and its size in blocks.

    Attributes:
        number: as the scans call it.
        across, down: blocks in an MCU of several components.
        rows, columns: blocks that show something of the picture.
    """

    number: int
    across: int
    down: int
    rows: int
    columns: int


@dataclass(frozen=True)
class Scan:
    """What a scan holds.

    Attributes:
        components: indices in the frame.
        tables: for each the definitions of its DC and AC tables, int (components, 2); -1 for none.
        first, last: of the coefficients, in zigzag order.
        high, low: lowest bit that was told before, or 0, and lowest bit that is told now.
        restart: MCUs between restart markers; 0 for none.
        coded: the entropy-coded bytes.
    """

    components: tuple[int, ...]
    tables: np.ndarray
    first: int
    last: int
    high: int
    low: int
    restart: int
    coded: bytes

    @property
    def used(self) -> set[int]:
        """Its tables' definitions."""
        return {int(n) for n in self.tables.ravel() if n >= 0}


@dataclass(frozen=True)
class Tables:
    """A segment that defines Huffman tables: its first bytes, and class, number and definition of each table."""

    marker: bytes
    kinds: Sequence[tuple[int, int]]

    def pack(self, tables: Sequence[Table]) -> bytes:
        body = b"".join(bytes([kind]) + tables[definition].pack() for kind, definition in self.kinds)
        return self.marker + struct.pack(">H", len(body) + 2) + body


@dataclass
class Parts:
    """A file's parts, in order.

    Attributes:
        pieces: bytes that stay as they are, tables and scans.
        tables: every definition of a Huffman table.
        mcus: rows and columns of MCUs of several components.
    """

    pieces: list[bytes | Tables | Scan] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    components: list[Component] = field(default_factory=list)
    mcus: tuple[int, int] = (0, 0)
    progressive: bool = False

    @property
    def scans(self) -> list[Scan]:
        return [piece for piece in self.pieces if isinstance(piece, Scan)]


def split(content: bytes) -> Parts:
    """The parts of a JPEG's file.

    Raises:
        Unsuitable: with the reason.
    """
    if content[:2] != bytes([0xFF, SOI]):
        raise Unsuitable("it is no JPEG")
    try:
        parts = _split(content)
    except Unsuitable:
        raise
    except (struct.error, LookupError, ValueError):
        raise Unsuitable("it is damaged") from None
    if not _complete(parts):
        raise Unsuitable("its scans leave out something")
    return parts


def _split(content: bytes) -> Parts:
    parts, current = Parts([content[:2]]), dict[int, int]()
    restart, position = 0, 2
    while True:
        marker, body, end = _segment(content, position)
        whole = content[position:end]
        if marker == EOI:
            parts.pieces.append(content[position:])
            return parts
        if marker in _UNUSUAL or marker == DNL:
            raise Unsuitable("its coding is unusual")
        if marker in (_BASELINE, _EXTENDED, _PROGRESSIVE):
            _frame(parts, body)
            parts.progressive = marker == _PROGRESSIVE
        if marker == DRI:
            (restart,) = struct.unpack(">H", body)
        if marker == DHT:
            parts.pieces.append(_define(parts, current, whole[: -2 - len(body)], body))
        else:
            parts.pieces.append(whole)
        if marker == SOS:
            position, end = end, _scan_end(content, end)
            parts.pieces.append(_scan(parts, current, body, restart, content[position:end]))
        position = end


def _segment(content: bytes, position: int) -> tuple[int, bytes, int]:
    """Marker, content and end of a segment, which may have any number of bytes of ones before it."""
    if content[position] != 0xFF:
        raise IndexError
    while content[position] == 0xFF:
        position += 1
    marker = content[position]
    if marker == EOI:
        return marker, b"", position + 1
    (length,) = struct.unpack_from(">H", content, position + 1)
    end = position + 1 + length
    if length < 2 or end > len(content):
        raise IndexError
    return marker, content[position + 3 : end], end


def _scan_end(content: bytes, position: int) -> int:
    """Where the entropy-coded bytes end: at the first marker that is no restart."""
    while True:
        position = content.find(b"\xff", position)
        if position < 0 or position + 1 >= len(content):
            raise Unsuitable("it is cut short")
        if content[position + 1] != 0 and not 0xD0 <= content[position + 1] <= 0xD7:
            return position
        position += 2


def _define(parts: Parts, current: dict[int, int], marker: bytes, body: bytes) -> Tables:
    kinds = []
    while body:
        kind, counts = body[0], tuple(body[1:17])
        if len(body) < 17 + sum(counts):
            raise IndexError
        current[kind] = len(parts.tables)
        kinds.append((kind, len(parts.tables)))
        parts.tables.append(Table(counts, tuple(body[17 : 17 + sum(counts)])))
        body = body[17 + sum(counts) :]
    return Tables(marker, kinds)


def _frame(parts: Parts, body: bytes) -> None:
    depth, height, width, count = struct.unpack_from(">BHHB", body)
    if depth != 8 or count not in (1, 3) or not height * width or parts.components:
        raise Unsuitable("it is neither grey nor colour of 8 bits")
    sampling = [(body[7 + 3 * k] >> 4, body[7 + 3 * k] & 15) for k in range(count)]
    if not all(1 <= side <= 4 for pair in sampling for side in pair):
        raise IndexError
    across, down = (8 * max(s[k] for s in sampling) for k in (0, 1))
    parts.mcus = -(-height // down), -(-width // across)
    for k, (h, v) in enumerate(sampling):
        rows, columns = -(-height * v // down), -(-width * h // across)
        parts.components.append(Component(body[6 + 3 * k], h, v, rows, columns))


def _scan(parts: Parts, current: dict[int, int], body: bytes, restart: int, coded: bytes) -> Scan:
    numbers = [c.number for c in parts.components]
    chosen = [(body[1 + 2 * k], body[2 + 2 * k]) for k in range(body[0])]
    first, last, bits = body[1 + 2 * len(chosen) : 4 + 2 * len(chosen)]
    if any(number not in numbers for number, _ in chosen) or not (first <= last < 64 and chosen):
        raise IndexError
    if not parts.progressive:
        first, last, bits = 0, 63, 0
    high, low = bits >> 4, bits & 15
    with_dc, with_ac = first == 0 and not (parts.progressive and high), last > 0
    tables = [
        (current[byte >> 4] if with_dc else -1, current[0x10 | byte & 15] if with_ac else -1) for _, byte in chosen
    ]
    components = tuple(numbers.index(number) for number, _ in chosen)
    return Scan(components, np.array(tables), first, last, high, low, restart, coded)


def _complete(parts: Parts) -> bool:
    """Whether every bit of every coefficient is told, and the scans follow each other as they must."""
    told = np.full((len(parts.components), 64), -1)
    for scan in parts.scans:
        if parts.progressive and scan.first > 0 and len(scan.components) > 1:
            return False
        for component in scan.components:
            before = told[component, scan.first : scan.last + 1]
            if (before != (scan.high if scan.high else -1)).any() or (scan.high and scan.low != scan.high - 1):
                return False
            told[component, scan.first : scan.last + 1] = scan.low
    return bool((told == 0).all() and told.size)
