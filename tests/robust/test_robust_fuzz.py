"""Forged fields in stegos that survive: the content, or a plain refusal, in time that the picture's size bounds."""

import struct
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import photograph

from stegocli.robust import blocks, rangecoder, simulate, strength, sync
from stegocli.robust.embedding import Embedder
from stegocli.robust.reading import NothingFound, PasswordNeeded, TooDamaged, extract, read

pytestmark = pytest.mark.slow

REFUSED = (NothingFound, PasswordNeeded, TooDamaged, sync.LaterFormat)
# CPU seconds, far above what any forged stego of 256x256 takes, far below what it did.
PATIENCE = 20.0
RGB = photograph(256, 256)


def forged(header: bytes, parameters: bytes, quality: int = 75) -> np.ndarray:
    """Coefficients with this header, and behind it these parameters with a CRC that is right, where it says."""
    coefficients = blocks.forward(RGB).astype(np.float64)
    flat, shape = coefficients.reshape(-1), blocks.grid(RGB.shape)
    positions, rest = sync.header_positions(shape)
    flat[positions] = sync.write(flat[positions] / sync.OPEN_STEP, sync.append_crc(header)) * sync.OPEN_STEP
    sealed = sync.append_crc(parameters)
    at = sync.parameter_positions(rest, sync.Header(quality, len(sealed), 17), sync.CONTENT_ORDER)
    if at is not None and len(at):
        steps = sync.grid_steps(quality, at)
        flat[at] = sync.write(flat[at] / steps, sealed) * steps
    return coefficients


def tried(coefficients: np.ndarray) -> bytes | None:
    begin = time.process_time()
    try:
        return read(coefficients, None)
    except REFUSED:
        return None
    finally:
        assert time.process_time() - begin < PATIENCE


def head(quality: int, size: int, redundancy: int = 17, kind: int = sync.FORMAT) -> bytes:
    return struct.pack(">BBHB", kind, quality, size, redundancy)


def fields(strong: int, length: int, llr_scale: int) -> bytes:
    return struct.pack(">HIB", strong, length, llr_scale)


MAP = rangecoder.pack(np.zeros(strength.cells(blocks.grid(RGB.shape)), np.uint8))


@pytest.mark.parametrize(("quality", "length"), [(30, 1), (60, 100), (95, 1), (95, 2500), (30, 20_000)])
def test_the_strongest_design_is_read_in_bounded_time(quality, length):
    parameters = fields(strength.STRONGEST, length, 255) + MAP
    assert tried(forged(head(quality, len(parameters) + 4), parameters, quality)) is None


@pytest.mark.parametrize("parameters", [b"", b"\0", fields(9, 9, 9)[:6], fields(65535, 9, 9), fields(9, 0, 9)])
def test_parameters_too_short_or_out_of_range_are_refused(parameters):
    assert tried(forged(head(75, len(parameters) + 4), parameters)) is None


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 65535), st.integers(0, 255))
def test_any_header_is_refused_or_leads_nowhere(kind, quality, size, redundancy):
    assert tried(forged(head(quality, size, redundancy, kind), fields(40, 50, 30))) is None


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(0, 255), st.binary(max_size=40))
def test_any_parameters_are_refused_or_lead_nowhere(strong, length, llr_scale, levels):
    parameters = fields(strong, length, llr_scale) + levels
    assert tried(forged(head(75, len(parameters) + 4), parameters)) is None


@pytest.fixture(scope="module")
def stego():
    return Embedder(RGB, 75).embed(b"something of no great length").stego


def test_damaged_stegos_give_the_content_or_are_refused(stego):
    rng = np.random.default_rng(0)
    came_back = 0
    for number in range(12):
        damaged = stego.copy()
        side = int(rng.integers(8, 200))
        y, x = rng.integers(0, 256 - side, 2)
        damaged[y : y + side, x : x + side] = rng.integers(0, 256, 3) if number % 2 else stego[::-1][:side, :side]
        try:
            assert extract(damaged) == b"something of no great length"
            came_back += 1
        except REFUSED:
            pass
    assert 0 < came_back < 12


def test_a_fast_encoder_at_the_design_quality_leaves_it_readable(stego):
    received = simulate.received(stego, (simulate.Jpeg(75, fast=True),))
    assert read(received, None) == b"something of no great length"
