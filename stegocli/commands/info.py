"""`stego info`: what a picture holds, and what it could hold."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import (
    FLAG,
    PASSWORD_VARIABLE,
    PRIVACY,
    JsonOption,
    Meter,
    asked_password,
    check_one_password,
    console,
    print_json,
    read_inputs,
)

if TYPE_CHECKING:
    from rich.console import Console


def info(
    picture: Annotated[
        Path,
        typer.Argument(
            readable=False, metavar="FILE", help="A stego, or a picture to hide something in; or - for stdin.",
        ),
    ],
    password: Annotated[
        bool,
        typer.Option(
            "--password", metavar=FLAG, rich_help_panel=PRIVACY,
            help=f"Ask for a password and look under it, too; without, ${PASSWORD_VARIABLE} is taken.",
        ),
    ] = False,
    password_file: Annotated[
        Path | None,
        typer.Option(
            readable=False, metavar="FILE", rich_help_panel=PRIVACY, help="Take the password from this file.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Tell what a stego says of what it holds, or how much each method could hide in a picture.

    Examples:

      stego info cover.jpg

      stego info stego.png --password
    """
    check_one_password(password, password_file)
    from ..inspection import info as inspect

    show = console(quiet=as_json)
    wanted = password or password_file is not None or PASSWORD_VARIABLE in os.environ
    word = asked_password(password_file) if wanted else None
    (source,) = read_inputs([picture], [] if password_file is None else [password_file])
    with Meter(show) as meter:
        found = inspect(source, word, meter)
    if as_json:
        print_json(found, None)
    _show(found, bool(word), show)


def _show(found: Any, asked: bool, console: "Console") -> None:
    console.print(f"{found.path}: {found.size[0]}x{found.size[1]}", soft_wrap=True)
    if (held := found.contents) is not None:
        under = "under a password" if held.private else "openly: anyone can reveal it"
        version = "" if held.version is None else f", format version {held.version}"
        console.print(f"holds a secret, {under}; method {held.method}{version}", soft_wrap=True)
        parts = [held.coding]
        parts += [f"{held.size[0]}x{held.size[1]}"] if held.size else []
        parts += [f"{held.length:,} bytes"] if held.length is not None else []
        parts += [f"called {held.name}"] if held.name else []
        parts += ["altered since it was written"] if held.intact is False else []
        console.print("; ".join(parts), soft_wrap=True)
        for part in held.parts:
            size = f"; {part.size[0]}x{part.size[1]}" if part.size else ""
            lost = f"; does not come back: {part.problem}" if part.problem else ""
            console.print(f"  {part.name}: {part.coding}{size}; {part.length:,} bytes{lost}", soft_wrap=True)
        if held.beneath is not None:
            size = f"{held.beneath.size[0]}x{held.beneath.size[1]}, " if held.beneath.size else ""
            console.print(
                f"beneath it, for when it is lost: its thumbnail, {size}{held.beneath.length:,} bytes", soft_wrap=True
            )
        return
    nothing = "nothing shows under this password" if asked else "nothing shows without a password"
    console.print(f"{nothing}; as a cover it holds:", soft_wrap=True)
    for capacity in found.capacities:
        holds = "" if capacity.holds is None else f"{capacity.holds:,} bytes: "
        console.print(f"  {capacity.method:9}{holds}{capacity.for_what}", soft_wrap=True)
