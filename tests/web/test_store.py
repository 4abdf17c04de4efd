"""What is kept, for how long, and under what name."""

import time
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import Fail, Sleep

from stegocli import StegoError
from stegocli.errors import printable
from stegocli.web import store as stores
from stegocli.web.store import Gone, Store, shown_name
from stegocli.web.tasks import Upload


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path).running() as kept:
        yield kept


def kept(store, name, owner="me"):
    upload = Upload(store.place(), name)
    upload.path.write_bytes(b"content")
    return store.keep(owner, upload, 7, None)


def test_the_oldest_go_when_there_are_too_many(store, monkeypatch):
    monkeypatch.setattr(stores, "MOST_KEPT", 3)
    files = [kept(store, f"{i}.png") for i in range(5)]
    assert [file.upload.path.exists() for file in files] == [False, False, True, True, True]
    with pytest.raises(Gone):
        store.file("me", files[0].id)


def test_files_take_no_more_bytes_than_there_may_be(store, monkeypatch, tmp_path):
    monkeypatch.setattr(stores, "MOST_BYTES", 20)
    files = [kept(store, f"{i}.png") for i in range(4)]
    assert [file.upload.path.exists() for file in files] == [False, False, True, True]
    job = store.begin("me", Sleep(tmp_path / "began", reads=files[3].upload))
    monkeypatch.setattr(stores, "MOST_BYTES", 7)
    with pytest.raises(StegoError, match=r"no place for 5\.png"):
        kept(store, "5.png")
    assert files[3].upload.path.exists()
    store.drop(job)


def test_what_is_old_goes(store, monkeypatch):
    file, job = kept(store, "a.png"), store.begin("me", Fail(StegoError("It is so.")))
    while job.ended is None:
        time.sleep(0.02)
    monkeypatch.setattr(stores, "KEPT_FOR", 0.0)
    store.tidy()
    assert not file.upload.path.exists() and not job.folder.exists()


def test_files_of_a_job_that_runs_stay(store, monkeypatch, tmp_path):
    monkeypatch.setattr(stores, "MOST_KEPT", 2)
    first = kept(store, "a.png")
    job = store.begin("me", Sleep(tmp_path / "began", reads=first.upload))
    others = [kept(store, f"{i}.png") for i in range(3)]
    assert first.upload.path.exists() and store.job("me", job.id) is job
    assert [file.upload.path.exists() for file in others] == [False, False, True]
    store.drop(job)
    kept(store, "d.png")
    assert not first.upload.path.exists()


@pytest.mark.parametrize(
    "sent, shown",
    [
        ("holiday.png", "holiday.png"), ("../../etc/passwd", "passwd"), ("C:\\My\\cover.jpg", "cover.jpg"),
        ("", "file"), ("..", "file"), (".", "file"), ("/", "file"), ("a" * 300 + ".png", "a" * 100 + ".png"),
    ],
)  # fmt: skip
def test_a_name_is_shown_without_its_folder(sent, shown):
    assert shown_name(sent) == shown


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_no_name_is_a_path_or_steers_a_screen(sent):
    shown = shown_name(sent)
    assert shown and shown == PurePosixPath(shown).name and len(shown) <= 120 and printable(shown) == shown
