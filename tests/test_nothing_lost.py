"""Nothing is lost, through `hide`, `reveal` and folders: not an input, not a result, not what was there before."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pictures import natural, photograph
from PIL import Image
from stegos import content, stego_of
from systems import fifo, fifos, posix

from stegocli import api, errors, folders
from stegocli.calls import Call
from stegocli.errors import StegoError, printable
from stegocli.folders import Failed
from stegocli.methods import Decoy, Exact, Robust
from stegocli.picture import files, outputs


@pytest.fixture
def here(tmp_path, monkeypatch):
    """In a folder with two small pictures and a text."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(natural(64, 80, 1)).save("c.png")
    Image.fromarray(natural(20, 30, 2)).save("s.png")
    Path("t.txt").write_text("a note")
    return tmp_path


def names(folder: Path = Path()) -> set[str]:
    return {path.name for path in folder.iterdir()}


# -- inputs -------------------------------------------------------------------------------------------------------


@fifos
@pytest.mark.parametrize("which", ["cover", "secret", "stego"])
def test_what_can_be_read_only_once_is_read_whole(here, which):
    if which == "stego":
        api.hide("c.png", "t.txt", "o.png", Exact())
        with fifo(here / "pipe", Path("o.png").read_bytes()) as pipe:
            api.reveal(pipe, "r.txt")
    else:
        given = {"cover": "c.png", "secret": "t.txt"}
        with fifo(here / "pipe", Path(given[which]).read_bytes()) as pipe:
            api.hide(*(given | {which: pipe}).values(), "o.png", Exact())
        api.reveal("o.png", "r.txt" if which == "cover" else "r")
    assert Path("r" if which == "secret" else "r.txt").read_text() == "a note"


@fifos
def test_one_stream_for_both_is_refused(here):
    os.mkfifo("pipe")
    with pytest.raises(StegoError, match="only once"):
        api.hide("pipe", "pipe", "o.png", Exact())


@pytest.fixture
def covers(here):
    """A folder of three."""
    folder = here / "covers"
    folder.mkdir()
    for i in range(3):
        Image.fromarray(natural(64, 80, i)).save(folder / f"{i}.png")
    return folder


@fifos
def test_one_pipe_goes_into_every_cover(here, covers):
    with fifo(here / "pipe", b"content") as pipe:
        done = list(folders.hide(covers, pipe, "out", Exact()))
    assert [api.reveal(d.path, f"{i}").path.read_bytes() for i, d in enumerate(done)] == [b"content"] * 3


@fifos
def test_a_decoy_from_a_pipe_goes_into_every_cover(here, covers):
    with fifo(here / "pipe", b"a rose") as pipe:
        done = list(folders.hide(covers, "t.txt", "out", Exact("real", decoy=Decoy(pipe, "other"))))
    for number, one in enumerate(done):
        assert api.reveal(one.path, f"{number}", password="other").path.read_bytes() == b"a rose"
        assert api.reveal(one.path, f"{number}.txt", password="real").path.read_text() == "a note"


# -- outputs of one run -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("report", ["o.png", "./o.png", "O.png", "link.png", "c.png", "s.png"])
def test_a_report_replaces_neither_stego_nor_input(here, report, force):
    Path("link.png").symlink_to("o.png")
    before = {path: path.read_bytes() for path in Path().glob("?.*")}
    with pytest.raises(StegoError, match=r"one file|also an input"):
        api.hide("c.png", "s.png", "o.png", Exact(), report=report, force=force)
    assert {path: path.read_bytes() for path in Path().glob("?.*")} == before


@pytest.mark.parametrize("force", [False, True])
def test_a_report_that_can_not_be_written_leaves_no_stego(here, monkeypatch, force):
    Path("o.png").write_bytes(b"old") if force else None
    before = names()
    was = outputs.Outputs.add

    def add(run, path, *arguments, **options):
        if path.name == "r.png":
            raise StegoError("full")
        was(run, path, *arguments, **options)

    monkeypatch.setattr(outputs.Outputs, "add", add)
    with pytest.raises(StegoError, match="full"):
        api.hide("c.png", "s.png", "o.png", Exact(), report="r.png", force=force)
    assert names() == before and (not force or Path("o.png").read_bytes() == b"old")


def test_a_password_or_weights_file_is_not_replaced(here):
    Path("word.txt").write_text("word")
    api.hide("c.png", "t.txt", "o.png", Exact("word"))
    with pytest.raises(StegoError, match="also an input"):
        api.reveal("o.png", "word.txt", password="word", force=True, keep=[Path("word.txt")])
    assert Path("word.txt").read_text() == "word"
    Path("own.safetensors").write_text("weights")
    api.hide("c.png", "own.safetensors", "w.png", Exact())
    with pytest.raises(StegoError, match="also an input"):
        api.reveal("w.png", "own.safetensors", "own.safetensors", force=True)


# -- races --------------------------------------------------------------------------------------------------------


def test_a_file_that_appears_meanwhile_stays(here):
    def meanwhile(stage, share):
        Path("o.png").write_bytes(b"another's")

    with pytest.raises(StegoError, match=r"o\.png already exists"):
        api.hide("c.png", "t.txt", "o.png", Exact(), progress=meanwhile)
    assert Path("o.png").read_bytes() == b"another's" and names() == {"c.png", "s.png", "t.txt", "o.png"}


def test_of_two_hides_to_one_output_one_succeeds(here):
    ready, done = threading.Barrier(2), []

    def together(stage, share):
        if stage == "writing":
            ready.wait()

    def hide(secret):
        try:
            done.append(api.hide("c.png", secret, "o.png", Exact(), progress=together))
        except StegoError as error:
            done.append(str(error))

    threads = [threading.Thread(target=hide, args=(secret,)) for secret in ("t.txt", "s.png")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(isinstance(d, str) for d in done) == [False, True] and "already exists" in str(done)
    (won,) = (d for d in done if not isinstance(d, str))
    assert api.reveal("o.png", "back" + (".txt" if won.secret is None else ".png")).path.exists()


def test_two_reveals_into_a_folder_lose_nothing(here):
    Path("out").mkdir()
    stegos = [stego_of(here / f"{i}.png", content("a.txt", b"%d" % i)) for i in range(4)]
    threads = [threading.Thread(target=api.reveal, args=(s, "out"), kwargs={"force": True}) for s in stegos]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.read_bytes() for path in Path("out").iterdir()) == [b"0", b"1", b"2", b"3"]


# -- modes --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@posix
def test_what_a_password_opened_is_for_its_owner(here):
    old = os.umask(0o022)
    try:
        Image.fromarray(photograph(176, 176)).save("large.png")
        for method in (Exact("word"), Robust(password="word")):
            stego = api.hide("large.png", "t.txt", "o.png", method, force=True).path
            assert stego.stat().st_mode & 0o777 == 0o644
            Path("out").mkdir(exist_ok=True)
            for target in ("r.txt", None, "out", "out"):
                done = api.reveal(stego, target, password="word", force=True)
                assert done.path.stat().st_mode & 0o777 == 0o600
        api.hide("c.png", "s.png", "o.png", Exact("word"), force=True, report="report.png")
        assert Path("report.png").stat().st_mode & 0o777 == 0o600
        # Its picture in another format too; what was open is as the umask says, or as it was.
        assert api.reveal("o.png", "r.tif", password="word").path.stat().st_mode & 0o777 == 0o600
        api.hide("c.png", "t.txt", "o.png", Exact(), force=True)
        assert api.reveal("o.png", "open.txt").path.stat().st_mode & 0o777 == 0o644
        assert api.reveal("o.png", "r.txt", force=True).path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(old)


# -- folders ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("force", [False, True])
def test_all_results_of_a_folder_have_their_own_names(here, force):
    covers, secrets = here / "covers", here / "secrets"
    covers.mkdir()
    secrets.mkdir()
    wanted = ["a.png", "a.jpg", "a.png.bmp", "A.png", "a.png-2.bmp", "b.jpg", "a.PNG.jpg"]
    for i, name in enumerate(wanted):
        Image.fromarray(natural(64, 80, i)).save(covers / name)
    for i in range(len(wanted)):
        (secrets / f"{i}").write_bytes(b"%d" % i)
    done = list(folders.hide(covers, secrets, "out", Exact(), force=force))
    assert len({d.path.name.casefold() for d in done}) == len(wanted) == len(names(Path("out")))
    assert [api.reveal(d.path, f"r{i}").path.read_bytes() for i, d in enumerate(done)] == [b"%d" % i for i in range(7)]


@pytest.mark.parametrize("force", [False, True])
def test_secrets_without_names_do_not_replace_each_other(here, force):
    stegos = here / "stegos"
    stegos.mkdir()
    for i, name in enumerate(("st.png", "st.webp", "st.tif")):
        stego_of(here / "x.png", content(".txt", b"%d" % i))
        files.write(stegos / name, files.read("x.png"))
    # A secret whose own name is what another's would be called by its stego.
    stego_of(stegos / "a.png", content("b-revealed.txt", b"3"))
    stego_of(stegos / "b.png", content(".txt", b"4"))
    for _ in range(2):
        done = list(folders.reveal(stegos, "out", force=force))
        if not force and _:
            # Nothing is replaced, and all that had no other name is told.
            assert any(isinstance(d, Failed) and "already exists" in d.reason for d in done)
            continue
        assert sorted(d.path.read_bytes() for d in done) == [b"0", b"1", b"2", b"3", b"4"]


def test_a_folder_does_not_replace_its_inputs(here):
    covers = here / "covers"
    covers.mkdir()
    for i, name in enumerate(("a.jpg", "b.png")):
        Image.fromarray(natural(64, 80, i)).save(covers / name)
    (covers / "a.png").symlink_to(here / "t.txt")
    before = {p.name: p.read_bytes() for p in covers.iterdir()}
    done = list(folders.hide(covers, "t.txt", covers, Exact(), force=True))
    assert [isinstance(d, Failed) for d in done] == [False, True, True] and "also an input" in done[2].reason
    assert {name: (covers / name).read_bytes() for name in before} == before and Path("t.txt").read_text() == "a note"


def test_what_can_not_be_read_is_told_and_the_pairs_do_not_shift(here):
    covers, secrets, notes = here / "covers", here / "secrets", []
    covers.mkdir()
    secrets.mkdir()
    for i, name in enumerate(("a.jpg", "bb.png", "cat.png", "d.dat", "e.tif", "f.heic")):
        Image.fromarray(natural(64, 80, i)).save(covers / name, "PNG")
        (secrets / f"{i}.txt").write_text(f"{i}")
    (covers / "bb.png").write_bytes(b"broken")
    (covers / "e.tif").unlink()
    (covers / "e.tif").symlink_to("none")
    (covers / "f.heic").write_bytes(b"\0\0\0\x18ftypheic")
    for name in ("notes.txt", "Thumbs.db", ".hidden.png"):
        (covers / name).write_text("no picture")
    done = list(folders.hide(covers, secrets, "out", Exact(), note=notes.append))
    assert [isinstance(d, Failed) for d in done] == [False, True, False, False, True, True]
    assert [d.path.name for d in done if isinstance(d, Failed)] == ["bb.png", "e.tif", "f.heic"]
    for d, secret in zip(done, "012345", strict=True):
        assert isinstance(d, Failed) or api.reveal(d.path, f"{secret}.txt").path.read_text() == secret
    assert len(notes) == 1 and all(name in notes[0] for name in ("notes.txt", "Thumbs.db", ".hidden.png"))
    # A stego that is broken is told as well.
    Path("out/z.png").write_bytes(b"broken")
    done = list(folders.reveal("out", "back"))
    assert [isinstance(d, Failed) for d in done] == [False, False, False, True]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("a bug"), OSError(5, "I/O error"), KeyError("x")])
def test_any_fault_of_a_pair_is_its_own(here, monkeypatch, error):
    hide = api.hide

    def failing(cover, *arguments, **options):
        if Path(cover).name == "1.png":
            raise error
        return hide(cover, *arguments, **options)

    monkeypatch.setattr(api, "hide", failing)
    covers = here / "covers"
    covers.mkdir()
    for i in range(3):
        Image.fromarray(natural(64, 80, i)).save(covers / f"{i}.png")
    done = list(folders.hide(covers, "t.txt", "out", Exact()))
    assert [isinstance(d, Failed) for d in done] == [False, True, False]
    assert "1.png" in done[1].reason and "\n" not in done[1].reason


def test_a_killed_worker_costs_its_own_pair_alone():
    # What is called is given its place, here what it returns or ends with.
    work = [Call(Path(f"{i}"), str, Path(f"{i}")) for i in range(2)]
    work[1:1] = [Call(Path("killed"), os._exit, 9)]
    done = list(folders._each([*work, Failed(Path("early"), "")], 2))
    assert [d if isinstance(d, str) else str(d.path) for d in done] == ["0", "killed", "1", "early"]


def test_workers_speak_as_their_parent_does(monkeypatch):
    monkeypatch.setattr(errors, "_at_command_line", True)
    assert list(folders._each([Call(Path("a"), errors.option, "cover_psnr")], 2)) == ["--cover-psnr"]


# -- signals ------------------------------------------------------------------------------------------------------

WRITING = """
import os, sys, time
from pathlib import Path
from stegocli import __main__, cli
from stegocli.picture import outputs
call, was = sys.argv[1], getattr(os, sys.argv[1])
def wait(*arguments, **options):
    made = was(*arguments, **options) if call == "open" else None
    print("ready", flush=True)
    time.sleep(60)
def write():
    setattr(outputs.os, call, wait)
    outputs.write_beside(Path("a"), b"content", force=call == "replace")
cli.run = write
__main__.main()
"""

WORKING = """
import os, sys, time
from pathlib import Path
from stegocli import __main__, cli, folders
from stegocli.calls import Call
def process(place):
    return os.getpid()
def work():
    calls = [Call(Path("a"), process, None), Call(Path("b"), time.sleep, 60)]
    for done in folders._each(calls, 2):
        print(done, flush=True)
if __name__ == "__main__":
    cli.run = work
    __main__.main()
"""


def started(code: str, *arguments: str) -> tuple[subprocess.Popen, str]:
    """A process, and the first line that it prints."""
    script = Path("script.py")
    script.write_text(code)
    child = subprocess.Popen([sys.executable, script, *arguments], stdout=subprocess.PIPE, text=True)
    return child, child.stdout.readline().strip()


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("call", ["open", "fsync", "link", "replace"])
def test_a_signal_leaves_no_file(tmp_path, monkeypatch, call, number):
    monkeypatch.chdir(tmp_path)
    child, line = started(WRITING, call)
    assert line == "ready"
    child.send_signal(number)
    assert child.wait(timeout=60) == 128 + number and names() == {"script.py"}


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_parent(tmp_path, monkeypatch, number):
    monkeypatch.chdir(tmp_path)
    child, worker = started(WORKING)
    child.send_signal(number)
    assert child.wait(timeout=60) == (143 if number == signal.SIGTERM else -number)
    for _ in range(600):
        try:
            os.kill(int(worker), 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{worker}/stat").exists() and ") Z " in Path(f"/proc/{worker}/stat").read_text():
            return  # ended, but nobody asked how
        time.sleep(0.1)
    pytest.fail("the worker goes on")


# -- names of others at the terminal --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain größe 日本 👩\u200d🔬.png", None), ("a\nstego: forged", "a\\nstego: forged"), ("\x1b[2J", "\\x1b[2J"),
        ("gpj\u202e.exe", "gpj\\u202e.exe"), ("a\rb", "a\\rb"), ("a\x9bb", "a\\x9bb"), ("a\u2028b", "a\\u2028b"),
        ("a\udcffb", "a\\udcffb"), ("a\u2066b", "a\\u2066b"), ("a\x7fb", "a\\x7fb"),
    ],
)  # fmt: skip
def test_names_of_others_do_not_steer_the_terminal(name, shown, capsys):
    from stegocli import cli
    from stegocli.commands import common

    assert printable(name) == (shown or name)
    if "\udcff" in name:
        return
    cli._say(f"stego: {name}", 1)
    assert capsys.readouterr().err == f"stego: {shown or name}\n"
    console = common.console()
    console.print(f"{name}: done", soft_wrap=True)
    common.show_notes([name], console)
    lines = capsys.readouterr().out.split("\n")
    assert lines[:2] == [f"{shown or name}: done", f"note: {shown or name}"]
