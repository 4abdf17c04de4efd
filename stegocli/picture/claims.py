"""What a picture says of its own size, held against what can be behind it before anything is decoded.

A header of a few bytes may name any width and height, and decoders allocate what it names. So there is one rule for
each of the two places where sizes come from:

- a file that the user gives may have as many pixels as its codec can store in the file's bytes at best, and `LEAST` or
  `FREE` whatever its length (`check_file`);
- content that comes out of a stego is somebody else's word: its picture may have `FREE_REVEALED` pixels, or
  `PER_CARRIER` for each pixel of the stego (`check_revealed`). What a reveal takes is then bounded by the picture that
  the receiver holds in his hands. `hide` asks the same question, so it makes nothing that `reveal` would refuse.
"""

from pathlib import Path

from PIL import Image, TiffImagePlugin

from ..errors import StegoError

# Where Pillow refuses to decode a file.
MOST_PIXELS = 2 * 89_478_485
# Bytes of a file that a browser sends: as many as the largest picture has samples.
MOST_SENT = 3 * MOST_PIXELS
# Of a file in a codec that stores a flat picture of any size in next to nothing, and of one in any other.
FREE, LEAST = 36_000_000, 1_000_000
FREE_REVEALED, PER_CARRIER = 16_000_000, 100
# To rebuild a PNG is to compress its rows again, for which deflate takes up to 5 s a megapixel of rows made for that.
FREE_REBUILT, REBUILT_PER_CARRIER = 2_000_000, 32
# Bytes that packed files of a stego may come to.
MOST_UNPACKED = 1 << 26
# Of a revealed picture: one row of many million pixels is worked on at once, and no file format for photographs goes
# much further.
LONGEST_SIDE = 65_536
# Bits of samples that a bit of a file can stand for at most. Deflate: 258 bytes in 2 bits. LZW: a word of 4,096 in 12
# bits. PackBits: 128 bytes in 2. A JPEG's block of 64 samples takes two bits, or one if it is progressive; four times
# that is left for arithmetic coding. Where there is no such limit: as deflate, and `FREE`.
_DEFLATE, _LZW, _PACKED, _JPEG = 1032, 2731, 64, 2048
_TIFF = {1: 1, 5: _LZW, 6: _JPEG, 7: _JPEG, 8: _DEFLATE, 32773: _PACKED, 32946: _DEFLATE}
_RATIOS = {"PNG": _DEFLATE, "GIF": _LZW, "JPEG": _JPEG, "MPO": _JPEG, "BMP": 128, "PPM": 8}
# Bits a pixel at least, by what Pillow makes of it: grey and palettes may be of one bit.
_BITS = {"1": 1, "P": 1, "L": 1, "LA": 2, "PA": 2, "I": 12, "I;16": 12, "I;16B": 12, "F": 16}


def most_revealed(carrier: int | None) -> int:
    """Pixels of a picture that comes out of a stego of so many pixels; None: out of none that is known yet."""
    return MOST_PIXELS if carrier is None else min(MOST_PIXELS, max(FREE_REVEALED, PER_CARRIER * carrier))


def check_revealed(width: int, height: int, carrier: int | None = None) -> None:
    """Refuse a size that content in a stego claims, before it is decoded.

    Args:
        carrier: pixels of the stego (or, at hide, of the cover), as in `most_revealed`.

    Raises:
        ValueError: when it is more than that stego may bring back.
    """
    if min(width, height) < 1 or max(width, height) > LONGEST_SIDE or width * height > most_revealed(carrier):
        raise ValueError(f"a picture of {width}x{height}")


def check_secret(
    path: Path | str, size: tuple[int, int], carrier: int | None, cover: Path | str = "this cover"
) -> None:
    """As `check_revealed`, at hide, for people.

    Raises:
        StegoError: when `reveal` would refuse a secret of this size.
    """
    try:
        check_revealed(*size, carrier)
    except ValueError:
        most = f"{most_revealed(carrier) / 1e6:.3g} million pixels, {LONGEST_SIDE:,} a side,"
        raise StegoError(
            f"{path} has {size[0]}x{size[1]} pixels, and at most {most} come back from {cover}: shrink it, or use a "
            "larger cover."
        ) from None


def most_rebuilt(carrier: int | None) -> int:
    """Pixels of PNGs, out of a stego (or, at hide, a cover) of so many, that may be compressed again."""
    return MOST_PIXELS if carrier is None else max(FREE_REBUILT, REBUILT_PER_CARRIER * carrier)


def may_rebuild(pixels: int, carrier: int | None) -> bool:
    """Whether a PNG of so many pixels may be compressed again; `carrier` as in `most_rebuilt`."""
    return pixels <= most_rebuilt(carrier)


def check_unopened(content: bytes) -> None:
    """As `check_file`, for formats whose decoder makes room for the whole picture as soon as it opens: WebP.

    Raises:
        ValueError: as `check_file`; for what is no WebP, nothing.
    """
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        width, height = webp_size(content)
        if width * height > max(FREE, len(content) * _DEFLATE // 3):
            raise ValueError(f"{width}x{height} pixels in {len(content):,} bytes")


def check_file(picture: Image.Image, content: bytes) -> None:
    """Refuse a file whose bytes can't hold the size that it claims.

    Args:
        picture: opened by Pillow, but not loaded.
        content: the whole file.

    Raises:
        ValueError: when they can't, or when it is more than `MOST_PIXELS`.
    """
    width, height = picture.size
    pixels = width * height
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        # Tiles may be larger than the picture, and are allocated whole.
        pixels = max(pixels, picture.tag_v2.get(322, 0) * picture.tag_v2.get(323, 0))
    if pixels > min(MOST_PIXELS, _held(picture, content)):
        raise ValueError(f"{width}x{height} pixels in {len(content):,} bytes")


def _held(picture: Image.Image, content: bytes) -> int:
    """Pixels that a file's bytes can hold at most."""
    bits = 8 if picture.format in ("GIF", "JPEG", "MPO") else _BITS.get(picture.mode, 8 * len(picture.getbands()))
    if picture.format == "PNG":
        depth, colour = content[24:26]
        bits = depth * {2: 3, 4: 2, 6: 4}.get(colour, 1)
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        ratio = _TIFF.get(picture.tag_v2.get(259, 1))
    else:
        ratio = _RATIOS.get(picture.format or "")
        if picture.format == "BMP" and content[30:34] == bytes(4):  # no run lengths
            ratio = 1
    if ratio is None:
        return max(FREE, 8 * len(content) * _DEFLATE // bits)
    return max(LEAST, 8 * len(content) * ratio // bits)


def webp_size(content: bytes) -> tuple[int, int]:
    """(width, height) that a WebP file says (RFC 9649).

    Raises:
        ValueError: for what is no WebP.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP" or len(content) < 25:
        raise ValueError("no WebP")
    kind = content[12:16]
    if kind == b"VP8X":
        width, height = 1 + int.from_bytes(content[24:27], "little"), 1 + int.from_bytes(content[27:30], "little")
    elif kind == b"VP8L":
        width, height = _vp8l_size(content[21:25])
    else:
        width, height = (int.from_bytes(content[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    return width, height


def _vp8l_size(packed: bytes) -> tuple[int, int]:
    bits = int.from_bytes(packed, "little")
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)


def lossless_webp_size(content: bytes) -> tuple[int, int]:
    """(width, height) that a lossless WebP file without extras says (RFC 9649).

    Raises:
        ValueError: for anything else.
    """
    if content[:4] != b"RIFF" or content[8:16] != b"WEBPVP8L" or content[20:21] != b"\x2f" or len(content) < 25:
        raise ValueError("no lossless WebP")
    return _vp8l_size(content[21:25])


class _Bits:
    """Fields of a JPEG XL header, least significant bit first (ISO/IEC 18181-1, annex B)."""

    def __init__(self, content: bytes):
        self.bits = int.from_bytes(content, "little")

    def take(self, count: int) -> int:
        value, self.bits = self.bits & ((1 << count) - 1), self.bits >> count
        return value

    def size(self) -> tuple[int, int]:
        small = self.take(1)

        def side() -> int:
            return 8 * (1 + self.take(5)) if small else 1 + self.take((9, 13, 18, 30)[self.take(2)])

        height = side()
        ratio = self.take(3)
        if not ratio:
            return side(), height
        across, down = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
        return height * across // down, height


def jxl_size(content: bytes) -> tuple[int, int]:
    """(width, height) that a bare JPEG XL stream of one picture of 8 bits a sample says.

    Raises:
        ValueError: for anything else: a container, an animation, a preview, more channels than RGBA has. Each could
            make the decoder work on more than the size that is named.
    """
    if content[:2] != b"\xff\x0a":
        raise ValueError("no JPEG XL stream")
    bits = _Bits(content[2:34])
    size = bits.size()
    if bits.take(1):  # all the rest as usual: 8 bits, RGB
        return size
    if bits.take(1):  # extra fields: the orientation, then three that must not be there
        bits.take(3)
        if bits.take(3):
            raise ValueError("a JPEG XL of more than one picture")
    if bits.take(3) != 0:  # integers, of 8 bits
        raise ValueError("a JPEG XL of other samples")
    bits.take(1)
    if bits.take(2) > 1:  # extra channels: none, or alpha
        raise ValueError("a JPEG XL of many channels")
    return size
