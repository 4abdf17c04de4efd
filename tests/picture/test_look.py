import numpy as np
from pictures import natural

from stegocli.picture import look


def test_residual_is_twenty_fold_around_grey():
    cover = natural(4, 4)
    stego = cover.copy()
    stego[0, 0, 0] = cover[0, 0, 0] + 3
    shown = look.residual(cover, stego)
    assert shown[0, 0, 0] == 188 and (shown.reshape(-1)[1:] == 128).all()


def test_grid_has_five_columns_whatever_the_sizes():
    rows = [(natural(40, 60), natural(40, 60), natural(50, 20), natural(50, 20))] * 2
    grid = look.picture_grid(rows, height=40)
    assert grid.shape[0] > 80 and grid.shape[1] > 3 * 60 + 2 * 16 and grid.dtype == np.uint8
