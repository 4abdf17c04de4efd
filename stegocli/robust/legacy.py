"""Stegos of format 1, which are read and no longer written.

Front, 36 bytes, big-endian, at public positions: format and whether a password is needed (1), design quality (1),
bytes of the sealed parameters (2), salt (16), nonce (12), CRC-32 of all before (4). The parameters are those of
`sync`, written with 1.7 bits for each of theirs.
"""

import struct
from dataclasses import dataclass

import numpy as np

from ..canonical.preamble import check_crc
from ..payload.keys import Keys, decrypt, derive, shuffle
from . import ldpc, sync
from .services import QUALITIES

_FORMAT, _PRIVATE = 1, 0x80
_FRONT = struct.Struct(">BBH16s12s")
_SIZE = _FRONT.size + sync.CRC
_SPREAD, _FEWEST, _MOST = 4, 800, 4096
_REDUNDANCY = 17


@dataclass(frozen=True)
class Front:
    """The front, without its format.

    Attributes:
        quality, size: as in `sync.Header`.
        salt, nonce: for the password; None when it is open.
    """

    quality: int
    size: int
    salt: bytes | None
    nonce: bytes

    @classmethod
    def unpack(cls, content: bytes) -> "Front | None":
        """None when this is no front, or a damaged or an impossible one."""
        body = check_crc(content)
        if body is None:
            return None
        kind, quality, size, salt, nonce = _FRONT.unpack(body)
        if kind & ~_PRIVATE != _FORMAT or quality not in QUALITIES or not size:
            return None
        return cls(quality, size, salt if kind & _PRIVATE else None, nonce)

    def seal(self, password: str | None) -> "Seal | None":
        """What opens the rest; None when a password is needed."""
        if self.salt is None:
            return Seal(None, self.nonce)
        return Seal(derive(password, self.salt), self.nonce) if password else None


@dataclass(frozen=True)
class Seal:
    """As `lock.Seal`, for reading both parts of a stego."""

    keys: Keys | None
    nonce: bytes

    @property
    def order(self) -> bytes:
        return self.keys.order if self.keys else sync.CONTENT_ORDER

    def parameters(self, content: bytes) -> bytes | None:
        return decrypt(self.keys.plan, self.nonce, content) if self.keys else check_crc(content)

    def content(self, content: bytes) -> bytes | None:
        return decrypt(self.keys.content, self.nonce, content) if self.keys else check_crc(content)


def front(reader: sync.Reader) -> tuple[Front | None, np.ndarray, np.ndarray]:
    """The front if there is one, its positions, and those that are left."""
    order = shuffle(sync.HEADER_ORDER, sync.all_positions(reader.shape))
    count = int(np.clip(reader.shape[0] * reader.shape[1] // _SPREAD, _FEWEST, _MOST))
    positions = order[:count]
    llr = reader.llr(positions, np.full(count, sync.OPEN_STEP), None, flat_written=True)
    bits, _ = ldpc.code(8 * _SIZE, count).decode(llr[None])
    return Front.unpack(np.packbits(bits[0]).tobytes()), positions, np.sort(order[count:])


def parameters(
    reader: sync.Reader, found: Front, rest: np.ndarray, seal: Seal
) -> tuple[sync.Parameters | None, np.ndarray]:
    """The parameters, None when they are lost, forged or another password's, and their positions."""
    count = 8 * found.size * _REDUNDANCY // 10
    positions = shuffle(seal.order, rest)[:count]
    if count > len(rest):
        return None, positions
    llr = reader.llr(positions, sync.grid_steps(found.quality, positions), None, flat_written=True)
    bits, _ = ldpc.code(8 * found.size, count).decode(llr[None])
    opened = seal.parameters(np.packbits(bits[0]).tobytes())
    return None if opened is None else sync.Parameters.unpack(opened), positions
