"""The content of a picture that came back from whatever it went through."""

from dataclasses import dataclass

import numpy as np

from ..payload.keys import TAG
from . import code, design, dither, estimate, fixed, grid, preamble, texture
from .dither import Layout
from .estimate import Channel, Received
from .lock import Lock
from .preamble import Preamble, weakened

# Agreement of the pilots from which something is here, and how many deviations of chance that must be, which is large
# where hardly a block is written to; and from which it is worth looking.
PRESENT, SURE, _WORTH = 0.3, 6.0, 0.1
# Grids that are looked into.
_GRIDS = 4
# Factors on the deviation that the known coefficients tell of: where few blocks are written to, those stand firmer than
# the content, and sound more certain than it is.
DOUBTS = (1.0, 1.2)
_CRC = 4
_DAMAGED, _NOTHING = "the content can't be corrected", "nothing that survived is hidden here"


class NothingFound(ValueError):
    """Nothing is hidden here that survived, or nothing that this password opens."""


class TooDamaged(ValueError):
    """Something is here, but lost."""


def places(lock: Lock | None) -> fixed.Places:
    """Where pilots and preamble lie."""
    return fixed.OPEN if lock is None else fixed.Places(lock.seal("places", b"").order)


def receive(picture: np.ndarray, size: tuple[int, int]) -> Received:
    """A picture on a grid.

    Args:
        picture: uint8 (height, width, 3), or luma as float32 (height, width).
        size: see `grid.sizes`.
    """
    blocks = grid.coefficients(picture, size)
    return Received.of(blocks, texture.likely_written(texture.flatness(blocks)))


@dataclass(frozen=True)
class Frame:
    """All about a stego but its content.

    Attributes:
        size: of the grid.
        preamble: as told.
        lock: None for an open one.
        fixed: coefficients of the preamble.
        content: coefficients of the content.
    """

    size: tuple[int, int]
    preamble: Preamble
    lock: Lock | None
    fixed: Layout
    content: Layout

    @classmethod
    def of(cls, size: tuple[int, int], told: Preamble, lock: Lock | None) -> "Frame":
        """The frame that a preamble tells."""
        where = places(lock)
        ahead = where.preamble(size, preamble.count_of(size, lock is not None))
        taken = np.concatenate([where.pilots(size).positions, ahead.positions])
        order = fixed.OPEN.key if lock is None else lock.seal("content", told.salt).order
        return cls(size, told, lock, ahead, design.layout(size, told.strength, taken, order))

    def close(self, content: bytes) -> bytes:
        """The content sealed."""
        if self.lock is None:
            return preamble.append_crc(content)
        return self.lock.seal("content", self.preamble.salt).close(content)

    def open(self, sealed: bytes) -> bytes | None:
        """Undo `close`; None when damaged or under another lock."""
        if self.lock is None:
            return preamble.check_crc(sealed)
        return self.lock.seal("content", self.preamble.salt).open(sealed)

    def bits(self, sealed: bytes) -> np.ndarray:
        """Its coded bits, one for each of the content's coefficients."""
        return code.code(8 * len(sealed), len(self.content)).encode(np.unpackbits(np.frombuffer(sealed, np.uint8)))

    def log_odds(self, received: Received, channel: Channel, doubt: float = 1.0) -> np.ndarray:
        """Of each coded bit, float32; `doubt` is a factor on the noise, see `DOUBTS`."""
        layout = self.content
        written = received.written[layout.blocks]
        sigma = doubt * channel.deviations(layout, received.activity)
        values = received.flat[layout.positions] / channel.gains(layout)
        odds = dither.log_odds(values, layout, sigma)
        return weakened(odds, written).astype(np.float32)

    def known(self) -> tuple[Layout, np.ndarray]:
        """Coefficients whose bits a reader knows once it has the preamble, and those bits."""
        pilots = places(self.lock).pilots(self.size)
        bits = preamble.bits(self.preamble.pack(self.lock), len(self.fixed))
        return Layout.together([pilots, self.fixed]), np.concatenate([np.zeros(len(pilots), np.uint8), bits])


def seal_size(private: bool) -> int:
    """Bytes that sealing adds to a content."""
    return TAG if private else _CRC


def find_preamble(received: Received, size: tuple[int, int], lock: Lock | None) -> Preamble | None:
    """The preamble on a grid; None when there is none that can be read.

    Raises:
        LaterFormat: for what a later version made.
    """
    where = places(lock)
    pilots = where.pilots(size)
    gain = estimate.first_gain(received, pilots)[0]
    gain = estimate.better_gain(received, pilots, 0, gain)
    channel = estimate.channel(received, pilots, 0, gain)
    private = lock is not None
    layout = where.preamble(size, preamble.count_of(size, private))
    values = received.flat[layout.positions] / channel.gains(layout)
    sigma = channel.deviations(layout, received.activity)
    content = preamble.read(values, layout, sigma, received.written[layout.blocks], preamble.size_of(private))
    return Preamble.unpack(content, lock)


def measured(received: Received, frame: Frame) -> Channel:
    """The channel, from all that a reader knows once it has the preamble."""
    layout, bits = frame.known()
    pilots = places(frame.lock).pilots(frame.size)
    gain = estimate.better_gain(received, pilots, 0, estimate.first_gain(received, pilots)[0])
    gain = estimate.better_gain(received, layout, bits, gain)
    return estimate.channel(received, layout, bits, gain)


def content(received: Received, frame: Frame) -> bytes:
    """The content.

    Raises:
        TooDamaged: when it is lost.
    """
    length = 8 * frame.preamble.length
    if not length < len(frame.content):
        raise TooDamaged(_DAMAGED)
    through = measured(received, frame)
    for doubt in DOUBTS:
        odds = frame.log_odds(received, through, doubt)
        bits, _ = code.code(length, len(odds)).decode(odds)
        found = frame.open(np.packbits(bits).tobytes())
        if found is not None:
            return found
    raise TooDamaged(_DAMAGED)


def extract(rgb: np.ndarray, password: str | None = None) -> bytes:
    """The content of a stego as received, uint8 (height, width, 3), or its luma, float32 (height, width).

    Raises:
        NothingFound: nothing is here, or nothing that the password opens.
        TooDamaged: something is here, but lost.
        LaterFormat: for what a later version made.
    """
    return read(rgb, None if password is None else Lock.of(password, preamble.LOCK))


def read(picture: np.ndarray, lock: Lock | None) -> bytes:
    """`extract` with a lock."""
    looked = []
    small = grid.lowest(picture) if picture.ndim == 3 else picture
    for size in grid.sizes(picture.shape):
        received = receive(small, size)
        agrees = estimate.first_gain(received, places(lock).pilots(size))[1]
        looked.append((agrees, size, received))
    looked.sort(key=lambda one: -one[0])
    for agrees, size, received in looked[:_GRIDS]:
        if agrees < _WORTH:
            break
        found = find_preamble(received, size, lock)
        if found is not None:
            return content(received, Frame.of(size, found, lock))
    raise _lost(looked[0][2], looked[0][1], lock) if looked else NothingFound(_NOTHING)


def on_grid(received: Received, size: tuple[int, int], lock: Lock | None) -> bytes:
    """The content on a grid. Errors as for `extract`."""
    found = find_preamble(received, size, lock)
    if found is None:
        raise _lost(received, size, lock)
    return content(received, Frame.of(size, found, lock))


def _lost(received: Received, size: tuple[int, int], lock: Lock | None) -> ValueError:
    """What is to be said of a grid without a preamble."""
    pilots = places(lock).pilots(size)
    agrees = estimate.first_gain(received, pilots)[1]
    if agrees > max(PRESENT, SURE * estimate.chance(received.written[pilots.blocks])):
        return TooDamaged(_DAMAGED)
    return NothingFound(_NOTHING)
