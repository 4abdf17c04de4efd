"""A JPEG as its luma's quantised coefficients, written back with all else as it was: tables, scans, markers, EXIF.

jpeglib (an optional dependency) reads the coefficients. It does not write them: its files differ from the camera's in
markers, component numbers and scans, which would give them away.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from . import entropy, progressive
from .entropy import ZIGZAG, Table, Tokens
from .segments import Component, Parts, Scan, Tables, Unsuitable, split


class NoJpeglib(Unsuitable):
    """What reads coefficients is not installed."""


class JpegFile:
    """A JPEG in memory.

    Attributes:
        luma: int16, (rows of blocks, blocks, 8, 8).
        quantiser: of the luma, float32 (8, 8).

    Raises:
        Unsuitable: with the reason, for what can't be written back as it was.
    """

    def __init__(self, content: bytes):
        self._parts = split(content)
        read = _coefficients(content)
        self._planes: list[np.ndarray] = [read.Y, read.Cb, read.Cr][: len(self._parts.components)]
        self.luma = self._planes[0]
        self.quantiser = read.get_component_qt(0).astype(np.float32)

    def with_luma(self, luma: np.ndarray) -> bytes:
        """The file with other coefficients; with its own it is the same file, if its encoder was libjpeg or a like."""
        parts, planes = self._parts, [luma, *self._planes[1:]]
        tables = self._tables(planes)
        out = []
        for piece in parts.pieces:
            if isinstance(piece, bytes):
                out.append(piece)
            elif isinstance(piece, Tables):
                out.append(piece.pack(tables))
            elif 0 in piece.components or any(tables[n] != parts.tables[n] for n in piece.used):
                used = {number: tables[number] for number in piece.used}
                out.append(entropy.scan(_tokens(piece, parts, planes), used, _restart(piece, parts)))
            else:
                out.append(piece.coded)
        return b"".join(out)

    def _tables(self, planes: list[np.ndarray]) -> list[Table]:
        """The file's tables where they serve; where its encoder had made them for the picture, such for this one."""
        parts = self._parts
        before, after = np.zeros((2, len(parts.tables), 256), np.int64)
        for scan in parts.scans:
            if not scan.used:
                continue
            old = _tokens(scan, parts, self._planes)
            new = _tokens(scan, parts, planes) if 0 in scan.components else old
            for number in scan.used:
                before[number] += old.frequencies(number)
                after[number] += new.frequencies(number)
        out = []
        for table, first, then in zip(parts.tables, before, after, strict=True):
            serves = table.holds(then) and (not first.any() or entropy.best_table(first) != table)
            out.append(table if serves else entropy.best_table(then))
        return out


def _tokens(scan: Scan, parts: Parts, planes: list[np.ndarray]) -> Tokens:
    band, component = _in_scan_order(scan, parts, planes)
    restart = _restart(scan, parts)
    if not parts.progressive:
        return entropy.tokens(band, component, scan.tables, restart)
    if scan.first == 0:
        if scan.high:
            return progressive.next_dc(band[:, 0], scan.low)
        return progressive.first_dc(band[:, 0], component, scan.tables, scan.low, restart)
    coded = progressive.next_ac if scan.high else progressive.first_ac
    return coded(band, int(scan.tables[0, 1]), scan.low, restart)


def _coefficients(content: bytes) -> Any:
    try:
        import jpeglib
    except ImportError:
        raise NoJpeglib("jpeglib is missing: pip install 'stegocli[discreet]'") from None
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "cover.jpg"
        path.write_bytes(content)
        try:
            found = jpeglib.read_dct(str(path))
            found.load()
        except OSError:
            raise Unsuitable("it is damaged") from None
    return found


def _restart(scan: Scan, parts: Parts) -> int:
    """Blocks between restart markers, or 0; a component alone has MCUs of one block, whatever its sampling."""
    if len(scan.components) == 1:
        return scan.restart
    return scan.restart * sum(parts.components[k].across * parts.components[k].down for k in scan.components)


def _in_scan_order(scan: Scan, parts: Parts, planes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The scan's coefficients of all blocks in its order, (blocks, coefficients), and the component of each."""
    band = ZIGZAG[scan.first : scan.last + 1]
    pieces, kinds = [], []
    for number, k in enumerate(scan.components):
        component = parts.components[k]
        plane = planes[k][: component.rows, : component.columns]
        flat = plane.reshape(*plane.shape[:2], 64)[..., band]
        if len(scan.components) == 1:
            flat = flat.reshape(-1, len(band))
            return flat, np.zeros(len(flat), np.int64)
        pieces.append(_in_units(flat, component, parts.mcus))
        kinds += [number] * pieces[-1].shape[1]
    blocks = np.concatenate(pieces, axis=1)
    return blocks.reshape(-1, len(band)), np.tile(np.array(kinds), len(blocks))


def _in_units(flat: np.ndarray, component: Component, mcus: tuple[int, int]) -> np.ndarray:
    """Blocks MCU by MCU: (MCUs, blocks in each, coefficients).

    Blocks beyond the picture's edge repeat the DC of the block before them, as libjpeg writes them.
    """
    (rows, columns), c = mcus, component
    padded = np.zeros((rows * c.down, columns * c.across, flat.shape[2]), flat.dtype)
    padded[: c.rows, : c.columns] = flat
    split_up = padded.reshape(rows, c.down, columns, c.across, -1).transpose(0, 2, 1, 3, 4)
    units: np.ndarray = split_up.reshape(rows * columns, c.down * c.across, -1).copy()
    unit = np.arange(rows * columns)
    for k in range(1, c.down * c.across):
        row = unit // columns * c.down + k // c.across
        column = unit % columns * c.across + k % c.across
        outside = (row >= c.rows) | (column >= c.columns)
        units[outside, k, 0] = units[outside, k - 1, 0]
    return units
