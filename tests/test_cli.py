"""The installed command on real files: what it prints, writes and returns."""

import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import natural
from PIL import Image

from stegocli import __version__
from stegocli.picture import files, metrics


def stego(*arguments, cwd=None):
    command = [sys.executable, "-m", "stegocli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, stdin=subprocess.DEVNULL, check=False)


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
        (["hide", "plain.png", "plain.png", "-o", "out.jpg"], "without loss"),
        (["hide", "plain.png", "plain.png", "-o", "out.png", "--weights", "none"], "shipped: default"),
        (["hide", "text.png", "plain.png", "-o", "out.png"], "text.png"),
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
