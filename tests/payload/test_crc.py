import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stegocli.payload import crc


@given(st.binary(max_size=40), st.binary(min_size=1, max_size=40), st.integers(0, 5000))
def test_a_change_adds_the_same_whatever_it_changes(before, change, after):
    rng = np.random.default_rng(after)
    content = rng.bytes(len(change))
    changed = bytes(a ^ b for a, b in zip(content, change, strict=True))
    rest = rng.bytes(after)
    whole, other = before + content + rest, before + changed + rest
    assert zlib.crc32(whole) ^ zlib.crc32(other) == crc.of_change(change, after)


def test_a_change_far_from_the_end_takes_no_bytes_of_what_follows():
    zeros = bytes(1 << 20)
    expected = zlib.crc32(zeros, zlib.crc32(b"\x01")) ^ zlib.crc32(zeros, zlib.crc32(b"\0"))
    assert crc.of_change(b"\x01", 1 << 20) == expected
    assert 0 <= crc.of_change(b"\x01", 10**12) < 1 << 32


@given(st.lists(st.integers(0, 2**12 - 1), max_size=20), st.integers(0, 2**12 - 1))
def test_columns_add_up_to_the_target_where_any_do(columns, target):
    found = crc.solve(columns, target)
    if found is None:
        sums = {0}
        for column in columns:
            sums |= {each ^ column for each in sums}
        assert target not in sums
    else:
        assert len(set(found)) == len(found)
        for number in found:
            target ^= columns[number]
        assert target == 0
