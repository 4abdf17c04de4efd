"""The installed command on real files: what it prints, writes and returns."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import natural
from PIL import Image

from stegocli import __version__
from stegocli.picture import files, metrics


def stego(*arguments, cwd=None, given=None, binary=False, stdout=subprocess.PIPE, **environment):
    """Run the command without a terminal; `given` goes to stdin."""
    command = [sys.executable, "-m", "stegocli", *map(str, arguments)]
    stdin = {"stdin": subprocess.DEVNULL} if given is None else {"input": given}
    inherited = {k: v for k, v in os.environb.items() if k != b"STEGO_PASSWORD"}
    env = inherited | {os.fsencode(k): os.fsencode(v) for k, v in environment.items()}
    return subprocess.run(
        command, stdout=stdout, stderr=subprocess.PIPE, text=not binary, cwd=cwd, env=env, check=False, **stdin
    )


def test_hide_reveal_and_metrics_on_files(tmp_path, pair):
    cover, secret = pair
    hidden = stego("hide", cover, secret, "-o", tmp_path / "stego.png")
    assert hidden.returncode == 0, hidden.stderr
    assert "203x157" in hidden.stdout and "120x91" in hidden.stdout and "dB" in hidden.stdout
    revealed = stego("reveal", tmp_path / "stego.png")
    assert revealed.returncode == 0, revealed.stderr
    assert metrics.psnr(files.read(secret).rgb, files.read(tmp_path / "stego-revealed.png").rgb) > 36
    four = [cover, tmp_path / "stego.png", secret, tmp_path / "stego-revealed.png"]
    table = stego("metrics", *four)
    assert table.returncode == 0 and "target" in table.stdout and "hide PSNR" in table.stdout
    assert "no " in table.stdout and "[" not in table.stdout
    figures = json.loads(stego("metrics", *four, "--json").stdout)
    assert figures["targets"]["hide_psnr"] is True and 0.5 < figures["bit_accuracy"] < 1
    two = json.loads(stego("metrics", *four[:2], "--json").stdout)
    assert two["psnr"] == figures["hide_psnr"]


def test_metrics_on_a_folder(tmp_path, pair):
    (tmp_path / "notes.txt").write_text("not a picture")
    done = stego("metrics", "--data", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert len(result["pairs"]) == 2 and result["weights"] == "default"
    assert result["mean"]["hide_psnr"] == pytest.approx(np.mean([p["hide_psnr"] for p in result["pairs"]]))
    shown = stego("metrics", "--data", tmp_path)
    assert "cover.png <- secret.png" in shown.stdout and "worst pair" in shown.stdout


def test_metrics_compares_the_methods(tmp_path):
    pictures, plot = tmp_path / "pictures", tmp_path / "map.png"
    pictures.mkdir()
    for i in range(2):
        Image.fromarray(natural(80, 100, i)).save(pictures / f"{i}.png")
    done = stego("metrics", "--data", pictures, "--plot", plot, "--json")
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert list(results) == ["flow", "exact", "fit 40 dB", "fit 43 dB", "fit 46 dB"]
    assert results["exact"]["mean"]["bit_accuracy"] == 1 and results["flow"]["mean"]["bit_accuracy"] < 1
    assert min(Image.open(plot).size) >= 400


def test_train_runs_anywhere_and_its_weights_work(tmp_path, pair):
    options = ["--epochs", 1, "--amp", "--num-blocks", 1, "--hidden-channels", 4, "--crop", 32, "--workers", 0]
    options += ["--batch-size", 16]
    done = stego("train", *options, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "epoch 1/1" in done.stdout and "best: epoch 1" in done.stdout
    weights = tmp_path / "run" / "best.safetensors"
    assert stego("hide", *pair, "-o", tmp_path / "o.png", "--flow", "--weights", weights).returncode == 0
    refused = stego("reveal", tmp_path / "o.png")
    assert refused.returncode == 1 and "other weights" in refused.stderr
    assert stego("reveal", tmp_path / "o.png", "--weights", weights).returncode == 0
    again = stego("train", "--resume", "--epochs", 2, "--out", tmp_path / "run")
    assert again.returncode == 0 and "epoch 2/2" in again.stdout, again.stderr


def test_bench_reports_all_components(tmp_path):
    done = stego("bench", "--batch-size", 2, "--crop", 32, "--steps", 2, "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert len(figures["ablation"]) == 7 and figures["ablation"][-1]["seed_claim"] == 2.5
    assert figures["training"]["fallbacks"] == [] and figures["inference"]["hide_seconds_per_megapixel"] > 0


@pytest.mark.parametrize(
    "arguments,expected",
    [
        (["reveal", "none.png"], "none.png does not exist"),
        (["reveal", "plain.png"], "holds no hidden picture"),
        (["hide", "plain.png", "plain.png", "-o", "out.gif"], "without loss"),
        (["hide", "plain.png", "plain.png", "-o", "out.png", "--weights", "none"], "shipped: default"),
        (["hide", "text.png", "plain.png", "-o", "out.png"], "text.png"),
        (["hide", "plain.png", "text.png", "-o", "out.png", "--fit"], "leave --fit out"),
        (["hide", "plain.png", "text.png", "-o", "out.png", "--weights", "full"], "leave --weights out"),
        (["hide", "plain.png", "text.png", "-o", "out.png", "--no-amp"], "leave --amp out"),
        (["hide", "plain.png", "small.png", "-o", "out.jpg", "--weights", "full"], "leave --weights out"),
        (["hide", "plain.png", "small.png", "-o", "out.jpg", "--amp"], "leave --amp out"),
        (["hide", "plain.png", "small.png", "-o", "out.png", "--survive", "9" * 5000], "is no quality"),
        (["train", "--data", "none"], "none is not a folder"),
        (["train", "--resume", "--out", "none"], "does not exist"),
        (["metrics", "plain.png", "small.png"], "compare pictures of one size"),
        (["metrics", "--data", "none"], "none is not a folder"),
    ],
)
def test_errors_are_one_sentence(tmp_path, arguments, expected):
    Image.fromarray(natural(64, 64)).save(tmp_path / "plain.png")
    Image.fromarray(natural(32, 32)).save(tmp_path / "small.png")
    (tmp_path / "text.png").write_text("hello")
    before = set(tmp_path.iterdir())
    done = stego(*arguments, cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert expected in done.stderr and done.stderr.startswith("stego: ") and done.stderr.count("\n") == 1
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["hide", "a.png", "b.png"],
        ["nothing"],
        ["train", "--epochs", "0"],
        ["train", "--wavelet", "db4"],
        ["metrics"],
        ["metrics", "a.png"],
        ["metrics", "a.png", "b.png", "--data", "c"],
        ["metrics", "a.png", "b.png", "--plot", "c.png"],
    ],
)
def test_wrong_usage_is_exit_code_2(tmp_path, arguments):
    done = stego(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_version():
    assert stego("--version").stdout == f"stego {__version__}\n"


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from stegocli.cli import app\n"
        "try: app(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'numpy', 'PIL', 'safetensors') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")


# -- manners ----------------------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch):
    """In a folder with two small pictures and a text."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(natural(64, 80, 1)).save("c.png")
    Image.fromarray(natural(40, 30, 2)).save("s.png")
    Path("t.txt").write_text("a note")
    return tmp_path


def refused(done, *words) -> bool:
    """Whether it ended with one sentence that holds all the words."""
    one = done.stderr.startswith("stego: ") and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    return done.returncode == 1 and one and all(word in done.stderr for word in words)


def interrupted_at_the_prompt(*arguments) -> tuple[int, str]:
    """Ctrl-C at the first prompt: exit code and what was shown."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.pop("STEGO_PASSWORD", None)
        os.execl(sys.executable, sys.executable, "-m", "stegocli", *map(str, arguments))
    shown = b""
    try:
        for _ in range(60):
            # A prompt that still stands after two seconds gets another: the terminal's mode changes under the first.
            ready = select.select([terminal], [], [], 2)[0]
            shown += os.read(terminal, 1024) if ready else b""
            # Nor does every echo leave the prompt as the last that is shown.
            if shown.endswith(b": ") or (b": " in shown and not ready):
                os.write(terminal, b"\x03")
    except OSError:  # how Linux says that the other end is closed
        pass
    else:
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()


def test_control_c_at_the_prompt_is_130(here):
    code, shown = interrupted_at_the_prompt("hide", "c.png", "t.txt", "-o", "o.png", "--password")
    assert code == 130 and "Stopped" in shown and "Traceback" not in shown and not Path("o.png").exists()


def test_control_c_in_the_middle_is_130(here):
    interrupted = """
import sys
from stegocli import api, cli
def hide(*arguments, **options):
    raise KeyboardInterrupt
api.hide = hide
sys.argv = ["stego", "hide", "c.png", "t.txt", "-o", "o.png"]
cli.run()
"""
    done = subprocess.run([sys.executable, "-c", interrupted], capture_output=True, text=True, check=False)
    assert done.returncode == 130 and done.stderr.strip() == "Stopped."


def test_a_password_that_lacks_is_explained(here):
    ways = "--password", "--password-file", "STEGO_PASSWORD"
    assert refused(stego("reveal", "c.png"), *ways)
    # Asked for at once, and no terminal: the same ways are named.
    assert refused(stego("reveal", "c.png", "--password"), *ways)
    # Nothing is asked of the user while the cover can't be used.
    assert refused(stego("hide", "none.png", "t.txt", "-o", "o.png", "--password"), "none.png does not exist")


def test_password_files(here):
    Path("bom").write_bytes("\ufeffgrün\r\n".encode())
    Path("two").write_text("one\ntwo\n")
    Path("latin").write_bytes(b"gr\xfcn")
    assert stego("hide", "c.png", "t.txt", "-o", "o.png", "--password-file", "bom").returncode == 0
    done = stego("reveal", "o.png", "-o", ".", STEGO_PASSWORD="grün")
    assert done.returncode == 0 and Path("o-revealed.txt").read_text() == "a note", done.stderr
    assert "called t.txt when it was hidden" in done.stdout
    assert refused(stego("reveal", "o.png", "--password-file", "two"), "two", "more than one line")
    assert refused(stego("reveal", "o.png", "--password-file", "latin"), "latin", "UTF-8")
    assert refused(stego("reveal", "o.png", STEGO_PASSWORD=b"gr\xfcn"), "STEGO_PASSWORD", "UTF-8")
    done = stego("hide", "c.png", "t.txt", "-o", "p.png", "--flow", "--exact")
    assert done.returncode == 2 and "--flow" in done.stderr and not Path("p.png").exists()
    # What only Unicode takes for the end of a line may be the password's own.
    Path("odd").write_text("a\u2028b\x85c\x0cd\n")
    assert stego("hide", "c.png", "t.txt", "-o", "p.png", "--password-file", "odd").returncode == 0
    assert stego("reveal", "p.png", "-o", "p.txt", STEGO_PASSWORD="a\u2028b\x85c\x0cd").returncode == 0


@pytest.mark.parametrize("name", ["photo [edited].png", "o[/b].png", "[red]x[/red].png"])
def test_names_with_markup_are_shown_as_they_are(here, name):
    Path(name).parent.mkdir(exist_ok=True)
    Path("t.txt").rename(n := name.replace("/", "").replace(".png", ".txt"))
    done = stego("hide", "c.png", n, "-o", name)
    assert done.returncode == 0 and done.stdout.startswith(f"{name}: 80x64, holds {n};"), done.stderr
    shown = stego("reveal", name)
    target = Path(name).with_name(f"{Path(name).stem}-revealed.txt")
    assert shown.returncode == 0 and shown.stdout.startswith(f"{target}: ") and n in shown.stdout


def test_names_that_the_terminal_lacks(here):
    done = stego("hide", "c.png", "t.txt", "-o", "größe.png", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and "gr\\xf6\\xdfe.png: 80x64" in done.stdout, done.stderr
    done = stego("reveal", "keine größe.png", PYTHONIOENCODING="ascii")
    assert refused(done, "does not exist")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_stdout(here):
    with open("/dev/full", "w") as full:
        assert refused(stego("hide", "c.png", "t.txt", "-o", "o.png", stdout=full), "full")


def test_folders(here):
    for folder in ("covers", "secrets"):
        Path(folder).mkdir()
    for i in range(3):
        Image.fromarray(natural(64, 80, i)).save(f"covers/{i}.png")
        Path(f"secrets/{i}.txt").write_text(f"note {i}")
    Path("secrets/1.txt").write_bytes(os.urandom(60_000))
    done = stego("hide", "covers", "secrets", "-o", "stegos")
    assert done.returncode == 1 and "2 of 3 done" in done.stdout, done.stderr
    assert done.stderr.count("\n") == 1 and "1.txt needs" in done.stderr
    assert sorted(p.name for p in Path("stegos").iterdir()) == ["0.png", "2.png"]
    Image.fromarray(natural(64, 80)).save("stegos/1.png")
    done = stego("reveal", "stegos", "-o", "out", "--json")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "1.png holds no hidden picture" in done.stderr
    assert [row.get("name") for row in json.loads(done.stdout)] == ["0.txt", None, "2.txt"]
    assert {p.name: p.read_text() for p in Path("out").iterdir()} == {"0.txt": "note 0", "2.txt": "note 2"}
    assert stego("hide", "covers", "secrets", "-o", "more", "--report", "r.png").returncode == 2


def test_streams(here):
    hidden = stego("hide", "-", "t.txt", "-o", "-", given=Path("c.png").read_bytes(), binary=True)
    assert hidden.returncode == 0 and hidden.stdout[:4] == b"\x89PNG" and b"dB" in hidden.stderr
    shown = stego("reveal", "-", "-o", "-", given=hidden.stdout, binary=True)
    assert shown.returncode == 0 and shown.stdout == b"a note" and b"same file" in shown.stderr
    # What comes from stdin has no name.
    hidden = stego("hide", "c.png", "-", "-o", "o.png", given="words")
    assert hidden.returncode == 0, hidden.stderr
    figures = json.loads(stego("reveal", "o.png", "--json").stdout)
    assert figures["name"] is None and Path("o-revealed").read_text() == "words"
    assert refused(stego("hide", "-", "-", "-o", "o.png", given=""), "Only one input")


def test_json_report_quiet_and_force(here):
    done = stego("hide", "c.png", "s.png", "-o", "o.png", "--exact", "--json", "--report", "r.png")
    figures = json.loads(done.stdout)
    assert figures["size"] == [80, 64] and figures["secret"]["psnr"] == metrics.EXACT_PSNR and done.stderr == ""
    assert min(Image.open("r.png").size) >= 64
    before = Path("o.png").read_bytes()
    assert refused(stego("hide", "c.png", "t.txt", "-o", "o.png"), "o.png already exists", "--force")
    assert Path("o.png").read_bytes() == before
    done = stego("hide", "c.png", "t.txt", "-o", "o.png", "--force", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "") and Path("o.png").read_bytes() != before
