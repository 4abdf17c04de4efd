"""Bits in numbers: what is embedded is read, the change is the one asked for, information is what the table says."""

import numpy as np
import pytest

from stegocli.canonical import coset


def sent(ratio, count=40000, sigma=2.0, stray=0):
    """(host, targets, log-odds, bits) of samples whose power is `ratio` times the noise's."""
    rng = np.random.default_rng(0)
    host, bits = rng.normal(0, 300, count), rng.integers(0, 2, count).astype(np.uint8)
    step, alpha = coset.design(np.full(count, ratio * sigma**2), np.full(count, sigma**2))
    target = coset.embed(host, step, alpha, bits)
    received = target + rng.normal(0, sigma, count)
    received[:stray] += rng.uniform(-1000, 1000, stray)
    return host, target, coset.log_odds(received, step, alpha, np.full(count, sigma)), bits


def information_in(log_odds, bits):
    return 1 - np.log2(1 + np.exp(np.where(bits == 1, log_odds, -log_odds).astype(float))).mean()


@pytest.mark.parametrize("ratio", [0.2, 1.0, 4.0])
def test_change_and_information_are_those_of_the_design(ratio):
    host, target, log_odds, bits = sent(ratio)
    assert np.square(target - host).mean() == pytest.approx(4 * ratio, rel=0.03)
    assert information_in(log_odds, bits) == pytest.approx(coset.information(np.array(ratio)), abs=0.015)


def test_strays_cost_their_own_information_and_no_more():
    log_odds, bits = sent(4.0, stray=2000)[2:]
    assert np.isfinite(log_odds).all()
    assert information_in(log_odds, bits) > coset.information(np.array(4.0)) - 0.12


def test_information_grows_from_nothing_to_one():
    bits = coset.information(np.array([0, 1e-3, 0.1, 1, 10, 100, 1e6]))
    assert bits[0] == 0
    assert (np.diff(bits) >= 0).all()
    assert bits[-1] == pytest.approx(1, abs=5e-3)
