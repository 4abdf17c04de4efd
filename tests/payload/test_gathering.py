"""What is hidden together gets names that can stand side by side on any system, and what is left out is told."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from systems import posix

from stegocli.errors import StegoError
from stegocli.payload import container, gathering, several
from stegocli.payload.bundle import Bundle
from stegocli.payload.codings import Secret
from stegocli.payload.gathering import Gathered
from stegocli.picture.inputs import Source


def names(gathered: Gathered) -> list[str]:
    return [name for _, name in gathered.files]


def test_one_file_is_one_secret(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    for given_ in (tmp_path / "a.txt", str(tmp_path / "a.txt"), [tmp_path / "a.txt"], Source.read(tmp_path / "a.txt")):
        assert isinstance(Gathered.of(given_).read(), Secret)


def test_folders_keep_their_shape(tmp_path):
    for name in ("notes/a.txt", "notes/deep/er/b.txt", "notes/Thumbs.db", "single.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "notes" / "empty").mkdir()
    gathered = Gathered.of([tmp_path / "single.txt", tmp_path / "notes"])
    assert names(gathered) == ["single.txt", "notes/a.txt", "notes/deep/er/b.txt"]
    assert len(gathered.notes) == 1 and "Thumbs.db" in gathered.notes[0]
    bundle = gathered.read()
    assert isinstance(bundle, Bundle) and bundle.path.name.endswith("and 1 more (3 files)")
    assert names(Gathered.of(tmp_path / "notes")) == ["notes/a.txt", "notes/deep/er/b.txt"]


@posix
def test_odd_names_become_plain_ones_and_are_told(tmp_path):
    for name in (".hidden", "-x", "a:b.txt", "CON", "aux.txt", "end. ", "new\nline", "tar.g z", "é" * 120 + ".txt"):
        (tmp_path / name).write_text(name)
    os.symlink(tmp_path, tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    gathered = Gathered.of(tmp_path)
    assert len(gathered.files) == 9 and len(gathered.notes) == 10
    for name in names(gathered):
        assert all(map(container.is_plain, name.split("/"))), name
    assert "loop, pipe" in gathered.notes[-1]
    several.entries(container.unframe(several.pack([(name, b"") for name in names(gathered)])))


@posix
def test_names_that_differ_in_case_or_place_stand_side_by_side(tmp_path):
    for name in ("one/x.txt", "two/X.txt", "two/x.txt", "X.TXT", "x-2.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    gathered = Gathered.of([tmp_path / "one" / "x.txt", tmp_path / "X.TXT", tmp_path / "x-2.txt", tmp_path / "two"])
    assert names(gathered) == ["x.txt", "X-2.TXT", "x-2-2.txt", "two/X.txt", "two/x-2.txt"]
    assert len(gathered.notes) == 3


def test_streams_have_names_too():
    given_ = [Source(gathering.Path("/dev/fd/63"), b"a"), Source(gathering.Path("/dev/fd/62"), b"b")]
    assert names(Gathered.of(given_)) == ["stream", "stream-2"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=40), min_size=2, max_size=5))
def test_any_names_can_be_written_side_by_side(given_names):
    taken = gathering._Names()
    made = [taken.take(name) for name in given_names]
    assert all(map(container.is_plain, made))
    several.entries(container.unframe(several.pack([(name, b"") for name in made])))
    for own, name in zip(given_names, made, strict=True):
        if container.is_plain(own) and given_names.count(own) == 1 and len(set(map(str.casefold, made))) == len(made):
            assert name == own or name[:1] == own[:1]


def test_what_can_not_go_together_is_refused(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(StegoError, match="holds no files"):
        Gathered.of(tmp_path / "empty")
    with pytest.raises(StegoError, match="No secret"):
        Gathered.of([])
    deep = tmp_path.joinpath(*"d" * 40)
    deep.mkdir(parents=True)
    (deep / "x").write_text("x")
    with pytest.raises(StegoError, match="too deep"):
        Gathered.of(tmp_path / "d")
    for i in range(4):
        (tmp_path / "empty" / f"{i}").write_text("many")
    monkeypatch.setattr(gathering, "MOST_FILES", 3)
    with pytest.raises(StegoError, match="too many"):
        Gathered.of(tmp_path / "empty")
    monkeypatch.setattr(gathering, "MOST_FILES", 5)
    monkeypatch.setattr(gathering, "MOST_BYTES", 15)
    with pytest.raises(StegoError, match="more than any cover holds"):
        Gathered.of(tmp_path / "empty").read()
    with pytest.raises(StegoError, match="does not exist"):
        Gathered.of([tmp_path / "none", tmp_path / "empty" / "1"]).read()
