"""What a reader must know first."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegocli.canonical import preamble
from stegocli.canonical.lock import Lock
from stegocli.canonical.preamble import LaterFormat, Preamble

LOCK = Lock(bytes(32), bytes(32), b"1" * 32, preamble.LOCK)
OTHER = Lock(bytes(32), bytes(32), b"2" * 32, preamble.LOCK)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 63), st.integers(1, preamble.LONGEST), st.booleans())
def test_what_is_packed_is_unpacked(strength, length, private):
    lock = LOCK if private else None
    told = Preamble.new(strength, length, private)
    packed = told.pack(lock)
    assert len(packed) == preamble.size_of(private)
    assert Preamble.unpack(packed, lock) == told
    assert Preamble.unpack(packed, OTHER) is None


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 39), st.booleans())
def test_one_bit_wrong_is_seen(bit, private):
    lock = LOCK if private else None
    packed = bytearray(Preamble.new(9, 99, private).pack(lock))
    packed[bit // 8] ^= 1 << bit % 8
    assert Preamble.unpack(bytes(packed), lock) is None


def test_a_later_version_is_told():
    body = (15 << 20 | 99).to_bytes(3, "big")
    with pytest.raises(LaterFormat):
        Preamble.unpack(body + preamble.binascii.crc_hqx(body, 0).to_bytes(2, "big"), None)


def test_an_empty_content_is_none():
    assert Preamble.unpack(Preamble(3, 0).pack(None), None) is None


def test_coefficients_that_were_not_written_tell_nothing():
    odds = np.array([-20.0, -3.0, 0.0, 3.0, 20.0])
    assert not preamble.weakened(odds, np.zeros(5)).any()
    half = preamble.weakened(odds, np.full(5, 0.5))
    assert np.all(np.abs(half) <= np.log(3) + 1e-6) and np.array_equal(np.sign(half), np.sign(odds))
