"""`stego info`: what is said before hiding goes in, and what a stego says of itself is true."""

import json
import random

import pytest
from command import stego
from pictures import photograph
from PIL import Image

from stegocli import Exact, Flow, Robust, StegoError, api, info
from stegocli.payload import header
from stegocli.picture import claims


@pytest.fixture
def cover(tmp_path):
    Image.fromarray(photograph(160, 176, 1)).save(tmp_path / "c.png")
    return tmp_path / "c.png"


def test_what_is_said_to_fit_fits(tmp_path, cover):
    found = info(cover)
    holds = {capacity.method: capacity.holds for capacity in found.capacities}
    assert found.size == (176, 160) and found.contents is None and found.locked
    assert holds["flow"] is None and holds["exact"] > holds["robust"] > 0
    for method in (Exact(), Robust()):
        # A kind, the length of a name, and the name itself go in beside the content.
        (tmp_path / "f").write_bytes(random.Random(0).randbytes(holds[method.name] - 3))
        assert api.hide(cover, tmp_path / "f", tmp_path / "o.png", method, force=True).method == method.name


@pytest.mark.parametrize("method", [Exact(), Exact("word"), Robust(), Robust(password="word")])
def test_what_a_stego_of_bytes_says(tmp_path, cover, method):
    (tmp_path / "a note.txt").write_text("hello")
    api.hide(cover, tmp_path / "a note.txt", tmp_path / "s.png", method)
    if method.password is not None:
        without = info(tmp_path / "s.png")
        assert without.contents is None and without.locked and info(tmp_path / "s.png", "other").contents is None
    held = info(tmp_path / "s.png", method.password).contents
    assert (held.method, held.name, held.private) == (method.name, "a note.txt", method.password is not None)
    assert held.coding == "the file itself" and held.length == len("a note.txt") + 2 + 5 and held.size is None


@pytest.mark.network
def test_what_a_stego_of_the_network_says(tmp_path, cover, model):
    Image.fromarray(photograph(90, 70, 2)).save(tmp_path / "p.png")
    api.hide(cover, tmp_path / "p.png", tmp_path / "s.png", Flow(model))
    held = info(tmp_path / "s.png").contents
    assert (held.method, held.size, held.version, held.intact) == ("flow", (70, 90), header.VERSION, True)
    assert model.id.hex() in held.coding and held.length is None


def test_the_command_prints_it_for_people_and_machines(tmp_path, cover):
    done = stego("info", cover)
    assert done.returncode == 0 and "176x160" in done.stdout and "exact" in done.stdout and "bytes" in done.stdout
    rows = json.loads(stego("info", cover, "--json").stdout)["capacities"]
    assert [row["method"] for row in rows] == ["flow", "exact", "robust", "anything", "discreet"]
    with pytest.raises(StegoError, match="does not exist"):
        info(tmp_path / "none.png")


def test_a_strangers_claim_is_bounded_here_as_at_reveal(tmp_path, cover, monkeypatch):
    """What a stego says of its content may not fill the memory of whoever only asks what it holds."""
    Image.fromarray(photograph(60, 80, 2)).save(tmp_path / "p.png")
    for method in (Exact(), Exact("word")):
        api.hide(cover, tmp_path / "p.png", tmp_path / "s.png", method, force=True)
        with monkeypatch.context() as patched:
            patched.setattr(claims, "FREE_REVEALED", 0)
            patched.setattr(claims, "PER_CARRIER", 0)
            with pytest.raises(StegoError, match="80x60"):
                info(tmp_path / "s.png", method.password)


def test_each_capacity_is_told_as_soon_as_it_is_known(cover):
    told = []
    assert info(cover, held=told.append).capacities == told and len(told) == 5
    with pytest.raises(ZeroDivisionError):
        info(cover, held=lambda capacity: 1 / 0)
