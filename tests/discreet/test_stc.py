"""Syndrome-trellis codes: every message comes back, no change is more than one, and the cost is near the bound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegocli.discreet import stc
from stegocli.discreet.viterbi import Unreachable

pytestmark = pytest.mark.slow


def embedded(samples, up, down, message):
    (changes,) = stc.embed([stc.Task(samples, up, down, message)])
    assert set(np.unique(changes)) <= {-1, 0, 1}
    return changes, samples.astype(np.int64) + changes


def lively(count, rng):
    """Costs as photographs have them: over several orders of magnitude."""
    return np.exp(rng.normal(0, 1.5, count)).astype(np.float32)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3000), st.floats(0.001, 0.4), st.floats(0, 0.3, allow_subnormal=False), st.integers(0, 2**32 - 1))
def test_every_message_comes_back_or_is_refused(count, rate, wet, seed):
    rng = np.random.default_rng(seed)
    samples, message = (
        rng.integers(0, 256, count).astype(np.uint8),
        rng.integers(0, 2, int(rate * count)).astype(np.uint8),
    )
    up, down = lively(count, rng), lively(count, rng)
    up[rng.random(count) < wet] = np.inf
    down[rng.random(count) < wet] = np.inf
    up[samples == 255] = down[samples == 0] = np.inf
    try:
        changes, stego = embedded(samples, up, down, message)
    except Unreachable:
        return
    assert (stc.extract(stego, len(message)) == message).all()
    assert stego.min(initial=0) >= 0 and stego.max(initial=0) <= 255
    assert np.isfinite(np.where(changes > 0, up, np.where(changes < 0, down, 0))).all()


def test_signed_coefficients_carry_too():
    rng = np.random.default_rng(1)
    samples = rng.normal(0, 3, 2000).round().astype(np.int16)
    message = rng.integers(0, 2, 300).astype(np.uint8)
    _, stego = embedded(samples, *2 * [lively(2000, rng)], message)
    assert stego.min() < 0 and (stc.extract(stego, 300) == message).all()


@pytest.mark.parametrize(("count", "bits", "most"), [(40_000, 8_000, 0.12), (40_000, 1_500, 0.14)])
def test_payload_lost_to_the_bound(count, bits, most):
    rng = np.random.default_rng(2)
    cost = lively(count, rng)
    samples, message = rng.integers(0, 256, count).astype(np.uint8), rng.integers(0, 2, bits).astype(np.uint8)
    changes, _ = embedded(samples, cost, cost, message)
    spent = cost[changes != 0].sum()
    low, high = 1e-6, 1e6
    for _ in range(60):
        factor = (low * high) ** 0.5
        likely = np.exp(-factor * cost.astype(np.float64))
        low, high = (factor, high) if (2 * likely * cost / (1 + 2 * likely)).sum() > spent else (low, factor)
    bound = stc.entropy(cost.astype(np.float64), cost.astype(np.float64), high)
    assert 0 < 1 - bits / bound < most


def test_a_step_for_each_column_gives_the_best_flips():
    """The cheapest of samples that share a column is chosen, so the trellis is as good as a search of them all."""
    rng = np.random.default_rng(3)
    bits, cost = rng.integers(0, 2, 12).astype(np.uint8), rng.random(12).astype(np.float32) + 0.1
    alone = np.array([stc._read(np.eye(12, dtype=np.uint8)[k], 3) for k in range(12)])
    every = (np.arange(4096)[:, None] >> np.arange(12)) & 1
    for number in range(8):
        message = np.array([number & 1, number >> 1 & 1, number >> 2])
        right = ((every @ alone + stc._read(bits, 3)) % 2 == message).all(1)
        found = cost[stc._flips([(bits, cost, message)])[0]].sum()
        assert found == pytest.approx((every[right] * cost).sum(1).min(), abs=0.1)


def test_what_may_not_change_never_does():
    rng = np.random.default_rng(4)
    samples, message = rng.integers(0, 256, 900).astype(np.uint8), rng.integers(0, 2, 30).astype(np.uint8)
    never = np.full(900, np.inf, np.float32)
    with pytest.raises(Unreachable):
        embedded(samples, never, never, message)
    assert not embedded(samples, never, never, stc.extract(samples, 30))[0].any()


def test_more_bits_than_samples_are_refused():
    with pytest.raises(Unreachable):
        stc.extract(np.zeros(10, np.uint8), 30)


def test_large_covers_go_in_batches_of_lanes(monkeypatch):
    monkeypatch.setattr(stc, "_SIDE_BY_SIDE", 4)
    monkeypatch.setattr(stc, "_LANE_BITS", 20)
    assert stc._Shape.of(2500, 200).lanes == 10
    rng = np.random.default_rng(6)
    samples, message = rng.integers(0, 256, 2500).astype(np.uint8), rng.integers(0, 2, 400).astype(np.uint8)
    _, stego = embedded(samples, *2 * [lively(2500, rng)], message)
    assert (stc.extract(stego, 400) == message).all()


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 1500), st.integers(0, 40)), max_size=5), st.integers(0, 2**32 - 1))
def test_messages_side_by_side_are_as_those_alone(sizes, seed):
    rng = np.random.default_rng(seed)
    tasks = []
    for count, percent in sizes:
        samples, cost = rng.integers(0, 256, count).astype(np.uint8), lively(count, rng)
        cost[rng.random(count) < 0.1] = np.inf
        tasks.append(stc.Task(samples, cost, cost, stc.extract(samples, percent * count // 100) ^ (rng.random() < 0.9)))
    alone = []
    for task in tasks:
        try:
            alone += stc.embed([task])
        except Unreachable:
            with pytest.raises(Unreachable):
                list(stc.embed(tasks))
            return
    found = list(stc.embed(tasks))
    for task, together, one in zip(tasks, found, alone, strict=True):
        assert (stc.extract(task.samples + together, len(task.message)) == task.message).all()
        # Which of equally good flips are found is the same as well.
        assert (together == one).all()


def test_columns_and_lanes_belong_to_the_format():
    assert len(set(stc.COLUMNS)) == 64 and (stc.COLUMNS & 513 == 513).all()
    # Made once by the code of format version 1; not by a library's generator.
    samples = (np.arange(5000) * 7919 % 251).astype(np.uint8)
    assert np.packbits(stc.extract(samples, 64)).tobytes().hex() == "4df2915ecb0aaa18"
