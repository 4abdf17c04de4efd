"""What holds for every command: arguments that are empty, unreadable or without effect, passwords, and stdout."""

import errno
import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from command import stego
from pictures import natural
from PIL import Image

from stegocli import api
from stegocli.methods import Exact


@pytest.fixture
def here(tmp_path, monkeypatch):
    """In a folder with a picture, a text, and a stego of it open and under a password."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(natural(64, 80, 1)).save("c.png")
    Path("t.txt").write_text("a note")
    api.hide("c.png", "t.txt", "open.png", Exact())
    api.hide("c.png", "t.txt", "private.png", Exact("word"))
    return tmp_path


def refused(done, *words) -> bool:
    """Whether it ended with one sentence that holds all the words, and printed nothing else."""
    one = done.stderr.startswith("stego: ") and done.stderr.count("\n") == 1
    return done.returncode == 1 and one and done.stdout == "" and all(word in done.stderr for word in words)


@pytest.mark.parametrize(
    ("arguments", "before"),
    [
        (["hide", "", "t.txt", "-o", "o.png"], "hide"), (["hide", "c.png", "", "-o", "o.png"], "c.png"),
        (["hide", "c.png", "t.txt", "-o", ""], "-o"), (["hide", "c.png", "t.txt", "--output="], "--output"),
        (["hide", "c.png", "t.txt", "-o", "o.png", "--password-file", ""], "--password-file"),
        (["reveal", ""], "reveal"), (["info", ""], "info"), (["metrics", "", "c.png"], "metrics"),
        (["metrics", "--data", ""], "--data"), (["train", "--out", ""], "--out"), (["bench", "--data="], "--data"),
    ],
)  # fmt: skip
def test_an_empty_argument_is_not_the_current_folder(here, arguments, before):
    there = set(here.iterdir())
    done = stego(*arguments)
    assert done.returncode == 2 and f"empty (after {before})" in done.stderr and set(here.iterdir()) == there


@pytest.mark.parametrize(
    "arguments",
    [
        ["hide", "c.png", "t.txt", "-o", "o.png"], ["hide", "open.png", "c.png", "-o", "o.png"], ["reveal", "c.png"],
        ["info", "c.png"], ["metrics", "c.png", "open.png"], ["metrics", "open.png", "c.png"],
        ["reveal", "private.png", "--password-file", "c.png"],
        ["hide", "c.png", "t.txt", "-o", "o.png", "--password-file", "c.png"],
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_no_wrong_usage(here, monkeypatch, arguments):
    """As a file without permissions is to all but the system's owner."""
    real, allowed = io.open, os.access

    def guarded(file, *more, **options):
        if str(file) == "c.png":
            raise PermissionError(errno.EACCES, "Permission denied", file)
        return real(file, *more, **options)

    monkeypatch.setattr("builtins.open", guarded)
    monkeypatch.setattr(
        os, "access", lambda path, *more, **given: str(path) != "c.png" and allowed(path, *more, **given)
    )
    assert refused(stego(*arguments), "c.png can't be read", "permissions") and not Path("o.png").exists()


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("option", [["--amp"], ["--no-amp"], ["--weights", "default"]])
def test_the_networks_options_where_bytes_go(here, option, suffix):
    done = stego("hide", "c.png", "t.txt", "-o", f"o{suffix}", *option)
    assert refused(done, option[0].replace("no-", ""), "bytes") and not Path(f"o{suffix}").exists()


@pytest.mark.parametrize("option", [["--amp"], ["--no-amp"], ["--weights", "default"], ["--weights", "none"]])
def test_reveal_tells_what_had_no_effect(here, option):
    done = stego("reveal", "open.png", "-o", "r.txt", "--json", *option)
    (note,) = json.loads(done.stdout)["notes"]
    assert option[0].replace("no-", "") in note and "no effect" in note
    assert "no effect" in stego("reveal", "open.png", "-o", "r2.txt", *option).stdout


@pytest.mark.network
def test_reveal_tells_that_other_weights_were_named(here):
    api.hide("c.png", "open.png", "flow.png", api.Flow())
    done = stego("reveal", "flow.png", "-o", "r.png", "--weights", "full")
    assert done.returncode == 0 and "--weights were not used" in done.stdout
    assert "note" not in stego("reveal", "flow.png", "-o", "r2.png", "--weights", "default").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["reveal", "private.png"], ["reveal", "open.png"], ["reveal", ".", "-o", "out"], ["info", "private.png"],
        ["info", "open.png"],
    ],
)  # fmt: skip
def test_a_password_that_nobody_can_be_asked_for(here, arguments):
    assert refused(stego(*arguments, "--password"), "terminal", "--password-file")
    Path("none.txt").write_text("\n")
    assert refused(stego(*arguments, "--password-file", "none.txt"), "none.txt holds no password")
    assert not Path("out").exists()


def test_an_empty_password_in_the_environment_opens_nothing_and_is_not_told_of(here):
    done = stego("reveal", "open.png", "-o", "r.txt", STEGO_PASSWORD="")
    assert done.returncode == 0 and "note" not in done.stdout
    assert "without a password" in stego("info", "private.png", STEGO_PASSWORD="").stdout


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="no streams by name")
@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_nothing_is_put_beside_a_stream(here, name):
    if not Path(name).exists():
        pytest.skip("no such name here")
    descriptor, kept = os.open("open.png", os.O_RDONLY), os.dup(0)
    try:
        os.dup2(descriptor, 0)
        assert refused(stego("reveal", name), "--output")
        os.lseek(0, 0, os.SEEK_SET)
        assert stego("reveal", name, "-o", "out/").returncode == 0 and Path("out/t.txt").read_text() == "a note"
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(descriptor)


@pytest.mark.parametrize("number", [errno.EFBIG, errno.EIO, errno.ENOSPC])
def test_a_stdout_that_takes_no_more(here, monkeypatch, number):
    from stegocli import cli

    def full(*arguments, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(cli, "app", full)
    monkeypatch.setattr(os, "dup2", lambda *descriptors: None)
    with open(os.devnull, "w") as nothing:
        monkeypatch.setattr(sys, "stdout", nothing)
        monkeypatch.setattr(sys, "stderr", told := io.StringIO())
        with pytest.raises(SystemExit) as ended:
            cli.run()
    assert ended.value.code == 1 and "can't be written" in told.getvalue() and "report" not in told.getvalue()


def test_the_note_about_an_unused_password_comes_after_what_is_refused(here):
    Path("covers").mkdir()
    Image.fromarray(natural(64, 80, 1)).save("covers/c.png")
    assert refused(stego("hide", "covers", "none", "-o", "out", STEGO_PASSWORD="word"), "none does not exist")
    done = stego("hide", "covers", "t.txt", "-o", "out", "--json", STEGO_PASSWORD="word")
    assert done.returncode == 0 and "nothing is encrypted" in done.stderr and len(json.loads(done.stdout)) == 1


def test_no_temporary_folder(here, monkeypatch):
    def none():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.TemporaryDirectory", none)
    for arguments in (["hide", "c.png", "t.txt", "-o", "-"], ["metrics", "--data", "."]):
        assert refused(stego(*arguments), "temporary folder", "TMPDIR")


def test_metrics_does_not_leave_out_a_broken_picture(here):
    Path("broken.png").write_bytes(b"broken")
    for option in ([], ["--survive", "75"], ["--plot", "p.png"]):
        assert refused(stego("metrics", "--data", ".", *option), "broken.png")
    Path("broken.png").write_bytes(np.zeros(0).tobytes())
    assert refused(stego("metrics", "--data", "."), "broken.png")


def test_bench_shows_nothing_before_it_refuses(here):
    assert refused(stego("bench", "--data", "none"), "none is not a folder")
