"""Blocks, lattice, map, preamble, channels."""

import numpy as np
import pytest

from stegocli.robust import blocks, channels, embedding, lattice, preamble, strength


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
        assert np.array_equal(strength.unpack(strength.pack(levels), levels.shape), levels)
    assert len(strength.pack(np.full((60, 60), 5, np.uint8))) < 60
    assert strength.unpack(b"", (4, 4)).shape == (4, 4)


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


@pytest.mark.parametrize("private", [False, True])
def test_front_round_trip(private):
    front = preamble.Front(75, 200, b"s" * 16, b"n" * 12) if private else preamble.Front(75, 200)
    packed = front.pack()
    assert len(packed) == preamble.FRONT_SIZE
    assert preamble.Front.unpack(packed) == front
    for at in range(len(packed)):
        assert preamble.Front.unpack(packed[:at] + bytes([packed[at] ^ 4]) + packed[at + 1 :]) is None


def test_front_alone_changes_little():
    """The front's price: above 48 dB."""
    rgb = _picture(504, 504)
    now = blocks.forward(rgb)
    places = preamble.front_places(now.shape[:2])
    flat = now.reshape(-1)[places] / preamble.FRONT_STEP
    change = np.zeros(now.size)
    change[places] = (preamble.write(flat, preamble.Front(75, 9).pack()) - flat) * preamble.FRONT_STEP
    stego = blocks.add(rgb, change.reshape(now.shape))
    mse = np.square(stego.astype(float) - rgb).mean()
    assert 10 * np.log10(255**2 / mse) > 48


def test_channels_say_where_they_come_from():
    for channel in channels.CHANNELS.values():
        assert channel.source
        assert channel.date
        assert channel.design_quality in embedding.QUALITIES
    assert channels.CHANNELS["whatsapp"].longest_side == 1600
