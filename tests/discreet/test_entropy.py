"""Huffman tables."""

import numpy as np

from stegocli.discreet import entropy


def test_the_best_table_is_complete_and_short():
    frequencies = np.zeros(256, np.int64)
    frequencies[:40] = [int(1.6**k) + 1 for k in range(40)]
    table = entropy.best_table(frequencies)
    _, lengths = table.codes()
    assert set(np.flatnonzero(lengths)) == set(range(40)) and lengths.max() <= 16
    assert sum(2.0 ** -lengths[k] for k in range(40)) < 1
    assert lengths[39] == 2 and lengths[0] == 16
