"""Folders from Python: weights are loaded once, and a wrong name of them is told once."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from pictures import natural
from PIL import Image
from systems import posix

from stegocli import folders
from stegocli.errors import StegoError
from stegocli.flow import weights
from stegocli.methods import Auto, Exact, Flow


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


def test_folders_inside_are_left_out_and_named(here):
    notes, note = [], here / "note.txt"
    note.write_text("a note")
    (here / "covers" / "below").mkdir()
    shutil.copy(here / "covers" / "0.png", here / "covers" / "below")
    (here / "covers" / "linked").symlink_to(here / "secrets")
    done = list(folders.hide(here / "covers", note, here / "stegos", Exact(), note=notes.append))
    assert len(done) == 2 and len(notes) == 1 and f"below{os.sep}, linked{os.sep}" in notes[0]


# A process of a pool imports this script first of all, before any code of ours can tell it what to do with a signal.
STARTING = r"""
import os, time
from functools import partial
from pathlib import Path
from stegocli import __main__, cli, folders
if __name__ == "__mp_main__":
    os.write(1, b"importing\n")  # whole, whatever the other process writes
    time.sleep(1)
def sleep(place):
    time.sleep(60)
def work():
    calls = [folders.Call(Path(name), sleep, Path(name)) for name in "ab"]
    list(folders._each(calls, 2))
if __name__ == "__main__":
    cli.run = work
    __main__.main()
"""


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_processes_start_shows_no_traceback(tmp_path, number):
    """A terminal sends it to all of them."""
    script = tmp_path / "script.py"
    script.write_text(STARTING)
    command = [sys.executable, script]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        assert child.stdout.readline() == "importing\n"
        os.killpg(child.pid, number)
        told = child.stderr.read()
    assert child.returncode == 128 + number and "Traceback" not in told and "Error" not in told, told
