"""Pictures and models that the tests share."""

import os

import numpy as np
import pytest
from PIL import Image

# Two threads at most: the suite is made of small steps, and CI machines have two cores.
os.environ.setdefault("OMP_NUM_THREADS", "2")


def natural(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth picture with edges and a little noise, uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(40, 216, (8, 8, 3), dtype=np.uint8)).resize((width, height), Image.BICUBIC)
    picture = np.asarray(coarse).astype(np.int32)
    picture[height // 3 : height // 2, width // 4 : width // 2] = rng.integers(20, 236, 3)
    return np.clip(picture + rng.normal(0, 1.5, picture.shape), 0, 255).astype(np.uint8)


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
