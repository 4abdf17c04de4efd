"""Bytes into a picture so that JPEG leaves them readable, and out again.

Every coefficient that carries something is put on a grid no finer than the design quality's quantiser, aligned
with it: recompression at that quality keeps it, at any better one it moves less than half a step. What rounding
and clipping spoil is found by playing the channels with the real codec, and mended: each coefficient is moved to
where its worst errors to both sides are alike.
"""

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .. import secrecy
from . import blocks, lattice, ldpc, preamble, strength
from .strength import Design, Designer

COVER_PSNR = 37.5
# Structural loss that goes with it.
_LOSS = 0.045
QUALITIES = range(30, 96)
# A code word's length, about.
_WORD = 16384
# Share of what a channel could carry that the code is trusted with, and what a code word of this size needs besides.
_TRUST, _RESERVE = 0.975, 0.035
_FIRST_RATE = 0.9
_ROUNDS = 3
_TRIES = 5
_OPEN_ORDER = b"stego: open order of what survives"[:32].ljust(32, b"\0")
# Above so many pixels a trial uses strips of this many in all.
_TRIAL = 1_000_000
Progress = Callable[[str, float], None]


class Unsuitable(ValueError):
    """The cover can't carry this content at this quality."""


class NothingFound(ValueError):
    """No preamble: nothing is hidden here that survived."""


class TooDamaged(ValueError):
    """A preamble, but the content behind it is lost.

    Attributes:
        share: of the code words that could not be corrected, 0 to 1.
    """

    def __init__(self, share: float):
        super().__init__(f"{100 * share:.0f} % of the content can't be corrected")
        self.share = share


class PasswordNeeded(ValueError):
    """Hidden under a password, and none or a wrong one was given."""


@dataclass(frozen=True)
class Embedded:
    """A stego and what was measured on it.

    Attributes:
        stego: uint8, the cover's shape.
        quality: design quality.
        worst: (quality, subsampling) of the channel with the most errors, of all that were played.
        errors: share of coefficients that it changed.
        spare: bits that the worst channel leaves unused, as a share of those written.
    """

    stego: np.ndarray
    quality: int
    worst: tuple[int, int]
    errors: float
    spare: float


def channels(quality: int) -> list[tuple[int, int]]:
    """(quality, subsampling as Pillow counts: 2 is 4:2:0, 0 is 4:4:4) that a stego is played through."""
    return [(q, 2) for q in range(quality, 96, 5)] + [(95, 2)] * ((95 - quality) % 5 > 0) + [(quality, 0)]


def recompress(rgb: np.ndarray, quality: int, subsampling: int) -> np.ndarray:
    """The picture through a JPEG file of libjpeg's."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(file))


# -- what lies where --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Room:
    """Places of the content: flat indices of coefficients in keyed order, their bits and steps."""

    places: np.ndarray
    bits: np.ndarray
    steps: np.ndarray

    @property
    def size(self) -> int:
        return int(self.bits.sum(dtype=np.int64))


def _room(shape: tuple[int, int], quality: int, strong: int, levels: np.ndarray, taken: list, key: bytes) -> _Room:
    table = strength.bit_table(quality, strong)
    bits = table[strength.of_blocks(levels, shape)].reshape(-1)
    for places in taken:
        bits[places] = 0
    places = secrecy.shuffle(key, np.flatnonzero(bits))
    return _Room(places, bits[places], strength.steps(quality).reshape(-1)[places % 64].astype(np.float32))


def _words(bits: int, room: int) -> tuple[int, int, int]:
    """(words, message bits of each, length of each) for so many bits in a room."""
    words = max(1, round(room / _WORD))
    return words, -(-bits // words), room // words


def _encode(content: bytes, room: int) -> np.ndarray:
    """The content's code words, interleaved, as a stream that fills the room."""
    bits = np.unpackbits(np.frombuffer(content, np.uint8))
    words, message, length = _words(len(bits), room)
    padded = np.zeros(words * message, np.uint8)
    padded[: len(bits)] = bits
    stream = np.zeros(room, np.uint8)
    stream[: words * length] = ldpc.code(message, length).encode(padded.reshape(words, message)).T.reshape(-1)
    return stream


def _decode(llr: np.ndarray, size: int) -> tuple[bytes, float]:
    """`size` bytes from a soft stream, and the share of words that could not be corrected."""
    words, message, length = _words(8 * size, len(llr))
    bits, right = ldpc.code(message, length).decode(llr[: words * length].reshape(length, words).T)
    return np.packbits(bits.reshape(-1)[: 8 * size]).tobytes(), 1 - float(right.mean())


def _doubt(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Log-odds that a value, in steps, belongs to its nearest grid point."""
    margin = steps * (0.5 - np.abs(values - np.rint(values)))
    return np.minimum(0.2 + 1.3 * margin, 7).astype(np.float32)


def _soft(coefficients: np.ndarray, room: _Room) -> np.ndarray:
    values = coefficients.reshape(-1)[room.places] / room.steps
    return lattice.read(values, room.bits, _doubt(values, room.steps))


# -- embedding --------------------------------------------------------------------------------------------------


@dataclass
class _Job:
    """A stego in the making: places on the grid, and where each is to be."""

    places: np.ndarray
    steps: np.ndarray
    wanted: np.ndarray
    aim: np.ndarray

    def towards(self, rgb: np.ndarray) -> np.ndarray:
        now = blocks.forward(rgb)
        change = np.zeros(now.size, np.float32)
        change[self.places] = self.aim - now.reshape(-1)[self.places]
        return blocks.add(rgb, change.reshape(now.shape))

    def errors(self, coefficients: np.ndarray) -> np.ndarray:
        """Distances from where each should be, in coefficients' units."""
        return coefficients.reshape(-1)[self.places] - self.wanted


def _mend(cover: np.ndarray, job: _Job, quality: int, rounds: int, progress: Progress) -> np.ndarray:
    stego = job.towards(job.towards(cover))
    played = channels(quality)
    for turn in range(rounds):
        highest = np.zeros_like(job.wanted)
        lowest = np.zeros_like(job.wanted)
        for i, channel in enumerate(played):
            errors = job.errors(blocks.forward(recompress(stego, *channel)))
            np.maximum(highest, errors, out=highest)
            np.minimum(lowest, errors, out=lowest)
            progress("mending", (turn + (i + 1) / len(played)) / rounds)
        failing = np.maximum(highest, -lowest) > 0.4 * job.steps
        shift = np.where(failing, -(highest + lowest) / 2, 0)
        reach = 0.4 * job.steps
        job.aim = job.wanted + np.clip(job.aim - job.wanted + shift, -reach, reach)
        stego = job.towards(job.towards(stego))
    return stego


@dataclass(frozen=True)
class _Frame:
    """All about a stego but its content's bits."""

    shape: tuple[int, int]
    quality: int
    design: Design
    keys: secrecy.Keys | None
    front: preamble.Front

    @property
    def order(self) -> bytes:
        return self.keys.order if self.keys else _OPEN_ORDER

    def room(self) -> tuple[np.ndarray, np.ndarray, _Room]:
        front = preamble.front_places(self.shape)
        fields = preamble.fields_places(self.shape, self.front.size, self.order)
        if fields is None:
            raise Unsuitable("the cover is too small")
        room = _room(self.shape, self.quality, self.design.strength, self.design.levels, [front, fields], self.order)
        return front, fields, room


def _frame(shape: tuple[int, int], quality: int, design: Design, keys_salt: tuple | None) -> _Frame:
    size = preamble.FIELDS_SIZE + len(strength.pack(design.levels))
    if keys_salt:
        keys, salt = keys_salt
        return _Frame(shape, quality, design, keys, preamble.Front(quality, size + secrecy.TAG, salt, os.urandom(12)))
    return _Frame(shape, quality, design, None, preamble.Front(quality, size + 4))


def _job(rgb: np.ndarray, frame: _Frame, weights: np.ndarray, stream: np.ndarray, fields: bytes) -> _Job:
    at_front, at_fields, room = frame.room()
    now = blocks.forward(rgb).reshape(-1)
    parts = []
    for places, steps, content in (
        (at_front, np.full(len(at_front), preamble.FRONT_STEP), frame.front.pack()),
        (at_fields, preamble.fields_step(frame.quality, at_fields), fields),
    ):
        parts.append((places, steps, preamble.write(now[places] / steps, content)))
    costs = weights.reshape(-1)[room.places // 64] * np.square(room.steps)
    whole = lattice.write(now[room.places] / room.steps, stream, room.bits, costs)
    parts.append((room.places, room.steps, whole))
    places, steps, whole = (np.concatenate(part) for part in zip(*parts, strict=True))
    steps = steps.astype(np.float32)
    wanted = (whole * steps).astype(np.float32)
    return _Job(places, steps, wanted, wanted.copy())


def _information(llr: np.ndarray, stream: np.ndarray) -> float:
    """Bits a bit of the stream that a soft reading tells."""
    agrees = np.where(stream == 1, -llr, llr)
    return 1 - float(np.logaddexp(0, -agrees).mean()) / np.log(2)


def _rate(information: float, room: int) -> float:
    """The code's rate that is trusted at so much information a bit: short words need more."""
    return _TRUST * information - _RESERVE * max(1.0, np.sqrt(_WORD / max(1, room)))


def _play(stego: np.ndarray, room: _Room, stream: np.ndarray, quality: int) -> Iterator[tuple]:
    """(information, errors, channel, soft stream) for each channel."""
    for channel in channels(quality):
        soft = _soft(blocks.forward(recompress(stego, *channel)), room)
        yield _information(soft, stream), float(((soft < 0) != stream).mean()), channel, soft


def _check(rgb: np.ndarray, quality: int) -> None:
    if quality not in QUALITIES:
        raise Unsuitable(f"a design quality of {quality}: from {QUALITIES[0]} to {QUALITIES[-1]}")
    down, across = blocks.grid(rgb.shape)
    if down * across < preamble.SMALLEST_BLOCKS:
        raise Unsuitable(f"a cover of {rgb.shape[1]}x{rgb.shape[0]}: {preamble.SMALLEST_BLOCKS * 64} pixels are needed")


def _strips(rgb: np.ndarray) -> np.ndarray:
    """A large picture's strips, spread evenly over its height."""
    if rgb.shape[0] * rgb.shape[1] <= _TRIAL:
        return rgb
    tall = 64
    count = max(1, _TRIAL // (tall * rgb.shape[1]))
    tops = np.linspace(0, rgb.shape[0] - tall, count).astype(int) // 16 * 16
    return np.concatenate([rgb[top : top + tall] for top in np.unique(tops)])


def _allowed(cover_psnr: float) -> tuple[float, float]:
    return 255**2 / 10 ** (cover_psnr / 10), _LOSS * 10 ** ((COVER_PSNR - cover_psnr) / 10)


def _trial_rate(rgb: np.ndarray, quality: int, cover_psnr: float) -> float:
    """The code's rate that the worst channel bears, measured with random bits."""
    part = _strips(rgb)
    designer = Designer(part, quality, *_allowed(cover_psnr))
    design = designer.most()
    frame = _frame(designer.shape, quality, design, None)
    room = frame.room()[2]
    if room.size < _WORD // 16:
        return 0.0
    stream = np.random.default_rng(0).integers(0, 2, room.size).astype(np.uint8)
    job = _job(part, frame, designer.weights(design.kappa), stream, bytes(frame.front.size))
    stego = _mend(part, job, quality, _ROUNDS, lambda *_: None)
    return _rate(min(found[0] for found in _play(stego, room, stream, quality)), _WORD)


def capacity(rgb: np.ndarray, quality: int, cover_psnr: float = COVER_PSNR, private: bool = False) -> int:
    """Bytes of content that a cover surely carries down to a quality, at about this PSNR; 0 where nothing fits.

    Raises:
        Unsuitable: for a cover too small, or a quality out of range.
    """
    _check(rgb, quality)
    designer = Designer(rgb, quality, *_allowed(cover_psnr))
    design = designer.most()
    try:
        room = _frame(designer.shape, quality, design, None).room()[2]
    except Unsuitable:
        return 0
    rate = _trial_rate(rgb, quality, cover_psnr)
    over = secrecy.TAG if private else 4
    return max(0, int(0.99 * rate * room.size) // 8 - over - 16)


def embed(
    rgb: np.ndarray,
    content: bytes,
    quality: int,
    password: str | None = None,
    progress: Progress = lambda what, share: None,
) -> Embedded:
    """Hide bytes with the least change that survives JPEG of `quality` and better.

    Args:
        rgb: uint8 (height, width, 3).
        content: any bytes.
        quality: 30 to 95, as libjpeg counts.
        password: None to hide openly.
        progress: told what is being done and how far it is, 0 to 1.

    Raises:
        Unsuitable: when the cover can't carry so much, or is unfit.
    """
    _check(rgb, quality)
    designer = Designer(rgb, quality, *_allowed(COVER_PSNR))
    keys_salt = None
    if password is not None:
        salt = os.urandom(secrecy.SALT)
        keys_salt = secrecy.derive(password, salt), salt
    size = len(content) + (secrecy.TAG if password is not None else 4)
    needed = 8 * size / _FIRST_RATE
    for _ in range(_TRIES):
        design = designer.least(int(needed * 1.04) + 4000)
        if design is None:
            break
        frame = _frame(designer.shape, quality, design, keys_salt)
        room = frame.room()[2]
        if room.size <= needed:
            needed += (needed - room.size) * 1.1 + 64
            design = designer.least(int(needed * 1.04) + 4000)
            if design is None:
                break
            frame = _frame(designer.shape, quality, design, keys_salt)
            room = frame.room()[2]
        if room.size < 1.02 * 8 * size + 64:
            needed *= 1.2
            continue
        fields = preamble.pack_fields(design.strength, size, strength.pack(design.levels))
        nonce = frame.front.nonce
        if frame.keys:
            fields = secrecy.encrypt(frame.keys.plan, nonce, fields)
            sealed = secrecy.encrypt(frame.keys.content, nonce, content)
        else:
            fields, sealed = preamble.sealed_open(fields), preamble.sealed_open(content)
        stream = _encode(sealed, room.size)
        job = _job(rgb, frame, designer.weights(design.kappa), stream, fields)
        stego = _mend(rgb, job, quality, _ROUNDS, progress)
        played = sorted(_play(stego, room, stream, quality), key=lambda found: found[0])
        information, errors, worst, soft = played[0]
        rate = 8 * size / room.size
        trusted = _rate(information, room.size)
        if rate <= trusted and all(_decode(found[3], size)[0] == sealed for found in played[:2]):
            return Embedded(stego, quality, worst, errors, information - rate)
        needed = 8 * size / max(0.3, min(trusted, rate * 0.97))
    raise Unsuitable("the cover can't carry so much at this quality")


def extract(rgb: np.ndarray, password: str | None = None) -> bytes:
    """The content of a stego as received, uint8 (height, width, 3).

    Raises:
        NothingFound: no preamble.
        PasswordNeeded: a preamble that needs a password, and none or a wrong one was given.
        TooDamaged: a preamble, but the content is lost.
    """
    shape = blocks.grid(rgb.shape)
    if shape[0] * shape[1] < preamble.SMALLEST_BLOCKS:
        raise NothingFound("too small")
    coefficients = blocks.forward(rgb)
    flat = coefficients.reshape(-1)
    at_front = preamble.front_places(shape)
    front = preamble.Front.unpack(preamble.read(flat[at_front] / preamble.FRONT_STEP, preamble.FRONT_SIZE))
    if front is None:
        raise NothingFound("no preamble")
    keys = None
    if front.salt is not None:
        if not password:
            raise PasswordNeeded("a password is needed")
        keys = secrecy.derive(password, front.salt)
    order = keys.order if keys else _OPEN_ORDER
    at_fields = preamble.fields_places(shape, front.size, order)
    if at_fields is None:
        raise TooDamaged(1.0)
    read = preamble.read(flat[at_fields] / preamble.fields_step(front.quality, at_fields), front.size)
    opened = secrecy.decrypt(keys.plan, front.nonce, read) if keys else preamble.unsealed_open(read)
    if opened is None:
        if keys:
            raise PasswordNeeded("the password is wrong, or too much was changed")
        raise TooDamaged(1.0)
    strong, size, levels = preamble.unpack_fields(opened)
    levels = strength.unpack(levels, strength.cells(shape))
    room = _room(shape, front.quality, strong, levels, [at_front, at_fields], order)
    if not 0 < 8 * size < room.size:
        raise TooDamaged(1.0)
    sealed, lost = _decode(_soft(coefficients, room), size)
    content = secrecy.decrypt(keys.content, front.nonce, sealed) if keys else preamble.unsealed_open(sealed)
    if content is None:
        raise TooDamaged(max(lost, 0.01))
    return content
