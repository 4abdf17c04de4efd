"""A code for few bits: convolutional, of 256 states and rate 1/4, its words repeated; decoded by Viterbi's algorithm.

Codes of some hundred bits that are decoded by message passing fall short of it by more than a decibel. The generators
are those of the largest free distance, 24 (Larsen, "Short convolutional codes with maximal free distance for rates
1/2, 1/3, and 1/4", IEEE Transactions on Information Theory 19, 1973).
"""

import numpy as np

_MEMORY = 8
_STATES = 1 << _MEMORY
_GENERATORS = (0o463, 0o535, 0o733, 0o745)
_RATE = len(_GENERATORS)


def _outputs() -> np.ndarray:
    """The code bits of each register, newest bit highest: uint8 (2 * states, 4)."""
    registers = np.arange(2 * _STATES)
    parities = [[bin(int(r) & generator).count("1") & 1 for generator in _GENERATORS] for r in registers]
    return np.array(parities, np.uint8)


_OUTPUTS = _outputs()
_SIGNS = 1 - 2 * _OUTPUTS.astype(np.float32)


def length(bits: int) -> int:
    """Coded bits of so many, before they are repeated."""
    return _RATE * (bits + _MEMORY)


def encode(bits: np.ndarray, count: int) -> np.ndarray:
    """A code word, repeated to fill so many coded bits: uint8 (count,); `count` is at least `length(len(bits))`."""
    state, word = 0, []
    for bit in [*bits.tolist(), *([0] * _MEMORY)]:
        register = bit << _MEMORY | state
        word.append(_OUTPUTS[register])
        state = register >> 1
    return np.resize(np.concatenate(word), count)


def decode(log_odds: np.ndarray, bits: int) -> np.ndarray:
    """The likeliest `bits` bits, uint8, of ln P(0) / P(1) of each coded bit."""
    total = length(bits)
    folded = np.bincount(np.arange(len(log_odds)) % total, log_odds, total).astype(np.float32).reshape(-1, _RATE)
    metric = np.full(_STATES, -np.inf, np.float32)
    metric[0] = 0
    # A state's two predecessors differ in the bit that has left the register since.
    before = (np.arange(_STATES)[:, None] << 1 & _STATES - 1) | np.arange(2)
    registers = (np.arange(_STATES)[:, None] << 1) | np.arange(2)
    choices = np.empty((len(folded), _STATES), np.uint8)
    for step, odds in enumerate(folded):
        reached = metric[before] + (_SIGNS @ odds)[registers]
        choices[step] = reached.argmax(1)
        metric = reached.max(1)
        if step >= bits:
            metric[_STATES // 2 :] = -np.inf  # the tail is zeros
    state, out = 0, np.empty(len(folded), np.uint8)
    for step in range(len(folded) - 1, -1, -1):
        out[step] = state >> (_MEMORY - 1)
        state = int(before[state, choices[step, state]])
    return out[:bits]
