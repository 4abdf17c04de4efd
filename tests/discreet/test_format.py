"""Stegos in people's hands must still open: these were written by the first version, and by the first with slots."""

from pathlib import Path

import pytest

from stegocli import api

FIXTURES = Path(__file__).parents[1] / "fixtures" / "discreet"


@pytest.mark.parametrize("name", ["note.png", "grey.png", "note.jpg"])
def test_the_first_version_is_still_read(name, tmp_path):
    if name.endswith(".jpg"):
        pytest.importorskip("jpeglib")
    found = api.reveal(FIXTURES / name, tmp_path / "note.txt", password="fixture")
    assert found.path.read_text() == "nine\n" and found.method == "discreet"


@pytest.mark.parametrize("name", ["slots.png", "slots.jpg"])
@pytest.mark.parametrize(("password", "own"), [("fixture", "two\n"), ("harmless", "one\n")])
def test_both_slots_are_still_read(name, password, own, tmp_path):
    if name.endswith(".jpg"):
        pytest.importorskip("jpeglib")
    found = api.reveal(FIXTURES / name, tmp_path / "note.txt", password=password)
    assert found.path.read_text() == own and found.authenticated
