"""Pictures and models that the tests share."""

import os

import numpy as np
import pytest
from PIL import Image

# One thread: the suite is made of small steps, which two threads make slower by waiting for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def natural(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth picture with edges and a little noise, uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(40, 216, (8, 8, 3), dtype=np.uint8)).resize((width, height), Image.BICUBIC)
    picture = np.asarray(coarse).astype(np.int32)
    picture[height // 3 : height // 2, width // 4 : width // 2] = rng.integers(20, 236, 3)
    return np.clip(picture + rng.normal(0, 1.5, picture.shape), 0, 255).astype(np.uint8)


def photograph(height: int = 320, width: int = 360, seed: int = 0) -> np.ndarray:
    """Noise of all sizes, as photographs have it: uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    out = np.full((height, width, 3), 120.0)
    for size, power in ((64, 30), (32, 20), (16, 14), (8, 10), (4, 8), (2, 6), (1, 3)):
        noise = rng.normal(size=(height // size + 2, width // size + 2, 1)) + 0.2 * rng.normal(
            size=(height // size + 2, width // size + 2, 3)
        )
        planes = [Image.fromarray(noise[..., c].astype(np.float32)) for c in range(3)]
        grown = [np.asarray(p.resize((width + size, height + size), Image.Resampling.BICUBIC)) for p in planes]
        out += power * np.dstack(grown)[:height, :width]
    return np.clip(out, 0, 255).astype(np.uint8)


def encoder(path):
    """What codes the file at a path."""
    from stegocli.payload.codings import Secret
    from stegocli.picture.inputs import Source

    return Secret(Source.read(path)).encoder


@pytest.fixture
def pair(tmp_path):
    """Paths of a cover and a secret, PNG, of different odd sizes."""
    cover, secret = tmp_path / "cover.png", tmp_path / "secret.png"
    Image.fromarray(natural(157, 203, 1)).save(cover)
    Image.fromarray(natural(91, 120, 2)).save(secret)
    return cover, secret


@pytest.fixture(scope="session")
def model():
    """The shipped weights."""
    from stegocli import load_model

    return load_model()


@pytest.fixture
def picture_folder(tmp_path):
    """Eight readable pictures, one broken, one too small to train on, one in a folder below."""
    where = tmp_path / "pictures"
    (where / "below").mkdir(parents=True)
    for i in range(8):
        Image.fromarray(natural(30, 34, i)).save(where / ("below" if i == 7 else ".") / f"{i}.png")
    (where / "broken.jpg").write_bytes(b"not a picture")
    Image.fromarray(natural(10, 10)).save(where / "small.png")
    (where / "notes.txt").write_text("no picture at all")
    return where


@pytest.fixture
def settings(picture_folder, tmp_path):
    """A training run of two epochs, three steps each, on a tiny network."""
    from stegocli.flow.couplings import FlowConfig
    from stegocli.training.settings import Settings

    return Settings(
        out=tmp_path / "run", data=picture_folder, epochs=2, crop=16, workers=0, amp=False, checkpoint_minutes=0,
        flow=FlowConfig(levels=1, num_blocks=1, hidden_channels=8),
    )  # fmt: skip


def same_weights(a, b) -> bool:
    """Whether two state dicts hold the same values."""
    return a.keys() == b.keys() and all((a[name] == b[name]).all() for name in a)


def uint8_pairs(count: int = 2, side: int = 16) -> list:
    """A batch of random covers and one of random secrets."""
    import torch

    return [torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8) for _ in range(2)]
