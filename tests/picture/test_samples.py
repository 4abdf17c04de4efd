"""Samples of every layout against arrays that these files were written from, by struct and zlib alone."""

import io
import itertools
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from stegocli.errors import StegoError
from stegocli.picture import files, png

HEIGHT, WIDTH = 14, 22


def packed(samples: np.ndarray, depth: int) -> list[bytes]:
    """Rows of samples of 1, 2, 4, 8 or 16 bits, big-endian, each filled up to a byte."""
    rows = samples.reshape(len(samples), -1)
    if depth == 16:
        return [row.astype(">u2").tobytes() for row in rows]
    bits = (rows[..., None].astype(np.uint8) >> np.arange(depth - 1, -1, -1)) & 1
    return [np.packbits(row).tobytes() for row in bits.reshape(len(rows), -1).astype(np.uint8)]


def png_of(samples: np.ndarray, depth: int, colour: int, *chunks: tuple[bytes, bytes], orientation: int = 1) -> bytes:
    """A PNG of the Up filter."""
    rows = [np.frombuffer(row, np.uint8) for row in packed(samples, depth)]
    above = itertools.chain([np.zeros_like(rows[0])], rows)
    raw = b"".join(b"\2" + (row - up).tobytes() for row, up in zip(rows, above, strict=False))
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], depth, colour, 0, 0, 0)
    exif = b"MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1" + struct.pack(">H", orientation) + bytes(6)
    turn = [(b"eXIf", exif)] if orientation != 1 else []
    return png.join([(b"IHDR", header), *chunks, *turn, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")])


def drawn(depth: int, channels: int, seed: int = 0) -> np.ndarray:
    shape = (HEIGHT, WIDTH, channels) if channels > 1 else (HEIGHT, WIDTH)
    return np.random.default_rng(seed).integers(0, 1 << depth, shape, dtype=np.uint16)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_one_transparent_grey(depth, orientation):
    grey = drawn(depth, 1)
    grey[3, 5] = mark = grey[0, 0]
    if depth == 16:
        grey[4, 4] = mark ^ 1  # the same in 8 bits, and not transparent
    for value in {int(mark), 0, (1 << depth) - 1}:
        stray = value | (0 if depth == 16 else 1 << depth)  # bits above the depth mean nothing
        content = png_of(grey, depth, 0, (b"tRNS", struct.pack(">H", stray)), orientation=orientation)
        got = files.read("x", content)
        turn = (lambda a: a) if orientation == 1 else (lambda a: np.rot90(a, -1))
        assert np.array_equal(got.alpha, turn(np.where(grey == value, 0, 255))), f"{depth} bits, {value}"
        shown = turn(np.round(grey / ((1 << depth) - 1) * 255))
        assert np.array_equal(got.rgb[..., 0], shown) and got.grey


@pytest.mark.parametrize("orientation", [1, 8])
@pytest.mark.parametrize("depth", [8, 16])
def test_one_transparent_colour(depth, orientation):
    rgb = drawn(depth, 3)
    mark = rgb[3, 5] = rgb[0, 0]
    rgb[4, 4] = mark ^ [0, 0, 1]
    content = png_of(rgb, depth, 2, (b"tRNS", struct.pack(">3H", *mark)), orientation=orientation)
    turn = (lambda a: a) if orientation == 1 else (lambda a: np.rot90(a))
    got = files.read("x", content)
    assert np.array_equal(got.alpha, turn(np.where((rgb == mark).all(-1), 0, 255)))
    assert np.array_equal(got.rgb, turn(rgb >> (depth - 8)))


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("kind", ["levels", "one", "short"])
def test_a_palette_with_transparency(depth, kind):
    size = 1 << depth
    indices, colours = drawn(depth, 1), np.random.default_rng(1).integers(0, 256, (size, 3), dtype=np.uint8)
    levels = np.full(size, 255, np.uint8)
    if kind == "levels":
        levels[:] = np.linspace(0, 255, size)
    else:
        levels[1 if kind == "one" else 0] = 0
    stored = levels[: {"levels": size, "one": 2, "short": 1}[kind]].tobytes()
    got = files.read("x", png_of(indices, depth, 3, (b"PLTE", colours.tobytes()), (b"tRNS", stored)))
    assert np.array_equal(got.rgb, colours[indices]) and np.array_equal(got.alpha, levels[indices])


def tiff(
    samples: np.ndarray, order: str, photometric: int, *, bits: int = 0, form: int = 1, planar: int = 1,
    tile: int = 0, extra: int | None = None, deflate: bool = False,
) -> bytes:  # fmt: skip
    """An uncompressed or deflated TIFF; samples of (height, width) or (height, width, channels), any integer type."""
    height, width = samples.shape[:2]
    samples = samples.reshape(height, width, -1)
    channels = samples.shape[2]
    bits = bits or 8 * samples.itemsize
    planes = [samples[..., c : c + 1] for c in range(channels)] if planar == 2 else [samples]

    def stored(part: np.ndarray) -> bytes:
        if bits == 12:
            field = (part.reshape(len(part), -1)[..., None].astype(np.uint16) >> np.arange(11, -1, -1)) & 1
            raw = b"".join(np.packbits(row).tobytes() for row in field.reshape(len(part), -1).astype(np.uint8))
        else:
            raw = part.astype(part.dtype.newbyteorder(order)).tobytes()
        return zlib.compress(raw) if deflate else raw

    parts = []
    for plane in planes:
        if tile:
            wide = np.pad(plane, ((0, -height % tile), (0, -width % tile), (0, 0)))
            parts += [
                stored(wide[y : y + tile, x : x + tile]) for y in range(0, height, tile) for x in range(0, width, tile)
            ]
        else:
            parts.append(stored(plane))
    tags = {256: (3, [width]), 257: (3, [height]), 258: (3, [bits] * channels), 259: (3, [8 if deflate else 1])}
    tags |= {262: (3, [photometric]), 277: (3, [channels]), 284: (3, [planar]), 339: (3, [form] * channels)}
    tags |= {322: (3, [tile]), 323: (3, [tile])} if tile else {278: (3, [height])}
    if extra is not None:
        tags[338] = (3, [extra])
    at, positions = 8, []
    for part in parts:
        positions.append(at)
        at += len(part) + len(part) % 2
    tags |= {324 if tile else 273: (4, positions), 325 if tile else 279: (4, [len(p) for p in parts])}
    body, entries, after = b"".join(p + bytes(len(p) % 2) for p in parts), b"", b""
    after_at = at + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        data = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(data) > 4:
            data, after = struct.pack(f"{order}I", after_at + len(after)), after + data
        entries += struct.pack(f"{order}HHI", tag, kind, len(values)) + data.ljust(4, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, at)
    return head + body + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + after


LAYOUTS = [
    dict(zip(("order", "tile", "deflate"), v, strict=True)) for v in itertools.product("<>", (0, 16), (False, True))
]


def read_or_refused(content: bytes) -> files.Picture | None:
    try:
        return files.read("x.tif", content)
    except StegoError as error:
        assert "x.tif" in str(error)
        return None


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("photometric", [0, 1], ids=["white-is-0", "black-is-0"])
def test_grey_tiffs_of_any_layout(layout, bits, photometric):
    grey = drawn(bits, 1).astype(np.uint8 if bits == 8 else np.uint16)
    got = read_or_refused(tiff(grey, photometric=photometric, bits=bits, **layout))
    shown = grey / ((1 << bits) - 1) * 255
    if got is not None:
        assert np.abs(got.rgb[..., 0] - (shown if photometric else 255 - shown)).max() < 1
        assert got.grey and bool(got.changes) == (bits > 8)
    elif layout["order"] == "<":
        assert bits == 12 and (photometric == 0 or layout["deflate"] or layout["tile"]), "usual ones are read"


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("planar", [1, 2])
@pytest.mark.parametrize(("bits", "channels"), [(8, 3), (16, 3), (8, 4), (16, 4)])
def test_colour_tiffs_of_any_layout(layout, planar, bits, channels):
    rgb = drawn(bits, channels).astype(np.uint8 if bits == 8 else np.uint16)
    content = tiff(rgb, photometric=2, planar=planar, extra=2 if channels == 4 else None, **layout)
    got = read_or_refused(content)
    if got is not None:
        assert np.abs(got.rgb - rgb[..., :3] / ((1 << bits) - 1) * 255).max() < 1
        assert channels == 3 or np.abs(got.alpha - rgb[..., 3] / ((1 << bits) - 1) * 255).max() < 1
    else:
        assert planar == 2, "usual ones are read"


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("dtype", ["i1", "i2", "i4"])
def test_samples_with_a_sign_are_no_others(order, dtype):
    """What is below 0 is black, or the file is refused; never does it come out bright."""
    signed = np.tile(np.arange(-11, 11), (HEIGHT, 1)).astype(dtype)
    got = read_or_refused(tiff(signed, order, 1, form=2))
    assert got is None or np.array_equal(got.rgb[..., 0], signed.clip(0))


@pytest.mark.parametrize("order", "<>")
def test_32_bits_without_a_sign(order):
    wide = np.linspace(0, 2**32 - 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint32)
    got = read_or_refused(tiff(wide, order, 1))
    assert got is None or np.abs(got.rgb[..., 0] - wide / (2**32 - 1) * 255).max() < 1


@pytest.mark.parametrize("order", "<>")
def test_cielab(order):
    lab = np.zeros((HEIGHT, WIDTH, 3), np.int16)
    lab[..., 0] = np.linspace(0, 255, WIDTH)
    lab[7:, :, 1:] = 40, -30
    got = read_or_refused(tiff(lab.astype(np.uint8), order, 8))
    if got is not None:
        assert np.abs(got.rgb[0, [0, -1]].astype(int) - [[0] * 3, [255] * 3]).max() <= 1
        assert np.ptp(got.rgb[:7].astype(int), axis=-1).max() <= 2, "no colour where a and b are 0"
        # CIE 15, and from XYZ under D50 to sRGB by Bradford (Lindbloom).
        lightness = (int(lab[10, 11, 0]) / 255 * 100 + 16) / 116
        xyz = np.array([0.96422, 1, 0.82521]) * (lightness + np.array([40 / 500, 0, 30 / 200])) ** 3
        linear = xyz @ np.array(
            [
                [3.1338561, -0.9787684, 0.0719453],
                [-1.6168667, 1.9161415, -0.2289914],
                [-0.4906146, 0.0334540, 1.4052427],
            ]
        )
        assert np.abs(got.rgb[10, 11] - 255 * (1.055 * linear ** (1 / 2.4) - 0.055)).max() <= 2
        assert got.changes == ("its CIELab becomes sRGB",)


def test_16_bit_pgm_is_white_at_its_own_maximum():
    dark = np.full((HEIGHT, WIDTH), 200, ">u2")
    for most in (65535, 1023):
        got = files.read("x", b"P5 %d %d %d\n" % (WIDTH, HEIGHT, most) + dark.tobytes())
        assert np.all(got.rgb == round(200 / most * 255))


def test_what_reading_changes_is_told():
    two = io.BytesIO()
    pages = [Image.fromarray(drawn(8, 3, seed).astype(np.uint8)) for seed in (0, 1)]
    for kind in ("GIF", "TIFF", "PNG", "WEBP"):
        two = io.BytesIO()
        pages[0].save(two, kind, save_all=True, append_images=pages[1:])
        assert files.read("x", two.getvalue()).changes == ("only the first of its pictures is used",)
        pages[0].save(one := io.BytesIO(), kind)
        assert files.read("x", one.getvalue()).changes == ()
    for colour, channels in ((0, 1), (2, 3), (4, 2), (6, 4)):
        assert files.read("x", png_of(drawn(16, channels), 16, colour)).changes == ("its 16 bits a sample become 8",)
        assert files.read("x", png_of(drawn(8, channels), 8, colour)).changes == ()


@pytest.mark.parametrize(("scale", "order"), [("-1.0", "<f4"), ("1.0", ">f4")])
def test_a_float_map_is_not_black(scale, order):
    grey = np.linspace(0, 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    content = f"Pf\n{WIDTH} {HEIGHT}\n{scale}\n".encode() + grey[::-1].astype(order).tobytes()
    got = files.read("x.pfm", content)
    assert np.abs(got.rgb[..., 0] - 255 * grey).max() <= 1
    assert any("32 bits" in change for change in got.changes)


def test_a_tiff_with_signed_words_is_refused():
    content = io.BytesIO()
    Image.fromarray(np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 100).save(
        content, "TIFF", tiffinfo={339: 2}
    )
    with pytest.raises(StegoError, match="sign"):
        files.read("x.tif", content.getvalue())


def test_further_channels_of_a_tiff_are_told():
    rgbx = drawn(8, 4).astype(np.uint8)
    entries = [
        (256, 3, 1, WIDTH), (257, 3, 1, HEIGHT), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 8),
        (277, 3, 1, 4), (279, 4, 1, rgbx.size), (338, 3, 1, 0),
    ]  # fmt: skip
    eights = struct.pack("<4H", 8, 8, 8, 8)
    at = 8 + rgbx.size
    entries[2] = (258, 3, 4, at)
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    content = struct.pack("<2sHI", b"II", 42, at + len(eights)) + rgbx.tobytes() + eights + directory
    got = files.read("x.tif", content)
    assert np.array_equal(got.rgb, rgbx[..., :3])
    assert any("1 more channel" in change for change in files.lost_as_pixels(got))
