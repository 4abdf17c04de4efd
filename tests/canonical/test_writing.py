"""A stego at a given change."""

import numpy as np
import pytest
from pictures import photograph

from stegocli.canonical import dither, grid, reading
from stegocli.canonical.channels import Jpeg, Resize, channel
from stegocli.canonical.preamble import Preamble
from stegocli.canonical.reading import Frame
from stegocli.canonical.writing import Writer, information
from stegocli.picture import metrics

CHANNEL = channel(Resize(0.5), Jpeg(75))


@pytest.fixture(scope="module")
def cover():
    return photograph(256, 272, 0)


@pytest.mark.parametrize("spent", [6.0, 8.0])
def test_the_cover_changes_by_what_may_be_spent(cover, spent):
    writer = Writer(cover, grid.size_for(cover.shape))
    frame = Frame.of(writer.size, Preamble.new(24, 1, False), None)
    bits = np.random.default_rng(0).integers(0, 2, len(frame.content)).astype(np.uint8)
    stego = writer.write(frame, bits, spent, [(CHANNEL, 0.6)]).stego
    assert metrics.mse(cover, stego) == pytest.approx(spent, rel=0.02)
    assert metrics.mse(cover, stego) > writer.least(frame)
    received = reading.receive(CHANNEL(stego), writer.size)
    assert information(frame.log_odds(received, reading.measured(received, frame)), bits) > 0.1 * len(bits)


def test_blocks_that_are_not_written_to_hardly_change(cover):
    cover = cover.copy()
    cover[:128] = 120
    writer = Writer(cover, grid.size_for(cover.shape))
    frame = Frame.of(writer.size, Preamble.new(24, 1, False), None)
    written = writer.write(frame, np.zeros(len(frame.content), np.uint8), 3.0, [(CHANNEL, 0.6)])
    assert written.moved.any() and not written.moved.reshape(-1, 64)[~writer.written].any()
    change = np.abs(written.stego[:96].astype(int) - cover[:96])
    assert change.max() <= 1


@pytest.mark.parametrize("side", [16, 11])
def test_each_block_keeps_its_floor_whatever_is_spent(cover, side):
    writer = Writer(cover, grid.size_for(cover.shape), side)
    frame = Frame.of(writer.size, Preamble.new(50, 1, False), None)
    bits = np.random.default_rng(0).integers(0, 2, len(frame.content)).astype(np.uint8)
    stego = writer.write(frame, bits, 60.0, [(CHANNEL, 0.6)]).stego
    assert metrics.worst_block(cover, stego, side) >= 30.5
    assert metrics.psnr(cover, stego) < 33


def test_what_is_fixed_is_firm_where_few_blocks_are_written_to(cover):
    """Pilots and preamble are nearer to their points after a channel, for the same change."""
    sparse = cover.copy()
    sparse[56:] = 120
    writer = Writer(sparse, grid.size_for(cover.shape))
    assert writer.sparse < 1
    frame = Frame.of(writer.size, Preamble.new(24, 1, False), None)
    bits = np.random.default_rng(0).integers(0, 2, len(frame.content)).astype(np.uint8)
    known, known_bits = frame.known()
    errors = []
    for firm in (False, True):
        stego = writer.write(frame, bits, 2.0, [(CHANNEL, 0.6)], firm).stego
        received = reading.receive(CHANNEL(stego), writer.size)
        gains = reading.measured(received, frame).gains(known)
        offsets = dither.offsets(received.flat[known.positions] / gains, known, known_bits)
        errors.append(np.square(offsets[writer.written[known.blocks]]).mean())
    assert errors[1] < 0.97 * errors[0]
