"""Error correction of any low rate, with soft decisions: an irregular repeat-accumulate code.

Each check is the sum of some information bits and of two neighbours in a chain of parity bits (Jin, Khandekar &
McEliece, "Irregular repeat-accumulate codes", 2000), so that encoding is one running sum; decoding is sum-product over
all checks at once. Where the rate is lower than that of the lowest such code its bits are repeated. The graph follows
from the two lengths alone and is part of the format.
"""

import functools

import numpy as np

from ..payload.keys import shuffle

# Rounds of message passing, at most.
_ROUNDS = 150
_LIMIT = np.float32(30)
_NEARLY_ONE = np.float32(0.9999999)
# Coded bits for each bit of information of the longest code that repeats nothing.
_LONGEST = 6
# By the most coded bits for each of information: information bits in each check, and how many of them (by edges) have
# so many checks.
_PROFILES = {
    2.2: (5, {3: 0.35, 4: 0.15, 10: 0.50}),
    3.0: (4, {3: 0.20, 4: 0.15, 8: 0.25, 16: 0.40}),
    3.7: (3, {3: 0.10, 4: 0.12, 8: 0.20, 19: 0.58}),
    5.5: (2, {3: 0.14, 4: 0.12, 8: 0.22, 20: 0.52}),
    np.inf: (2, {3: 0.12, 4: 0.10, 8: 0.20, 24: 0.58}),
}


class Code:
    """A code of `coded` bits that carry `information` bits.

    Attributes:
        information, coded: bits.
    """

    def __init__(self, information: int, coded: int):
        if not 0 < information < coded:
            raise ValueError(f"{information} bits in {coded}")
        self.information, self.coded = information, coded
        self._length = min(coded, _LONGEST * information)
        checks = self._length - information
        width, profile = next(_PROFILES[most] for most in _PROFILES if coded <= most * information)
        self._members = _graph(information, checks, min(width, information), profile)
        flat = self._members.reshape(-1)
        self._edges = np.argsort(flat, kind="stable")
        self._used, self._starts = np.unique(flat[self._edges], return_index=True)
        # Which bit of the code stands at each coded position: the bits in turn, in an order of their own each time.
        turns = -(-coded // self._length)
        positions = np.arange(self._length)
        self._order = np.concatenate([shuffle(_key(information, coded, t), positions) for t in range(turns)])[:coded]

    def encode(self, bits: np.ndarray) -> np.ndarray:
        """The coded bits, uint8 (coded,), of bits 0 or 1, (information,)."""
        bits = np.asarray(bits, np.uint8)
        parity = np.bitwise_xor.accumulate(np.bitwise_xor.reduce(bits[self._members], 1))
        return np.concatenate([bits, parity])[self._order]

    def decode(self, log_odds: np.ndarray) -> tuple[np.ndarray, bool]:
        """The information bits, uint8 (information,), and whether every check holds.

        Args:
            log_odds: (coded,), ln P(0) / P(1) of each coded bit.
        """
        channel = np.bincount(self._order, log_odds, self._length).astype(np.float32)
        own, chain = channel[: self.information], channel[self.information :]
        checks, width = self._members.shape
        total, parity = own.copy(), chain.copy()
        sent = np.zeros((width + 2, checks), np.float32)
        heard = np.zeros((width + 2, checks), np.float32)
        members = np.ascontiguousarray(self._members.T)
        for _ in range(_ROUNDS):
            heard[:width] = total[members]
            heard[width] = parity
            heard[width + 1, 1:] = parity[:-1]
            heard -= sent
            heard[width + 1, 0] = _LIMIT  # before the chain stands a zero
            np.clip(heard, -_LIMIT, _LIMIT, out=heard)
            sent = _check(heard)
            sent[width + 1, 0] = 0
            total = own.copy()
            total[self._used] += np.add.reduceat(sent[:width].T.reshape(-1)[self._edges], self._starts)
            parity = chain + sent[width]
            parity[:-1] += sent[width + 1, 1:]
            hard, odd = total < 0, parity < 0
            odd[1:] ^= odd[:-1]
            if not (np.logical_xor.reduce(hard[members], 0) ^ odd).any():
                return hard.astype(np.uint8), True
        return (total < 0).astype(np.uint8), False


def _check(heard: np.ndarray) -> np.ndarray:
    """What each check tells each of its members, log-odds (members, checks), from what the others told it."""
    tanh = np.tanh(heard / 2)
    out = np.empty_like(tanh)
    running = np.ones_like(tanh[0])
    for row in range(len(tanh)):
        out[row] = running
        running = running * tanh[row]
    running = np.ones_like(tanh[0])
    for row in reversed(range(len(tanh))):
        out[row] *= running
        running = running * tanh[row]
    np.clip(out, -_NEARLY_ONE, _NEARLY_ONE, out=out)
    return 2 * np.arctanh(out)


def _graph(information: int, checks: int, width: int, profile: dict[int, float]) -> np.ndarray:
    """The information bits in each check, (checks, width)."""
    ends = checks * width
    bits = np.repeat(np.arange(information), _degrees(information, ends, profile))
    members = shuffle(_key(information, checks, 1 << 20), bits)
    for turn in range(50):
        rows = np.sort(members.reshape(checks, width), 1)
        twice = np.flatnonzero((rows[:, 1:] == rows[:, :-1]).any(1))
        if not len(twice):
            break
        # A bit met twice would cancel: its check's bits change places with others.
        here = (twice[:, None] * width + np.arange(width)).reshape(-1)
        there = shuffle(_key(information, checks, (1 << 20) + 1 + turn), np.arange(ends))[: len(here)]
        for one, other in zip(here.tolist(), there.tolist(), strict=True):
            members[one], members[other] = members[other], members[one]
    return members.reshape(checks, width)


def _degrees(information: int, ends: int, profile: dict[int, float]) -> np.ndarray:
    """In how many checks each bit stands, by the profile, `ends` in all."""
    wanted = np.array(list(profile))
    counts = np.array(list(profile.values())) / wanted
    edges = np.cumsum(counts) / counts.sum() * information
    degrees = wanted[np.searchsorted(edges, np.arange(information) + 0.5)].astype(float)
    # The profile is for one rate. At lower ones all degrees grow alike; at higher ones they shrink, but to no less than
    # the least: bits in two checks make knots that no round undoes.
    low, high = 0.0, 1.0
    for _ in range(20 if degrees.sum() > ends else 0):
        middle = (low + high) / 2
        low, high = (low, middle) if np.maximum(middle * degrees, wanted[0]).sum() > ends else (middle, high)
    degrees = np.maximum(high * degrees, wanted[0])
    reached = np.rint(np.cumsum(degrees) / degrees.sum() * ends).astype(np.int64)
    return np.diff(reached, prepend=0)


def _key(information: int, coded: int, part: int) -> bytes:
    return f"stego canonical {information} {coded} {part}".encode().ljust(32, b"\0")[:32]


@functools.lru_cache(maxsize=8)
def code(information: int, coded: int) -> Code:
    """The code of these lengths."""
    return Code(information, coded)
