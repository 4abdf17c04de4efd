"""`stego hide` with several secrets, and the way back."""

import json
import shutil
from pathlib import Path

import pytest
from command import stego
from pictures import natural
from PIL import Image
from stegos import stego_of

from stegocli.payload import container, several


@pytest.fixture
def here(tmp_path, monkeypatch):
    """In a folder with two small pictures."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(natural(64, 80, 1)).save("cover.png")
    Image.fromarray(natural(20, 30, 2)).save("secret.png")
    return Path(".")


def test_several_secrets(here):
    (here / "notes").mkdir()
    (here / "notes" / "one.txt").write_text("one")
    shutil.copy(here / "secret.png", here / "notes" / "two.png")
    note = here / "note.txt"
    note.write_text("a note")
    done = stego("hide", here / "cover.png", note, here / "notes", "-o", here / "s.png", "--json")
    names = ["note.txt", "notes/one.txt", "notes/two.png"]
    assert done.returncode == 0 and [part["name"] for part in json.loads(done.stdout)["parts"]] == names
    shown = stego("info", here / "s.png")
    assert shown.returncode == 0 and all(name in shown.stdout for name in names)
    contents = json.loads(stego("info", here / "s.png", "--json").stdout)["contents"]
    assert [part["name"] for part in contents["parts"]] == names
    told = stego("reveal", here / "s.png", "-o", f"{here}/out/", "--json")
    parts = json.loads(told.stdout)["parts"]
    assert told.returncode == 0 and [part["path"] for part in parts] == [str(here / "out" / name) for name in names]
    for output in (here / "one", "-"):
        refused = stego("reveal", here / "s.png", "-o", output)
        assert refused.returncode == 1 and "3 files" in refused.stderr and not refused.stdout
        assert len(refused.stderr.strip().splitlines()) == 1 and not (here / "one").exists()


def test_a_folder_alone_goes_whole_into_one_cover_and_pair_by_pair_into_a_folder_of_them(here):
    for name in ("covers", "notes"):
        (here / name).mkdir()
    for i in range(2):
        shutil.copy(here / "cover.png", here / "covers" / f"{i}.png")
        (here / "notes" / f"{i}.txt").write_text(f"note {i}")
    whole = stego("hide", here / "cover.png", here / "notes", "-o", here / "s.png", "--json")
    assert [part["name"] for part in json.loads(whole.stdout)["parts"]] == ["notes/0.txt", "notes/1.txt"]
    pairs = stego("hide", here / "covers", here / "notes", "-o", here / "pairs", "--json")
    assert [len(row["parts"]) for row in json.loads(pairs.stdout)] == [0, 0]
    extra = here / "extra.txt"
    extra.write_text("extra")
    each = stego("hide", here / "covers", here / "notes", extra, "-o", here / "each", "--json")
    assert [len(row["parts"]) for row in json.loads(each.stdout)] == [3, 3]


def test_a_part_that_does_not_come_back_is_exit_code_1(here):
    good, bad = (container.pack(container.FILE, ".txt", b"x"), bytes([99, 0]))
    stego_of(here / "s.png", several.pack([("a.txt", good), ("b.txt", bad)]))
    done = stego("reveal", here / "s.png", "-o", f"{here}/out/")
    assert done.returncode == 1 and "b.txt does not come back" in done.stdout
    assert [path.name for path in (here / "out").iterdir()] == ["a.txt"]


def test_shards_of_a_folder(here):
    for name in ("covers", "parts"):
        (here / name).mkdir()
    for i in range(3):
        shutil.copy(here / "cover.png", here / "covers" / f"{i}.png")
    note = here / "note.txt"
    note.write_text("a note")
    for part, count in (("1/2", 2), ("2/2", 1)):
        done = stego("hide", here / "covers", note, "-o", here / "parts", "--shard", part, "--json")
        assert done.returncode == 0 and len(json.loads(done.stdout)) == count
    assert sorted(path.name for path in (here / "parts").iterdir()) == ["0.png", "1.png", "2.png"]
    found = stego("reveal", here / "parts", "-o", here / "out", "--shard", "1/3", "--json")
    assert len(json.loads(found.stdout)) == 1
    for shard in ("0/2", "3/2", "1", "a/b", "1/0", "-1/2"):
        wrong = stego("hide", here / "covers", note, "-o", here / "parts", f"--shard={shard}")
        assert wrong.returncode == 2 and "3/16" in wrong.stderr
    assert stego("hide", here / "cover.png", note, "-o", here / "s.png", "--shard", "1/2").returncode == 2
