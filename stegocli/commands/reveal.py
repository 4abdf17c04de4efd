"""`stego reveal`: bring back what a picture holds."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import StegoError
from .common import (
    FLAG,
    OUTPUT,
    PASSWORD_VARIABLE,
    PRIVACY,
    STREAM,
    AmpOption,
    ForceOption,
    JobsOption,
    JsonOption,
    Meter,
    QuietOption,
    ShardOption,
    WeightsOption,
    asked_password,
    check_one_password,
    console,
    noter,
    output_file,
    print_json,
    read_inputs,
    shard_of,
    show_folder,
    show_notes,
)  # fmt: skip
from .common import (
    password as ask_password,
)

if TYPE_CHECKING:
    from rich.console import Console

    from ..api import Revealed


StegoArgument = Annotated[
    Path,
    typer.Argument(
        readable=False, metavar="STEGO", help="A picture that `stego hide` wrote, a folder of them, or -.",
    ),
]  # fmt: skip
OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="FILE", rich_help_panel=OUTPUT, show_default="NAME-revealed beside STEGO",
        help="Where to write: a file, a folder, or - for stdout.",
    ),
]  # fmt: skip
PasswordOption = Annotated[
    bool,
    typer.Option(
        "--password", metavar=FLAG, rich_help_panel=PRIVACY,
        help=f"Ask at once; without, it asks, or takes ${PASSWORD_VARIABLE}, when nothing shows without one.",
    ),
]  # fmt: skip
PasswordFileOption = Annotated[
    Path | None,
    typer.Option(
        readable=False, metavar="FILE", rich_help_panel=PRIVACY, help="Take the password from this file.",
    ),
]  # fmt: skip


def reveal(
    context: typer.Context,
    stego: StegoArgument,
    output: OutputOption = None,
    password: PasswordOption = False,
    password_file: PasswordFileOption = None,
    jobs: JobsOption = 1,
    shard: ShardOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    weights: WeightsOption = None,
    amp: AmpOption = None,
) -> None:
    """Bring back what is hidden in STEGO.

    Examples:

      stego reveal stego.png

      stego reveal received/ -o revealed/
    """
    check_one_password(password, password_file)
    prompt = "Password" if password else "Nothing shows without a password. Password"
    is_folder = os.path.isdir(stego)
    if is_folder and output in (None, STREAM):
        raise typer.BadParameter("name a folder for what comes out", param_hint="--output")
    if stego == Path(STREAM) and output is None:
        raise typer.BadParameter("name an output when the stego comes from stdin", param_hint="--output")
    part = shard_of(context, shard, is_folder)
    show = console(quiet or as_json, stderr=output == STREAM)
    # One that is there is given; a prompt waits until it is needed, and in folders nobody is asked unless told to.
    ready = password or password_file is not None or PASSWORD_VARIABLE in os.environ
    word = asked_password(password_file, prompt) if ready else None
    keep = [] if password_file is None else [password_file]
    if is_folder:
        from .. import folders

        assert output is not None
        results = folders.reveal(
            stego, output, weights, jobs, password=word, amp=amp, force=force, keep=keep, note=noter(quiet), shard=part
        )
        show_folder(results, as_json, show, lambda done: _show(done, show))
        return
    done = _reveal_one(
        stego, output, show, model=weights, amp=amp, force=force, keep=keep,
        password=word if ready else lambda: ask_password(password_file, prompt),
    )  # fmt: skip
    if as_json:
        print_json(done, output)
    _show(done, show)
    if any(part.problem for part in done.parts):
        raise typer.Exit(1)


def _reveal_one(stego: Path, output: str | None, show: "Console", **options: Any) -> "Revealed":
    """What one stego holds, from and to streams, too; `options` are those of `api.reveal`."""
    from .. import api

    (stego_file,) = read_inputs([stego], options["keep"])
    with output_file(output, "") as target, Meter(show) as meter:
        done = api.reveal(stego_file, target, progress=meter, **options)
        if output == STREAM and done.parts:
            raise StegoError(f"{stego} holds {len(done.parts)} files, and stdout takes one: name a folder for them.")
    return replace(done, path=Path(STREAM)) if output == STREAM else done


def _show(done: Any, console: "Console") -> None:
    show_notes(done.notes, console)
    size = f"{done.size[0]}x{done.size[1]}, " if done.size else ""
    named = f"; called {done.name} when it was hidden" if done.name else ""
    console.print(f"{done.path}: {size}{done.summary}{named}", soft_wrap=True)
    for part in done.parts:
        size = f"{part.size[0]}x{part.size[1]}, " if part.size else ""
        if part.path is not None:
            console.print(f"  {part.path}: {size}{part.summary}", soft_wrap=True)
