"""Pictures, models and runs that the tests share; how the tests are marked."""

import os
import signal

import pytest
from pictures import natural
from PIL import Image

# One thread: the suite is made of small steps, which two threads make slower by waiting for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A shell ignores these for what it runs in the background, and children inherit that: tests send them.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Rooms whose tests all import torch.
NETWORK_ROOMS = {"flow", "training"}


def pytest_collection_modifyitems(items):
    """Mark what runs the network: all of the rooms that do, and what takes the shipped weights."""
    for item in items:
        if item.path.parent.name in NETWORK_ROOMS or "model" in item.fixturenames:
            item.add_marker("network")


@pytest.fixture(scope="module")
def quick_keys():
    """Passwords at a trifle of what they cost in earnest: a tenth of a second a guess."""
    import forge

    with forge.quick_keys():
        yield


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
