"""What a job does, here in this process: its files, what it tells, and what it shows."""

import json
import zipfile
from collections import deque

import numpy as np
import pytest
from pictures import natural
from PIL import Image
from serving import Fail, png

from stegocli import Exact, Robust, StegoError, hide
from stegocli.methods.base import unseen
from stegocli.picture import files, look
from stegocli.web import jobs, tasks
from stegocli.web.tasks import Asked, Hide, Look, Reveal, Upload


@pytest.fixture
def place(tmp_path):
    """A folder for a job's files."""
    (tmp_path / "job").mkdir()
    return tmp_path / "job"


@pytest.fixture
def upload(tmp_path):
    def made(content, name):
        path = tmp_path / f"upload-{name}"
        path.write_bytes(content)
        return Upload(path, name)

    return made


def run(task, place):
    return task.run(place, unseen, lambda known: None)


@pytest.mark.parametrize("method, name", [(Exact(), "holiday-stego.png"), (Robust(), "holiday-stego.jpg")])
def test_a_hide_shows_what_is_in_the_files(place, upload, method, name):
    cover, secret = upload(png(160, 200), "holiday.png"), upload(png(20, 24, 2), "secret.png")
    done = run(Hide(cover, secret, method), place)
    assert done.parts["stego"].name == name and done.told["path"] == name
    assert done.told["bytes"] == done.parts["stego"].path.stat().st_size
    shown = {part: files.read(place / f"{part}-shown.png").rgb for part in ("cover", "stego", "residual", "secret")}
    assert np.array_equal(shown["cover"], natural(160, 200)) and np.array_equal(shown["secret"], natural(20, 24, 2))
    assert np.array_equal(shown["stego"], files.read(done.parts["stego"].path).rgb)
    assert np.array_equal(shown["residual"], look.residual(shown["cover"], shown["stego"]))


def test_large_pictures_are_shown_smaller_and_their_difference_as_strong(place, upload, monkeypatch):
    monkeypatch.setattr(tasks, "SHOWN", 50)
    done = run(Hide(upload(png(120, 160), "c.png"), upload(b"note" * 2000, "n.txt"), Exact()), place)
    for part in ("cover", "stego", "residual"):
        with Image.open(done.parts[f"{part}-shown"].path) as picture:
            assert max(picture.size) <= 50 and picture.height < picture.width
    change = files.read(done.parts["residual-shown"].path).rgb.astype(int) - 128
    assert np.abs(change).max() >= look.RESIDUAL_GAIN


def test_a_reveal_shows_a_picture_or_a_text_or_neither(place, upload, tmp_path):
    for secret, name, shown, text in (
        (png(20, 24, 2), "s.png", True, None), ("Grüße\n".encode(), "t.txt", False, "Grüße\n"),
        (bytes(range(256)), "b.bin", False, None), (b"\x1b[2J", "steers.txt", False, None),
    ):  # fmt: skip
        folder = tmp_path / name
        folder.mkdir()
        stego = run(Hide(upload(png(96, 128), "c.png"), upload(secret, name), Exact()), folder).parts["stego"]
        done = run(Reveal(Upload(stego.path, "stego.png")), folder)
        assert done.parts["secret"].name == name and done.parts["secret"].path.read_bytes() == secret
        assert ("secret-shown" in done.parts) == shown and done.told.get("text") == text


def test_several_secrets_come_as_one_archive(place, upload, tmp_path):
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "c.png").write_bytes(png(96, 128))
    hide(tmp_path / "c.png", [tmp_path / "one.txt", tmp_path / "two.txt"], tmp_path / "s.png", Exact())
    done = run(Reveal(Upload(tmp_path / "s.png", "s.png")), place)
    with zipfile.ZipFile(done.parts["secret"].path) as packed:
        assert {name: packed.read(name).decode() for name in packed.namelist()} == {
            n: n for n in ("one.txt", "two.txt")
        }
    assert json.dumps(done.told)


def test_a_long_text_is_cut_where_a_letter_ends(place, upload, monkeypatch):
    monkeypatch.setattr(tasks, "SHOWN_TEXT", 5)
    stego = run(Hide(upload(png(96, 128), "c.png"), upload("ääää".encode(), "t.txt"), Exact()), place).parts["stego"]
    assert run(Reveal(Upload(stego.path, "s.png")), place).told["text"] == "ää"


def test_a_reveal_says_whether_a_password_could_help(place, upload):
    with pytest.raises(Asked):
        run(Reveal(upload(png(96, 128), "c.png")), place)
    with pytest.raises(StegoError) as wrong:
        run(Reveal(upload(png(96, 128), "c.png"), "wrong"), place)
    assert not isinstance(wrong.value, Asked)
    with pytest.raises(StegoError) as broken:
        run(Reveal(upload(b"no picture", "c.png")), place)
    assert not isinstance(broken.value, Asked)


def test_a_look_tells_on_the_way_what_it_tells_at_the_end(place, upload):
    known = []
    told = Look(upload(png(160, 200), "c.png")).run(place, unseen, lambda found: known.append(len(found["capacities"])))
    assert len(known) > 3 and known == list(range(1, len(told.told["capacities"]) + 1))
    assert told.told["size"] == (200, 160) and told.told["holds"] is False and not told.parts


class Pipe:
    """An end of a pipe: what comes in, and what was sent."""

    def __init__(self, *given):
        self.given, self.sent = deque(given), []

    def recv(self):
        if not self.given:
            raise EOFError
        return self.given.popleft()

    def send(self, told):
        self.sent.append(told)


@pytest.mark.parametrize(
    "error, said",
    [
        (StegoError("PLACE/stego.png is odd."), ("stego.png is odd.", False)),
        (Asked("It is locked."), ("It is locked.", True)),
        (MemoryError(), ("Memory is full: close other programs or use smaller pictures.",)),
        (KeyError("a\nb"), ("This should not have happened (KeyError: 'a\\nb'): please report it.",)),
    ],
)
def test_a_process_tells_every_end_as_a_sentence(place, error, said):
    error.args = tuple(str(word).replace("PLACE", str(place)) for word in error.args)
    assert jobs._done(Fail(error), place, Pipe()) == ("failed", said)


def test_a_process_tells_of_its_progress_but_not_too_often(place, upload):
    pipe = Pipe()
    kind, done = jobs._done(Hide(upload(png(48, 64), "c.png"), upload(b"note", "n.txt"), Exact()), place, pipe)
    stages = [told[0] for kind, told in pipe.sent if kind == "progress"]
    assert kind == "done" and stages == ["coding", "embedding", "checking", "writing", "measuring", "drawing"]
    assert str(place) not in str(done.told)
    progress = jobs._teller(pipe)
    pipe.sent.clear()
    for share in range(1000):
        progress("hiding", share / 1000)
    assert len(pipe.sent) < 10
