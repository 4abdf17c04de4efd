"""A baseline JPEG as its luma's quantised coefficients, written back with all else as it was: tables, markers, EXIF.

jpeglib (an optional dependency) reads the coefficients. It does not write them: its files differ from the camera's in
markers and component numbers, which would give them away.
"""

import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import entropy
from .entropy import ZIGZAG, Table

_SOI, _EOI, _SOS, _DHT, _DRI = 0xD8, 0xD9, 0xDA, 0xC4, 0xDD
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
# Lengths of the tables of annex K.3, which most cameras use as they are.
_STANDARD = {
    0: (0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0), 1: (0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0),
    2: (0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125), 3: (0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119),
}  # fmt: skip


class Unsuitable(ValueError):
    """A JPEG that can't be written back as it was."""


class NoJpeglib(Unsuitable):
    """What reads coefficients is not installed."""


@dataclass(frozen=True)
class _Component:
    """A component of the frame: its number, sampling, and which tables its scan uses."""

    number: int
    across: int
    down: int
    dc: int
    ac: int


@dataclass(frozen=True)
class _Segments:
    """A file's parts.

    Attributes:
        head: the segments before the scan, each (marker, whole bytes).
        start: the scan's header.
        tail: what follows the scan.
        restart: MCUs between restart markers, or 0.
        tables: by 2 * number + (0 for DC, 1 for AC).
    """

    head: list[tuple[int, bytes]]
    start: bytes
    tail: bytes
    restart: int
    tables: dict[int, Table]
    components: list[_Component]
    size: tuple[int, int]


def _split(content: bytes) -> _Segments:
    head: list[tuple[int, bytes]] = []
    tables: dict[int, Table] = {}
    restart, position = 0, 2
    frame: bytes | None = None
    if content[:2] != bytes([0xFF, _SOI]):
        raise Unsuitable("it is no JPEG")
    while True:
        begin = position
        while content[position : position + 1] == b"\xff":
            position += 1
        marker = content[position] if position < len(content) else _EOI
        (length,) = struct.unpack_from(">H", content.ljust(position + 3, b"\0"), position + 1)
        whole = content[begin : position + 1 + length]
        body = content[position + 3 : position + 1 + length]
        position += 1 + length
        if length < 2 or marker == _EOI or position > len(content):
            raise Unsuitable("it is damaged")
        if marker == _PROGRESSIVE:
            raise Unsuitable("it is progressive")
        if 0xC3 <= marker <= 0xCF and marker not in (_DHT, 0xC8, 0xCC):
            raise Unsuitable("its coding is unusual")
        if marker in (_BASELINE, _EXTENDED):
            frame = body
        if marker == _DHT:
            tables |= _tables(body)
        if marker == _DRI:
            (restart,) = struct.unpack(">H", body)
        if marker == _SOS:
            break
        head.append((marker, whole))
    end = position
    while True:
        end = content.find(b"\xff", end)
        if end < 0 or end + 1 >= len(content):
            raise Unsuitable("it is cut short")
        if content[end + 1] != 0 and not 0xD0 <= content[end + 1] <= 0xD7:
            break
        end += 2
    if content[end + 1] != _EOI or frame is None:
        raise Unsuitable("it has several scans")
    components, size = _components(frame, body)
    return _Segments(head, whole, content[end:], restart, tables, components, size)


def _tables(body: bytes) -> dict[int, Table]:
    found = {}
    while body:
        kind, counts = body[0], tuple(body[1:17])
        found[2 * (kind & 15) + (kind >> 4)] = Table(counts, tuple(body[17 : 17 + sum(counts)]))
        body = body[17 + sum(counts) :]
    return found


def _components(frame: bytes, scan: bytes) -> tuple[list[_Component], tuple[int, int]]:
    depth, height, width, count = struct.unpack_from(">BHHB", frame)
    if depth != 8 or count not in (1, 3) or scan[0] != count:
        raise Unsuitable("it has several scans, or is neither grey nor colour of 8 bits")
    chosen = {scan[1 + 2 * k]: scan[2 + 2 * k] for k in range(count)}
    out = []
    for k in range(count):
        number, sampling = frame[6 + 3 * k], frame[7 + 3 * k]
        tables = chosen.get(number, 0)
        # One component alone has no interleaving, whatever its sampling says.
        across, down = (1, 1) if count == 1 else (sampling >> 4, sampling & 15)
        out.append(_Component(number, across, down, 2 * (tables >> 4), 2 * (tables & 15) + 1))
    return out, (height, width)


class JpegFile:
    """A JPEG in memory.

    Attributes:
        luma: int16, (rows of blocks, blocks, 8, 8).
        quantiser: of the luma, float32 (8, 8).

    Raises:
        Unsuitable: with the reason, for what can't be written back as it was.
    """

    def __init__(self, content: bytes):
        self._parts = _split(content)
        self._read: Any = _coefficients(content)
        self.luma: np.ndarray = self._read.Y
        self.quantiser = self._read.get_component_qt(0).astype(np.float32)

    def with_luma(self, luma: np.ndarray) -> bytes:
        """The file with other coefficients; with its own it is the same file."""
        parts = self._parts
        planes = [luma] + ([self._read.Cb, self._read.Cr] if len(parts.components) == 3 else [])
        blocks, component = _in_scan_order(planes, parts)
        per_unit = sum(c.across * c.down for c in parts.components)
        restart = parts.restart * per_unit
        found = entropy.tokens(blocks, component, [(c.dc, c.ac) for c in parts.components], restart)
        tables, head = parts.tables, parts.head
        if not all(table.counts in _STANDARD.values() for table in tables.values()):
            # An encoder that had made its tables for this picture would have made them so.
            used = {n for c in parts.components for n in (c.dc, c.ac)}
            tables = {n: entropy.best_table(found.frequencies(n)) if n in used else t for n, t in tables.items()}
            head = [(marker, _with_tables(whole, tables) if marker == _DHT else whole) for marker, whole in head]
        try:
            coded = entropy.scan(found, {n: tables[n] for n in np.unique(found.table)}, restart)
        except (ValueError, KeyError):
            raise Unsuitable("its code tables lack a symbol") from None
        return b"\xff\xd8" + b"".join(whole for _, whole in head) + parts.start + coded + parts.tail


def _with_tables(segment: bytes, tables: dict[int, Table]) -> bytes:
    kinds = [n // 2 | (n % 2) << 4 for n in _tables(segment[4:])]
    body = b"".join(bytes([k]) + tables[2 * (k & 15) + (k >> 4)].pack() for k in kinds)
    return segment[:2] + struct.pack(">H", len(body) + 2) + body


def _coefficients(content: bytes) -> Any:
    try:
        import jpeglib
    except ImportError:
        raise NoJpeglib("jpeglib is missing: pip install 'stegocli[discreet]'") from None
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "cover.jpg"
        path.write_bytes(content)
        found = jpeglib.read_dct(str(path))
        found.load()
    return found


def _in_scan_order(planes: list[np.ndarray], parts: _Segments) -> tuple[np.ndarray, np.ndarray]:
    """All blocks, (count, 64) in zigzag order, as the scan has them, and the component of each."""
    most = max(c.across for c in parts.components), max(c.down for c in parts.components)
    height, width = parts.size
    rows, columns = -(-height // (8 * most[1])), -(-width // (8 * most[0]))
    pieces, kinds = [], []
    for number, (plane, c) in enumerate(zip(planes, parts.components, strict=True)):
        flat = plane.reshape(*plane.shape[:2], 64)[..., ZIGZAG]
        padded = _padded(flat, rows * c.down, columns * c.across)
        units = padded.reshape(rows, c.down, columns, c.across, 64).transpose(0, 2, 1, 3, 4)
        units = units.reshape(rows * columns, c.down * c.across, 64).copy()
        _fill(units, rows, columns, c, flat.shape[:2])
        pieces.append(units)
        kinds += [number] * units.shape[1]
    blocks = np.concatenate(pieces, axis=1)
    return blocks.reshape(-1, 64), np.tile(np.array(kinds), rows * columns)


def _padded(flat: np.ndarray, rows: int, columns: int) -> np.ndarray:
    out = np.zeros((rows, columns, 64), np.int16)
    out[: flat.shape[0], : flat.shape[1]] = flat[:rows, :columns]
    return out


def _fill(units: np.ndarray, rows: int, columns: int, c: _Component, size: tuple[int, ...]) -> None:
    """Blocks beyond the picture's edge repeat the DC of the block before them, as libjpeg writes them."""
    unit = np.arange(rows * columns)
    for k in range(1, c.down * c.across):
        row = unit // columns * c.down + k // c.across
        column = unit % columns * c.across + k % c.across
        outside = (row >= size[0]) | (column >= size[1])
        units[outside, k, 0] = units[outside, k - 1, 0]
