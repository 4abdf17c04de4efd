"""Bits in host samples, as cosets of a lattice that a trellis makes: 1.2 of the 1.53 dB that single samples lose.

Points of the lattice are whole numbers whose remainders modulo 4 are, along a sequence of samples, a word of
Ungerboeck's convolutional code of 64 states ("Channel coding with multilevel/phase signals", 1982). A message shifts
it: at some of the samples a coded bit stands in the word's syndrome, elsewhere 0. Samples are pulled a share alpha of
the way towards the nearest point (Viterbi's algorithm; trellis-coded quantisation, Marcellin & Fischer 1990). The
reader weighs all points by the forward-backward algorithm (Bahl, Cocke, Jelinek & Raviv 1974), in turns with the code
that the coded bits are of (`code`), since each bit is the clearer the more is known of its neighbours. The whole is a
code for dirty paper near Costa's bound, as in Sun, Yang, Liveris, Stankovic & Xiong, "Near-capacity dirty-paper code
design: a source-channel coding approach" (IEEE Transactions on Information Theory 55, 2009).

Measured where a quarter of a bit is carried a sample: 1.8 dB from the bound. Bits in single samples (the scalar Costa
scheme) would be 3.1 dB from it before their own code's loss.
"""

from functools import cached_property

import numpy as np

from ..payload.trellis import Convolution, nearest_codewords, particular

# Part of the format: the code, and the samples of a sequence, about.
_CODE = Convolution(0o103, 0o024, 6)
_LENGTH = 512
# In steps, how far a shift takes the lattice to itself.
PERIOD = 4
_STATES = _CODE.states
# Mean squared distance of a number from the lattice, in squared steps: measured.
_SECOND_MOMENT = 0.2515
# Share of samples that tell nothing, as the reader takes it.
_STRAY = 0.01
# Sequences that go through the trellis together: what fits in a core's cache. Changes no result.
_SEQUENCES = 64
_SURE = np.float32(30)
# Deviations of log-odds that tell 0, a quarter, a half, three quarters and all of a bit.
_KNOWN = (0.0, 1.291, 2.045, 2.95, 20.0)


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
        self.alpha, self._place = alpha, place
        self._across = -(-len(alpha) // _LENGTH)
        self._down = -(-len(alpha) // self._across)
        level = np.rint(np.clip(alpha, 0, 255 / 256) * 256).astype(np.int64)
        self._order = np.lexsort((-level, place))
        load = np.rint(-512 * np.log2(1 - level[self._order] / 256)).astype(np.int64)
        coded = np.zeros(self._down * self._across, bool)
        coded[: len(alpha)] = _spread(load, wanted)
        self._coded = coded.reshape(self._across, self._down)
        self.coded = int(coded.sum())

    def _table(self, values: np.ndarray, missing: float) -> np.ndarray:
        """(n,) as (samples of a sequence, sequences), filled up."""
        out = np.full(self._across * self._down, missing, values.dtype)
        out[: len(values)] = values[self._order]
        return np.ascontiguousarray(out.reshape(self._across, self._down).T)

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
        syndrome = np.zeros((self._across, self._down), np.uint8)
        syndrome[self._coded] = bits
        start = particular(np.ascontiguousarray(syndrome.T), _CODE)
        candidates = np.empty((self._down, 4, self._across))
        for label in range(4):
            wanted = label ^ start
            candidates[:, label] = wanted + 4 * np.rint((near - wanted) / 4)
        costs = cost[:, None] * np.square(candidates - near[:, None]).astype(np.float32)
        labels = nearest_codewords(costs, _CODE)
        points = np.take_along_axis(candidates, labels[:, None].astype(np.intp), 1)[:, 0].T.reshape(-1)
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
        likely = np.empty((self._down, PERIOD, self._across), np.float32)
        for label in range(PERIOD):
            distance = offset - label
            distance -= PERIOD * np.rint(distance / PERIOD)
            # Wrapped round once: no noise that leaves anything reaches further.
            wrapped = sum(np.exp(-np.square(distance + turn) / (2 * variance)) for turn in (-PERIOD, 0, PERIOD))
            density = _STRAY + (1 - _STRAY) * PERIOD * wrapped / np.sqrt(2 * np.pi * variance)
            likely[:, label] = self._table(density.astype(np.float32), 1)
        odds = np.log(written / (1 - written)).astype(np.float32)
        places = self._table(self._place.astype(np.int64), self._place.max() + 1)
        return Listener(likely, self._coded, places, self._table(odds, 0))


def _spread(load: np.ndarray, wanted: int) -> np.ndarray:
    """Which samples carry a coded bit, bool: `wanted` of them, the more where there is more room.

    Args:
        load: whole numbers, room of each sample.
        wanted: coded bits.
    """
    whole = 1 << 16
    wanted = min(wanted, int(np.count_nonzero(load)))
    low, high = 0, 1 << 40
    while low < high:  # the least factor that gives enough, no sample more than one bit
        middle = (low + high) // 2
        if np.minimum(load * middle >> 20, whole).sum() >= wanted * whole:
            high = middle
        else:
            low = middle + 1
    reached = np.cumsum(np.minimum(load * low >> 20, whole)) // whole
    return np.diff(reached, prepend=0) > 0


class Listener:
    """Received samples, ready to be asked about the coded bits; with each answer they know better what was written to.

    Args:
        likely: float32 (down, 4, across), how likely each label makes each sample, over how likely it is unwritten.
        coded: bool (across, down), which carry coded bits.
        places: whole numbers (down, across): samples of one place were all written, or none.
        odds: float32 (down, across), ln of the odds that they were.
    """

    def __init__(self, likely: np.ndarray, coded: np.ndarray, places: np.ndarray, odds: np.ndarray):
        self._likely, self._coded, self._places, self._odds = likely, coded, places, odds
        self._now = odds

    @cached_property
    def _branches(self) -> tuple[np.ndarray, np.ndarray]:
        """Of branches (state, whose lowest bit is cancelled; high bit): where they go, and which two reach a state."""
        state, high = np.arange(_STATES)[:, None], np.arange(2)
        following = (state >> 1 ^ (_CODE.low >> 1) * (state & 1) ^ (_CODE.high >> 1) * high).reshape(-1)
        return following, np.argsort(following, kind="stable").reshape(_STATES, 2)

    def tell(self, prior: np.ndarray) -> np.ndarray:
        """ln P(0) / P(1) of each coded bit, from the samples and what is known of the others.

        Args:
            prior: float32 (coded,), ln P(0) / P(1) as the code knows them; a bit's own is left out of its answer.
        """
        zero = np.ones(self._coded.shape, np.float32)
        zero[self._coded] = 1 / (1 + np.exp(-np.clip(prior, -_SURE, _SURE), dtype=np.float32))
        out, told = np.empty_like(zero), np.empty_like(self._odds)
        written = 1 / (1 + np.exp(-self._now))
        for begin in range(0, len(zero), _SEQUENCES):
            part = slice(begin, begin + _SEQUENCES)
            likely = np.ascontiguousarray(self._likely[:, :, part])
            odds, told[:, part] = self._forward_backward(likely, written[:, part], np.ascontiguousarray(zero[part].T))
            out[part] = odds.T
        sums = np.bincount(self._places.reshape(-1), told.reshape(-1))
        self._now = np.clip(self._odds + sums[self._places].astype(np.float32) - told, -_SURE, _SURE)
        return out[self._coded]

    def information(self, bits: np.ndarray) -> float:
        """Bits that the coded bits bring through, when the code does its best: for a writer, who knows them.

        The area under what they tell over what is known of the others (Ashikhmin, Kramer & ten Brink, "Extrinsic
        information transfer functions: model and erasure channel properties", 2004).
        """
        every = -(-len(self._coded) // _SEQUENCES)
        part = Listener(
            self._likely[:, :, ::every], self._coded[::every], self._places[:, ::every], self._odds[:, ::every]
        )
        table = np.zeros(self._coded.shape, np.uint8)
        table[self._coded] = bits
        known = table[::every][part._coded]
        noise = np.random.default_rng(0).normal(size=len(known)).astype(np.float32)
        told = []
        for deviation in _KNOWN:
            odds = part.tell(deviation**2 / 2 * (1 - 2.0 * known) + deviation * noise)
            against = np.where(known == 1, odds, -odds)
            told.append(1 - float(np.logaddexp(0, against, dtype=np.float64).mean()) / np.log(2))
        return len(bits) * float(np.mean(told[:-1]) + np.mean(told[1:])) / 2

    def _forward_backward(
        self, likely: np.ndarray, written: np.ndarray, zero: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Log-odds of coded bits, and what the neighbours tell of whether each was written to: two (down, sequences).

        Args:
            likely: float32 (down, 4, sequences), as for the class.
            written: how likely each was written to, float32 (down, sequences).
            zero: prior probabilities of 0, float32 (down, sequences).
        """
        following, reaching = self._branches
        down, _, sequences = likely.shape
        # Branches are laid out as (state above its lowest bit, low, high): their labels are 2 * high + low.
        labels = np.ascontiguousarray(likely.reshape(down, 2, 2, sequences).transpose(0, 2, 1, 3))
        weights = 1 + written[:, None, None] * (labels - 1)
        before = np.empty((down, _STATES, sequences), np.float32)
        now = np.zeros((_STATES, sequences), np.float32)
        now[0] = 1
        pairs = (_STATES // 2, 2, sequences)
        for t in range(down):
            before[t] = now
            # A coded bit of 1 is a step as from the neighbouring state.
            two = now.reshape(pairs)
            turned = two[:, ::-1]
            mixed = turned + zero[t] * (two - turned)
            steps = (mixed[:, :, None] * weights[t]).reshape(-1, sequences)
            now = steps[reaching[:, 0]]
            now += steps[reaching[:, 1]]
            if t % 4 == 3:
                now /= now.sum(0)
        out, told = np.empty((2, down, sequences), np.float32)
        now = np.ones((_STATES, sequences), np.float32)
        for t in reversed(range(down)):
            after = now[following].reshape(*pairs[:2], 2, sequences)
            steps = after * weights[t]
            two = steps[:, :, 0] + steps[:, :, 1]
            turned = two[:, ::-1]
            both = before[t].reshape(pairs)
            likely_zero, likely_one = np.einsum("abl,abl->l", both, two), np.einsum("abl,abl->l", both, turned)
            out[t] = np.log((likely_zero + 1e-37) / (likely_one + 1e-37))
            mixed = both[:, ::-1] + zero[t] * (both - both[:, ::-1])
            label = np.einsum("abl,abhl->bhl", mixed, after)
            told[t] = np.log((label * labels[t]).sum((0, 1)) / label.sum((0, 1)))
            now = (turned + zero[t] * (two - turned)).reshape(_STATES, sequences)
            if t % 4 == 3:
                now /= now.sum(0)
        return out, told
