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
# Log-odds that are sure, and the share of bits that need not be if all rules hold.
_SURE, _UNSURE = np.float32(7), 0.05
_LIMIT = np.float32(30)
_NEARLY_ONE = np.float32(0.999999)
# Share of coded bits that are single bits; how many bits the others are sums of.
_SINGLE, _WIDTH = 0.4, 6
# Bits for each rule, and rules in which each bit is.
_PER_RULE, _IN_RULES = 16, 3
# Bits of content for each coded bit that the profile is made for.
RATE = 0.42
# Share of the ends of edges at content bits that stand in so many sums: for three bits of content in seven coded bits.
_PROFILE = {3: 0.264, 20: 0.12, 55: 0.616}


class Code:
    """A code of `coded` bits that carry `information` bits.

    Attributes:
        information, coded: bits.
    """

    def __init__(self, information: int, coded: int):
        if not 0 < information < coded:
            raise ValueError(f"{information} bits in {coded}")
        self.information, self.coded = information, coded
        # Rules bring back the few bits whose sums are all lost: each is the sum of many bits and of two neighbours in
        # a chain of further bits, and 0.
        rules = -(-information // _PER_RULE)
        self._inner = information + rules
        self._ruled = _rules(information, rules)
        # Of each coded bit the bits that it is the sum of, (width, coded); where it has fewer, one beyond the end that
        # is surely 0. The same of the rules.
        self._members = _graph(self._inner, coded, min(_WIDTH, self._inner))
        chain = information + np.arange(rules)
        before = np.concatenate([[self._inner], chain[:-1]])
        self._rules = np.concatenate([self._ruled, [chain, before]])
        flat = np.concatenate([self._members.reshape(-1), self._rules.reshape(-1)])
        edges = np.argsort(flat, kind="stable")
        self._edges = edges[flat[edges] < self._inner]
        self._used, self._starts = np.unique(flat[self._edges], return_index=True)

    def encode(self, bits: np.ndarray) -> np.ndarray:
        """The coded bits, uint8 (coded,), of bits 0 or 1, (information,)."""
        bits = np.asarray(bits, np.uint8)
        padded = np.zeros(self._inner + 1, np.uint8)
        padded[: self.information] = bits
        padded[self.information : -1] = np.bitwise_xor.accumulate(np.bitwise_xor.reduce(padded[self._ruled], 0))
        return np.bitwise_xor.reduce(padded[self._members], 0)

    def decode(self, tell: Callable[[np.ndarray], np.ndarray], rounds: int = ROUNDS) -> tuple[np.ndarray, bool]:
        """The information bits, uint8 (information,), and whether all rules hold.

        Args:
            tell: log-odds of the coded bits, ln P(0) / P(1), from what came through the channel and from the code's own
                log-odds of them; both float32 (coded,). See `lattice.Listener.tell`.
            rounds: at most.
        """
        total = np.zeros(self._inner + 1, np.float32)
        total[-1] = _LIMIT
        sent = np.zeros(self._members.shape, np.float32)
        ruled = np.zeros(self._rules.shape, np.float32)
        best, stale = 0.0, 0
        for _ in range(rounds):
            others, known = _products(np.tanh(np.clip(total[self._members] - sent, -_LIMIT, _LIMIT) / 2))
            ruled = _log_odds(_products(np.tanh(np.clip(total[self._rules] - ruled, -_LIMIT, _LIMIT) / 2))[0])
            told = np.clip(tell(_log_odds(known)), -_LIMIT, _LIMIT)
            sent = _log_odds(others * np.tanh(told / 2))
            both = np.concatenate([sent.reshape(-1), ruled.reshape(-1)])
            total[self._used] = np.add.reduceat(both[self._edges], self._starts)
            hard, size = total < 0, np.abs(total[:-1])
            if size.min() > _SURE or (
                np.quantile(size, _UNSURE) > _SURE and not np.logical_xor.reduce(hard[self._rules], 0).any()
            ):
                return hard[: self.information].astype(np.uint8), True
            progress = float(np.tanh(size / 2).mean())
            stale = 0 if progress > best + 1e-3 else stale + 1
            best = max(best, progress)
            if stale > _PATIENCE:
                break
        return (total[: self.information] < 0).astype(np.uint8), False


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


def _rules(information: int, rules: int) -> np.ndarray:
    """The content's bits in each rule, (width, rules), filled up with one beyond the end of the rules' own."""
    ends = _IN_RULES * information
    dealt = [shuffle(_key(information, rules, -1 - turn), np.arange(information)) for turn in range(_IN_RULES)]
    width = -(-ends // rules)
    out = np.full(width * rules, information + rules)
    out[:ends] = np.concatenate(dealt)
    return out.reshape(width, rules)


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
    # The profile is for one rate. Where that is lower, a part of the coded bits is likely to be lost, and all degrees
    # grow alike; where it is higher the low ones stay.
    low = degrees == wanted[0]
    stretch = (ends - degrees[low].sum()) / max(1.0, degrees[~low].sum())
    if degrees.sum() > ends and stretch * wanted[1] > wanted[0]:
        degrees[~low] *= stretch
    reached = np.rint(np.cumsum(degrees) / degrees.sum() * ends).astype(np.int64)
    return np.diff(reached, prepend=0)


def _key(information: int, coded: int, part: int) -> bytes:
    return f"stego canonical {information} {coded} {part}".encode().ljust(32, b"\0")[:32]


@functools.lru_cache(maxsize=8)
def code(information: int, coded: int) -> Code:
    """The code of these lengths."""
    return Code(information, coded)
