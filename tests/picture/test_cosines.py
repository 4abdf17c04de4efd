"""The matrix is orthonormal, and its first row the mean."""

import numpy as np
import pytest

from stegocli.picture.cosines import cosines


@pytest.mark.parametrize("size", [1, 2, 4, 7, 64])
def test_it_is_orthonormal_from_the_mean_on(size):
    whole = cosines(size, size)
    assert np.allclose(whole @ whole.T, np.eye(size)) and np.allclose(whole[0], 1 / np.sqrt(size))
    assert np.array_equal(cosines(1, size), whole[:1])
