"""The luma of a JPEG whose encoder used the fast integer DCT, which ImageMagick does and Pillow can't be told to.

The transform is that of Arai, Agui & Nakajima (1988) in integers, its factors in 256ths and every product rounded
down, as fast encoders do it: its coefficients differ from the exact ones by up to a unit or two.
"""

import numpy as np

from . import blocks

_BITS = 8
# cos and sums of cos of multiples of pi / 16, in 256ths.
_C4, _C6, _C2_LESS_C6, _C2_AND_C6 = 181, 98, 139, 334
# The transform leaves each coefficient multiplied by these (and by 8 in all), for the quantiser to undo.
_SCALES = np.array([1, *(np.sqrt(2) * np.cos(np.arange(1, 8) * np.pi / 16))])


def _times(values: np.ndarray, factor: int) -> np.ndarray:
    return (values * factor) >> _BITS


def _pass(rows: list[np.ndarray]) -> list[np.ndarray]:
    """One dimension: eight arrays in, eight scaled coefficients out."""
    sums = [rows[i] + rows[7 - i] for i in range(4)]
    d0, d1, d2, d3 = (rows[i] - rows[7 - i] for i in range(4))
    outer, inner = sums[0] + sums[3], sums[1] + sums[2]
    outer_less, inner_less = sums[0] - sums[3], sums[1] - sums[2]
    turned = _times(inner_less + outer_less, _C4)
    even = [outer + inner, outer_less + turned, outer - inner, outer_less - turned]
    low, middle, high = d3 + d2, d2 + d1, d1 + d0
    common = _times(low - high, _C6)
    z2, z4 = _times(low, _C2_LESS_C6) + common, _times(high, _C2_AND_C6) + common
    z3 = _times(middle, _C4)
    plus, minus = d0 + z3, d0 - z3
    return [even[0], plus + z4, even[1], minus - z2, even[2], minus + z2, even[3], plus - z4]


def received(rgb: np.ndarray, quality: int) -> np.ndarray:
    """What `blocks.forward` gives of a picture after such a JPEG, but for the rounding and clipping of its decoder.

    Args:
        rgb: uint8 (height, width, 3).
        quality: 1 to 100.

    Returns:
        float32 (down, across, 8, 8).
    """
    down, across = blocks.grid(rgb.shape)
    out = np.empty((down, across, blocks.SIDE, blocks.SIDE), np.float32)
    quantisers = blocks.quantisers(quality)
    divisors = np.rint(quantisers * _SCALES[:, None] * _SCALES * 8).astype(np.int32)[:, :, None, None]
    for top in range(0, down, blocks.AT_ONCE):
        rows = min(blocks.AT_ONCE, down - top)
        part = rgb[top * 8 : (top + rows) * 8, : across * 8].astype(np.float32) @ blocks.LUMA
        luma = np.rint(part).astype(np.int32) - 128
        # (row in the block, column in the block, down, across)
        samples = np.ascontiguousarray(luma.reshape(rows, 8, across, 8).transpose(1, 3, 0, 2))
        across_done = np.stack(_pass([samples[:, i] for i in range(8)]), 1)
        whole = np.stack(_pass([across_done[i] for i in range(8)]))
        steps = (np.abs(whole) + divisors // 2) // divisors * np.sign(whole)
        out[top : top + rows] = (steps * quantisers[:, :, None, None]).transpose(2, 3, 0, 1)
    out[..., 0, 0] += 128 * blocks.SIDE
    return out
