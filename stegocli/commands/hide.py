"""`stego hide`: write a picture that looks like the cover and holds the secret."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from ..robust.services import SERVICES
from .common import (
    FLAG,
    OUTPUT,
    PASSWORD_VARIABLE,
    PRIVACY,
    STREAM,
    SURVIVING,
    WHAT,
    AmpOption,
    ForceOption,
    JobsOption,
    JsonOption,
    Meter,
    QuietOption,
    WeightsOption,
    asked_password,
    check_one_password,
    console,
    given,
    noter,
    output_file,
    print_json,
    read_inputs,
    show_folder,
    show_notes,
)  # fmt: skip

if TYPE_CHECKING:
    from rich.console import Console

    from ..methods import Method

UNUSED_PASSWORD = f"{PASSWORD_VARIABLE} is set, but without --password nothing is encrypted."


SIZES = ("small", "normal", "large")


class HideCommand(TyperCommand):
    """`hide`, whose --discreet may stand without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        at = args.index("--discreet") + 1 if "--discreet" in args else 0
        if at and args[at : at + 1] not in [[size] for size in SIZES]:
            args = [*args[:at], "normal", *args[at:]]
        return super().parse_args(ctx, args)


def _services(incomplete: str) -> list[str]:
    return [name for name in SERVICES if name.startswith(incomplete)]


# Here and in the other commands: what can't be read is told as any error where it is read, not as wrong usage.
CoverArgument = Annotated[
    Path,
    typer.Argument(
        readable=False, metavar="COVER", help="The picture that everyone may see, a folder of them, or -.",
    ),
]  # fmt: skip
SecretArgument = Annotated[
    Path,
    typer.Argument(
        readable=False, metavar="SECRET", help="The picture to hide in it, or any other file; a folder; or -.",
    ),
]  # fmt: skip
OutputOption = Annotated[
    str,
    typer.Option(
        "--output", "-o", metavar="FILE", rich_help_panel=OUTPUT,
        help="Where to write: .png, .tif, .webp, .bmp, or .jpg, which survives JPEG; a folder; or - for stdout.",
    ),
]  # fmt: skip
ExactOption = Annotated[
    bool,
    typer.Option(
        "--exact", metavar=FLAG, rich_help_panel=WHAT,
        help="Give the secret back whole: the same file, or the same pixels.",
    ),
]  # fmt: skip
FitOption = Annotated[
    bool,
    typer.Option(
        "--fit", metavar=FLAG, rich_help_panel=WHAT, help="Code a picture as finely as --cover-psnr allows."
    ),
]  # fmt: skip
FlowOption = Annotated[
    bool,
    typer.Option(
        "--flow", metavar=FLAG, rich_help_panel=WHAT, help="Keep to the network, even where bytes do better."
    ),
]  # fmt: skip
CoverPsnrOption = Annotated[
    float | None,
    typer.Option(
        min=20, max=70, metavar="DB", rich_help_panel=WHAT, show_default="40, with --survive 37",
        help="For bytes: the least PSNR that the cover keeps, dB.",
    ),
]  # fmt: skip
PasswordOption = Annotated[
    bool,
    typer.Option(
        "--password", metavar=FLAG, rich_help_panel=PRIVACY,
        help=f"Encrypt: asks twice, or takes ${PASSWORD_VARIABLE}. Implies --exact.",
    ),
]  # fmt: skip
PasswordFileOption = Annotated[
    Path | None,
    typer.Option(
        readable=False, metavar="FILE", rich_help_panel=PRIVACY, help="Encrypt with the password in this file.",
    ),
]  # fmt: skip
SurviveOption = Annotated[
    str | None,
    typer.Option(
        metavar="QUALITY|SERVICE", rich_help_panel=SURVIVING, autocompletion=_services,
        show_default="75 for .jpg",
        help="Survive JPEG down to this quality, 30 to 95, or what a service does: " + ", ".join(SERVICES) + ".",
    ),
]  # fmt: skip
DiscreetOption = Annotated[
    str | None,
    typer.Option(
        "--discreet",
        metavar="[small|normal|large]",
        rich_help_panel=PRIVACY,
        help="Hide few bytes so that they hardly show, under a password, which is asked for; normal without a size.",
    ),
]
ShrinkOption = Annotated[
    bool,
    typer.Option(
        "--shrink",
        metavar=FLAG,
        rich_help_panel=PRIVACY,
        help="With --discreet: halve the cover first, which removes the traces of an earlier compression.",
    ),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        readable=False, metavar="FILE", rich_help_panel=OUTPUT,
        help="Also draw cover, stego, residual x20, secret and revealed here.",
    ),
]  # fmt: skip


def hide(
    context: typer.Context,
    cover: CoverArgument,
    secret: SecretArgument,
    output: OutputOption,
    exact: ExactOption = False,
    fit: FitOption = False,
    flow: FlowOption = False,
    cover_psnr: CoverPsnrOption = None,
    password: PasswordOption = False,
    password_file: PasswordFileOption = None,
    survive: SurviveOption = None,
    discreet: DiscreetOption = None,
    shrink: ShrinkOption = False,
    report: ReportOption = None,
    jobs: JobsOption = 1,
    force: ForceOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    weights: WeightsOption = None,
    amp: AmpOption = None,
) -> None:
    """Write a picture that looks like COVER and holds SECRET.

    A picture goes by the network, or as bytes where they are better; any other file as bytes.

    Examples:

      stego hide cover.png secret.png -o stego.png

      stego hide cover.jpg note.txt -o stego.jpg --survive whatsapp --password

      stego hide photo.jpg note.txt -o out.jpg --discreet
    """
    check_one_password(password, password_file)
    private = password or password_file is not None or discreet is not None
    is_folder = os.path.isdir(cover)
    _check_place(is_folder, output, report, given(context, "jobs"))
    show = console(quiet or as_json, stderr=output == STREAM)
    ask: str | Callable[[], str] | None = (lambda: asked_password(password_file, twice=True)) if private else None
    if is_folder and private:
        # Asked once, and not in each process.
        ask = asked_password(password_file, twice=True)
    keep = [] if password_file is None else [password_file]
    method = _method(exact, fit, flow, cover_psnr, ask, survive, discreet, shrink, weights, amp, show.is_terminal)
    unused = [UNUSED_PASSWORD] if PASSWORD_VARIABLE in os.environ and not private else []
    if is_folder:
        from .. import folders

        results = folders.hide(cover, secret, output, method, jobs, force=force, keep=keep, note=noter(quiet))
        for note in unused:
            noter(quiet)(note)
        show_folder(results, as_json, show, lambda done: _show_one_of_many(done, show))
        return
    from .. import api

    cover_file, secret_file = read_inputs([cover, secret], keep)
    with output_file(output, "stego.png") as target, Meter(show) as meter:
        assert target is not None
        done = api.hide(
            cover_file, secret_file, target, method, force=force, report=report, keep=keep, progress=meter
        )  # fmt: skip
    done = replace(done, path=Path(STREAM) if output == STREAM else done.path, notes=[*done.notes, *unused])
    if as_json:
        print_json(done, output)
    _show(done, secret, show)


def _check_place(is_folder: bool, output: str, report: Path | None, shares: bool) -> None:
    if not is_folder and shares:
        raise typer.BadParameter("it shares the work on folders, and this is one file", param_hint="--jobs")
    if is_folder and output == STREAM:
        raise typer.BadParameter("stdout takes one file: name a folder for what comes out", param_hint="--output")
    if is_folder and report is not None:
        raise typer.BadParameter("a report shows one pair: leave it out for folders", param_hint="--report")


def _method(
    exact: bool,
    fit: bool,
    flow: bool,
    cover_psnr: float | None,
    password: Any,
    survive: str | None,
    discreet: str | None,
    shrink: bool,
    weights: str | None,
    amp: bool | None,
    advise: bool,
) -> "Method":
    """The method that the options name; options that have no effect together are an error that says why."""
    chosen = [f"--{name}" for name, wanted in (("exact", exact), ("fit", fit), ("flow", flow)) if wanted]
    if shrink and discreet is None:
        raise typer.BadParameter("it is for --discreet: leave it out", param_hint="--shrink")
    for name, value in (("--survive", survive), ("--cover-psnr", cover_psnr), *((name, name) for name in chosen)):
        if discreet is not None and value is not None:
            raise typer.BadParameter("--discreet chooses for itself: leave it out", param_hint=name)
    if survive is not None and chosen:
        raise typer.BadParameter(
            f"what survives has little room and is not {chosen[0]}: give one of the two", param_hint="--survive"
        )
    if exact and fit:
        raise typer.BadParameter("--exact takes the whole secret, --fit what has room: give one", param_hint="--fit")
    if flow and len(chosen) > 1:
        raise typer.BadParameter(f"it keeps to the network, {chosen[0]} to bytes: give one", param_hint="--flow")
    if flow and password is not None:
        raise typer.BadParameter("the network encrypts nothing: leave out --flow or --password", param_hint="--flow")
    bytes_wanted = exact or fit or survive is not None or password is not None
    for name, value in (("--weights", weights), ("--amp", amp)):
        if value is not None and bytes_wanted:
            raise typer.BadParameter("no network is used here: leave it out", param_hint=name)
    if flow and cover_psnr is not None:
        raise typer.BadParameter("the network chooses for itself; it is for bytes", param_hint="--cover-psnr")
    psnr = {} if cover_psnr is None else {"cover_psnr": cover_psnr}
    from .. import methods

    if discreet is not None:
        return methods.Discreet(discreet, password, shrink)
    if survive is not None:
        return methods.Robust(survive, password, **psnr)
    if exact or fit:
        return methods.Exact(password, fit=fit, **psnr)
    if flow:
        return methods.Flow(weights, amp)
    return methods.Auto(weights, password, cover_psnr, advise, amp)


def _show_one_of_many(done: Any, console: "Console") -> None:
    show_notes(done.notes, console)
    secret = f", secret {done.secret.psnr:.2f} dB" if done.secret else ""
    console.print(f"{done.path}: cover {done.cover.psnr:.2f} dB{secret}; {done.summary}", soft_wrap=True)


def _show(done: Any, secret: Path, console: "Console") -> None:
    from .. import render

    what = f"{secret.name} ({done.secret_size[0]}x{done.secret_size[1]})" if done.secret_size else secret.name
    show_notes(done.notes, console)
    if done.advice and console.is_terminal:
        show_notes([done.advice], console)
    console.print(f"{done.path}: {done.size[0]}x{done.size[1]}, holds {what}; {done.summary}", soft_wrap=True)
    columns = {"cover and stego": done.cover} | ({"secret and revealed": done.secret} if done.secret else {})
    shown = ("psnr", "ssim", "worst_block")
    console.print(render.score_table({k: {n: getattr(v, n) for n in shown} for k, v in columns.items()}))
