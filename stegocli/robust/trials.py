"""How the stream of a stego comes through chains of files: what each leaves of it."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from . import simulate
from .carriers import Carriers
from .simulate import Chain

# Candidate LLR slopes, in eighths per unit distance from the decision threshold. The encoder stores the best.
_LLR_SCALES = (16, 24, 32, 40, 48, 56, 64, 80)


@dataclass(frozen=True)
class Received:
    """A chain, and how the stream came through: information a bit, the LLR scale that suits, bit errors."""

    information: float
    chain: Chain
    llr_scale: int
    errors: float


def _information(llr: np.ndarray, stream: np.ndarray) -> float:
    """Bits a bit of the stream that its log-odds tell."""
    agrees = np.where(stream == 1, -llr, llr)
    return 1 - float(np.log1p(np.exp(-agrees)).mean(dtype=np.float64)) / np.log(2)


def _simulated(stego: np.ndarray, at: Carriers, stream: np.ndarray, llr_scale: int, chain: Chain) -> Received:
    """How the stream comes through a chain."""
    llr = at.read(simulate.received(stego, chain), llr_scale)
    return Received(_information(llr, stream), chain, llr_scale, float(((llr < 0) != stream).mean()))


def worst_first(stego: np.ndarray, at: Carriers, stream: np.ndarray) -> list[Received]:
    """All chains, the one that leaves least first; of that one with the LLR scale that suits."""
    tried = simulate.chains(at.quality, stego.shape[0] * stego.shape[1])
    middle = usual_llr_scale(at.quality)
    through = partial(_simulated, stego, at, stream, middle)
    found = sorted(simulate.side_by_side(through, tried), key=lambda received: received.information)
    coefficients = simulate.received(stego, found[0].chain)
    best = found[0]
    for scale in _LLR_SCALES:
        llr = at.read(coefficients, scale)
        information = _information(llr, stream)
        if information > best.information:
            best = Received(information, best.chain, scale, best.errors)
    return [best, *found[1:]]


def usual_llr_scale(quality: int) -> int:
    """The LLR scale that will suit: known before the stego is, from the quality, well enough."""
    return int(np.interp(quality, (50, 75, 90), (20, 32, 40)))
