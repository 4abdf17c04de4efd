"""README and docs: what they tell people to type works, what they name exists, and links lead somewhere."""

import re
import shlex
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, fields
from io import StringIO
from pathlib import Path

import pytest
import typer
from PIL import Image

import stegocli
from stegocli import api, cli, errors, info, methods

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "weights" / "README.md",
    *sorted((ROOT / ".github").glob("*.md")), ROOT / "CHANGELOG.md",
]  # fmt: skip
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
NOT_RUN = re.compile(r"<!-- not run: \S.* -->")
RUN, READ = {"bash", "python"}, {"mermaid", "bibtex"}
# Options of other programs that the pages name.
OTHERS = {"--pip-args", "--extra-index-url", "--nproc-per-node", "--array", "--cpus-per-task"}
PASSWORD = "correct horse battery staple"
# What comments beside `stego hide` say of the choice, and the method that the stego then has.
SAID = {"by the network": "flow", "as bytes": "exact"}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: after the fence.
        lines: between the fences.
        where: page and line, for messages.
        runs: whether it is to be run.
    """

    language: str
    lines: list[str]
    where: str
    runs: bool

    @property
    def commands(self) -> list[str]:
        """One a line; lines that end in a backslash go on."""
        return [line for line in "\n".join(self.lines).replace("\\\n", " ").splitlines() if line.strip()]


def blocks(page: Path) -> list[Block]:
    found, opened, runs = [], None, False
    lines = page.read_text("utf-8").splitlines()
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if opened is None:
            language = line[3:].strip()
            opened, runs = number, language in RUN and not (number and NOT_RUN.fullmatch(lines[number - 1]))
        else:
            found.append(Block(language, lines[opened + 1 : number], f"{page.name}:{opened + 1}", runs))
            opened = None
    assert opened is None, f"{page} has a block without an end"
    return found


# -- what is typed ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """All files that the pages name, small: the bundled pictures are a third as wide and high."""
    folder = tmp_path_factory.mktemp("pictures")

    def save(name: str, source: str, size: tuple[int, int] | None = None) -> None:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        picture = Image.open(ROOT / "docs" / source).convert("RGB")
        picture.resize(size or (picture.width // 3, picture.height // 3)).save(path, quality=90)

    for name in ("chelsea.jpg", "astronaut.jpg", "coffee.jpg", "coffee.png"):
        save(f"docs/{name}", name)
    for name in ("cover.png", "cover.jpg", "covers/a.png", "covers/b.jpg"):
        save(name, "chelsea.jpg", (200, 176))
    for name in ("secret.png", "secret.jpg", "secrets/a.png", "secrets/b.jpg"):
        save(name, "coffee.png", (60, 44))
    (folder / "note.txt").write_text("Meet me at noon.")
    (folder / "report.pdf").write_bytes(b"%PDF-1.7 " + bytes(range(256)))
    return folder


@pytest.fixture
def desk(pictures, tmp_path, monkeypatch):
    """The current folder, with these files."""
    shutil.copytree(pictures, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def typed(desk, monkeypatch):
    """Does what a line says: [VARIABLE=value] stego ..., cat FILE | stego ... [> FILE], or cmp FILE FILE."""

    def stego(words: list[str], stdin: Path, stdout: Path) -> tuple[int, str]:
        wrong = StringIO()
        with monkeypatch.context() as patch, stdin.open() as read, stdout.open("w") as written:
            patch.setattr(sys, "argv", ["stego", *words])
            patch.setattr(sys, "stdin", read)
            try:
                with redirect_stdout(written), redirect_stderr(wrong):
                    cli.run()
            except SystemExit as end:
                return int(end.code or 0), wrong.getvalue()
            finally:
                errors.speak_of_options(False)
        raise AssertionError("stego ends with an exit code")

    def do(line: str, where: str) -> None:
        words = shlex.split(line, comments=True)
        stdin, stdout = desk / ".nothing", desk / ".shown"
        stdin.touch()
        if words[0] == "cat":
            stdin, words = Path(words[1]), words[3:]
        if words[-2:-1] == [">"]:
            stdout, words = Path(words[-1]), words[:-2]
        if words[0] == "cmp":
            assert Path(words[1]).read_bytes() == Path(words[2]).read_bytes(), f"{where}: {line}"
            return
        private = "--password" in words or words[0].startswith("STEGO_PASSWORD=")
        words = words[1:] if "=" in words[0] else words
        assert words[0] == "stego", f"{where}: {line}: put <!-- not run: why --> above the block, or teach this test"
        with monkeypatch.context() as patch:
            if private:
                patch.setenv("STEGO_PASSWORD", PASSWORD)
            else:
                patch.delenv("STEGO_PASSWORD", raising=False)
            code, wrong = stego(words[1:], stdin, stdout)
        assert code == 0, f"{where}: {line}\n{wrong}"
        comment = line.partition("# ")[2]
        for method in (method for said, method in SAID.items() if said in comment):
            contents = info(words[words.index("-o") + 1]).contents
            assert contents is not None and contents.method == method, f"{where}: {line}"

    return do


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize(
    "page", [pytest.param(p, id=i) for p, i in zip(PAGES, IDS, strict=True) if any(b.runs for b in blocks(p))]
)
def test_what_a_page_tells_to_type_works(page, desk, typed):
    if page.parent == ROOT / "docs":  # these pages also name the pictures without their folder
        shutil.copytree(desk / "docs", desk, dirs_exist_ok=True)
    names: dict[str, object] = {}
    for block in blocks(page):
        if block.runs and block.language == "bash":
            for line in block.commands:
                typed(line, block.where)
        elif block.runs:
            exec(compile("\n".join(block.lines), block.where, "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_a_block_is_run_or_says_why_not(page):
    lines = page.read_text("utf-8").splitlines()
    for block in blocks(page):
        assert block.language in RUN | READ, f"{block.where}: name a language"
    for marker in (number for number, line in enumerate(lines) if "not run" in line and line.startswith("<!--")):
        assert NOT_RUN.fullmatch(lines[marker]) and lines[marker + 1].startswith("```"), f"{page.name}:{marker + 1}"


# -- what is named ------------------------------------------------------------------------------------------------


COMMANDS = typer.main.get_command(cli.app).commands


def known_options() -> set[str]:
    found = {"--version", "--help", "--install-completion"}
    for command in COMMANDS.values():
        for parameter in command.params:
            found |= {option for option in (*parameter.opts, *parameter.secondary_opts) if option.startswith("--")}
    return found


def prose(page: Path) -> str:
    """The page; of the log of trials, which names the options of its time, nothing."""
    return "" if page.name in ("experiments.md", "CHANGELOG.md") else page.read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_options_exist(page):
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", prose(page)))
    assert named <= known_options() | OTHERS


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands_that_are_not_run_can_be_read(page):
    """Those of blocks that say why they are not run, and those in sentences."""
    told = [" ".join(line.split()) for line in re.findall(r"`stego ([^`]+)`", prose(page))]
    told = [line for line in told if not line.startswith("-")]
    told += [line[6:] for b in blocks(page) if not b.runs for line in b.commands if line.startswith("stego ")]
    for line in told:
        name, *arguments = shlex.split(line, comments=True)
        assert name in COMMANDS, f"{page.name}: stego {line}"
        if arguments and "..." not in arguments:
            COMMANDS[name].make_context(name, arguments)


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(linked), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_files_of_the_house_exist(page):
    named = re.findall(r"`((?:stegocli|tests|docs|weights)/[\w./-]+)`", prose(page))
    assert not [path for path in named if not (ROOT / path).exists() and "test_x" not in path and "/x.py" not in path]


def test_the_picture_of_the_rooms_has_them_all():
    picture = next(b for b in blocks(ROOT / "docs" / "architecture.md") if b.language == "mermaid")
    table = (ROOT / "docs" / "architecture.md").read_text("utf-8").partition("## Rooms")[2]
    for path in Path(stegocli.__file__).parent.iterdir():
        room = path.name + "/" * path.is_dir()
        if not room.startswith("_") and room != "py.typed":
            assert room in "\n".join(picture.lines) and f"`{room}`" in table, room


def first_column(page: str, heading: str) -> dict[str, str]:
    """Names in the first column of the first table after some words, and the rest of their rows."""
    table = (ROOT / page).read_text("utf-8").partition(heading)[2].partition("|---")[2].partition("\n\n")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    return {name: row.partition(" | ")[2] for row in rows for name in re.findall(r"`(\w+)`", row.partition(" | ")[0])}


def test_results_and_methods_have_the_fields_that_are_told():
    told = first_column("docs/python.md", "The result has the fields")
    hidden, revealed = ({field.name for field in fields(of)} for of in (api.Hidden, api.Revealed))
    assert {name for name, row in told.items() if row.startswith(("hide", "both"))} == hidden
    assert {name for name, row in told.items() if row.startswith(("reveal", "both"))} == revealed
    for name, row in first_column("docs/python.md", "| method | arguments").items():
        arguments = re.findall(r"`(\w+)(?:=\S+)?`", row.partition(" | ")[0])
        assert arguments == [field.name for field in fields(getattr(methods, name))]


def test_readme_fits_a_short_read():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


def test_services_are_those_that_can_be_named():
    from stegocli.robust.services import SERVICES

    table = (ROOT / "docs" / "surviving.md").read_text("utf-8").partition("## Services")[2].partition("## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `") and "| source |" not in line]
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])} == set(SERVICES)
