"""Progressive scans are coded as libjpeg codes them; scripts and restart markers are tried in `test_jpegfile`."""

import numpy as np
import pytest
from pictures import jpeg

from stegocli.discreet import coefficients
from stegocli.discreet.jpegfile import JpegFile

pytest.importorskip("jpeglib")


@pytest.mark.parametrize("limit", ["blocks", "corrections"])
def test_a_run_of_ended_blocks_is_cut_where_libjpeg_cuts_it(limit):
    if limit == "blocks":
        picture = np.full((1456, 1456), 90, np.uint8)
    else:
        # At quality 100 coefficients stay nearly as they are: none is new in the third scan, whose corrections wait.
        rng = np.random.default_rng(1)
        values = rng.integers(6, 8, (1600, 8, 8)) * rng.choice([-1, 0, 1], (1600, 8, 8))
        blocks = coefficients._DCT.T @ values @ coefficients._DCT
        picture = (128.5 + blocks.reshape(40, 40, 8, 8).transpose(0, 2, 1, 3).reshape(320, 320)).astype(np.uint8)
    content = jpeg(picture, quality=100, progressive=True)
    read = JpegFile(content)
    assert read.with_luma(read.luma) == content
