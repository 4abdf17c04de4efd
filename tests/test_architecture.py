"""The rooms: imports go one way, no two modules import each other, and what needs no torch doesn't import it."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

import stegocli

PACKAGE = Path(stegocli.__file__).parent
# Top to bottom: a room imports only from itself and those below. The package itself holds the version alone.
ROOMS = (
    "__main__", "cli", "commands", "measure", "folders", "inspection", "api", "training", "methods", "flow", "robust",
    "payload", "picture", "errors", "threads", "",
)  # fmt: skip
FILES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip("."): path
    for path in PACKAGE.rglob("*.py")
}


def room(module: str) -> int:
    return ROOMS.index(module.split(".")[0])


def imports(module: str) -> tuple[set[str], set[str]]:
    """The modules of the package that a module imports, anywhere in it: at run time, and for annotations only."""
    tree = ast.parse(FILES[module].read_text("utf-8"))
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found: tuple[set[str], set[str]] = set(), set()
    # A package's __init__ imports from itself, any other module from the package that it lies in.
    parts = [part for part in module.split(".") if part]
    package = ["stegocli", *parts] if FILES[module].name == "__init__.py" else ["stegocli", *parts[:-1]]
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            base = [*base, *(node.module.split(".") if node.module else [])]
            names = [".".join([*base, alias.name]) for alias in node.names]
        for name in names:
            if name.split(".")[0] == "stegocli":
                inside = name.partition(".")[2]
                target = inside if inside in FILES else inside.rpartition(".")[0]
                assert target in FILES, f"{module} imports {name}"
                found[id(node) in typing_only].add(target)
    return found


@pytest.mark.parametrize("module", sorted(FILES))
def test_imports_go_down(module):
    runtime, typing_only = imports(module)
    assert not [other for other in runtime | typing_only if room(other) < room(module)]


def test_no_circle():
    list(graphlib.TopologicalSorter({module: set.union(*imports(module)) for module in FILES}).static_order())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("--help", 0),
        ("--version", 0),
        ("hide --help", 0),
        ("hide cover.png", 2),
        ("hide a.png b.png -o c.png --cover-psnr 1", 2),
        ("reveal --nonsense", 2),
        ("train --epochs none", 2),
        ("metrics one.png", 2),
    ],
)
def test_what_needs_no_pictures_imports_nothing_heavy(arguments, code):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "stegocli", *arguments.split()], capture_output=True, text=True
    )
    assert done.returncode == code
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "stegocli.cli" in loaded
    assert not loaded & {"torch", "numpy", "PIL", "matplotlib", "cryptography", "safetensors"}
