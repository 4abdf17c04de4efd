"""Error correction for bits that a lattice carries, with soft decisions: a low-density generator-matrix code.

Each coded bit is a single bit of the content, or the sum of several (the repeating half of an irregular
repeat-accumulate code; Jin, Khandekar & McEliece, "Irregular repeat-accumulate codes", 2000). The accumulating half is
the trellis of `lattice`. The reader goes to and fro between the two (ten Brink & Kramer, "Design of
repeat-accumulate codes for iterative detection and decoding", IEEE Transactions on Signal Processing 51, 2003): single
bits start it, sums finish it. The graph follows from the two lengths alone and is part of the format.
"""

import functools
from collections.abc import Callable

import numpy as np

from ..payload.keys import shuffle

# Rounds between the two, at most; rounds without progress after which it is given up.
ROUNDS = 80
_PATIENCE = 12
# Log-odds that are sure.
_SURE = np.float32(7)
_LIMIT = np.float32(30)
_NEARLY_ONE = np.float32(0.999999)
# Share of coded bits that are single bits; how many bits the others are sums of.
_SINGLE, _WIDTH = 0.4, 6
# Share of the ends of edges at content bits that stand in so many sums: for three bits of content in seven coded bits.
_PROFILE = {3: 0.324, 15: 0.096, 40: 0.58}


class Code:
    """A code of `coded` bits that carry `information` bits.

    Attributes:
        information, coded: bits.
    """

    def __init__(self, information: int, coded: int):
        if not 0 < information < coded:
            raise ValueError(f"{information} bits in {coded}")
        self.information, self.coded = information, coded
        width = min(_WIDTH, information)
        # Of each coded bit the content's bits, (width, coded); where it has fewer, one beyond the end that is surely 0.
        self._members = _graph(information, coded, width)
        flat = self._members.reshape(-1)
        edges = np.argsort(flat, kind="stable")
        self._edges = edges[flat[edges] < information]
        self._used, self._starts = np.unique(flat[self._edges], return_index=True)

    def encode(self, bits: np.ndarray) -> np.ndarray:
        """The coded bits, uint8 (coded,), of bits 0 or 1, (information,)."""
        return np.bitwise_xor.reduce(np.append(bits, 0).astype(np.uint8)[self._members], 0)

    def decode(self, tell: Callable[[np.ndarray], np.ndarray], rounds: int = ROUNDS) -> tuple[np.ndarray, bool]:
        """The information bits, uint8 (information,), and whether all are sure.

        Args:
            tell: log-odds of the coded bits, ln P(0) / P(1), from what came through the channel and from the code's own
                log-odds of them; both float32 (coded,). See `lattice.Listener.tell`.
            rounds: at most.
        """
        total = np.zeros(self.information + 1, np.float32)
        total[-1] = _LIMIT
        sent = np.zeros(self._members.shape, np.float32)
        best, stale = 0.0, 0
        for _ in range(rounds):
            others, known = _products(np.tanh(np.clip(total[self._members] - sent, -_LIMIT, _LIMIT) / 2))
            told = np.clip(tell(_log_odds(known)), -_LIMIT, _LIMIT)
            sent = _log_odds(others * np.tanh(told / 2))
            total[self._used] = np.add.reduceat(sent.reshape(-1)[self._edges], self._starts)
            size = np.abs(total[:-1])
            if size.min() > _SURE:
                return (total[:-1] < 0).astype(np.uint8), True
            progress = float(np.tanh(size / 2).mean())
            stale = 0 if progress > best + 2e-3 else stale + 1
            best = max(best, progress)
            if stale > _PATIENCE:
                break
        return (total[:-1] < 0).astype(np.uint8), False


def _log_odds(tanh: np.ndarray) -> np.ndarray:
    return 2 * np.arctanh(np.clip(tanh, -_NEARLY_ONE, _NEARLY_ONE))


def _products(factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row of factors the product of the other rows; and the product of all."""
    out = np.empty_like(factors)
    running = np.ones_like(factors[0])
    for row in range(len(factors)):
        out[row] = running
        running = running * factors[row]
    whole = running
    running = np.ones_like(running)
    for row in reversed(range(len(factors))):
        out[row] *= running
        running = running * factors[row]
    return out, whole


def _graph(information: int, coded: int, width: int) -> np.ndarray:
    """The content's bits in each coded bit, (width, coded), filled up with `information`."""
    singles = int(_SINGLE * coded) if width > 1 else coded
    sums = coded - singles
    ends = singles + width * sums
    bits = np.repeat(np.arange(information), _degrees(information, ends))
    dealt = shuffle(_key(information, coded, 0), bits)
    for turn in range(50):
        rows = np.sort(dealt[singles:].reshape(sums, width), 1)
        twice = np.flatnonzero((rows[:, 1:] == rows[:, :-1]).any(1))
        if not len(twice):
            break
        # A bit met twice would cancel: its sum's bits change places with others.
        here = (singles + twice[:, None] * width + np.arange(width)).reshape(-1)
        there = shuffle(_key(information, coded, 1 + turn), np.arange(ends))[: len(here)]
        for one, other in zip(here.tolist(), there.tolist(), strict=True):
            dealt[one], dealt[other] = dealt[other], dealt[one]
    members = np.full((coded, width), information)
    places = shuffle(_key(information, coded, 1 << 20), np.arange(coded))
    members[places[:singles], 0] = dealt[:singles]
    members[places[singles:]] = dealt[singles:].reshape(sums, width)
    return np.ascontiguousarray(members.T)


def _degrees(information: int, ends: int) -> np.ndarray:
    """In how many coded bits each bit stands, by the profile, `ends` in all."""
    wanted = np.array(list(_PROFILE), float)
    counts = np.array(list(_PROFILE.values())) / wanted
    edges = np.cumsum(counts) / counts.sum() * information
    degrees = wanted[np.searchsorted(edges, np.arange(information) + 0.5)]
    # The profile is for one rate: at others all degrees grow or shrink alike.
    reached = np.rint(np.cumsum(degrees) / degrees.sum() * ends).astype(np.int64)
    return np.diff(reached, prepend=0)


def _key(information: int, coded: int, part: int) -> bytes:
    return f"stego canonical {information} {coded} {part}".encode().ljust(32, b"\0")[:32]


@functools.lru_cache(maxsize=8)
def code(information: int, coded: int) -> Code:
    """The code of these lengths."""
    return Code(information, coded)
