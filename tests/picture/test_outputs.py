"""Outputs: where nothing may be written, what is replaced, and that nothing is half written or lost."""

import itertools
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from pictures import natural

from stegocli.errors import StegoError
from stegocli.picture import files, outputs
from stegocli.picture.files import Picture
from stegocli.picture.outputs import Outputs

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
    with pytest.raises(StegoError, match="force=True"):
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
        with pytest.raises(StegoError, match=r"a\.png already exists: add force=True"):
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


def test_a_check_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.png"
    files.write(path, Picture(RGB))
    before = path.read_bytes()
    seen = []

    def check(rgb):
        seen.append(rgb)
        assert path.read_bytes() == before, "the old file is in place until the new one is known to be good"
        raise StegoError("no")

    with pytest.raises(StegoError, match="no"), Outputs() as run:
        files.add(run, path, Picture(255 - RGB), check)
    assert np.array_equal(seen[0], 255 - RGB)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    with Outputs() as run:
        files.add(run, path, Picture(255 - RGB), lambda rgb: not seen.append(rgb))
    assert np.array_equal(seen[1], files.read(path).rgb)


# -- of one run -----------------------------------------------------------------------------------------------------


def no_links(*_, **__):
    raise PermissionError(1, "Operation not permitted")


@pytest.fixture(params=["links", "no links"])
def links(request, monkeypatch):
    if request.param == "no links":
        monkeypatch.setattr(outputs.os, "link", no_links)


def test_two_names_of_one_file_are_refused(tmp_path):
    a, link, hard, dangling = (tmp_path / n for n in ("a.png", "link.png", "hard.png", "dangling.png"))
    below = tmp_path / "below"
    below.mkdir()
    same = [
        (a, a),
        (a, below / ".." / "a.png"),
        (a, tmp_path / "A.PNG"),
        (tmp_path / "é.png", tmp_path / "e\u0301.png"),
    ]
    dangling.symlink_to("new.png")
    same.append((dangling, tmp_path / "new.png"))
    for pair in same:
        with pytest.raises(StegoError, match="one file"):
            outputs.check_apart(pair)
    a.write_bytes(b"")
    link.symlink_to(a)
    hard.hardlink_to(a)
    for other in (link, hard):
        with pytest.raises(StegoError, match="one file"):
            outputs.check_apart([a, other])
    outputs.check_apart([a, tmp_path / "b.png", below / "a.png"])


def test_of_many_that_want_one_name_exactly_one_gets_it(tmp_path, links):
    path, won, lost = tmp_path / "a", [], []

    def write(content):
        try:
            outputs.write_beside(path, content, force=False)
            won.append(content)
        except outputs.Exists:
            lost.append(content)

    threads = [threading.Thread(target=write, args=(bytes([i]) * 1000,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and len(lost) == 15
    assert path.read_bytes() == won[0] and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["file", "link", "broken link", "folder"])
def test_what_appears_meanwhile_is_not_replaced(tmp_path, links, kind):
    path, other = tmp_path / "a", tmp_path / "other"
    other.write_bytes(b"other")
    with pytest.raises(StegoError, match="already exists"), outputs.Outputs() as run:
        run.add(path, b"content", force=False)
        if kind == "file":
            path.write_bytes(b"another's")
        elif kind == "folder":
            path.mkdir()
        else:
            path.symlink_to(other if kind == "link" else "none")
    assert {p.name for p in tmp_path.iterdir()} == {"a", "other"} and other.read_bytes() == b"other"
    assert kind != "file" or path.read_bytes() == b"another's"


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("there", [False, True])
def test_all_files_of_a_run_are_written_or_none(tmp_path, force, there):
    first, second = tmp_path / "a", tmp_path / "b"
    if force and there:
        first.write_bytes(b"old")
    with pytest.raises(StegoError), outputs.Outputs() as run:
        run.add(first, b"new", force=force)
        run.add(second, b"new", force=force)
        second.mkdir()
        (second / "full").touch()
    assert first.exists() == (force and there) and (not first.exists() or first.read_bytes() == b"old")
    assert {p.name for p in tmp_path.iterdir()} == {"b"} | ({"a"} if first.exists() else set())
    with outputs.Outputs() as run:
        run.add(first, b"newer")
        run.add(tmp_path / "c", b"newer")
    assert {p.name for p in tmp_path.iterdir()} == {"a", "b", "c"}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), SystemExit(143)])
@pytest.mark.parametrize("call", ["open", "fsync", "link", "replace"])
def test_an_end_at_any_moment_leaves_nothing(tmp_path, monkeypatch, call, error):
    path, was = tmp_path / "a", getattr(os, call)

    def end(*arguments, **options):
        """Done, but nobody learns of it: the signal came first."""
        if call == "open":
            os.close(was(*arguments, **options))
        raise error

    monkeypatch.setattr(outputs.os, call, end)
    # A link that fails is made otherwise.
    if call == "link" and isinstance(error, OSError):
        monkeypatch.setattr(outputs.os, "replace", end)
    with pytest.raises((StegoError, KeyboardInterrupt, SystemExit)):
        outputs.write_beside(path, b"content", force=call == "replace")
    assert not list(tmp_path.iterdir()) and not outputs._temporaries


def test_what_the_end_interrupts_is_cleaned_at_exit(tmp_path):
    with outputs.Outputs() as run:
        run.add(tmp_path / "a", b"content")
        assert len(list(tmp_path.iterdir())) == 1
        outputs.clean()
        assert not list(tmp_path.iterdir())
        run._staged.clear()


# -- modes ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
@pytest.mark.parametrize(
    ("before", "private", "after"),
    [
        (None, False, 0o640), (None, True, 0o600), (0o600, False, 0o600), (0o400, False, 0o400), (0o644, True, 0o600),
        (0o666, False, 0o640), (0o755, False, 0o640), (0o200, True, 0o200),
    ],
)  # fmt: skip
def test_modes(tmp_path, monkeypatch, before, private, after):
    path = tmp_path / "a"
    old = os.umask(0o027)
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("it is one for all threads"))
    try:
        if before is not None:
            path.touch()
            path.chmod(before)
        outputs.write_beside(path, b"content", check=lambda written: None, private=private)
        assert path.stat().st_mode & 0o777 == after
    finally:
        monkeypatch.undo()
        os.umask(old)


# -- folders --------------------------------------------------------------------------------------------------------


def tried(place, own, extension, force, count=3):
    return [(p.name, replaced) for p, replaced in itertools.islice(place.candidates(own, extension, force), count)]


def test_names_that_a_folder_has(tmp_path):
    for name in ("s-revealed.txt", "taken.txt"):
        (tmp_path / name).touch()
    (place,) = outputs.Folder.at_start(tmp_path, ["s-revealed"])
    for force in (False, True):
        assert tried(place, "own.txt", ".txt", force) == [("own.txt", False), ("s-revealed.txt", force)]
        assert tried(place, "taken.txt", ".txt", force) == [("s-revealed.txt", force)]
        assert tried(place, "own.jpg", ".png", force)[:2] == [("own.png", False), ("s-revealed.png", False)]
    # Another result of the run has the name by now.
    (tmp_path / "s-revealed.png").touch()
    assert tried(place, None, ".png", True, 1) == [("s-revealed-2.png", False)]


def test_inputs_and_links_in_a_folder_are_not_replaced(tmp_path):
    (tmp_path / "a.txt").touch()
    (tmp_path / "b.txt").symlink_to("c")
    (tmp_path / "d.txt").symlink_to("c")
    places = outputs.Folder.at_start(tmp_path, ["a", "b", "d"], [tmp_path / "a.txt"])
    first = [tried(place, None, ".txt", True, 1)[0] for place in places]
    assert first == [("a-2.txt", False), ("b.txt", True), ("d-2.txt", False)]
