"""What needs no network imports no torch, and what needs no pictures imports nothing heavy.

That imports go down, and in no circles, is import-linter's: see pyproject.toml.
"""

import json
import subprocess
import sys

from pictures import natural
from PIL import Image

HEAVY = {"torch", "numpy", "PIL", "matplotlib", "cryptography", "safetensors", "starlette", "uvicorn"}
# (arguments, exit code), one after another in one process: each may import what those before it did.
NO_PICTURES = [
    (["--help"], 0),
    (["--version"], 0),
    (["hide", "--help"], 0),
    (["train", "--help"], 0),
    (["serve", "--help"], 0),
    (["hide", "c.png"], 2),
    (["hide", "c.png", "s.png", "-o", "o.png", "--cover-psnr", "1"], 2),
    (["hide", "c.png", "s.png", "-o", "o.png", "--exact", "--flow"], 2),
    (["reveal", "--nonsense"], 2),
    (["train", "--epochs", "none"], 2),
    (["metrics", "one.png"], 2),
]
NO_NETWORK = [
    (["hide", "none.png", "t.txt", "-o", "o.png"], 1),
    (["hide", "c.png", "t.txt", "-o", "o.gif"], 1),
    (["hide", "t.txt", "c.png", "-o", "o.png"], 1),
    (["hide", "c.png", "t.txt", "-o", "text.png"], 0),
    (["hide", "c.png", "t.txt", "-o", "text.png"], 1),
    (["hide", "c.png", "s.png", "-o", "exact.png", "--exact"], 0),
    (["hide", "c.png", "s.png", "-o", "fit.png", "--fit"], 0),
    (["hide", "c.png", "t.txt", "-o", "private.png", "--password-file", "word"], 0),
    (["hide", "large.png", "t.txt", "-o", "survives.jpg", "--survive", "75"], 0),
    (["reveal", "c.png"], 1),
    (["reveal", "text.png"], 0),
    (["reveal", "exact.png"], 0),
    (["reveal", "private.png", "--password-file", "word"], 0),
    (["reveal", "survives.jpg"], 0),
    (["metrics", "c.png", "exact.png"], 0),
    (["metrics", "c.png", "exact.png", "s.png", "exact-revealed.png"], 0),
]
RUN = """
import json, sys
from stegocli.cli import run
said = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["stego", *arguments]
    try:
        run()
    except SystemExit as ended:
        said.append([ended.code or 0, sorted(sys.modules)])
print("\\n" + json.dumps(said))
"""


def ran(commands, folder):
    """(exit code, modules that are loaded by then) of each command, all in one new process."""
    arguments = json.dumps([arguments for arguments, _ in commands])
    done = subprocess.run(
        [sys.executable, "-c", RUN, arguments], capture_output=True, text=True, cwd=folder, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    assert [code for code, _ in results] == [code for _, code in commands], done.stderr
    return [(arguments, set(loaded)) for (arguments, _), (_, loaded) in zip(commands, results, strict=True)]


def test_what_needs_no_pictures_imports_nothing_heavy(tmp_path):
    for arguments, loaded in ran(NO_PICTURES, tmp_path):
        assert "stegocli.cli" in loaded and not loaded & HEAVY, arguments


def test_what_needs_no_network_imports_no_torch(tmp_path):
    for name, size in (("c", (64, 80)), ("s", (20, 16)), ("large", (160, 160))):
        Image.fromarray(natural(*size)).save(tmp_path / f"{name}.png")
    (tmp_path / "t.txt").write_text("a note")
    (tmp_path / "word").write_text("password")
    for arguments, loaded in ran(NO_NETWORK, tmp_path):
        assert not loaded & {"torch", "matplotlib"}, arguments
