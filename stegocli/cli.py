"""The command line: parse, call the Python API, print."""

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from . import __version__
from .errors import StegoError

app = typer.Typer(
    help="Hide one whole picture inside another and bring it back.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)

# Scripts can't answer a prompt.
PASSWORD_VARIABLE = "STEGO_PASSWORD"

WeightsOption = Annotated[str | None, typer.Option("--weights", help="Weights: a shipped set's name or a file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@contextmanager
def _plain_errors():
    """One sentence on stderr and exit code 1; never a traceback for what the user can mend."""
    try:
        yield
    except StegoError as error:
        message = str(error)
    except MemoryError:
        message = "Memory is full: close other programs or use smaller pictures."
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        raise typer.Exit(130) from None
    else:
        return
    print(f"stego: {message}", file=sys.stderr)
    raise typer.Exit(1)


def _console():
    from rich.console import Console

    return Console(highlight=False)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"stego {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Hide one whole picture inside another and bring it back."""


def _password(file: Path | None, prompt: str, twice: bool = False) -> str | None:
    """From a file, the environment or, at a terminal, a prompt: never from an argument, which `ps` would show."""
    if file is not None:
        try:
            return file.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise StegoError(f"{file} can't be read: give --password-file a text file.") from None
    if PASSWORD_VARIABLE in os.environ:
        return os.environ[PASSWORD_VARIABLE]
    if not sys.stdin.isatty():
        return None
    return typer.prompt(prompt, hide_input=True, confirmation_prompt=twice, default="", show_default=False)


def _show_notes(notes: list[str], console) -> None:
    for note in notes:
        console.print(f"note: {note}", style="yellow", soft_wrap=True)


@app.command()
def hide(
    cover: Annotated[Path, typer.Argument(help="The picture that everyone may see.")],
    secret: Annotated[Path, typer.Argument(help="The picture to hide in it, or any other file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write: .png, .tif, .webp or .bmp.")],
    weights: WeightsOption = None,
    exact: Annotated[bool, typer.Option("--exact", help="Give the secret back bit for bit.")] = False,
    password: Annotated[
        bool, typer.Option("--password", help=f"Encrypt; asks twice, or takes ${PASSWORD_VARIABLE}. Implies --exact.")
    ] = False,
    password_file: Annotated[Path | None, typer.Option(help="Encrypt with the password in this file.")] = None,
    fit: Annotated[bool, typer.Option("--fit", help="Code a picture as finely as --cover-psnr allows.")] = False,
    cover_psnr: Annotated[
        float, typer.Option(min=20, max=70, help="With --exact, --fit or a password: least PSNR of the cover, dB.")
    ] = 40.0,
) -> None:
    """Write a picture that looks like COVER and holds SECRET."""
    with _plain_errors():
        from . import api
        from .picture import look

        secret_word = _password(password_file, "Password", twice=True) if password or password_file else None
        if password and secret_word is None:
            raise StegoError(f"No terminal to ask at: set {PASSWORD_VARIABLE} or use --password-file.")
        done = api.hide(
            cover, secret, output, weights, exact=exact, password=secret_word, fit=fit, cover_psnr=cover_psnr
        )
        console = _console()
        _show_notes(done.notes, console)
        what = f"{secret.name} ({done.secret_size[0]}x{done.secret_size[1]})" if done.secret_size else secret.name
        console.print(f"{done.path}: {done.size[0]}x{done.size[1]}, holds {what}; {done.method}", soft_wrap=True)
        columns = {"cover and stego": {"psnr": done.cover.psnr, "ssim": done.cover.ssim}}
        if done.secret:
            columns["secret and revealed"] = {"psnr": done.secret.psnr, "ssim": done.secret.ssim}
        console.print(look.score_table(columns))


@app.command()
def reveal(
    stego: Annotated[Path, typer.Argument(help="A picture that `stego hide` wrote.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write; by default beside it, NAME-revealed.")
    ] = None,
    weights: WeightsOption = None,
    password_file: Annotated[
        Path | None, typer.Option(help=f"Password in a file; else ${PASSWORD_VARIABLE} or a prompt, when needed.")
    ] = None,
) -> None:
    """Bring back what is hidden in STEGO."""
    with _plain_errors():
        from . import api

        prompt = "Nothing shows without a password. Password"
        done = api.reveal(stego, output, weights, password=lambda: _password(password_file, prompt))
        console = _console()
        _show_notes(done.notes, console)
        size = f"{done.size[0]}x{done.size[1]}, " if done.size else ""
        console.print(f"{done.path}: {size}{done.method}", soft_wrap=True)


@app.command()
def train(
    context: typer.Context,
    data: Annotated[
        Path | None, typer.Option(help="Folder of pictures, searched recursively; by default a built-in set.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the pictures.")] = 50,
    batch_size: Annotated[int, typer.Option(min=1, help="Pairs in a step.")] = 2,
    amp: Annotated[bool, typer.Option("--amp/--no-amp", help="Mixed precision.")] = True,
    crop: Annotated[int, typer.Option(min=16, help="Side of the random crops, pixels.")] = 224,
    num_blocks: Annotated[int, typer.Option(min=1, max=64, help="Coupling blocks.")] = 8,
    hidden_channels: Annotated[int, typer.Option(min=1, max=1024, help="Width of the subnets.")] = 128,
    levels: Annotated[int, typer.Option(min=1, max=3, help="Wavelet levels.")] = 2,
    wavelet: Annotated[str, typer.Option(help="haar or legall53.")] = "haar",
    learning_rate: Annotated[float, typer.Option(min=1e-8, help="Highest learning rate.")] = 1e-3,
    reveal_weight: Annotated[float, typer.Option(min=0, help="Weight of the reveal error; hiding has 1.")] = 0.85,
    workers: Annotated[int, typer.Option(min=0, help="Loader processes; validation takes half.")] = 4,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Decides initial weights, split and crops.")] = 0,
    init: Annotated[Path | None, typer.Option(help="Weights file to start from.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the run that --out holds.")] = False,
    vram_limit: Annotated[str | None, typer.Option(help="Take no more of a card's memory, as 4GB.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for weights, checkpoint, metrics and pictures.")] = Path(
        "runs/train"
    ),
) -> None:
    """Train weights and write them, with metrics, curves and pictures, to --out.

    On several cards or machines: torchrun --nproc-per-node N -m stegocli train ...
    """
    with _plain_errors():
        from .flow.couplings import FlowConfig
        from .flow.wavelet import WAVELETS
        from .training.display import TrainingDisplay
        from .training.hardware import limit_memory
        from .training.loop import train as run
        from .training.settings import Settings

        if resume and force:
            raise typer.BadParameter("give one of --resume and --force")
        if wavelet not in WAVELETS:
            raise typer.BadParameter(f"choose one of {', '.join(WAVELETS)}", param_hint="--wavelet")
        flow = FlowConfig(wavelet=wavelet, levels=levels, num_blocks=num_blocks, hidden_channels=hidden_channels)
        settings = Settings(
            out=out, data=data, epochs=epochs, batch_size=batch_size, crop=crop, amp=amp, workers=workers, seed=seed,
            learning_rate=learning_rate, reveal_weight=reveal_weight, init=init, flow=flow,
        )  # fmt: skip
        given = {n for n in context.params if context.get_parameter_source(n).name == "COMMANDLINE"}
        given -= {"resume", "force", "vram_limit"}
        console = _console()
        if vram_limit and (note := limit_memory(vram_limit)):
            _show_notes([note], console)
        with TrainingDisplay(console) as display:
            run(settings, resume, given, display, force)


@app.command()
def bench(
    batch_size: Annotated[int, typer.Option(min=1, help="Pairs in a step.")] = 2,
    data: Annotated[Path | None, typer.Option(help="Folder of pictures; by default the built-in set.")] = None,
    crop: Annotated[int, typer.Option(min=16, help="Side of the crops, pixels.")] = 224,
    steps: Annotated[int, typer.Option(min=2, help="Training steps measured for each row.")] = 20,
    weights: WeightsOption = None,
    sizes: Annotated[
        bool, typer.Option("--sizes", help="Instead: hide and reveal at 0.25, 3, 12 and 48 megapixels.")
    ] = False,
    vram_limit: Annotated[str | None, typer.Option(help="Take no more of a card's memory, as 4GB.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure training, its five speed-ups one by one, and hiding and revealing."""
    with _plain_errors():
        from .measure import bench as bench_module
        from .training.hardware import limit_memory

        console = _console()
        if vram_limit and (note := limit_memory(vram_limit)):
            print(f"note: {note}", file=sys.stderr)
        on_row = (lambda section, row: None) if as_json else bench_module.Printer(console)
        figures = bench_module.run(batch_size, data, crop, steps, weights, sizes, on_row)
        if as_json:
            print(json.dumps(figures, indent=1))


@app.command()
def metrics(
    pictures: Annotated[
        list[Path] | None, typer.Argument(help="Two pictures, or four: COVER STEGO SECRET REVEALED.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Score the weights on this folder instead, through real files.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="With --data: compare all methods and draw secret over cover PSNR here.")
    ] = None,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two pictures, judge a hide and reveal by its four, or score hiding on a folder."""
    pictures = pictures or []
    if ((len(pictures) not in (2, 4)) if data is None else bool(pictures)) or (plot and not data):
        raise typer.BadParameter("give two pictures, or four, or --data (and perhaps --plot) and none")
    with _plain_errors():
        from .measure import evaluate

        console = _console()
        on_pair = (lambda row: None) if as_json else (lambda row: evaluate.show_pair(row, console))
        if plot is not None:
            show, result = evaluate.show_compared, evaluate.compare(data, plot, weights, on_pair)
        elif data is not None:
            show, result = evaluate.show_folder, evaluate.folder(data, weights, on_pair)
        elif len(pictures) == 2:
            show, result = evaluate.show_two, evaluate.two(*pictures)
        else:
            show, result = evaluate.show_four, evaluate.four(*pictures)
        if as_json:
            print(evaluate.as_json(result))
        else:
            show(result, console)


if __name__ == "__main__":
    app()
