"""Error correction with soft decisions: an irregular repeat-accumulate code of any length and rate.

Each check is the sum of some message bits and of two neighbours in a chain of parity bits (Jin, Khandekar &
McEliece, 2000), so that encoding is one running sum; decoding is normalised min-sum (Chen & Fossorier, 2002) over
many words at once. The graph follows from the two lengths alone.
"""

import functools

import numpy as np

from ..payload.keys import shuffle

ROUNDS = 60
_SCALE = np.float32(0.8)
_LIMIT = np.float32(40)
# Messages handled together: bounds memory, changes no result.
_AT_ONCE = 6_000_000
# Message bits take part in this many checks each, a share of them in more.
_DEGREE, _HIGH_DEGREE, _HIGH_SHARE = 3, 9, 0.12


class Code:
    """A code of `length` bits, the first `message` of which are the message itself.

    Attributes:
        message, length: bits.
    """

    def __init__(self, message: int, length: int):
        if not 0 < message < length:
            raise ValueError(f"{message} bits in {length}")
        self.message, self.length = message, length
        self.checks = length - message
        places = np.arange(message)
        degree = max(_DEGREE, -(-2 * self.checks // message))
        high = max(0, _HIGH_DEGREE - degree) if self.checks < message else 0
        layers = [(layer, message) for layer in range(degree)]
        layers += [(degree + layer, int(_HIGH_SHARE * message)) for layer in range(high)]
        members: list[np.ndarray] = []
        dealt: list[np.ndarray] = []
        filled = 0
        for layer, count in layers:
            if not count:
                continue
            # Every layer deals a shuffle of the bits out to the checks in turn: all checks grow alike.
            order = shuffle(_key(message, length, layer), places[:count])
            members.append(order)
            dealt.append((filled + np.arange(count)) % self.checks)
            filled += count
        variables, checks = np.concatenate(members), np.concatenate(dealt)
        keep = np.unique(checks * message + variables, return_index=True)[1]  # a pair met twice would cancel
        variables, checks = variables[keep], checks[keep]
        # The chain: parity bit i takes part in checks i and i + 1.
        chain = message + np.arange(self.checks)
        variables = np.concatenate([variables, chain, chain[:-1]])
        checks = np.concatenate([checks, np.arange(self.checks), np.arange(1, self.checks)])
        order = np.lexsort((variables, checks))
        variables, checks = variables[order], checks[order]
        self._width = int(np.bincount(checks).max())
        first = np.searchsorted(checks, np.arange(self.checks))
        slot = np.arange(len(checks)) - first[checks]
        # (checks, width); where a check has fewer members, a bit beyond the end stands in that is surely 0.
        self._members = np.full((self.checks, self._width), length)
        self._members[checks, slot] = variables
        by_variable = np.argsort(variables, kind="stable")
        self._edges = (checks * self._width + slot)[by_variable]
        self._starts = np.searchsorted(variables[by_variable], np.arange(length))

    def encode(self, messages: np.ndarray) -> np.ndarray:
        """Words of 0 and 1, uint8 (words, length), for messages (words, message)."""
        out = np.zeros((len(messages), self.length), np.uint8)
        out[:, : self.message] = messages
        padded = np.zeros((self.length + 1, len(messages)), np.uint8)
        padded[: self.message] = messages.T
        sums = np.zeros((self.checks, len(messages)), np.uint8)
        for column in self._members.T:  # parity bits are still 0 in `padded`
            sums ^= padded[column]
        out[:, self.message :] = np.bitwise_xor.accumulate(sums, 0).T
        return out

    def decode(self, llr: np.ndarray, rounds: int = ROUNDS) -> tuple[np.ndarray, np.ndarray]:
        """Messages, uint8 (words, message), and whether every check of a word holds, bool (words,).

        Args:
            llr: float (words, length), the logarithm of P(bit is 0) / P(bit is 1).
            rounds: of message passing, at most.
        """
        out = np.empty((len(llr), self.message), np.uint8)
        right = np.zeros(len(llr), bool)
        at_once = max(1, _AT_ONCE // self._members.size)
        for begin in range(0, len(llr), at_once):
            part = slice(begin, begin + at_once)
            bits, right[part] = self._decode(llr[part], rounds)
            out[part] = bits[:, : self.message]
        return out, right

    def _decode(self, llr: np.ndarray, rounds: int) -> tuple[np.ndarray, np.ndarray]:
        words = len(llr)
        channel = np.clip(llr.T.astype(np.float32), -_LIMIT, _LIMIT)
        bits = np.empty((words, self.length), np.uint8)
        right = np.zeros(words, bool)
        open_words = np.arange(words)
        total = np.vstack([channel, np.full((1, words), _LIMIT, np.float32)])
        sent = np.zeros((self.checks, self._width, words), np.float32)
        for turn in range(rounds + 1):
            hard = total < 0
            failing = np.logical_xor.reduce(hard[self._members], 1).any(0)
            done = np.flatnonzero(~failing) if turn < rounds else np.arange(len(open_words))
            if len(done):
                bits[open_words[done]] = hard[:-1, done].T
                right[open_words[done]] = ~failing[done]
                if turn == rounds or len(done) == len(open_words):
                    break
                keep = np.flatnonzero(failing)
                open_words, total, channel, sent = open_words[keep], total[:, keep], channel[:, keep], sent[..., keep]
            received = total[self._members] - sent
            sign = np.signbit(received)
            size = np.abs(received)
            least = size.argmin(1)[:, None]
            smallest = np.take_along_axis(size, least, 1)
            np.put_along_axis(size, least, np.inf, 1)
            second = size.min(1, keepdims=True)
            sent = np.broadcast_to(smallest, received.shape).copy()
            np.put_along_axis(sent, least, second, 1)
            sent *= _SCALE
            np.clip(sent, None, _LIMIT, out=sent)
            flip = sign ^ np.logical_xor.reduce(sign, 1)[:, None]
            np.negative(sent, out=sent, where=flip)
            sums = np.add.reduceat(sent.reshape(-1, sent.shape[-1])[self._edges], self._starts, axis=0)
            total[:-1] = channel + sums
        return bits, right


def _key(message: int, length: int, layer: int) -> bytes:
    return f"stego ldpc {message} {length} {layer}".encode().ljust(32, b"\0")[:32]


@functools.lru_cache(maxsize=8)
def code(message: int, length: int) -> Code:
    """The code of these lengths."""
    return Code(message, length)
