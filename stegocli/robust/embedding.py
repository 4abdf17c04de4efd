"""Bytes into a picture so that JPEG leaves them readable, and out again.

Every coefficient that carries something is put on a grid no finer than the design quality's quantiser, aligned
with it: recompression at that quality keeps it, at any better one it moves less than half a step. What rounding
and clipping spoil is found by playing the channels with the real codec, and mended: each coefficient is moved to
where its worst errors to both sides are alike.
"""

import io
import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeVar

import numpy as np
from PIL import Image

from ..payload.keys import NONCE, SALT, TAG, Keys, decrypt, derive, encrypt, shuffle
from . import blocks, lattice, ldpc, preamble, strength
from .strength import Design, Designer

COVER_PSNR = 37.0
# What few bytes may cost, to survive more than was asked for.
SPARED_PSNR = 44.5
# Structural loss that goes with it.
_LOSS = 0.042
QUALITIES = range(30, 96)
# A code word's length, about.
_WORD = 16384
# Bits a bit that the code needs beyond its rate, at words of this length.
_RESERVE = 0.04
_FIRST_RATE, _LEAST_RATE = 0.92, 0.2
# Fewer bits make no code.
_LEAST_ROOM = 1024
# Of what a trial found, this much is promised: the next stego's errors differ a little, and those of a large picture,
# of which the trial saw a part, a little more.
_HONEST, _HONEST_OF_A_PART = 0.97, 0.93
# A cost over what was allowed by more than this is refused.
_OVERDRAFT = 1.12
_TRIES = 6
# Mending moves what errs by so many steps, and no further than this.
_FAILING, _REACH = 0.5, 0.4
_OPEN_ORDER = b"stego: open order of what survives"[:32].ljust(32, b"\0")
# Log-odds at a distance of 1 from the middle of two points, in eighths; the writer finds out which fits.
_TRUSTS = (16, 24, 32, 40, 48, 56, 64, 80)
_SUREST = 8
_LEAST_TRUST = 8
# Above so many pixels a trial uses strips of this many in all.
_TRIAL = 1_000_000
# JPEG files one after the other: (quality, subsampling as Pillow counts: 2 is 4:2:0, 0 is 4:4:4) of each.
Channel = tuple[tuple[int, int], ...]
Progress = Callable[[str, float], None]
_Result = TypeVar("_Result")


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
        worst: the channel with the most errors, of all that were played.
        errors: share of coefficients that it changed.
        spare: bits that the worst channel leaves unused, as a share of those written.
    """

    stego: np.ndarray
    quality: int
    worst: Channel
    errors: float
    spare: float


def _quality(scale: float) -> float:
    """The quality that has a scale (`blocks.scale`), between whole ones."""
    return (200 - scale) / 2 if scale <= 100 else 5000 / scale


def lowest(quality: int, times: int) -> int:
    """The quality that each of so many recompressions in a row may have, to do about what one does at `quality`.

    Each moves a coefficient by up to half its quantiser: what that is in proportion to, the scale, adds up.
    """
    return math.ceil(_quality(blocks.scale(quality) / times))


def channels(quality: int, pixels: int = 0) -> list[Channel]:
    """What a stego of so many pixels is played through: fewer qualities for a large one.

    The qualities just above the design's are the hardest: their quantisers are nearly the grid's own, but not quite.
    """
    if pixels > _TRIAL:
        played = {quality, quality + 2, quality + 5, quality + 10, 95}
    else:
        played = {*range(quality, quality + 5), *range(quality, 96, 5), 95}
    once: list[Channel] = [(), *(((q, 2),) for q in sorted(played) if q <= 95), ((quality, 0),)]
    # A stego that is a JPEG itself, recompressed.
    once.append(((97, 0), (min(95, quality + 3), 2)))
    # The hardest of several in a row, as found with some hundred of them.
    two, three = lowest(quality, 2), lowest(quality, 3)
    often: list[Channel] = [((min(two + 3, 100), 2), (two, 2)), ((three, 2),) * 3]
    return [*once, *often] if pixels > _TRIAL else [*once, *often, ((two, 2), (two + 1, 2))]


def recompress(rgb: np.ndarray, channel: Channel) -> np.ndarray:
    """The picture through a channel's JPEG files, by libjpeg."""
    for quality, subsampling in channel:
        file = io.BytesIO()
        Image.fromarray(rgb).save(file, "JPEG", quality=quality, subsampling=subsampling)
        rgb = np.asarray(Image.open(file))
    return rgb


# -- what lies where --------------------------------------------------------------------------------------------


def _side_by_side(play: Callable[[Channel], _Result], played: list[Channel]) -> Iterator[_Result]:
    """What comes of each channel, in order; two at a time, since most of it runs on one core."""
    with ThreadPoolExecutor(2) as threads:
        yield from threads.map(play, played)


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
    bits = strength.bits(quality, strong, levels, shape).reshape(-1)
    for places in taken:
        bits[places] = 0
    places = shuffle(key, np.flatnonzero(bits))
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


def _soft(coefficients: np.ndarray, room: _Room, trust: int) -> np.ndarray:
    """The soft stream; `trust`, in eighths, is the log-odds of a value that far from the middle of two points."""
    values = coefficients.reshape(-1)[room.places] / room.steps
    margin = room.steps * (0.5 - np.abs(values - np.rint(values)))
    return lattice.read(values, room.bits, np.minimum(trust / 8 * margin**0.75, _SUREST).astype(np.float32))


# -- embedding --------------------------------------------------------------------------------------------------


@dataclass
class _Job:
    """A stego in the making: places on the grid, and where each is to be."""

    places: np.ndarray
    steps: np.ndarray
    wanted: np.ndarray
    aim: np.ndarray

    def towards(self, rgb: np.ndarray, dithered: bool = False) -> np.ndarray:
        now = blocks.forward(rgb)
        change = np.zeros(now.size, np.float32)
        change[self.places] = self.aim - now.reshape(-1)[self.places]
        return blocks.add(rgb, change.reshape(now.shape), dithered)

    def errors_after(self, stego: np.ndarray, channel: Channel) -> np.ndarray:
        """Distances from where each should be, in coefficients' units."""
        return blocks.forward(recompress(stego, channel)).reshape(-1)[self.places] - self.wanted


def _mend(cover: np.ndarray, job: _Job, quality: int, rounds: int, progress: Progress) -> np.ndarray:
    stego = job.towards(job.towards(cover, dithered=True))
    played = channels(quality, cover.shape[0] * cover.shape[1])
    for turn in range(rounds):
        highest = np.zeros_like(job.wanted)
        lowest = np.zeros_like(job.wanted)
        for i, errors in enumerate(_side_by_side(partial(job.errors_after, stego), played)):
            np.maximum(highest, errors, out=highest)
            np.minimum(lowest, errors, out=lowest)
            progress("mending", (turn + (i + 1) / len(played)) / rounds)
        failing = np.maximum(highest, -lowest) > _FAILING * job.steps
        shift = np.where(failing, -(highest + lowest) / 2, 0)
        reach = _REACH * job.steps
        job.aim = job.wanted + np.clip(job.aim - job.wanted + shift, -reach, reach)
        stego = job.towards(job.towards(stego))
    return stego


@dataclass(frozen=True)
class _Frame:
    """All about a stego but its content's bits."""

    shape: tuple[int, int]
    quality: int
    design: Design
    keys: Keys | None
    front: preamble.Front

    @property
    def order(self) -> bytes:
        return self.keys.order if self.keys else _OPEN_ORDER

    @cached_property
    def room(self) -> tuple[np.ndarray, np.ndarray, _Room]:
        """Places of the two parts of the preamble, and the content's."""
        front = preamble.front_places(self.shape)
        fields = preamble.fields_places(self.shape, self.front.size, self.order)
        if fields is None:
            raise Unsuitable("the cover is too small")
        room = _room(self.shape, self.quality, self.design.strength, self.design.levels, [front, fields], self.order)
        return front, fields, room


def _frame(shape: tuple[int, int], quality: int, design: Design, keys: Keys | None = None, salt: bytes = b"") -> _Frame:
    size = preamble.FIELDS_SIZE + len(strength.pack(design.levels))
    if keys:
        front = preamble.Front(quality, size + TAG, salt, os.urandom(NONCE))
    else:
        front = preamble.Front(quality, size + preamble.CRC)
    return _Frame(shape, quality, design, keys, front)


def _job(rgb: np.ndarray, frame: _Frame, weights: np.ndarray, stream: np.ndarray, fields: bytes) -> _Job:
    at_front, at_fields, room = frame.room
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
    return 1 - float(np.log1p(np.exp(-agrees)).mean(dtype=np.float64)) / np.log(2)


@dataclass(frozen=True)
class _Played:
    """A channel, and how the stream came through: information a bit, the trust that suits, bit errors."""

    information: float
    channel: Channel
    trust: int
    errors: float


def _heard(stego: np.ndarray, room: _Room, stream: np.ndarray, channel: Channel) -> _Played:
    """How the stream comes through a channel; the trust that suits is looked for from the middle."""
    coefficients = blocks.forward(recompress(stego, channel))
    at = len(_TRUSTS) // 2
    best = _soft(coefficients, room, _TRUSTS[at])
    information = _information(best, stream)
    for step in (-1, 1):
        while 0 <= at + step < len(_TRUSTS):
            soft = _soft(coefficients, room, _TRUSTS[at + step])
            found = _information(soft, stream)
            if found <= information:
                break
            at, best, information = at + step, soft, found
    return _Played(information, channel, _TRUSTS[at], float(((best < 0) != stream).mean()))


def _play(stego: np.ndarray, room: _Room, stream: np.ndarray, quality: int) -> list[_Played]:
    """All channels, the worst first."""
    played = channels(quality, stego.shape[0] * stego.shape[1])
    return sorted(_side_by_side(partial(_heard, stego, room, stream), played), key=lambda heard: heard.information)


def _trusted_rate(information: float, room: int) -> float:
    """The code's rate that is trusted at so much information a bit: few bits need more."""
    return information - _RESERVE * max(1.0, np.sqrt(_WORD / max(1, room)))


def _check(rgb: np.ndarray, quality: int) -> None:
    if quality not in QUALITIES:
        raise Unsuitable(f"a design quality of {quality}: from {QUALITIES[0]} to {QUALITIES[-1]}")
    down, across = blocks.grid(rgb.shape)
    if down * across < preamble.SMALLEST_BLOCKS:
        raise Unsuitable(f"a cover of {rgb.shape[1]}x{rgb.shape[0]}: {preamble.SMALLEST_BLOCKS * 64} pixels are needed")


def _rounds(rgb: np.ndarray) -> int:
    """Turns of mending: what a large picture's would take too long for, small ones afford."""
    return 6 if rgb.shape[0] * rgb.shape[1] <= _TRIAL else 2


def _strips(rgb: np.ndarray) -> np.ndarray:
    """A large picture's strips, spread evenly over its height."""
    if rgb.shape[0] * rgb.shape[1] <= _TRIAL:
        return rgb
    tall = 64
    count = max(1, _TRIAL // (tall * rgb.shape[1]))
    tops = np.linspace(0, rgb.shape[0] - tall, count).astype(int) // 16 * 16
    return np.concatenate([rgb[top : top + tall] for top in np.unique(tops)])


def _designer(rgb: np.ndarray, quality: int, cover_psnr: float) -> Designer:
    allowed = 10 ** (-cover_psnr / 10)
    return Designer(rgb, quality, 255**2 * allowed, _LOSS * allowed / 10 ** (-COVER_PSNR / 10))


def _trial_rate(rgb: np.ndarray, design: Design, quality: int, cover_psnr: float) -> float:
    """The code's rate that the worst channel bears, measured with random bits on a part of a large picture."""
    part = _strips(rgb)
    designer = _designer(part, quality, cover_psnr)
    design = designer.design(design.kappa, design.strength)
    frame = _frame(designer.shape, quality, design)
    room = frame.room[2]
    if room.size < _LEAST_ROOM:
        return 0.0
    stream = np.random.default_rng(0).integers(0, 2, room.size).astype(np.uint8)
    job = _job(part, frame, designer.weights(design.kappa), stream, bytes(frame.front.size))
    stego = _mend(part, job, quality, _rounds(rgb), lambda *_: None)
    return _trusted_rate(_play(stego, room, stream, quality)[0].information, room.size)


def capacity(rgb: np.ndarray, quality: int, cover_psnr: float = COVER_PSNR, private: bool = False) -> int:
    """Bytes of content that a cover surely carries down to a quality, at about this PSNR; 0 where nothing fits.

    Raises:
        Unsuitable: for a cover too small, or a quality out of range.
    """
    _check(rgb, quality)
    designer = _designer(rgb, quality, cover_psnr)
    design = designer.most()
    try:
        room = _frame(designer.shape, quality, design).room[2]
    except Unsuitable:
        return 0
    if room.size < _LEAST_ROOM:
        return 0
    rate = _trial_rate(rgb, design, quality, cover_psnr)
    honest = _HONEST if rgb.shape[0] * rgb.shape[1] <= _TRIAL else _HONEST_OF_A_PART
    return max(0, int(honest * rate * room.size) // 8 - (TAG if private else preamble.CRC))


def _fitting(designer: Designer, needed: float, keys: Keys | None, salt: bytes) -> _Frame | None:
    """The frame of the least cost whose room holds so many bits; None when there is none."""
    wanted = needed
    for _ in range(_TRIES):
        design = designer.least(int(wanted))
        if design is None:
            return None
        frame = _frame(designer.shape, designer.quality, design, keys, salt)
        room = frame.room[2].size
        if room >= needed:
            return frame
        wanted = max(wanted, design.bits) + (needed - room) * 1.05 + 8
    return None


def sturdiest(rgb: np.ndarray, size: int, quality: int, cover_psnr: float = SPARED_PSNR) -> int:
    """A lower design quality for few bytes, where the cover stays above `cover_psnr` all the same.

    Args:
        rgb: uint8 (height, width, 3).
        size: bytes.
        quality: what must be survived.
        cover_psnr: in dB.

    Returns:
        The quality that lets `quality` come three times in a row, or twice; or `quality` where neither has room.
    """
    for times in (3, 2):
        lower = math.floor(_quality(blocks.scale(quality) * times))
        if lower in QUALITIES:
            designer = _designer(rgb, lower, cover_psnr)
            frame = _fitting(designer, max(_LEAST_ROOM, 8 * size / _FIRST_RATE), None, b"")
            if frame is not None and frame.design.cost <= 1:
                return lower
    return quality


def embed(
    rgb: np.ndarray,
    content: bytes,
    quality: int,
    password: str | None = None,
    progress: Progress = lambda what, share: None,
    cover_psnr: float = COVER_PSNR,
) -> Embedded:
    """Hide bytes with the least change that survives JPEG of `quality` and better.

    Args:
        rgb: uint8 (height, width, 3).
        content: any bytes.
        quality: 30 to 95, as libjpeg counts.
        password: None to hide openly.
        progress: told what is being done and how far it is, 0 to 1.
        cover_psnr: in dB; about the least that is accepted.

    Raises:
        Unsuitable: when the cover can't carry so much, or is unfit.
    """
    _check(rgb, quality)
    designer = _designer(rgb, quality, cover_psnr)
    salt = os.urandom(SALT) if password is not None else b""
    keys = derive(password, salt) if password is not None else None
    size = len(content) + (TAG if keys else preamble.CRC)
    rate = _FIRST_RATE
    if rgb.shape[0] * rgb.shape[1] > _TRIAL:
        progress("measuring", 0)
        # As `capacity` does, so that what it promised is kept.
        rate = 0.99 * _trial_rate(rgb, designer.most(), quality, cover_psnr)
    needed = max(_LEAST_ROOM, 8 * size / max(rate, _LEAST_RATE))
    for _ in range(_TRIES):
        frame = _fitting(designer, needed, keys, salt)
        if frame is None or frame.design.cost > _OVERDRAFT:
            break
        done, trusted = _embed(rgb, content, frame, designer.weights(frame.design.kappa), progress)
        if done:
            return done
        needed = max(1.04 * needed, min(2 * needed, 8 * size / max(trusted, _LEAST_RATE)))
    raise Unsuitable("the cover can't carry so much at this quality")


def _embed(
    rgb: np.ndarray, content: bytes, frame: _Frame, weights: np.ndarray, progress: Progress
) -> tuple[Embedded | None, float]:
    """A stego that the played channels leave readable; or None; and the code's rate that they bear."""
    room = frame.room[2]
    keys, nonce, design = frame.keys, frame.front.nonce, frame.design
    sealed = encrypt(keys.content, nonce, content) if keys else preamble.sealed_open(content)
    stream = _encode(sealed, room.size)
    rate = 8 * len(sealed) / room.size

    def fields(trust: int) -> bytes:
        packed = preamble.Fields(design.strength, len(sealed), trust, strength.pack(design.levels)).pack()
        return encrypt(keys.plan, nonce, packed) if keys else preamble.sealed_open(packed)

    # The trust that will suit is known before the stego is, from the quality, well enough.
    trust = int(np.interp(frame.quality, (50, 75, 90), (20, 32, 40)))
    job = _job(rgb, frame, weights, stream, fields(trust))
    stego = _mend(rgb, job, frame.quality, _rounds(rgb), progress)
    played = _play(stego, room, stream, frame.quality)
    worst = played[0]
    trusted = _trusted_rate(worst.information, room.size)
    if rate > trusted:
        return None, trusted
    for checked in played if stego.size <= 3 * _TRIAL else played[:1]:
        received = recompress(stego, checked.channel)
        try:
            if _extract(received, frame.keys) != content:
                return None, trusted
        except (NothingFound, PasswordNeeded, TooDamaged):
            return None, trusted
    return Embedded(stego, frame.quality, worst.channel, worst.errors, worst.information - rate), trusted


def extract(rgb: np.ndarray, password: str | None = None) -> bytes:
    """The content of a stego as received, uint8 (height, width, 3).

    Raises:
        NothingFound: no preamble.
        PasswordNeeded: a preamble that needs a password, and none or a wrong one was given.
        TooDamaged: a preamble, but the content is lost.
    """
    return _extract(rgb, password)


def _extract(rgb: np.ndarray, secret: str | Keys | None) -> bytes:
    """`extract` with a password, or with the keys that it gives."""
    shape = blocks.grid(rgb.shape)
    if shape[0] * shape[1] < preamble.SMALLEST_BLOCKS:
        raise NothingFound("the picture is too small")
    flat = blocks.forward(rgb).reshape(-1)
    at_front = preamble.front_places(shape)
    front = preamble.Front.unpack(preamble.read(flat[at_front] / preamble.FRONT_STEP, preamble.FRONT_SIZE))
    if front is None:
        raise NothingFound("nothing that survived is hidden here")
    keys = None
    if front.salt:
        if not secret:
            raise PasswordNeeded("a password is needed")
        keys = secret if isinstance(secret, Keys) else derive(secret, front.salt)
    order = keys.order if keys else _OPEN_ORDER
    at_fields = preamble.fields_places(shape, front.size, order)
    if at_fields is None:
        raise TooDamaged(1.0)
    read = preamble.read(flat[at_fields] / preamble.fields_step(front.quality, at_fields), front.size)
    opened = decrypt(keys.plan, front.nonce, read) if keys else preamble.unsealed_open(read)
    if opened is None:
        if keys:
            raise PasswordNeeded("the password is wrong, or too much was changed")
        raise TooDamaged(1.0)
    fields = preamble.Fields.unpack(opened)
    levels = strength.unpack(fields.levels, strength.cells(shape))
    room = _room(shape, front.quality, fields.strength, levels, [at_front, at_fields], order)
    if not 0 < 8 * fields.length < room.size:
        raise TooDamaged(1.0)
    share = 1.0
    # Several recompressions in a row leave errors that look sure: then trust less.
    for trust in (fields.trust, _LEAST_TRUST):
        sealed, lost = _decode(_soft(flat, room, trust), fields.length)
        content = decrypt(keys.content, front.nonce, sealed) if keys else preamble.unsealed_open(sealed)
        if content is not None:
            return content
        share = min(share, max(lost, 0.01))
    raise TooDamaged(share)
