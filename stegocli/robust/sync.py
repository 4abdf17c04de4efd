"""What a reader must know first: the sync header, and the parameters that it leads to.

Open sync header, 9 bytes, big-endian: format (1), design quality (1), bytes of the sealed parameters (2), bits
written for each of their bits in tenths (1), CRC-32 (4). It lies at public positions, on a grid that is the same for
every quality and survives quality 40. Private: a random salt (16), then the first five encrypted (5 + 16). It lies at
positions that the password tells, on the design quality's own grid, and the reader tries every quality.

Parameters: strength (2), bytes of content (4), LLR scale (1), the map of `rangecoder`; with a CRC-32, or encrypted.

All lie in coefficients of low frequency, one bit each, by quantisation index modulation (Chen & Wornell, 2001) with
a code of low rate. Positions in flat blocks, where a change would show, may be left as they are: the reader takes
them for unknown. Format 1 (`legacy`) is read too.
"""

import os
import struct
from dataclasses import dataclass

import numpy as np

from ..canonical.lock import Lock, Seal
from ..canonical.preamble import append_crc, check_crc
from ..payload.keys import SALT, TAG, shuffle
from . import blocks, ldpc, strength
from .services import QUALITIES

FORMAT = 2
# Names the keys under a password.
LOCK = "stego survive 2"
_HEADER = struct.Struct(">BBHB")
_PARAMETERS = struct.Struct(">HIB")
CRC = 4
_OPEN_SIZE = _HEADER.size + CRC
_PRIVATE_SIZE = SALT + _HEADER.size + TAG
# Low frequencies (row, column) that few contents need most: the lowest stay with the content.
FREQUENCIES = ((1, 2), (2, 1), (2, 2), (0, 3), (3, 0), (3, 1))
_INSIDE = np.array([row * blocks.SIDE + column for row, column in FREQUENCIES])
OPEN_STEP = 20.0
SMALLEST_BLOCKS = 400
# Bits written for each bit of the parameters, in tenths, where no position is left out; and at most.
_REDUNDANCY, MOST_REDUNDANCY = 17, 60
_FINEST_STEP = 6
# Orders of positions in an open stego: of the sync header, and of all that follows.
HEADER_ORDER = b"stego: places of what comes first".ljust(32, b"\0")[:32]
CONTENT_ORDER = b"stego: open order of what survives"[:32].ljust(32, b"\0")
# Log-odds for each step between a value and the middle of its two neighbours.
_SLOPE = 12.0
# Energy of a block, under which a change of it would show: that of a variance of 3. A zero read in a block of less
# than the second, all but what is read counted, tells nothing, and in one of more than the third, all.
_FLAT, _UNKNOWN, _KNOWN = 192.0, 256.0, 512.0
# Of decoding a sync header that may not be there.
_ROUNDS = 30


class LaterFormat(ValueError):
    """Made by a later version."""


def close(content: bytes, seal: Seal | None) -> bytes:
    """Encrypted under a seal, or with a CRC-32."""
    return seal.close(content) if seal else append_crc(content)


def open_(content: bytes, seal: Seal | None) -> bytes | None:
    """Undo `close`; None when damaged or under another seal."""
    return seal.open(content) if seal else check_crc(content)


@dataclass(frozen=True)
class Header:
    """The sync header.

    Attributes:
        quality: design quality.
        size: bytes of the sealed parameters.
        redundancy: bits written for each of their bits, in tenths.
        salt: random; empty in an open stego.
    """

    quality: int
    size: int
    redundancy: int
    salt: bytes = b""

    @classmethod
    def new(cls, quality: int, size: int, redundancy: int, private: bool) -> "Header":
        """For a stego in the making: `size` counts the parameters alone."""
        seal = TAG if private else CRC
        return cls(quality, size + seal, redundancy, os.urandom(SALT) if private else b"")

    def pack(self, lock: Lock | None) -> bytes:
        body = _HEADER.pack(FORMAT, self.quality, self.size, self.redundancy)
        return append_crc(body) if lock is None else self.salt + lock.seal("header", self.salt).close(body)

    @classmethod
    def unpack(cls, content: bytes, lock: Lock | None) -> "Header | None":
        """None when this is no sync header, a damaged or an impossible one, or another password's.

        Raises:
            LaterFormat: for what a later version made.
        """
        salt = content[:SALT] if lock else b""
        body = lock.seal("header", salt).open(content[SALT:]) if lock else check_crc(content)
        if body is None:
            return None
        kind, quality, size, redundancy = _HEADER.unpack(body)
        if kind > FORMAT:
            raise LaterFormat(f"format {kind}")
        least = _PARAMETERS.size + (TAG if lock else CRC)
        possible = kind == FORMAT and quality in QUALITIES and size >= least
        if not possible or not _REDUNDANCY <= redundancy <= MOST_REDUNDANCY:
            return None
        return cls(quality, size, redundancy, salt)


@dataclass(frozen=True)
class Parameters:
    """What the sync header leads to.

    Attributes:
        strength: see `strength.bit_table`.
        length: bytes of content, sealed.
        llr_scale: how sure the reader may be of a value, see `carriers`.
        levels: of the cells, packed.
    """

    strength: int
    length: int
    llr_scale: int
    levels: bytes

    def pack(self) -> bytes:
        return _PARAMETERS.pack(self.strength, self.length, self.llr_scale) + self.levels

    @classmethod
    def unpack(cls, content: bytes) -> "Parameters | None":
        """None for what no writer makes."""
        if len(content) < _PARAMETERS.size:
            return None
        strong, length, llr_scale = _PARAMETERS.unpack_from(content)
        if strong > strength.STRONGEST or not length or not llr_scale:
            return None
        return cls(strong, length, llr_scale, content[_PARAMETERS.size :])


def parameters_size(levels: bytes) -> int:
    """Bytes of parameters with this map, before they are sealed."""
    return _PARAMETERS.size + len(levels)


# -- where they lie ---------------------------------------------------------------------------------------------


def all_positions(shape: tuple[int, int]) -> np.ndarray:
    """All positions that sync header and parameters may take, as flat indices of coefficients."""
    return (np.arange(shape[0] * shape[1])[:, None] * blocks.SIDE**2 + _INSIDE).reshape(-1)


def _count(shape: tuple[int, int], private: bool) -> int:
    """Positions of the sync header: one for every so many blocks, within bounds."""
    spread, fewest, most = (4, 900, 4096) if private else (8, 600, 2048)
    return int(np.clip(shape[0] * shape[1] // spread, fewest, most))


def header_positions(shape: tuple[int, int], lock: Lock | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Where the sync header lies in so many blocks, and the positions that are left, in ascending order."""
    order = shuffle(lock.order if lock else HEADER_ORDER, all_positions(shape))
    count = _count(shape, lock is not None)
    return order[:count], np.sort(order[count:])


def parameter_positions(rest: np.ndarray, header: Header, order: bytes) -> np.ndarray | None:
    """Where the sealed parameters lie, of the positions left; None when there is no room for so many."""
    count = 8 * header.size * header.redundancy // 10
    return shuffle(order, rest)[:count] if count <= len(rest) else None


def redundancy(size: int, rest: int, flat: float) -> int | None:
    """Bits for each bit of `size` bytes, in tenths: more where a share of the positions is flat; None if no room."""
    found = min(int(_REDUNDANCY / (1 - min(flat, 0.8))) + 3 * (flat > 0), MOST_REDUNDANCY, 10 * rest // (8 * size))
    return found if found >= _REDUNDANCY else None


def grid_steps(quality: int, positions: np.ndarray) -> np.ndarray:
    """Steps of keyed and of parameters' positions: multiples of the design quality's quantiser, none too fine."""
    quantisers = blocks.quantisers(quality).reshape(-1)[positions % blocks.SIDE**2]
    return (quantisers * -(-_FINEST_STEP // quantisers)).astype(np.float64)


def header_steps(header_quality: int, positions: np.ndarray, lock: Lock | None) -> np.ndarray:
    """Steps of the sync header's positions."""
    return grid_steps(header_quality, positions) if lock else np.full(len(positions), OPEN_STEP)


def energy(coefficients: np.ndarray) -> np.ndarray:
    """Sum of a block's squared coefficients but for the mean: float32, flat, of (down, across, 8, 8)."""
    squares = np.square(coefficients).sum((2, 3)) - np.square(coefficients[..., 0, 0])
    return squares.reshape(-1)


def unknown_share(energies: np.ndarray) -> float:
    """How much a reader of these blocks, by `energy`, does not learn: in those that are little above flat, of zeros."""
    return float((energies < _FLAT).mean() + (energies < _KNOWN).mean()) / 2


def left_alone(energies: np.ndarray, positions: np.ndarray, size: int) -> np.ndarray:
    """Which positions stay as they are: those in flat blocks, as far as the code of `size` bytes can do without.

    Args:
        energies: of each block of the cover, see `energy`.
        positions: flat indices.
        size: bytes that they carry.

    Returns:
        bool (positions,).
    """
    around = energies[positions // blocks.SIDE**2]
    alone = around < _FLAT
    spare = max(0, len(positions) - int(8 * size * _REDUNDANCY / 10))
    if alone.sum() > spare:
        alone[np.argsort(around, kind="stable")[spare:]] = False
    return alone


# -- bits in values ---------------------------------------------------------------------------------------------


def write(values: np.ndarray, content: bytes, whitening: np.ndarray | None = None) -> np.ndarray:
    """Whole steps nearest to `values` (in steps) that carry the content: their parities are its code word."""
    bits = np.unpackbits(np.frombuffer(content, np.uint8))
    word = ldpc.code(len(bits), len(values)).encode(bits[None])[0]
    if whitening is not None:
        word = word ^ whitening
    return (2 * np.rint((values - word) / 2) + word).astype(np.int32)


class Reader:
    """Sync headers and parameters of one picture.

    Args:
        coefficients: see `blocks.forward`.
    """

    def __init__(self, coefficients: np.ndarray):
        self.shape = coefficients.shape[0], coefficients.shape[1]
        self.flat = coefficients.reshape(-1)
        self._energies = energy(coefficients)

    def llr(
        self, positions: np.ndarray, steps: np.ndarray, whitening: np.ndarray | None, flat_written: bool = False
    ) -> np.ndarray:
        """Log-odds of the code word's bits at these positions, float (positions,).

        With `flat_written`, every position was written to, and none is unknown.
        """
        values = self.flat[positions] / steps
        # Distance to the nearest even value, 0 to 1: half-way is no knowledge.
        distance = np.abs(values - 2 * np.rint(values / 2))
        others = self._energies[positions // blocks.SIDE**2] - np.square(self.flat[positions])
        flat = np.clip((_KNOWN - others) / (_KNOWN - _UNKNOWN), 0, 1)
        unknown = flat * (np.abs(values) < 0.5) * (not flat_written)
        llr = _SLOPE * (0.5 - distance) * (1 - unknown)
        return llr if whitening is None else np.where(whitening == 1, -llr, llr)

    def header(self, lock: Lock | None, qualities: tuple[int, ...] = tuple(QUALITIES)) -> "Header | None":
        """The sync header, open or under a lock; None when there is none.

        Args:
            lock: None for the open one.
            qualities: that are tried under a lock.

        Raises:
            LaterFormat: for what a later version made.
        """
        positions = header_positions(self.shape, lock)[0]
        whitening = lock.header_whitening(len(positions)) if lock else None
        size = _PRIVATE_SIZE if lock else _OPEN_SIZE
        # Qualities whose grids are alike are tried once.
        tried = {tuple(grid_steps(q, _INSIDE)): q for q in qualities} if lock else {(): 0}
        rows = np.stack([self.llr(positions, header_steps(q, positions, lock), whitening) for q in tried.values()])
        bits, _ = ldpc.code(8 * size, len(positions)).decode(rows, _ROUNDS)
        for row in bits:
            found = Header.unpack(np.packbits(row).tobytes(), lock)
            if found is not None:
                return found
        return None

    def parameters(self, header: Header, positions: np.ndarray, seal: Seal | None) -> Parameters | None:
        """The parameters that a sync header leads to; None when they are lost or forged."""
        whitening = seal.whitening(len(positions)) if seal else None
        written = header.redundancy == _REDUNDANCY  # there is no spare: every position was written to
        llr = self.llr(positions, grid_steps(header.quality, positions), whitening, written)
        bits, _ = ldpc.code(8 * header.size, len(positions)).decode(llr[None])
        opened = open_(np.packbits(bits[0]).tobytes(), seal)
        return None if opened is None else Parameters.unpack(opened)
