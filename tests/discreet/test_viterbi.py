"""The Viterbi algorithm: the flips have the syndrome, and cost as little as can be."""

import itertools

import numpy as np
import pytest

from stegocli.discreet import viterbi
from stegocli.discreet.viterbi import COLUMNS, HEIGHT, NEVER


def held(flips):
    """The syndrome of flips (rows, steps a row, lanes), by its definition."""
    rows, width, lanes = flips.shape
    out = np.zeros((rows, lanes), np.int64)
    for row, step in itertools.product(range(rows), range(width)):
        for down in range(min(HEIGHT, rows - row)):
            out[row + down] ^= (int(COLUMNS[step]) >> down & 1) * flips[row, step]
    return out


def priced(rows, width, lanes, seed):
    rng = np.random.default_rng(seed)
    cost = rng.integers(500, 2000, (rows, width, lanes)).astype(np.uint16)
    return cost, rng.integers(0, 2, (rows, lanes)).astype(np.uint8)


def test_no_other_flips_cost_less():
    cost, syndrome = priced(4, 3, 2, 1)
    cost[1, 2, 0] = NEVER
    flips = viterbi.best_flips(cost, syndrome)
    every = (np.arange(1 << 12)[:, None] >> np.arange(12) & 1).astype(bool)
    right = [(held(one.reshape(4, 3, 1)) == syndrome).all(0) for one in every]
    for lane in range(2):
        least = min(cost[..., lane].ravel()[one].sum() for one, fits in zip(every, right, strict=True) if fits[lane])
        assert cost[..., lane][flips[..., lane]].sum() == least
    assert not flips[1, 2, 0]


def test_flips_of_a_row_are_found_again_however_many(monkeypatch):
    """With and without trying the choices of few, for as many lanes as a power of two and others."""
    for lanes in (3, 4):
        cost, syndrome = priced(40, 12, lanes, 2)
        cost[::5] //= 100
        spent = []
        for guessed in (0, 1, 2, 4):
            monkeypatch.setattr(viterbi, "_GUESSED", guessed)
            flips = viterbi.best_flips(cost, syndrome)
            assert (held(flips) == syndrome).all()
            spent.append(cost[flips].sum(dtype=np.int64))
        assert flips.sum(1).max() > 2 and len(set(spent)) == 1


def test_a_lane_that_nothing_can_change_is_refused_only_for_a_message():
    cost, syndrome = priced(12, 5, 3, 3)
    cost[..., 1] = NEVER
    with pytest.raises(viterbi.Unreachable):
        viterbi.best_flips(cost, syndrome | 1)
    syndrome[:, 1] = 0
    flips = viterbi.best_flips(cost, syndrome)
    assert (held(flips) == syndrome).all() and not flips[..., 1].any()
