"""The content of a stego as received."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..canonical.lock import Lock, Seal
from . import blocks, carriers, legacy, rangecoder, strength, sync
from .services import QUALITIES

# Several recompressions in a row leave errors that look sure: then values are believed less.
_LEAST_LLR_SCALE = 8
# No writer spreads a content over more bits than so many a block (of the weakest design that carries anything), or
# than so many for each of its own: a forged length would keep the decoder busy with codes of next to no rate.
_MOST_A_BLOCK, _MOST_EXPANSION = 8, 20


class NothingFound(ValueError):
    """No sync header: nothing is hidden here that survived, or nothing that this password opens."""


class PasswordNeeded(ValueError):
    """Of format 1 and hidden under a password, and none or a wrong one was given."""


class TooDamaged(ValueError):
    """A sync header, but the content behind it is lost.

    Attributes:
        share: of the code words that could not be corrected, 0 to 1.
    """

    def __init__(self, share: float):
        super().__init__(f"{100 * share:.0f} % of the content can't be corrected")
        self.share = share


@dataclass(frozen=True)
class _Found:
    """All about a stego but its content.

    Attributes:
        taken: positions of sync header and parameters.
        order: of the carriers.
        whitening: bits to add to the stream of so many, or None.
        open: seal to content, None when it is damaged.
    """

    quality: int
    parameters: sync.Parameters
    taken: list[np.ndarray]
    order: bytes
    whitening: Callable[[int], np.ndarray] | None
    open: Callable[[bytes], bytes | None]


def seals(lock: Lock | None, salt: bytes) -> tuple[Seal | None, Seal | None]:
    """The seals of parameters and content; None without a lock."""
    return (lock.seal("parameters", salt), lock.seal("content", salt)) if lock else (None, None)


def extract(rgb: np.ndarray, password: str | None = None) -> bytes:
    """The content of a stego as received, uint8 (height, width, 3).

    Raises:
        NothingFound: no sync header, or none that the password opens.
        PasswordNeeded: for a stego of format 1 that needs a password, and none or a wrong one was given.
        TooDamaged: a sync header, but the content is lost.
        LaterFormat: for what a later version made.
    """
    return read(blocks.forward(rgb), password)


def read(coefficients: np.ndarray, secret: str | Lock | None, qualities: tuple[int, ...] = tuple(QUALITIES)) -> bytes:
    """`extract` from coefficients (`blocks.forward`), with a password or the lock that it gives.

    Args:
        coefficients: float32 (down, across, 8, 8).
        secret: None for an open stego.
        qualities: that are tried under a lock.
    """
    shape = coefficients.shape[0], coefficients.shape[1]
    if shape[0] * shape[1] < sync.SMALLEST_BLOCKS:
        raise NothingFound("the picture is too small")
    reader = sync.Reader(coefficients)
    found = _find(reader, None, qualities) or _find_legacy(reader, secret if isinstance(secret, str) else None)
    if found is None and secret:
        found = _find(reader, Lock.of(secret, sync.LOCK, shape) if isinstance(secret, str) else secret, qualities)
    if found is None:
        raise NothingFound("nothing that survived is hidden here")
    return _content(coefficients, found)


def _find(reader: sync.Reader, lock: Lock | None, qualities: tuple[int, ...]) -> _Found | None:
    header = reader.header(lock, qualities)
    if header is None:
        return None
    at_header, rest = sync.header_positions(reader.shape, lock)
    for_parameters, for_content = seals(lock, header.salt)
    positions = sync.parameter_positions(rest, header, for_parameters.order if for_parameters else sync.CONTENT_ORDER)
    parameters = None if positions is None else reader.parameters(header, positions, for_parameters)
    if positions is None or parameters is None:
        raise TooDamaged(1.0)
    return _Found(
        header.quality,
        parameters,
        [at_header, positions],
        for_content.order if for_content else sync.CONTENT_ORDER,
        for_content.whitening if for_content else None,
        lambda sealed: sync.open_(sealed, for_content),
    )


def _find_legacy(reader: sync.Reader, password: str | None) -> _Found | None:
    front, at_front, rest = legacy.front(reader)
    if front is None:
        return None
    seal = front.seal(password)
    if seal is None:
        raise PasswordNeeded("a password is needed")
    parameters, positions = legacy.parameters(reader, front, rest, seal)
    if parameters is None:
        if seal.keys:
            raise PasswordNeeded("the password is wrong, or too much was changed")
        raise TooDamaged(1.0)
    return _Found(front.quality, parameters, [at_front, positions], seal.order, None, seal.content)


def _content(coefficients: np.ndarray, found: _Found) -> bytes:
    shape, parameters = (coefficients.shape[0], coefficients.shape[1]), found.parameters
    levels = rangecoder.unpack(parameters.levels, strength.cells(shape))
    at = carriers.carriers(shape, found.quality, parameters.strength, levels, found.taken, found.order)
    bits = 8 * parameters.length
    if not bits < at.capacity <= max(_MOST_A_BLOCK * shape[0] * shape[1], _MOST_EXPANSION * bits):
        raise TooDamaged(1.0)
    whitening = found.whitening(at.capacity) if found.whitening else None
    share = 1.0
    for llr_scale in (parameters.llr_scale, _LEAST_LLR_SCALE):
        llr = at.read(coefficients, llr_scale)
        if whitening is not None:
            np.negative(llr, out=llr, where=whitening == 1)
        sealed, lost = carriers.decode(llr, parameters.length)
        content = found.open(sealed)
        if content is not None:
            return content
        share = min(share, max(lost, 0.01))
    raise TooDamaged(share)
