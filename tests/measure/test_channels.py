"""The measured channels."""

import numpy as np
from pictures import natural

from stegocli.canonical.channels import PLAYED, Jpeg
from stegocli.measure.channels import MEASURED, FastJpeg
from stegocli.picture import metrics


def test_forty_kinds_of_which_few_are_played():
    assert len(MEASURED) == len(set(map(str, MEASURED))) == 40
    assert len(set(MEASURED) & set(PLAYED)) <= 6
    picture = natural(60, 80, 2)
    for channel in MEASURED:
        received = channel(picture)
        assert received.dtype == np.uint8 and received.ndim == 3 and received.shape[2] == 3
        assert 0.45 <= received.shape[0] / 60 < 20


def test_the_fast_dct_is_nearly_the_exact_one():
    for picture in (natural(83, 101, 5), natural(64, 80, 6)):
        exact, fast = Jpeg(75)(picture), FastJpeg(75)(picture)
        assert fast.shape == picture.shape and not np.array_equal(exact, fast)
        assert metrics.psnr(exact, fast) > 45
        assert abs(metrics.psnr(picture, exact) - metrics.psnr(picture, fast)) < 0.3
