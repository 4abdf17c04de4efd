"""Bits in real coefficients: digits and a trellis on an integer grid, read with soft decisions.

As in the exact method's trellis a value k on the grid carries `bits - 1` bits in its digit, k modulo a power of
two, and one more through the trellis: the two bits above the digit, taken along a sequence, have the message as
their syndrome. Digits are Gray coded: a value that slips to its neighbour costs one digit bit at most.

The stream of bits: one a coefficient for the trellis, then the digits' lowest bits, then their next.
"""

import numpy as np

from ..payload.trellis import H0, H1, LENGTH, MEMORY, nearest_codewords, particular

# Bits that one coefficient may carry.
MOST_BITS = 6
# Sequences that go through the trellis together: bounds memory, changes no result.
_AT_ONCE = 1024
_SURE = np.float32(9)


def mean_cost(bits: np.ndarray) -> np.ndarray:
    """Mean squared change in squared steps of coefficients that carry so many bits (see `trellis.COST`)."""
    return np.where(bits > 0, 0.2545 * np.exp2(2.0 * bits - 2), 0)


def _sequences(count: int) -> int:
    return -(-count // LENGTH)


def _rows(values: np.ndarray, part: slice) -> np.ndarray:
    """Some columns of a flat array laid out as (LENGTH, sequences), filled up with zeros."""
    sequences = _sequences(len(values))
    whole = len(values) // sequences
    columns = np.arange(sequences)[part]
    out = np.zeros((LENGTH, len(columns)), values.dtype)
    out[:whole] = values[: whole * sequences].reshape(whole, sequences)[:, part]
    rest = values[whole * sequences :]
    inside = columns[columns < len(rest)]
    if len(inside):
        out[whole, : len(inside)] = rest[inside]
    return out


def _digits(stream: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Digits (int64) of each coefficient from the stream after the trellis's part."""
    gray = np.zeros(len(bits), np.int64)
    at = 0
    for plane in range(MOST_BITS - 1):
        chosen = bits > plane + 1
        count = int(chosen.sum())
        gray[chosen] |= stream[at : at + count].astype(np.int64) << plane
        at += count
    value = gray.copy()
    for shift in (1, 2, 4):
        value ^= value >> shift
    return value


def write(values: np.ndarray, stream: np.ndarray, bits: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The nearest grid values that carry a stream.

    Args:
        values: float32 (coefficients,), in steps.
        stream: 0 or 1, uint8, `bits.sum()` of them.
        bits: 1 to `MOST_BITS` for each coefficient.
        weights: what a squared change of one step costs in each.

    Returns:
        int32 (coefficients,).
    """
    count = len(values)
    digits = _digits(stream[count:], bits)
    out = np.empty(count, np.int32)
    sequences = _sequences(count)
    for begin in range(0, sequences, _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        near, digit, cost = _rows(values, part), _rows(digits, part), _rows(weights.astype(np.float32), part)
        base = np.left_shift(1, np.maximum(_rows(bits, part).astype(np.int64) - 1, 0))
        candidates = np.empty((LENGTH, 4, near.shape[1]), np.int32)
        for label in range(4):
            wanted = digit + base * label
            candidates[:, label] = wanted + 4 * base * np.rint((near - wanted) / (4 * base))
        start = particular(_rows(stream[:count], part))
        costs = (cost[:, None] * np.square(candidates - near[:, None])).astype(np.float32)
        turned = np.where(start[:, None].astype(bool), costs[:, [1, 0, 3, 2]], costs)
        chosen = nearest_codewords(turned) ^ start
        picked = np.take_along_axis(candidates, chosen[:, None], 1)[:, 0]
        index = np.arange(LENGTH)[:, None] * sequences + np.arange(sequences)[part]
        inside = index < count
        out[index[inside]] = picked[inside]
    return out


def read(values: np.ndarray, bits: np.ndarray, doubt: np.ndarray) -> np.ndarray:
    """The stream, softly: float32 log P(0)/P(1) of each of its `bits.sum()` bits.

    Args:
        values: float32 (coefficients,), in steps, as received.
        bits: as written.
        doubt: how sure a value is of its grid point, log-odds against the next, (coefficients,).
    """
    count = len(values)
    rounded = np.rint(values)
    other = np.where(values < rounded, rounded - 1, rounded + 1).astype(np.int32)
    nearest = rounded.astype(np.int32)
    shift = bits.astype(np.int32) - 1

    def soft(bit: np.ndarray, rival: np.ndarray, certainty: np.ndarray) -> np.ndarray:
        size = np.where(bit == rival, _SURE, certainty)
        return np.where(bit == 1, -size, size).astype(np.float32)

    low = soft(nearest >> shift & 1, other >> shift & 1, doubt)
    high = soft(nearest >> shift + 1 & 1, other >> shift + 1 & 1, doubt)
    out = np.empty(int(bits.sum()), np.float32)
    out[:count] = _syndrome(low, high)
    digits = (1 << shift) - 1
    digit, rival = nearest & digits, other & digits
    gray, gray_rival = digit ^ digit >> 1, rival ^ rival >> 1
    at = count
    for plane in range(MOST_BITS - 1):
        chosen = np.flatnonzero(bits > plane + 1)
        after = at + len(chosen)
        out[at:after] = soft(gray[chosen] >> plane & 1, gray_rival[chosen] >> plane & 1, doubt[chosen])
        at = after
    return out


def _syndrome(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Log-odds of the syndrome's bits from those of the labels' two bits: all (coefficients,)."""
    count = len(low)
    sequences = _sequences(count)
    products = np.ones((LENGTH, sequences), np.float32)
    for labels, taps in ((low, H0), (high, H1)):
        padded = np.full(LENGTH * sequences, 50, np.float32)
        padded[:count] = labels
        tanh = np.tanh(padded.reshape(LENGTH, sequences) / 2)
        for power in range(MEMORY + 1):
            if taps >> power & 1:
                products[power:] *= tanh[: LENGTH - power]
    return (2 * np.arctanh(np.clip(products, -0.9999, 0.9999))).reshape(-1)[:count]
