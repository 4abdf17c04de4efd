"""The installed command on real files: what it prints, writes and returns."""

import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from command import stego
from pictures import natural
from PIL import Image
from systems import at_a_terminal, posix, terminal

from stegocli import __version__, api
from stegocli.picture import files, metrics


def process(*arguments, closed=(), stdout=subprocess.PIPE, **options):
    """Run the command as a process of its own; the streams with the `closed` numbers as a shell closes them."""
    command = [sys.executable, "-m", "stegocli", *map(str, arguments)]
    if closed:
        command = ["sh", "-c", " ".join(['exec "$@"', *(f"{number}>&-" for number in closed)]), "sh", *command]
    env = {k: v for k, v in os.environ.items() if k != "STEGO_PASSWORD"}
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env=env, check=False, **options)


@pytest.mark.network
def test_hide_reveal_and_metrics_on_files(tmp_path, pair):
    cover, secret = pair
    hidden = stego("hide", cover, secret, "-o", tmp_path / "stego.png", "--flow")
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


@pytest.mark.network
def test_metrics_on_a_folder(tmp_path, pair):
    (tmp_path / "notes.txt").write_text("not a picture")
    done = stego("metrics", "--data", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert len(result["pairs"]) == 2 and 0 <= result["by_network"] <= 2
    assert result["mean"]["hide_psnr"] == pytest.approx(np.mean([p["hide_psnr"] for p in result["pairs"]]))
    shown = stego("metrics", "--data", tmp_path)
    assert "cover.png <- secret.png" in shown.stdout and "worst pair" in shown.stdout


@pytest.mark.network
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
    with Image.open(plot) as drawn:
        assert min(drawn.size) >= 400


@pytest.mark.network
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


@pytest.mark.network
def test_bench_reports_all_components(monkeypatch):
    from stegocli.flow.couplings import FlowConfig
    from stegocli.measure import bench

    monkeypatch.setattr(bench, "MEGAPIXELS", (0.01,))
    monkeypatch.setattr(bench, "Settings", partial(bench.Settings, flow=FlowConfig(num_blocks=1, hidden_channels=4)))
    done = stego("bench", "--batch-size", 2, "--crop", 32, "--steps", 2, "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert len(figures["ablation"]) == 7 and figures["ablation"][-1]["baseline_claim"] == 2.5
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
        (["hide", "plain.png", "text.png", "-o", "out.png", "--weights", "full"], "--weights is for the network"),
        (["hide", "plain.png", "text.png", "-o", "out.png", "--no-amp"], "--amp is for the network"),
        (["hide", "plain.png", "small.png", "-o", "out.jpg", "--weights", "full"], "--weights is for the network"),
        (["hide", "plain.png", "small.png", "-o", "out.jpg", "--amp"], "--amp is for the network"),
        (["hide", "plain.png", "small.png", "-o", "out.png", "--survive", "9" * 5000], "is no quality"),
        (["train", "--data", "none"], "none is not a folder"),
        (["train", "--resume", "--out", "none"], "does not exist"),
        (["metrics", "plain.png", "small.png"], "compare pictures of one size"),
        (["metrics", "--data", "none"], "none is not a folder"),
    ],
)
def test_errors_are_one_sentence(tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(natural(64, 64)).save(tmp_path / "plain.png")
    Image.fromarray(natural(32, 32)).save(tmp_path / "small.png")
    (tmp_path / "text.png").write_text("hello")
    before = set(tmp_path.iterdir())
    done = stego(*arguments)
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
def test_wrong_usage_is_exit_code_2(here, arguments):
    done = stego(*arguments)
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_version():
    assert stego("--version").stdout == f"stego {__version__}\n"


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


@terminal
def test_control_c_at_the_prompt_is_130(here):
    code, shown = at_a_terminal(["\x03"], "hide", "c.png", "t.txt", "-o", "o.png", "--password")
    assert code == 130 and "Stopped" in shown and "Traceback" not in shown and not Path("o.png").exists()


def test_control_c_in_the_middle_is_130(here, monkeypatch):
    def hide(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "hide", hide)
    done = stego("hide", "c.png", "t.txt", "-o", "o.png")
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
    done = stego("hide", "c.png", "t.txt", "-o", "größe.png", encoding="ascii")
    assert done.returncode == 0 and "gr\\xf6\\xdfe.png: 80x64" in done.stdout, done.stderr
    done = stego("reveal", "keine größe.png", encoding="ascii")
    assert refused(done, "does not exist")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_stdout(here):
    with open("/dev/full", "w") as full:
        done = process("hide", "c.png", "t.txt", "-o", "o.png", stdout=full, text=True)
    assert refused(done, "full")


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
    with Image.open("r.png") as report:
        assert min(report.size) >= 64
    before = Path("o.png").read_bytes()
    assert refused(stego("hide", "c.png", "t.txt", "-o", "o.png"), "o.png already exists", "--force")
    assert Path("o.png").read_bytes() == before
    done = stego("hide", "c.png", "t.txt", "-o", "o.png", "--force", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "") and Path("o.png").read_bytes() != before


@pytest.mark.slow
@posix
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_streams(here, closed):
    done = process("hide", "c.png", "t.txt", "-o", "o.png", closed=closed)
    assert done.returncode == 0 and done.stderr == b"" and Path("o.png").read_bytes()[:4] == b"\x89PNG"
    assert process("reveal", "none.png", closed=closed).returncode == 1
    assert process("hide", "c.png", closed=closed).returncode == 2


@posix
def test_nothing_is_read_from_a_closed_stream_or_written_to_one(here):
    done = process("hide", "c.png", "-", "-o", "o.png", closed=[0], text=True)
    assert refused(done, "stdin is closed") and not Path("o.png").exists()
    assert refused(process("hide", "c.png", "t.txt", "-o", "-", closed=[1], text=True), "stdout is closed")


LONG = "long" * 200


@pytest.mark.parametrize(
    "arguments",
    [
        ["hide", LONG, "t.txt", "-o", "o.png"],
        ["hide", "c.png", LONG, "-o", "o.png"],
        ["hide", "c.png", "t.txt", "-o", f"{LONG}.png"],
        ["hide", "c.png", "t.txt", "-o", f"{LONG}/"],
        ["hide", "c.png", "t.txt", "-o", f"{LONG}/o.png"],
        ["hide", "c.png", "s.png", "-o", "o.png", "--report", f"{LONG}.png"],
        ["hide", "c.png", "t.txt", "-o", "o.png", "--password-file", LONG],
        ["hide", LONG, "t.txt", "-o", "o.png", "--exact"],
        ["hide", "pictures", LONG, "-o", "out"],
        ["hide", "pictures", "t.txt", "-o", LONG],
        ["reveal", LONG],
        ["reveal", "c.png", "-o", f"{LONG}.png"],
        ["reveal", "c.png", "-o", f"{LONG}/"],
        ["reveal", "c.png", "--password-file", LONG],
        ["reveal", "pictures", "-o", LONG],
        ["metrics", "c.png", LONG],
        ["metrics", "--data", LONG],
        *(
            pytest.param(arguments, marks=pytest.mark.network)
            for arguments in (
                ["hide", "c.png", "s.png", "-o", "o.png", "--flow", "--weights", LONG],
                ["hide", "c.png", "s.png", "-o", "o.png", "--flow", "--weights", f"{LONG}.safetensors"],
                ["metrics", "--data", "pictures", "--plot", f"{LONG}.png"],
                ["train", "--data", LONG],
                ["train", "--data", "pictures", "--crop", "16", "--out", LONG],
                ["train", "--init", LONG],
                ["train", "--init", f"{LONG}.safetensors"],
                ["train", "--resume", "--out", LONG],
                ["bench", "--data", LONG],
                ["bench", "--weights", f"{LONG}.safetensors"],
            )
        ),
    ],
    ids=lambda arguments: " ".join(arguments).replace(LONG, "LONG") if isinstance(arguments, list) else None,
)
def test_names_that_are_too_long(here, arguments):
    Path("pictures").mkdir()
    for i in range(2):
        Image.fromarray(natural(40, 40, i)).save(f"pictures/{i}.png")
    before = set(here.rglob("*"))
    done = stego(*arguments)
    assert refused(done, "long") and len(done.stderr) < 500, done.stderr
    assert set(here.rglob("*")) == before


@pytest.mark.parametrize("command", [["hide", "c.png", "t.txt"], ["reveal", "o.png"]])
def test_no_temporary_folder(here, monkeypatch, command):
    stego("hide", "c.png", "t.txt", "-o", "o.png")

    def lacks(*arguments, **options):
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", lacks)
    assert refused(stego(*command, "-o", "-"), "TMPDIR")
    # It is needed for nothing else.
    assert stego(*command, "-o", "out/").returncode == 0


@pytest.mark.parametrize("text", [b"a note", b"", b"%PDF-1.7 not a picture"])
def test_swapped_cover_and_secret(here, text):
    Path("t.txt").write_bytes(text)
    done = stego("hide", "t.txt", "c.png", "-o", "o.png")
    assert refused(done, "t.txt is no picture, but c.png is", "swapped") and not Path("o.png").exists()
    # Two files that are no pictures were not swapped.
    done = stego("hide", "t.txt", "t.txt", "-o", "o.png")
    assert refused(done, "t.txt") and "swapped" not in done.stderr


@pytest.mark.parametrize("secret", ["c.png", "./c.png", "link.png", "copy.png"])
def test_one_file_for_cover_and_secret_is_said(here, secret):
    Path("link.png").symlink_to("c.png")
    Path("copy.png").write_bytes(Path("c.png").read_bytes())
    done = stego("hide", "c.png", secret, "-o", "o.png", "--fit")
    assert done.returncode == 0 and "c.png is cover and secret at once" in done.stdout
    assert "at once" not in stego("hide", "c.png", "s.png", "-o", "p.png", "--exact").stdout


@pytest.mark.parametrize(("folder", "there"), [("out", True), ("out/", True), ("out/", False), ("a/b/", False)])
def test_a_folder_as_the_output_of_one_file(here, folder, there):
    if there:
        Path(folder).mkdir()
    done = stego("hide", "c.png", "t.txt", "-o", folder)
    stego_file = Path(folder, "c-stego.png")
    assert done.returncode == 0 and done.stdout.startswith(f"{stego_file}: 80x64"), done.stderr
    assert stego_file.is_file()
    assert refused(stego("hide", "c.png", "t.txt", "-o", folder), "c-stego.png already exists", "--force")
    done = stego("reveal", stego_file, "-o", folder)
    assert done.returncode == 0 and Path(folder, "t.txt").read_text() == "a note"


def test_a_folder_that_nothing_went_into_is_not_made(here):
    for arguments in (["hide", "c.png", "none", "-o", "out/"], ["reveal", "c.png", "-o", "out/"]):
        assert stego(*arguments).returncode == 1 and not Path("out").exists()
    # Without the slash it is a file without a known extension.
    assert refused(stego("hide", "c.png", "t.txt", "-o", "out"), "out", "extension")
    # The folder of the cover itself takes it too.
    assert stego("hide", "c.png", "t.txt", "-o", ".").returncode == 0 and Path("c-stego.png").exists()


@pytest.mark.parametrize("name", ["r.jpg", "r.JPEG", "r.webp"])
def test_a_report_may_be_lossy(here, name):
    done = stego("hide", "c.png", "s.png", "-o", "o.png", "--exact", "--report", name)
    assert done.returncode == 0, done.stderr
    with Image.open(name) as report:
        assert min(report.size) >= 64
    assert refused(stego("hide", "c.png", "s.png", "-o", "p.png", "--exact", "--report", "r.gif"), "r.gif")


@pytest.mark.parametrize(
    ("arguments", "option", "reason"),
    [
        (["--flow", "--exact"], "--flow", "bytes"),
        (["--flow", "--fit"], "--flow", "bytes"),
        (["--flow", "--cover-psnr", 45], "--cover-psnr", "network"),
        (["--flow", "--password"], "--flow", "encrypts nothing"),
        (["--flow", "--password-file", "t.txt"], "--flow", "encrypts nothing"),
        (["--survive", "75", "--exact"], "--survive", "room"),
        (["--survive", "75", "--fit"], "--survive", "room"),
        (["--survive", "75", "--flow"], "--survive", "room"),
        (["--exact", "--weights", "full"], "--weights", "no network"),
        (["--fit", "--weights", "full"], "--weights", "no network"),
        (["--password", "--weights", "full"], "--weights", "no network"),
        (["--survive", "75", "--weights", "full"], "--weights", "no network"),
        (["--exact", "--amp"], "--amp", "no network"),
        (["--exact", "--no-amp"], "--amp", "no network"),
        (["--exact", "--fit"], "--fit", "give one"),
        (["--password", "--password-file", "t.txt"], "--password", "give one"),
        (["--jobs", 2], "--jobs", "folders"),
    ],
)  # fmt: skip
def test_options_of_hide_without_effect(here, arguments, option, reason):
    done = stego("hide", "c.png", "s.png", "-o", "o.png", *arguments)
    told = " ".join(done.stderr.replace("│", " ").split())
    assert done.returncode == 2 and option in told and reason in told and not Path("o.png").exists()


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["reveal", "c.png", "--jobs", 2], "--jobs"),
        (["reveal", "c.png", "--password", "--password-file", "t.txt"], "--password"),
        (["metrics", "c.png", "s.png", "--weights", "full"], "--weights"),
        (["metrics", "c.png", "s.png", "--plot", "p.png"], "--plot"),
        (["metrics", "c.png", "s.png", "--survive", "75"], "--survive"),
        (["metrics", "--data", ".", "--survive", "75", "--weights", "full"], "--weights"),
        (["bench", "--sizes", "--steps", 5], "--steps"),
        (["bench", "--sizes", "--crop", 64], "--crop"),
        (["bench", "--sizes", "--batch-size", 4], "--batch-size"),
        (["bench", "--sizes", "--data", "."], "--data"),
        (["train", "--resume", "--force"], "--resume"),
    ],
)
def test_options_without_effect(here, arguments, option):
    done = stego(*arguments)
    assert done.returncode == 2 and option in done.stderr and done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["s.png", "-o", "o.jpg", "--flow"], "loss"),
        (["s.png", "-o", "o.jpg", "--weights", "full"], "--weights"),
        (["t.txt", "-o", "o.png", "--flow"], "--flow"),
        (["t.txt", "-o", "o.png", "--weights", "full"], "--weights"),
        (["s.png", "-o", "o.png", "--cover-psnr", 45], "--cover-psnr"),
        (["t.txt", "-o", "o.png", "--report", "r.png"], "--report"),
    ],
)
def test_options_that_this_secret_or_output_leaves_without_effect(here, arguments, option):
    """What the arguments alone tell is wrong usage; what only the files tell is an error of theirs."""
    done = stego("hide", "c.png", *arguments)
    assert done.returncode in (1, 2) and option in done.stderr and not list(here.glob("[or].*"))


def test_a_password_in_the_environment_that_nothing_asked_for(here):
    line = "STEGO_PASSWORD is set, but without --password nothing is encrypted."
    done = stego("hide", "c.png", "t.txt", "-o", "o.png", STEGO_PASSWORD="word")
    assert done.returncode == 0 and done.stdout.count(line) == 1 and "encrypted" not in done.stdout.replace(line, "")
    done = stego("hide", "c.png", "t.txt", "-o", "p.png", "--json", STEGO_PASSWORD="word")
    assert json.loads(done.stdout)["notes"] == [line]
    done = stego("hide", "c.png", "t.txt", "-o", "q.png", "--password", STEGO_PASSWORD="word")
    assert line not in done.stdout and "encrypted" in done.stdout
    assert stego("reveal", "o.png").returncode == 0 and stego("reveal", "q.png").returncode == 1
