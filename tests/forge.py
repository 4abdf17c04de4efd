"""Forged stegos, and a process of its own that reveals many of them under limits of memory and time.

    python tests/forge.py exact 2000 0     2,000 stegos of embedded bytes, from seed 0
    python tests/forge.py flow 100 0       100 stegos that claim to be the network's

Used by `test_forged`, which runs few; with STEGO_FORGED=2000 it runs so many.
"""

import functools
import io
import json
import lzma
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
from pictures import natural
from PIL import Image

from stegocli.payload import compact, container, embedding, header, keys, lossless, streams
from stegocli.payload.codings import Secret
from stegocli.payload.embedding import EmbeddingPlan, PayloadDescriptor
from stegocli.payload.header import Header
from stegocli.picture import claims, files, png
from stegocli.picture.inputs import Source

EXACT, FLOW = 2, 1
MEMORY, CPU_SECONDS = 1_500_000_000, 20
PASSWORD = "Käse & Brot"
RGB = natural(24, 29)
SIDES = (0, 1, 2, 16, 255, 256, 4000, 4001, 13_000, 16_384, 65_535, 65_536, 10**6, 2**31, 2**32 - 1)


def quick_keys() -> mock._patch:
    """Argon2id at its true cost takes a tenth of a second a guess."""
    return mock.patch.multiple(keys, PASSES=1, MEMORY_KIB=32)


def mutated(rng: np.random.Generator, content: bytes, others: list[bytes]) -> bytes:
    """Some bytes flipped, overwritten, cut out, put in, doubled, or taken from another file."""
    out = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(0, len(out) + 1))
        if rng.random() < 0.5:
            at = min(at, int(rng.integers(0, 64)))  # where the headers are
        span = int(rng.integers(1, 9))
        kind = rng.integers(0, 8)
        if kind <= 1 and at < len(out):
            out[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 2:
            out[at : at + span] = rng.bytes(span)
        elif kind == 3:
            out[at : at + span] = bytes([int(rng.choice([0, 255]))]) * span
        elif kind == 4:
            del out[at : at + span * int(rng.choice([1, 50]))]
        elif kind == 5:
            out[at:at] = out[max(0, at - span) : at]
        elif kind == 6:
            del out[at:]
        else:
            other = others[int(rng.integers(0, len(others)))]
            out[at:] = other[at:]
    return bytes(out)


def encoded(kind: str, samples: np.ndarray = RGB, **options: object) -> bytes:
    content = io.BytesIO()
    Image.fromarray(samples).save(content, kind, **options)
    return content.getvalue()


@functools.cache
def picture_files() -> list[bytes]:
    """One of each kind that is read."""
    exif = Image.Exif()
    exif[0x0112] = 6
    palette, deep = io.BytesIO(), io.BytesIO()
    Image.fromarray(RGB).quantize(8).save(palette, "PNG", transparency=bytes(range(8)))
    Image.fromarray(RGB[..., 0].astype(np.uint16) * 257).save(deep, "PNG")
    found = [
        encoded("PNG", dpi=(72, 72)), encoded("PNG", RGB[..., 0]), encoded("PNG", np.dstack([RGB, RGB[..., 1]])),
        palette.getvalue(), deep.getvalue(), encoded("JPEG", exif=exif), encoded("JPEG", progressive=True),
        encoded("WEBP", lossless=True), encoded("WEBP"), encoded("BMP"), encoded("BMP", RGB[..., 0]),
        encoded("TIFF"), encoded("TIFF", compression="tiff_lzw", dpi=(72, 72)),
        encoded("TIFF", RGB[..., 0].astype(np.float32)), encoded("GIF"), encoded("PPM"), encoded("JPEG2000"),
    ]  # fmt: skip
    return [*found, encoded("AVIF")] if "AVIF" in files.FORMATS else found


@functools.cache
def contents() -> list[bytes]:
    """Valid contents, at least one of each kind."""

    def coded(name: str, own: bytes) -> bytes:
        return Secret(Source(Path(name), own)).encoder.exact().content

    own, profile = encoded("PNG", dpi=(72, 72)), container.pack_profile(b"profile")
    with mock.patch.object(png, "recipe", lambda *_: None):
        pixels = lossless.recoded(own, "a.png", None)[0].content
    jxl, loss = streams.jxl(RGB, 3), streams.encode_jxl(RGB, quality=60, effort=3)
    small = container.pack(container.SMALL, ".png")
    head = struct.pack(">II", RGB.shape[1], RGB.shape[0])
    found = [
        coded("a.txt", b"text"), container.pack(container.JXL, ".png", profile, jxl),
        container.pack(container.WEBP, ".png", profile, streams.webp(RGB)),
        container.pack(container.NEAR_LOSSLESS, ".png", profile, bytes([5]), jxl),
        container.pack(container.LOSSY, ".png", profile, loss),
        small + compact.fit(RGB, 700)[0], small + head + b"\2" + loss, small + head + b"\3" + encoded("WEBP"),
        pixels, coded("a.tif", encoded("TIFF")), coded("a.png", own), coded("a.txt", b"text " * 400),
    ]  # fmt: skip
    assert {content[0] for content in found} == set(range(10))
    return found


@functools.cache
def flat_jxl(side: int) -> bytes:
    """Few bytes that decode to many samples."""
    return streams.jxl(np.full((side, side), 90, np.uint8), 1)


@functools.cache
def bomb(kind: str) -> bytes:
    """Few bytes that unpack to many: deflate of one byte more than a part may have, and LZMA of the most there is."""
    if kind == "deflate":
        return zlib.compress(bytes(container.MOST_PART + 1), 9)
    if kind == "part":
        return zlib.compress(bytes(container.MOST_PART), 9)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 1}]
    return lzma.compress(bytes(claims.MOST_UNPACKED), lzma.FORMAT_RAW, filters=filters)


def greedy_content(rng: np.random.Generator) -> bytes:
    """Content that is small and asks for much."""

    def part(packed: bytes) -> bytes:
        return struct.pack(">I", len(packed)) + packed

    def stream() -> bytes:
        return flat_jxl(int(rng.choice([300, 1500, 4000])))

    def remarks(size: int) -> bytes:
        return struct.pack(">I4s", size, b"teXt") + bytes(size) + struct.pack(">I4s", 0, b"IDAT")

    which = int(rng.integers(0, 7))
    a_bomb = part(bomb(str(rng.choice(["deflate", "part"]))))
    if which == 0:
        return container.pack(int(rng.choice([1, 2, 3, 4, 6])), ".png", a_bomb, stream())
    if which == 1:
        return container.pack(container.AROUND, ".bmp", bytes([int(rng.integers(0, 3))]), a_bomb, a_bomb, stream())
    if which == 2:
        claimed = int(rng.choice([0, 1000, claims.MOST_UNPACKED, claims.MOST_UNPACKED + 1, 2**32 - 1]))
        return container.pack(container.PACKED, ".bin", struct.pack(">I", claimed), bomb("lzma"))
    if which == 3:
        size = struct.pack(">II", *(int(side) for side in rng.choice(SIDES, 2)))
        inner = [*contents()[5:8]][int(rng.integers(0, 3))]
        return inner[: 2 + inner[1]] + size + inner[2 + inner[1] + 8 :]
    if which == 4:
        side = int(rng.choice([300, 1500, 4000]))
        idat, memory = int(rng.choice([0, 1, 2, 65536, 2**32 - 1])), int(rng.integers(0, 10))
        recipe = zlib.compress(struct.pack(">II4B", 0, idat, 1, 15, memory, 0) + bytes(side))
        described = part(zlib.compress(remarks(int(rng.choice([0, 1, 10**6, 1 << 23])))))
        return container.pack(container.PNG_REBUILT, ".png", described, part(recipe), flat_jxl(side))
    if which == 5:
        return container.pack(container.NEAR_LOSSLESS, ".png", bytes(4), bytes([int(rng.integers(0, 256))]), stream())
    # A stream that claims another size than it has.
    claimed = bytearray(stream())
    claimed[2:6] = rng.bytes(4)
    return container.pack(int(rng.choice([1, 3, 4, 6, 7])), "", bytes(4), bytes(claimed))


def forged_content(rng: np.random.Generator) -> bytes:
    """Damaged content, content with another kind's number, any file where a stream is meant, or greedy content."""
    all_contents = contents()
    content = all_contents[int(rng.integers(0, len(all_contents)))]
    which = rng.integers(0, 6)
    if which == 0:
        return bytes([int(rng.integers(0, 12))]) + content[1:]
    if which == 1:
        kind = int(rng.integers(1, 10))
        parts = bytes(4 * int(rng.integers(0, 3)))
        stream = picture_files()[int(rng.integers(0, len(picture_files())))]
        return bytes([kind, 0]) + bytes(kind == container.AROUND) + parts + stream
    if which == 2:
        name = bytes(int(n) for n in rng.choice([*b"./\\a:.\0 \xff\xc3"], int(rng.integers(0, 9))))
        return bytes([content[0], len(name)]) + name + content[2 + content[1] :]
    if which == 3:
        return content  # as it is: some must come back
    return greedy_content(rng) if which == 4 else mutated(rng, content, all_contents)


def cover(rng: np.random.Generator, content: bytes) -> np.ndarray:
    """A picture of at most 256x256 pixels that the content fits into."""
    side = min(256, 40 + int(np.sqrt(len(content) * 8 / 3)))
    return natural(side, int(rng.integers(side, 257)), int(rng.integers(0, 9)))


def stego_of(content: bytes, rgb: np.ndarray, password: str | None) -> np.ndarray:
    """Any content embedded as `Exact` does it; cut where the picture holds no more."""
    sizes = embedding.capacity(rgb.size, password is not None)
    most = EmbeddingPlan(sizes, 12, 0).bits // 8 - embedding.overhead(password is not None)
    content = content[:most]
    plan = embedding.plan(sizes, 8 * (len(content) + embedding.overhead(password is not None)))
    if password is not None:
        return embedding.embed_private(rgb, content, plan, password)
    marked = embedding.embed_open(rgb, content, plan)
    return header.embed(marked, Header(EXACT, PayloadDescriptor(len(content), plan).pack()))


def forged_header(rng: np.random.Generator, rgb: np.ndarray, method: int) -> np.ndarray:
    """A header whose checksums are right and whose fields are anything."""
    values = [int(v) for v in rng.choice(SIDES, 4)]
    own = struct.pack(">4I", *values)
    if rng.random() < 0.7:
        own = bytearray(own if rng.random() < 0.5 else PayloadDescriptor(9, EmbeddingPlan((9,), 2, 3)).pack())
        own[int(rng.integers(0, 16))] = int(rng.integers(0, 256))
    if rng.random() < 0.1:
        method = int(rng.integers(0, 256))
    return header.embed(rgb, Header(method, bytes(own), int(rng.choice([1, 2, 3, 3, 3, 4, 0, 255]))))


def forged_exact(rng: np.random.Generator) -> np.ndarray:
    """A stego of embedded bytes: forged content, a forged plan, a forged header, or samples changed afterwards."""
    content = forged_content(rng)
    rgb = cover(rng, content)
    password = PASSWORD if rng.random() < 0.2 else None
    which = rng.integers(0, 10)
    if which < 6:
        return stego_of(content, rgb, password)
    if which < 8:
        return forged_header(rng, stego_of(content, rgb, None), EXACT)
    if which == 8:  # a password's holder who forges the plan
        packed = struct.pack(">IBI7x", *(int(v) % 2**n for v, n in zip(rng.choice(SIDES, 3), (32, 8, 32), strict=True)))
        with mock.patch.object(PayloadDescriptor, "pack", lambda self: packed):
            return stego_of(content, rgb, PASSWORD)
    rgb = stego_of(content, rgb, password).copy()
    flat = rgb.reshape(-1)
    flat[rng.integers(0, rgb.size, int(rng.choice([1, 10, 1000])))] ^= 1
    return rgb if rng.random() < 0.5 else np.ascontiguousarray(rgb[::-1])


def forged_flow(rng: np.random.Generator) -> np.ndarray:
    """A picture that says the network made it: true weights, any size."""
    from stegocli.flow import weights
    from stegocli.methods.flow import Origin

    known = [weights.shared_model(name).id for name in weights.shipped()]
    rgb = natural(*(int(n) for n in rng.integers(16, 257, 2)), int(rng.integers(0, 9)))
    width, height = (int(v) for v in rng.choice([*SIDES[:6], 3000, *SIDES[6:]], 2))
    own = Origin(known[int(rng.integers(0, len(known)))], width, height, bool(rng.integers(0, 2))).pack()
    return header.embed(rgb, Header(FLOW, own, int(rng.integers(1, header.VERSION + 1))))


FORGERS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {"exact": forged_exact, "flow": forged_flow}


def revealed(rgb: np.ndarray, rng: np.random.Generator, folder: Path) -> bool:
    """Whether a reveal succeeds; what it wrote is removed.

    Raises:
        AssertionError: for a refusal that is no sentence, or that leaves a file.
    """
    from stegocli import StegoError, reveal

    stego = folder / "tried.png"
    Image.fromarray(rgb).save(stego, compress_level=1)
    output = [folder / "o.png", folder / "o.txt", folder / "o", folder][int(rng.integers(0, 4))]
    password = PASSWORD if rng.random() < 0.6 else None
    try:
        reveal(stego, output, password=password)
    except StegoError as error:
        assert str(error).endswith(".") and "\n" not in str(error), str(error)
        assert list(folder.iterdir()) == [stego], "a refusal left a file"
        return False
    for path in folder.iterdir():
        path.unlink()
    return True


def main(method: str, count: int, seed: int) -> None:
    """Reveal forged stegos, each within `CPU_SECONDS`; print what became of them as JSON."""
    import resource  # Unix has it; the forgers above serve tests on every system

    if method != "flow":  # torch alone maps more than this
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    outcomes = {"revealed": 0, "refused": 0, "slowest": 0.0}
    with quick_keys(), tempfile.TemporaryDirectory() as folder:
        for number in range(seed, seed + count):
            rng = np.random.default_rng(number)
            rgb = FORGERS[method](rng)
            used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
            # The system ends a process that goes beyond, so that the case is the last that was named.
            resource.setrlimit(resource.RLIMIT_CPU, (int(used) + CPU_SECONDS, resource.RLIM_INFINITY))
            print(f"case {number}", file=sys.stderr, flush=True)
            outcomes["revealed" if revealed(rgb, rng, Path(folder)) else "refused"] += 1
            taken = sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - used
            outcomes["slowest"] = max(outcomes["slowest"], round(taken, 2))
    outcomes["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    outcomes["torch"] = "torch" in sys.modules
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
