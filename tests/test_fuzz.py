"""Damaged and forged inputs, 850 of them: success or a `StegoError`, and never a file left over."""

import itertools
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import forge
import numpy as np
import pytest
from pictures import natural
from PIL import Image
from safetensors.torch import save

from stegocli import StegoError, hide, load_model, reveal
from stegocli.flow.couplings import FlowConfig
from stegocli.flow.network import StegoNetwork
from stegocli.methods import Auto, Exact, Flow
from stegocli.payload import header
from stegocli.picture import files

pytestmark = pytest.mark.usefixtures("quick_keys")

PASSWORD = forge.PASSWORD


class Bench:
    """A folder where one case after the other is tried."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.done = self.refused = 0

    def case(self, name: str, work: Callable[[], object]) -> None:
        before = set(self.folder.iterdir())
        try:
            work()
            self.done += 1
        except StegoError as error:
            self.refused += 1
            assert str(error).endswith(".") and "\n" not in str(error), f"{name}: {error}"
            assert set(self.folder.iterdir()) == before, f"{name} left a file"
        except Exception as error:
            raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error
        for path in set(self.folder.iterdir()) - before:
            assert not path.name.startswith("."), f"{name} left {path.name}"
            path.unlink()


@pytest.fixture
def bench(tmp_path):
    (tmp_path / "bench").mkdir()
    return Bench(tmp_path / "bench")


def test_hiding(bench, tmp_path, model):
    rng = np.random.default_rng(2)
    good = forge.picture_files()
    ways = [Auto(model), Exact(), Exact(), Exact(PASSWORD), Exact(fit=True, cover_psnr=20)]
    names = ["o.png", "o.tif", "o.webp", "o.bmp", "o.jpg", "o", "none/o.png", "o" * 252 + ".png", "o\0.png"]
    cover, secret = tmp_path / "cover.png", tmp_path / "secret.png"
    for number in range(150):
        inputs = [good[int(i)] for i in rng.integers(0, len(good), 2)]
        which = int(rng.integers(0, 2))
        inputs[which] = forge.mutated(rng, inputs[which], good)
        cover.write_bytes(inputs[0])
        secret.write_bytes(inputs[1])
        output = bench.folder / names[0 if rng.random() < 0.7 else int(rng.integers(0, len(names)))]
        way = ways[int(rng.integers(0, len(ways)))]
        bench.case(f"hide {number}", lambda o=output, w=way: hide(cover, secret, o, w))
    assert bench.done > 10 and bench.refused > 25


# Version, method and the 16 bytes of the methods, without the upper halves of a secret's width and height: a reveal of
# 100 megapixels is no fault, and takes its time.
FIELDS = [2, 3, 4, 5, 6, 7, 10, 11, 14, 15, 16, 17, 18, 19]


def forged_header(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
    """The picture with a bit or two of its header changed, or all of it, and checksums that are right again."""
    flat = rgb.reshape(-1).copy()
    where = header.positions(flat.size)
    fields = bytearray(header.read_bits(flat, where)[:20])
    if rng.random() < 0.2:
        fields[4:] = b"".join(struct.pack(">I", int(rng.choice([0, 1, 255, 2**31, 2**32 - 1]))) for _ in range(4))
    for at in rng.choice(FIELDS, rng.integers(0, 3)):
        fields[at] ^= 1 << int(rng.integers(0, 8))
    flat[where] &= 0xFE
    body = bytes(fields) + struct.pack(">I", zlib.crc32(flat.tobytes()))
    header.write_bits(flat, where, body + struct.pack(">I", zlib.crc32(body)))
    return flat.reshape(rgb.shape)


@pytest.fixture
def stegos(tmp_path, model) -> list[Path]:
    """By the network, as bytes and under a password."""
    cover, secret, text = tmp_path / "cover.png", tmp_path / "secret.png", tmp_path / "secret.txt"
    Image.fromarray(natural(40, 36)).save(cover)
    Image.fromarray(natural(16, 17, 1)).save(secret)
    text.write_bytes(b"text")
    found = []
    for number, (file, way) in enumerate([(secret, Flow(model)), (text, Exact()), (text, Exact(PASSWORD))]):
        found.append(tmp_path / f"stego{number}.png")
        hide(cover, file, found[-1], way)
    return found


def test_revealing(bench, tmp_path, stegos, model):
    rng = np.random.default_rng(3)
    contents = [path.read_bytes() for path in stegos]
    pixels = [files.read(path).rgb for path in stegos]
    stego = tmp_path / "tried.png"
    for number in range(400):
        which = int(rng.integers(0, len(stegos)))
        way = rng.integers(0, 3)
        if way == 0:
            stego.write_bytes(forge.mutated(rng, contents[which], contents))
        else:
            rgb = pixels[which].copy()
            if way == 1:
                rgb = forged_header(rng, rgb)
            else:
                rgb.reshape(-1)[rng.integers(0, rgb.size, int(rng.choice([1, 10, 1000])))] ^= 1
            Image.fromarray(rgb).save(stego, compress_level=1)
        password = [None, PASSWORD, "wrong", lambda: None][int(rng.integers(0, 4))]
        output = bench.folder / ["o.png", "o.txt", "o.bmp", "o"][int(rng.integers(0, 4))]
        bench.case(f"reveal {number}", lambda o=output, p=password: reveal(stego, o, model, password=p))
    assert bench.done > 20 and bench.refused > 100


NASTY = [0, -1, 1, 7, 10**4, 10**9, 2**70, 0.5, float("nan"), True, None, "", "haar ", "2", [], {}, [1], {"a": 1}]


def test_weights_files(bench, tmp_path):
    rng = np.random.default_rng(5)
    config = FlowConfig(levels=1, num_blocks=1, hidden_channels=4)
    network = StegoNetwork(config)
    tensors = {name: value.detach().contiguous() for name, value in network.state_dict().items()}
    path = tmp_path / "tried.safetensors"

    def packed(settings: object, card: str = "{}") -> bytes:
        return save(tensors, {"config": json.dumps(settings), "card": card})

    good = packed(asdict(config))
    cases = [good, save(tensors), save(tensors, {"config": "{", "card": "{}"}), packed(asdict(config), "[")]
    cases += [packed({**asdict(config), name: value}) for name, value in itertools.product(asdict(config), NASTY)]
    cases += [packed(value) for value in NASTY] + [packed({**asdict(config), "new": 1})]
    cases += [forge.mutated(rng, good, [good, *forge.picture_files()]) for _ in range(300 - len(cases))]
    for number, content in enumerate(cases):
        path.write_bytes(content)
        bench.case(f"weights {number}", lambda: load_model(path, device="cpu"))
    assert len(cases) == 300 and bench.refused > 150
