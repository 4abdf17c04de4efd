"""Blocks, lattice, map, sync header, channels."""

from dataclasses import replace

import numpy as np
import pytest

from stegocli.canonical.lock import Lock
from stegocli.robust import blocks, fastdct, lattice, rangecoder, services, simulate, strength, sync


def _picture(height=200, width=232, seed=0):
    rng = np.random.default_rng(seed)
    smooth = rng.normal(size=(height // 8 + 2, width // 8 + 2, 3)).repeat(8, 0).repeat(8, 1)[:height, :width]
    return np.clip(128 + 40 * smooth + 12 * rng.normal(size=(height, width, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("quality", [1, 30, 50, 75, 90, 100])
def test_quantisers_are_libjpegs(quality):
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(_picture()).save(file, "JPEG", quality=quality)
    assert np.array_equal(blocks.quantisers(quality).reshape(-1), Image.open(file).quantization[0])


def test_change_of_coefficients_arrives():
    rgb = _picture()
    before = blocks.forward(rgb)
    change = np.zeros_like(before)
    change[..., 1, 2] = 25
    moved = blocks.forward(blocks.add(np.full_like(rgb, 128), change))
    assert abs(moved[..., 1, 2].mean() - 25) < 0.5
    assert abs(moved[..., 2, 1]).max() < 2
    assert np.array_equal(blocks.add(rgb, np.zeros_like(before)), rgb)


@pytest.mark.parametrize("count", [1, 511, 512, 513, 5000])
def test_lattice_round_trip(count):
    rng = np.random.default_rng(count)
    bits = rng.integers(1, lattice.MOST_BITS + 1, count).astype(np.uint8)
    stream = rng.integers(0, 2, int(bits.sum())).astype(np.uint8)
    values = (20 * rng.normal(size=count)).astype(np.float32)
    whole = lattice.write(values, stream, bits, np.ones(count, np.float32))
    soft = lattice.read((whole + rng.uniform(-0.45, 0.45, count)).astype(np.float32), bits, np.full(count, 3.0))
    assert np.array_equal(soft < 0, stream.astype(bool))


def test_lattice_costs_what_is_said():
    rng = np.random.default_rng(0)
    for bits in (1, 2, 3):
        each = np.full(20480, bits, np.uint8)
        values = (20 * rng.normal(size=len(each))).astype(np.float32)
        stream = rng.integers(0, 2, int(each.sum())).astype(np.uint8)
        cost = np.square(lattice.write(values, stream, each, np.ones(len(each))) - values).mean()
        assert cost == pytest.approx(float(lattice.mean_cost(np.array(bits))), rel=0.04)


def test_map_round_trip_and_size():
    rng = np.random.default_rng(0)
    for height, width, highest in ((1, 1, 8), (3, 7, 8), (40, 30, 8), (31, 31, 3), (20, 20, 1)):
        levels = rng.integers(0, highest, (height, width)).astype(np.uint8)
        assert np.array_equal(rangecoder.unpack(rangecoder.pack(levels), levels.shape), levels)
    assert len(rangecoder.pack(np.full((60, 60), 5, np.uint8))) < 60
    assert rangecoder.unpack(b"", (4, 4)).shape == (4, 4)


def test_flat_parts_get_less():
    rgb = _picture(256, 256)
    rgb[:, :128] = 90
    designer = strength.Designer(rgb, 75, 10.0, 0.03)
    design = designer.most()
    levels = strength.of_blocks(design.levels, designer.shape)
    bits = strength.bits(75, design.strength, design.levels, designer.shape).sum((2, 3), dtype=int)
    assert levels[:, 1:14].min() > levels[:, 18:].max()
    assert bits[:, 1:14].mean() < 0.4 * bits[:, 18:].mean()


def test_less_content_costs_less():
    designer = strength.Designer(_picture(), 60, 10.0, 0.04)
    costs = [designer.least(bits).cost for bits in (500, 2000, 5000)]
    assert costs == sorted(costs)
    assert designer.least(10**8) is None


@pytest.mark.parametrize("lock", [None, Lock(b"o" * 32, b"w" * 32, b"f" * 32, sync.LOCK)])
def test_sync_header_round_trip(lock):
    header = sync.Header.new(75, 200, 25, lock is not None)
    packed = header.pack(lock)
    assert sync.Header.unpack(packed, lock) == header
    for at in range(len(packed)):
        assert sync.Header.unpack(packed[:at] + bytes([packed[at] ^ 4]) + packed[at + 1 :], lock) is None


def test_a_later_format_says_so():
    body = bytes([sync.FORMAT + 1, 75, 0, 200, 25])
    with pytest.raises(sync.LaterFormat):
        sync.Header.unpack(sync.append_crc(body), None)


def _header_written(rgb, alone):
    now = blocks.forward(rgb)
    positions = sync.header_positions(now.shape[:2])[0]
    content = sync.Header.new(75, 9, 17, False).pack(None)
    written = np.full(len(positions), True)
    if alone:
        written &= ~sync.left_alone(sync.energy(now), positions, len(content))
    values = now.reshape(-1)[positions] / sync.OPEN_STEP
    change = np.zeros(now.size)
    change[positions[written]] = ((sync.write(values, content) - values) * sync.OPEN_STEP)[written]
    return blocks.add(rgb, change.reshape(now.shape))


def test_sync_header_alone_changes_little():
    """Its price: above 50 dB."""
    rgb = _picture(504, 504)
    stego = _header_written(rgb, alone=False)
    mse = np.square(stego.astype(float) - rgb).mean()
    assert 10 * np.log10(255**2 / mse) > 50


def test_sync_header_leaves_a_sky_as_it_is_and_is_read():
    rgb = _picture(400, 400)
    rgb[:200] = 150 + np.arange(400)[None, :, None] // 20
    stego = _header_written(rgb, alone=True)
    assert np.array_equal(stego[:184], rgb[:184])
    assert not np.array_equal(stego, rgb)
    for quality in (50, 75, 95):
        received = simulate.received(stego, (simulate.Jpeg(quality),))
        assert sync.Reader(received).header(None).quality == 75


def test_parameters_that_no_writer_makes_are_refused():
    good = sync.Parameters(40, 100, 32, b"map")
    assert sync.Parameters.unpack(good.pack()) == good
    for forged in (b"", good.pack()[:6], replace(good, strength=strength.STRONGEST + 1).pack()):
        assert sync.Parameters.unpack(forged) is None
    for name in ("length", "llr_scale"):
        assert sync.Parameters.unpack(replace(good, **{name: 0}).pack()) is None


@pytest.mark.parametrize("quality", [30, 75, 95])
def test_fast_dct_is_near_the_accurate_one(quality):
    rgb = _picture()
    values = fastdct.received(rgb, quality)
    steps = values / blocks.quantisers(quality)
    steps[..., 0, 0] = (values[..., 0, 0] - 1024) / blocks.quantisers(quality)[0, 0]
    assert np.abs(steps - np.rint(steps)).max() < 1e-3
    exact = blocks.forward(rgb)
    assert np.abs(values - exact).max() < 0.5 * blocks.quantisers(quality).max() + 6
    assert np.mean(np.abs(values - exact) <= blocks.quantisers(quality) / 2 + 2) > 0.99


def test_services_say_where_they_come_from_and_can_be_played():
    for service in services.SERVICES.values():
        assert service.source and service.date and service.codec in ("JPEG", "WebP")
        assert service.design_quality in services.QUALITIES
        small = np.zeros((20, 30, 3), np.uint8)
        assert simulate.through(service)(small).shape == small.shape
    wide = simulate.through(services.SERVICES["instagram"])(np.zeros((10, 2000, 3), np.uint8))
    assert wide.shape == (5, 1080, 3)
    assert str(simulate.through(services.SERVICES["misskey"])) == "at most 2048 px (Pillow bicubic) + WebP 85"
    assert services.SERVICES["whatsapp"].longest_side == 1600
