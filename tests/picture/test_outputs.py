"""Outputs: where nothing may be written, what is replaced, and that nothing is half written or lost."""

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import natural

from stegocli.errors import StegoError
from stegocli.picture import files, outputs
from stegocli.picture.files import Picture

RGB = natural(20, 30)


def test_a_link_stays_and_its_target_is_written(tmp_path):
    (tmp_path / "deep").mkdir()
    link, target = tmp_path / "a.png", tmp_path / "deep" / "b.png"
    link.symlink_to(Path("deep") / "b.png")
    for rgb in (RGB, 255 - RGB):
        files.write(link, Picture(rgb))
        assert link.is_symlink() and np.array_equal(files.read(target).rgb, rgb)
    assert list((tmp_path / "deep").iterdir()) == [target]
    with pytest.raises(StegoError, match="also an input"):
        outputs.check_place(link, (target,))
    with pytest.raises(StegoError, match="--force"):
        outputs.check_place(link, force=False)
    target.unlink()
    outputs.check_place(link, force=False)
    (tmp_path / "deep").rmdir()
    with pytest.raises(StegoError, match="does not exist"):
        outputs.check_place(link)


def test_an_existing_file_needs_force(tmp_path):
    path = tmp_path / "a.png"
    files.check_output(path, force=False)
    path.write_bytes(b"something")
    for check in (files.check_output, outputs.check_place):
        with pytest.raises(StegoError, match=r"a\.png already exists: add --force"):
            check(path, force=False)
        check(path, force=True)


@pytest.mark.parametrize("length", [249, 255])
def test_the_longest_names_are_written(tmp_path, length):
    path = tmp_path / ("a" * (length - 4) + ".png")
    files.write(path, Picture(RGB))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a" * 252 + ".png", "a" * 5000 + ".png", "a\0b.png", "loop.png"])
def test_names_the_system_refuses_get_a_sentence(tmp_path, name):
    (tmp_path / "loop.png").symlink_to("loop.png")
    for work in (files.check_output, outputs.check_place, files.read, lambda path: files.write(path, Picture(RGB))):
        with pytest.raises(StegoError) as caught:
            work(tmp_path / name)
        assert len(str(caught.value)) < 400
    with pytest.raises(StegoError):
        outputs.write_beside(tmp_path / name, b"content")
    assert not files.is_picture(tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["loop.png"]


@pytest.mark.parametrize("name", ["/dev/full", "/dev/null", "pipe.png"])
def test_devices_and_pipes_are_no_outputs(tmp_path, name):
    path = tmp_path / name
    if name == "pipe.png":
        os.mkfifo(path)
    for work in (outputs.check_place, lambda path: outputs.write_beside(path, b"content")):
        with pytest.raises(StegoError, match="device or a pipe"):
            work(path)
    assert path.exists() and not path.is_file()


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    files.write(path, Picture(RGB))
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs.os, "replace", full)
    with pytest.raises(StegoError, match="No space left"):
        files.write(path, Picture(255 - RGB))
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
