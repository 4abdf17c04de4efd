"""Bits in host samples, as cosets of a lattice that a trellis makes: 1.2 of the 1.53 dB that single samples lose.

Points of the lattice are whole numbers whose remainders modulo 4 are, along a sequence of samples, a word of
Ungerboeck's convolutional code of 64 states ("Channel coding with multilevel/phase signals", 1982). A message shifts
it: at some of the samples a coded bit stands in the word's syndrome, elsewhere 0. Samples are pulled a share alpha of the way
towards the nearest point (Viterbi's algorithm; trellis-coded quantisation, Marcellin & Fischer 1990). The reader weighs
all points by the forward-backward algorithm (Bahl, Cocke, Jelinek & Raviv 1974), in turns with the code that the
coded bits are of (`code`), since each bit is the clearer the more is known of its neighbours. The whole is a code for dirty
paper near Costa's bound, as in Sun, Yang, Liveris, Stankovic & Xiong, "Near-capacity dirty-paper code design: a
source-channel coding approach" (IEEE Transactions on Information Theory 55, 2009).

Measured where a quarter of a bit is carried a sample: 1.8 dB from the bound. Bits in single samples (the scalar Costa
scheme) would be 3.1 dB from it before their own code's loss.
"""

from functools import cached_property

import numpy as np

from ..payload.trellis import Convolution, nearest_codewords, particular

# Part of the format: the code, and the samples of a sequence, about.
_CODE = Convolution(0o103, 0o024, 6)
_LENGTH = 512
_STATES = _CODE.states
# Mean squared distance of a number from the lattice, in squared steps: measured.
_SECOND_MOMENT = 0.2515
# Share of samples that tell nothing, as the reader takes it.
_STRAY = 0.01
# Sequences that go through the trellis together: what fits in a core's cache. Changes no result.
_SEQUENCES = 64
_SURE = np.float32(30)


def design(power: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Step and alpha that spend a mean squared change of `power` where the channel's noise has a variance of `noise`.

    Alpha is Costa's. All of one shape; all more than 0.
    """
    alpha = power / (power + noise)
    return np.sqrt(power / _SECOND_MOMENT) / alpha, alpha


class Lattice:
    """Where the coded bits stand among samples.

    Args:
        alpha: (n,), share of the way that each sample goes, 0 to 1: where it is larger more is carried.
        place: whole numbers (n,), where each sample lies: neighbours go into one sequence, so that where nothing is
            written few sequences suffer, and those wholly.
        wanted: coded bits; about so many there will be, at most one a sample.

    Attributes:
        alpha: as given.
        coded: coded bits.
    """

    def __init__(self, alpha: np.ndarray, place: np.ndarray, wanted: int):
        self.alpha = alpha
        self._across = -(-len(alpha) // _LENGTH)
        self._down = -(-len(alpha) // self._across)
        level = np.rint(np.clip(alpha, 0, 255 / 256) * 256).astype(np.int64)
        self._order = _rows(level, place, self._across)
        load = np.zeros(self._down * self._across, np.int64)
        load[: len(alpha)] = np.rint(-512 * np.log2(1 - level[self._order] / 256))
        # The last row may be short of samples: it carries nothing.
        self._coded_rows = _spread(load.reshape(self._down, self._across).sum(1)[:-1], -(-wanted // self._across))
        self.coded = int(self._coded_rows.sum()) * self._across

    def _table(self, values: np.ndarray, missing: float) -> np.ndarray:
        """(n,) as (samples of a sequence, sequences), filled up."""
        out = np.full(self._down * self._across, missing, values.dtype)
        out[: len(values)] = values[self._order]
        return out.reshape(self._down, self._across)

    def embed(self, host: np.ndarray, step: np.ndarray, bits: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Where the samples should go so that they carry coded bits.

        Args:
            host: float64 (n,), the samples as they are.
            step: (n,), in the host's unit: the distance of neighbouring whole numbers.
            bits: 0 or 1, uint8 (coded,).
            weight: (n,), what a squared change of one step costs; 0 where it won't be made.

        Returns:
            float64 (n,).
        """
        near = self._table(host / step, 0)
        cost = self._table(weight.astype(np.float32), 0)
        syndrome = np.zeros((self._down, self._across), np.uint8)
        syndrome[: len(self._coded_rows)][self._coded_rows] = bits.reshape(-1, self._across)
        start = particular(syndrome, _CODE)
        candidates = np.empty((self._down, 4, self._across))
        for label in range(4):
            wanted = label ^ start
            candidates[:, label] = wanted + 4 * np.rint((near - wanted) / 4)
        costs = cost[:, None] * np.square(candidates - near[:, None]).astype(np.float32)
        labels = nearest_codewords(costs, _CODE)
        points = np.take_along_axis(candidates, labels[:, None].astype(np.intp), 1).reshape(-1)
        out = np.empty(len(host))
        out[self._order] = points[: len(host)]
        return host + self.alpha * (out * step - host)

    def listen(self, received: np.ndarray, step: np.ndarray, sigma: np.ndarray, written: np.ndarray) -> "Listener":
        """What received samples tell.

        Args:
            received: (n,), in the host's unit, the channel's gain undone.
            step: as for `embed`.
            sigma: (n,), standard deviation of the channel's noise, in the host's unit.
            written: (n,), how likely each sample was changed at all, 0 to 1.
        """
        variance = _SECOND_MOMENT * np.square(1 - self.alpha) + np.square(sigma / step)
        offset = received / step
        likely = np.empty((4, self._down, self._across), np.float32)
        densities = []
        for label in range(4):
            distance = offset - label
            distance -= 4 * np.rint(distance / 4)
            # Wrapped round once: no noise that leaves anything reaches further.
            wrapped = sum(np.exp(-np.square(distance + turn) / (2 * variance)) for turn in (-4, 0, 4))
            densities.append(wrapped)
        total = sum(densities) + 1e-300
        share = written * (1 - _STRAY)
        for label in range(4):
            likely[label] = self._table((share * densities[label] / total + (1 - share) / 4).astype(np.float32), 0.25)
        return Listener(np.ascontiguousarray(likely.transpose(1, 0, 2)), self._coded_rows)


def _rows(level: np.ndarray, place: np.ndarray, across: int) -> np.ndarray:
    """The samples row by row: of one level as long as there are enough, so that one pattern of coded bits serves all.

    Args:
        level: of each sample, whole numbers (n,); high ones come first.
        place: where each lies, whole numbers (n,).
        across: samples of a row.
    """
    order = np.lexsort((place, -level))
    full, rest = [], []
    for group in np.split(order, np.flatnonzero(np.diff(level[order])) + 1):
        down = len(group) // across
        full.append(group[: down * across].reshape(across, down).T.reshape(-1))
        rest.append(group[down * across :])
    return np.concatenate(full + rest)


def _spread(load: np.ndarray, wanted: int) -> np.ndarray:
    """Which rows carry coded bits, bool: `wanted` of them if there are, the more where there is more room.

    Args:
        load: whole numbers, room of each row.
        wanted: rows.
    """
    whole = 1 << 16
    wanted = min(wanted, int(np.count_nonzero(load)))
    low, high = 0, 1 << 40
    while low < high:  # the least factor that gives enough, no row more than one bit a sample
        middle = (low + high) // 2
        if np.minimum(load * middle >> 20, whole).sum() >= wanted * whole:
            high = middle
        else:
            low = middle + 1
    reached = np.cumsum(np.minimum(load * low >> 20, whole)) // whole
    return np.diff(reached, prepend=0) > 0


class Listener:
    """Received samples, ready to be asked about the coded bits.

    Args:
        likely: float32 (down, 4, across), of each label at each sample, of sum 1.
        coded_rows: bool (down - 1,) or fewer, which carry coded bits.
    """

    def __init__(self, likely: np.ndarray, coded_rows: np.ndarray):
        self._likely = likely
        self._rows = np.zeros(len(likely), bool)
        self._rows[: len(coded_rows)] = coded_rows

    @cached_property
    def _branches(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the branches (state with its lowest bit cancelled, high): where they go, and the two that reach a state."""
        state, high = np.arange(_STATES)[:, None], np.arange(2)
        following = (state >> 1 ^ (_CODE.low >> 1) * (state & 1) ^ (_CODE.high >> 1) * high).reshape(-1)
        return following, np.argsort(following, kind="stable").reshape(_STATES, 2)

    def tell(self, prior: np.ndarray) -> np.ndarray:
        """ln P(0) / P(1) of each coded bit, from the samples and what is known of the others.

        Args:
            prior: float32 (coded,), ln P(0) / P(1) as the code knows them; a bit's own is left out of its answer.
        """
        across = self._likely.shape[2]
        priors = np.clip(prior, -_SURE, _SURE).reshape(-1, across)
        zero = 1 / (1 + np.exp(-priors, dtype=np.float32))
        out = np.empty_like(zero)
        for begin in range(0, across, _SEQUENCES):
            part = slice(begin, begin + _SEQUENCES)
            out[:, part] = self._forward_backward(self._likely[:, :, part], zero[:, part])
        return out.reshape(-1)

    def _forward_backward(self, likely: np.ndarray, zero: np.ndarray) -> np.ndarray:
        """Log-odds (coded rows, sequences) from likelihoods (down, 4, sequences) and prior probabilities of 0."""
        following, reaching = self._branches
        down, _, sequences = likely.shape
        # Branches are laid out as (state above its lowest bit, low, high): their labels are 2 * high + low.
        weights = np.ascontiguousarray(likely.reshape(down, 2, 2, sequences).transpose(0, 2, 1, 3))[:, None]
        before = np.empty((down, _STATES, sequences), np.float32)
        now = np.zeros((_STATES, sequences), np.float32)
        now[0] = 1
        pairs = (_STATES // 2, 2, sequences)
        row = 0
        for t in range(down):
            before[t] = now
            if self._rows[t]:
                # A coded bit of 1 is a step as from the neighbouring state.
                two = now.reshape(pairs)
                now = (two[:, ::-1] + zero[row] * (two - two[:, ::-1])).reshape(now.shape)
                row += 1
            steps = (now.reshape(*pairs[:2], 1, sequences) * weights[t]).reshape(-1, sequences)
            now = steps[reaching[:, 0]]
            now += steps[reaching[:, 1]]
            if t % 4 == 3:
                now /= now.sum(0)
        out = np.empty((row, sequences), np.float32)
        now = np.ones((_STATES, sequences), np.float32)
        for t in reversed(range(down)):
            steps = now[following].reshape(*pairs[:2], 2, sequences) * weights[t]
            now = (steps[:, :, 0] + steps[:, :, 1]).reshape(_STATES, sequences)
            if self._rows[t]:
                row -= 1
                two, turned = before[t], now.reshape(pairs)[:, ::-1].reshape(now.shape)
                likely_zero, likely_one = np.einsum("sl,sl->l", two, now), np.einsum("sl,sl->l", two, turned)
                out[row] = np.log((likely_zero + 1e-37) / (likely_one + 1e-37))
                now = turned + zero[row] * (now - turned)
            if t % 4 == 3:
                now /= now.sum(0)
        return out
