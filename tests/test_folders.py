"""Folders from Python: weights are loaded once, and a wrong name of them is told once."""

import shutil

import pytest
from pictures import natural
from PIL import Image

from stegocli import folders
from stegocli.errors import StegoError
from stegocli.flow import weights
from stegocli.methods import Auto, Flow


@pytest.fixture
def here(tmp_path):
    """Two covers, two secrets, and a copy of the shipped weights that no other test has loaded."""
    for i, folder in enumerate(("covers", "secrets")):
        (tmp_path / folder).mkdir()
        for j in range(2):
            Image.fromarray(natural(64, 64, 2 * i + j)).save(tmp_path / folder / f"{j}.png")
    shutil.copy(weights.find(), tmp_path / "own.safetensors")
    return tmp_path


def test_weights_are_loaded_once(here, monkeypatch):
    loads, load = [], weights.load_model
    monkeypatch.setattr(weights, "load_model", lambda source, amp: loads.append(source) or load(source, amp=amp))
    own = here / "own.safetensors"
    hidden = list(folders.hide(here / "covers", here / "secrets", here / "stegos", Flow(own)))
    assert [done.summary for done in hidden] == ["weights own"] * 2
    revealed = list(folders.reveal(here / "stegos", here / "out", own))
    assert [done.summary for done in revealed] == ["weights own"] * 2 and loads == [own]
    assert not any(isinstance(done, folders.Failed) for done in folders.reveal(here / "stegos", here / "more"))
    assert len(loads) <= 2, "the shipped set that both stegos name"


@pytest.mark.parametrize("jobs", [1, 2])
def test_weights_that_are_not_there(here, jobs):
    with pytest.raises(StegoError, match=r"typo\.safetensors does not exist"):
        folders.hide(here / "covers", here / "secrets", here / "stegos", Auto("typo.safetensors"), jobs)
    assert not (here / "stegos").exists()
