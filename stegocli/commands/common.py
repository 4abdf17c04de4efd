"""What the commands share: options, the console, the progress bar, passwords, stdin and stdout."""

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import StegoError, printable
from ..picture.inputs import STDIN, Source, check_read_once, identity
from ..picture.outputs import scratch

if TYPE_CHECKING:
    from rich.console import Console

# Scripts can't answer a prompt.
PASSWORD_VARIABLE, DECOY_VARIABLE = "STEGO_PASSWORD", "STEGO_DECOY_PASSWORD"
FILE_OPTIONS = {PASSWORD_VARIABLE: "--password-file", DECOY_VARIABLE: "--decoy-password-file"}
# Stands for stdin among the inputs, and for stdout as the output.
STREAM = "-"

# Panels of `--help`.
WHAT, PRIVACY, SURVIVING, OUTPUT, NETWORK = "What comes back", "Privacy", "Surviving", "Output", "Network"

# A flag's type says nothing; an empty one keeps it out of `--help`.
FLAG = ""
WeightsOption = Annotated[
    str | None,
    typer.Option(
        "--weights", metavar="NAME|FILE", rich_help_panel=NETWORK, show_default="default",
        help="Weights: a shipped set (default, medium, full) or a .safetensors file.",
    ),
]  # fmt: skip
AmpOption = Annotated[
    bool | None,
    typer.Option(
        "--amp/--no-amp", metavar=FLAG, rich_help_panel=NETWORK, show_default="where the device gains from it",
        help="Half precision for the network's subnets.",
    ),
]  # fmt: skip
JsonOption = Annotated[
    bool, typer.Option("--json", metavar=FLAG, help="Print JSON instead of tables.", rich_help_panel=OUTPUT)
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", metavar=FLAG, help="Print nothing but errors.", rich_help_panel=OUTPUT)
]
ForceOption = Annotated[
    bool, typer.Option("--force", "-f", metavar=FLAG, help="Replace files that exist.", rich_help_panel=OUTPUT)
]
JobsOption = Annotated[
    int, typer.Option(min=1, metavar="N", rich_help_panel=OUTPUT, help="For folders: processes that share the work.")
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        metavar="K/N", rich_help_panel=OUTPUT, help="For folders: do only the K-th of N parts, one on each machine.",
    ),
]  # fmt: skip


def console(quiet: bool = False, stderr: bool = False) -> "Console":
    """Where results are printed: names and notes without markup, and without obeying what others wrote into them."""
    from rich.console import Console

    class Safe(Console):
        def print(self, *objects: Any, **options: Any) -> None:
            super().print(*(printable(o) if isinstance(o, str) else o for o in objects), **options)

    return Safe(highlight=False, markup=False, quiet=quiet, stderr=stderr)


class Meter:
    """A progress bar for what takes longer than a second, seen at a terminal only."""

    def __init__(self, console: "Console"):
        self.console = console
        self.began = time.monotonic()
        self.bar: Any = None

    def __call__(self, stage: str, share: float) -> None:
        if not self.console.is_terminal or self.console.quiet:
            return
        if self.bar is None:
            if time.monotonic() - self.began < 1:
                return
            from rich.progress import Progress, TimeElapsedColumn

            columns = (*Progress.get_default_columns()[:3], TimeElapsedColumn())
            self.bar = Progress(*columns, console=self.console, transient=True)
            self.task = self.bar.add_task(stage, total=1.0)
            self.bar.start()
        self.bar.update(self.task, description=stage, completed=share)

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


def given(context: typer.Context, name: str) -> bool:
    """Whether the user gave this option, and not its default or an environment variable."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def password(file: Path | None, prompt: str, twice: bool = False, variable: str = PASSWORD_VARIABLE) -> str | None:
    """From a file's only line, the environment or a prompt: never from an argument, which `ps` would show.

    None where there is neither, nor a terminal to ask at.
    """
    option = FILE_OPTIONS[variable]
    if file is not None:
        try:
            text = Source.read(file).content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise StegoError(f"{file} can't be read: give {option} a text file in UTF-8.") from None
        # Only what editors end a line with: other characters that str.splitlines() knows may be the password's own.
        lines = re.split("\r\n|\r|\n", text)
        if len(lines) > 2 or lines[1:] not in ([], [""]):
            raise StegoError(f"{file} has more than one line: put the password alone on one line.")
        if not lines[0]:
            raise StegoError(f"{file} holds no password: put it alone on one line.")
        return lines[0]
    if variable in os.environ:
        word = os.environ[variable]
        try:
            word.encode()
        except UnicodeEncodeError:
            raise StegoError(f"{variable} is not UTF-8: set it in UTF-8 or use {option}.") from None
        return word
    if not sys.stdin.isatty():
        return None
    answer: str = typer.prompt(prompt, hide_input=True, confirmation_prompt=twice, default="", show_default=False)
    return answer


def check_one_password(asked: bool, file: Path | None) -> None:
    """Refuse --password beside --password-file: one of them would have no effect."""
    if asked and file is not None:
        raise typer.BadParameter("--password-file has it already: give one", param_hint="--password")


def asked_password(
    file: Path | None, prompt: str = "Password", twice: bool = False, variable: str = PASSWORD_VARIABLE
) -> str:
    """A password that the user said there is: as `password`.

    Raises:
        StegoError: when there is no terminal to ask at.
    """
    word = password(file, prompt, twice, variable)
    if word is None:
        raise StegoError(f"No terminal to ask at: set {variable} or use {FILE_OPTIONS[variable]}.")
    return word


def shard_of(context: typer.Context, shard: str | None, is_folder: bool) -> tuple[int, int]:
    """(which, of how many) that --shard says.

    Raises:
        typer.BadParameter: for what is no such pair; for one file with --shard or --jobs.
    """
    for option in ("jobs", "shard"):
        if not is_folder and given(context, option):
            raise typer.BadParameter("it shares the work on folders, and this is one file", param_hint=f"--{option}")
    if shard is None:
        return 1, 1
    which, _, count = shard.partition("/")
    if not (which.isdecimal() and count.isdecimal() and 1 <= int(which) <= int(count)):
        raise typer.BadParameter(f"{shard} is no part: give the third of sixteen as 3/16", param_hint="--shard")
    return int(which), int(count)


def read_inputs(paths: list[Path], others: list[Path]) -> list[Source | Path]:
    """The inputs, read where they are stdin.

    Args:
        others: what is read elsewhere, and may not be the same stream.

    Raises:
        StegoError: when two of all these are one stream.
    """
    streams = [path == Path(STREAM) for path in paths]
    if sum(streams) > 1:
        raise StegoError("Only one input can come from stdin: name a file for the other.")
    if any(streams) and sys.__stdin__ is None:
        raise StegoError("stdin is closed, so nothing can be read from it: name a file.")
    check_read_once([0 if path == Path(STREAM) else path for path in (*paths, *others)])
    return [
        Source(STDIN, sys.stdin.buffer.read(), identity(sys.stdin.fileno())) if streamed else path
        for path, streamed in zip(paths, streams, strict=True)
    ]


@contextmanager
def output_file(output: str | None, name: str) -> Iterator[str | None]:
    """A stand-in on the disk for `-`, which goes to stdout afterwards: a file of this name, or a folder without."""
    if output != STREAM:
        yield output
        return
    if sys.__stdout__ is None:
        raise StegoError("stdout is closed, so nothing can be written to it: name a file.")
    with scratch() as folder:
        yield str(folder / name)
        for written in folder.iterdir():
            with written.open("rb") as content:
                shutil.copyfileobj(content, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def show_notes(notes: list[str], console: "Console") -> None:
    """What the user should know, a line each."""
    for note in notes:
        console.print(f"note: {note}", style="yellow", soft_wrap=True)


def noter(quiet: bool) -> Callable[[str], None]:
    """Shows notes about whole folders on stderr, beside JSON too."""
    return lambda note: None if quiet else show_notes([note], console(stderr=True))


def as_json(result: Any) -> dict[str, Any]:
    """A result's fields, paths as text, at every depth."""
    found: dict[str, Any] = json.loads(json.dumps(asdict(result), default=str))
    return found


def print_json(result: Any, output: str | None) -> None:
    """To stdout, or to stderr where stdout takes the output itself."""
    print(json.dumps(as_json(result), indent=1), file=sys.stderr if output == STREAM else sys.stdout)


def show_folder(results: Iterator[Any], in_json: bool, console: "Console", show: Callable[[Any], None]) -> None:
    """One line a file as it is done; exit code 1 if any failed."""
    from ..folders import Failed

    rows, failed = [], 0
    for done in results:
        if isinstance(done, Failed):
            failed += 1
            print(printable(f"stego: {done.reason}"), file=sys.stderr)
        elif not in_json:
            show(done)
        rows.append(as_json(done))
    if in_json:
        print(json.dumps(rows, indent=1))
    elif not failed or len(rows) > failed:
        console.print(f"{len(rows) - failed} of {len(rows)} done")
    if failed:
        raise typer.Exit(1)
