"""`stego hide`: write a picture that looks like the cover and holds the secret."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from ..robust.services import ANYTHING, SERVICES
from .common import (
    DECOY_VARIABLE,
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

if TYPE_CHECKING:
    from rich.console import Console

    from ..api import Hidden
    from ..methods import Method

UNUSED_PASSWORD = f"{PASSWORD_VARIABLE} is set, but without --password nothing is encrypted."
UNUSED_DECOY = f"{DECOY_VARIABLE} is set, but without --decoy there is none."


SIZES = ("small", "normal", "large")


class HideCommand(TyperCommand):
    """`hide`, whose --discreet may stand without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        at = args.index("--discreet") + 1 if "--discreet" in args else 0
        if at and args[at : at + 1] not in [[size] for size in SIZES]:
            args = [*args[:at], "normal", *args[at:]]
        return super().parse_args(ctx, args)


def _services(incomplete: str) -> list[str]:
    return [name for name in (ANYTHING, *SERVICES) if name.startswith(incomplete)]


# Here and in the other commands: what can't be read is told as any error where it is read, not as wrong usage.
CoverArgument = Annotated[
    Path,
    typer.Argument(
        readable=False, metavar="COVER", help="The picture that everyone may see, a folder of them, or -.",
    ),
]  # fmt: skip
SecretArgument = Annotated[
    list[Path],
    typer.Argument(
        readable=False, metavar="SECRET...",
        help="The picture to hide in it, or any other file; several files and folders; or -.",
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
        min=20, max=70, metavar="DB", rich_help_panel=WHAT, show_default="40, with --survive 37, and 39.5 for anything",
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
DecoyOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--decoy", readable=False, metavar="FILE", rich_help_panel=PRIVACY,
        help=f"Also hide this under a second password (or ${DECOY_VARIABLE}): neither tells whether there is another.",
    ),
]  # fmt: skip
DecoyPasswordFileOption = Annotated[
    Path | None,
    typer.Option(
        readable=False, metavar="FILE", rich_help_panel=PRIVACY, help="Take the decoy's password from this file.",
    ),
]  # fmt: skip
SurviveOption = Annotated[
    str | None,
    typer.Option(
        metavar=f"QUALITY|SERVICE|{ANYTHING}", rich_help_panel=SURVIVING, autocompletion=_services,
        show_default="75 for .jpg",
        help=f"Survive JPEG down to this quality, 30 to 95; or what a service does: {', '.join(SERVICES)}; or "
        f"{ANYTHING}: a note or a thumbnail through resizing, WebP, AVIF, screenshots and small crops.",
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
    decoy: DecoyOption = None,
    decoy_password_file: DecoyPasswordFileOption = None,
    survive: SurviveOption = None,
    discreet: DiscreetOption = None,
    shrink: ShrinkOption = False,
    report: ReportOption = None,
    jobs: JobsOption = 1,
    shard: ShardOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    weights: WeightsOption = None,
    amp: AmpOption = None,
) -> None:
    """Write a picture that looks like COVER and holds SECRET.

    A picture goes by the network, or as bytes where they are better; any other file, and several, as bytes.

    Examples:

      stego hide cover.png secret.png -o stego.png

      stego hide cover.jpg note.txt -o stego.jpg --survive whatsapp --password

      stego hide photo.jpg note.txt -o out.jpg --discreet
    """
    check_one_password(password, password_file)
    private = password or password_file is not None or discreet is not None
    is_folder = os.path.isdir(cover)
    _check_place(is_folder, output, report)
    part = shard_of(context, shard, is_folder)
    show = console(quiet or as_json, stderr=output == STREAM)
    ask = _asked(is_folder, password_file) if private else None
    keep = [file for file in (password_file, decoy_password_file) if file is not None]
    method = _method(exact, fit, flow, cover_psnr, ask, survive, discreet, shrink, weights, amp, show.is_terminal)
    if decoy or decoy_password_file is not None:
        method = _with_decoy(method, decoy, decoy_password_file, private, is_folder)
    unused = [UNUSED_PASSWORD] if PASSWORD_VARIABLE in os.environ and not private else []
    unused += [UNUSED_DECOY] if DECOY_VARIABLE in os.environ and not decoy else []
    if is_folder:
        from .. import folders

        secrets = secret[0] if len(secret) == 1 else secret
        results = folders.hide(
            cover, secrets, output, method, jobs, force=force, keep=keep, note=noter(quiet), shard=part
        )  # fmt: skip
        for note in unused:
            noter(quiet)(note)
        show_folder(results, as_json, show, lambda done: _show_one_of_many(done, show))
    else:
        done = _hide_one(cover, secret, output, method, show, force=force, report=report, keep=keep)
        done = replace(done, notes=[*done.notes, *unused])
        if as_json:
            print_json(done, output)
        _show(done, secret, show)


def _hide_one(
    cover: Path, secret: list[Path], output: str, method: "Method", show: "Console", **options: Any
) -> "Hidden":
    """One stego, from and to streams, too; `options` are those of `api.hide`."""
    from .. import api

    cover_file, *secret_files = read_inputs([cover, *secret], options["keep"])
    with output_file(output, "stego.png") as target, Meter(show) as meter:
        assert target is not None
        done = api.hide(cover_file, secret_files, target, method, progress=meter, **options)
    return replace(done, path=Path(STREAM)) if output == STREAM else done


def _check_place(is_folder: bool, output: str, report: Path | None) -> None:
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
    psnr: dict[str, Any] = {} if cover_psnr is None else {"cover_psnr": cover_psnr}
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


def _asked(
    now: bool, file: Path | None, prompt: str = "Password", variable: str = PASSWORD_VARIABLE
) -> str | Callable[[], str]:
    """A password, or what asks for it; for folders it is asked once, and not in each process."""

    def ask() -> str:
        return asked_password(file, prompt, True, variable)

    return ask() if now else ask


def _with_decoy(
    method: "Method", decoy: list[Path] | None, password_file: Path | None, private: bool, asked_now: bool
) -> "Method":
    """The method with what a second password opens."""
    from ..methods import Auto, Decoy, Discreet, Exact

    if not decoy:
        raise typer.BadParameter("it is for --decoy: leave it out", param_hint="--decoy-password-file")
    if not private or not isinstance(method, (Auto, Discreet, Exact)):
        raise typer.BadParameter(
            "it needs a secret under --password or --discreet: add one of them, and leave out --survive and --flow",
            param_hint="--decoy",
        )

    added: Any = Decoy(decoy, _asked(asked_now, password_file, "Decoy password", DECOY_VARIABLE))
    return replace(method, decoy=added)


def _show_one_of_many(done: Any, console: "Console") -> None:
    show_notes(done.notes, console)
    secret = f", secret {done.secret.psnr:.2f} dB" if done.secret else ""
    console.print(f"{done.path}: cover {done.cover.psnr:.2f} dB{secret}; {done.summary}", soft_wrap=True)


def _show(done: Any, secret: list[Path], console: "Console") -> None:
    from .. import render

    name = ", ".join(one.name for one in secret)
    what = f"{name} ({done.secret_size[0]}x{done.secret_size[1]})" if done.secret_size else name
    show_notes(done.notes, console)
    if done.advice and console.is_terminal:
        show_notes([done.advice], console)
    console.print(f"{done.path}: {done.size[0]}x{done.size[1]}, holds {what}; {done.summary}", soft_wrap=True)
    for part in [*done.parts, *done.decoys]:
        size = f" ({part.secret_size[0]}x{part.secret_size[1]}, {part.secret.psnr:.2f} dB)" if part.secret else ""
        decoy = "decoy " * (part in done.decoys)
        console.print(f"  {decoy}{part.name}{size}: {part.summary}; {part.length:,} bytes", soft_wrap=True)
    columns = {"cover and stego": done.cover} | ({"secret and revealed": done.secret} if done.secret else {})
    shown = ("psnr", "ssim", "worst_block")
    console.print(render.score_table({k: {n: getattr(v, n) for n in shown} for k, v in columns.items()}))
