"""The command line: parse, call the Python API, print."""

import errno
import io
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from . import __version__
from .errors import StegoError
from .robust.channels import CHANNELS

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    help="Hide one whole picture inside another and bring it back.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)

# Scripts can't answer a prompt.
PASSWORD_VARIABLE = "STEGO_PASSWORD"
# Stands for stdin among the inputs and for stdout as the output.
STREAM = Path("-")

WeightsOption = Annotated[str | None, typer.Option("--weights", help="Weights: a shipped set's name or a file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
ForceOption = Annotated[bool, typer.Option("--force", "-f", help="Replace what exists.")]
JobsOption = Annotated[int, typer.Option(min=1, help="For folders: processes that share the work.")]


# Typer brings its own Click or the installed one, depending on its version.
_UsageError: Any = typer.BadParameter.__base__


def run() -> None:
    """What the `stego` command does: `app`, with every way to end told as a sentence and an exit code."""
    # A file name may hold what the terminal's encoding lacks.
    cast(io.TextIOWrapper, sys.stdout).reconfigure(errors="backslashreplace")
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
        if code == 130:  # so newer versions of Typer tell of a Ctrl-C
            raise KeyboardInterrupt
    except _UsageError as error:
        error.show()
        code = 2
    except (typer.Abort, KeyboardInterrupt):
        code = _say("\nStopped.", 130)
    except StegoError as error:
        code = _say(f"stego: {error}", 1)
    except MemoryError:
        code = _say("stego: Memory is full: close other programs or use smaller pictures.", 1)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EPIPE):
            raise
        code = 1 if error.errno == errno.EPIPE else _say("stego: The output can't be written: the disk is full.", 1)
        # What is left in the buffer must not be tried again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _say(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return code


def _console(quiet: bool = False, stderr: bool = False) -> "Console":
    from rich.console import Console

    return Console(highlight=False, markup=False, quiet=quiet, stderr=stderr)


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
    """From a file's first line, the environment or a prompt: never from an argument, which `ps` would show."""
    if file is not None:
        try:
            lines = file.read_text("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError):
            raise StegoError(f"{file} can't be read: give --password-file a text file in UTF-8.") from None
        if len(lines) > 1:
            raise StegoError(f"{file} has {len(lines)} lines: put the password alone on one line.")
        return "".join(lines)
    if PASSWORD_VARIABLE in os.environ:
        word = os.environ[PASSWORD_VARIABLE]
        try:
            word.encode()
        except UnicodeEncodeError:
            raise StegoError(f"{PASSWORD_VARIABLE} is not UTF-8: set it in UTF-8 or use --password-file.") from None
        return word
    if not sys.stdin.isatty():
        return None
    return typer.prompt(prompt, hide_input=True, confirmation_prompt=twice, default="", show_default=False)


def _new_password(file: Path | None) -> str:
    word = _password(file, "Password", twice=True)
    if word is None:
        raise StegoError(f"No terminal to ask at: set {PASSWORD_VARIABLE} or use --password-file.")
    return word


@contextmanager
def _streams(inputs: list[Path], output: Path | None, name: str) -> Iterator[tuple[list[Path], Path | None]]:
    """Stand-ins on the disk for `-`: stdin's content before, and afterwards what goes to stdout."""
    if inputs.count(STREAM) > 1:
        raise StegoError("Only one input can come from stdin: name a file for the other.")
    if STREAM not in inputs and output != STREAM:
        yield inputs, output
        return
    with tempfile.TemporaryDirectory() as scratch:
        # With a dot in front: what came from nowhere takes no name along.
        given, wanted = Path(scratch, ".stdin"), Path(scratch, "out")
        wanted.mkdir()
        if STREAM in inputs:
            given.write_bytes(sys.stdin.buffer.read())
        yield [given if p == STREAM else p for p in inputs], wanted / name if output == STREAM else output
        if output == STREAM:
            for written in wanted.iterdir():
                with written.open("rb") as content:
                    shutil.copyfileobj(content, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def _show_notes(notes: list[str], console: "Console") -> None:
    for note in notes:
        console.print(f"note: {note}", style="yellow", soft_wrap=True)


def _as_json(done: Any) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(done).items()}


def _show_hidden(done: Any, secret: Path, console: "Console") -> None:
    from .picture import look

    what = f"{secret.name} ({done.secret_size[0]}x{done.secret_size[1]})" if done.secret_size else secret.name
    _show_notes(done.notes, console)
    console.print(f"{done.path}: {done.size[0]}x{done.size[1]}, holds {what}; {done.method}", soft_wrap=True)
    columns = {"cover and stego": done.cover} | ({"secret and revealed": done.secret} if done.secret else {})
    shown = ("psnr", "ssim", "worst_block")
    console.print(look.score_table({k: {n: getattr(v, n) for n in shown} for k, v in columns.items()}))


def _show_revealed(done: Any, console: "Console") -> None:
    _show_notes(done.notes, console)
    size = f"{done.size[0]}x{done.size[1]}, " if done.size else ""
    named = f"; called {done.name} when it was hidden" if done.name else ""
    console.print(f"{done.path}: {size}{done.method}{named}", soft_wrap=True)


def _show_folder(results: Iterator[Any], as_json: bool, console: "Console", show: Any) -> None:
    """One line a file as it is done; exit code 1 if any failed."""
    from .folders import Failed

    rows, failed = [], 0
    for done in results:
        if isinstance(done, Failed):
            failed += 1
            print(f"stego: {done.reason}", file=sys.stderr)
        elif not as_json:
            show(done)
        rows.append(_as_json(done))
    if as_json:
        print(json.dumps(rows, indent=1))
    elif not failed or len(rows) > failed:
        console.print(f"{len(rows) - failed} of {len(rows)} done")
    if failed:
        raise typer.Exit(1)


@app.command()
def hide(
    cover: Annotated[Path, typer.Argument(help="The picture that everyone may see, a folder of them, or - for stdin.")],
    secret: Annotated[Path, typer.Argument(help="The picture to hide in it, or any other file; a folder; or -.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where to write: .png, .tif, .webp, .bmp or .jpg; a folder; or -.")
    ],
    weights: WeightsOption = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Give the secret back whole: same file, or same pixels.")
    ] = False,
    password: Annotated[
        bool, typer.Option("--password", help=f"Encrypt; asks twice, or takes ${PASSWORD_VARIABLE}. Implies --exact.")
    ] = False,
    password_file: Annotated[Path | None, typer.Option(help="Encrypt with the password in this file.")] = None,
    fit: Annotated[bool, typer.Option("--fit", help="Code a picture as finely as --cover-psnr allows.")] = False,
    flow: Annotated[bool, typer.Option("--flow", help="Keep to the network even where it leaves blemishes.")] = False,
    cover_psnr: Annotated[
        float | None,
        typer.Option(min=20, max=70, help="For bytes: least PSNR of the cover, dB; by default 40, surviving 37."),
    ] = None,
    survive: Annotated[
        str | None,
        typer.Option(
            help="Survive JPEG down to this quality, or what a service does: " + ", ".join(CHANNELS) + ". 75 for .jpg."
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Also draw cover, stego, residual, secret and revealed here.")
    ] = None,
    jobs: JobsOption = 1,
    force: ForceOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write a picture that looks like COVER and holds SECRET."""
    from . import api, folders

    private = password or password_file is not None
    options: dict[str, Any] = {
        "exact": exact, "fit": fit, "flow": flow, "cover_psnr": cover_psnr, "survive": survive, "force": force,
    }  # fmt: skip
    console = _console(quiet or as_json, stderr=output == STREAM)
    if cover.is_dir():
        if report is not None:
            raise typer.BadParameter("a report shows one pair: leave it out for folders", param_hint="--report")
        results = folders.hide(
            cover, secret, output, weights, jobs,
            password=_new_password(password_file) if private else None, **options,
        )  # fmt: skip
        _show_folder(
            results, as_json, console,
            lambda done: console.print(
                f"{done.path}: cover {done.cover.psnr:.2f} dB"
                + (f", secret {done.secret.psnr:.2f} dB" if done.secret else "") + f"; {done.method}", soft_wrap=True,
            ),
        )  # fmt: skip
        return
    with _streams([cover, secret], output, "stego.png") as ((cover_file, secret_file), target), Meter(console) as meter:
        done = api.hide(
            cover_file, secret_file, target or output, weights, **options, report=report, progress=meter,
            password=(lambda: _new_password(password_file)) if private else None,
        )  # fmt: skip
    done = replace(done, path=output)
    if as_json:
        print(json.dumps(_as_json(done), indent=1), file=sys.stderr if output == STREAM else sys.stdout)
    _show_hidden(done, secret, console)


@app.command()
def reveal(
    stego: Annotated[Path, typer.Argument(help="A picture that `stego hide` wrote, a folder of them, or - for stdin.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write: a file, a folder, or -; by default NAME-revealed beside."),
    ] = None,
    weights: WeightsOption = None,
    password: Annotated[
        bool, typer.Option("--password", help=f"Ask at once; else it asks, or takes ${PASSWORD_VARIABLE}, when needed.")
    ] = False,
    password_file: Annotated[Path | None, typer.Option(help="Take the password from this file.")] = None,
    jobs: JobsOption = 1,
    force: ForceOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Bring back what is hidden in STEGO."""
    from . import api, folders

    prompt = "Password" if password else "Nothing shows without a password. Password"
    console = _console(quiet or as_json, stderr=output == STREAM)
    # A folder's stegos may need none, so nobody is asked unless told to.
    wanted = password or password_file is not None or (stego.is_dir() and PASSWORD_VARIABLE in os.environ)
    word = _password(password_file, prompt) if wanted else None
    if stego.is_dir():
        if output is None:
            raise typer.BadParameter("name a folder for what comes out", param_hint="--output")
        results = folders.reveal(stego, output, weights, jobs, password=word, force=force)
        _show_folder(results, as_json, console, lambda done: _show_revealed(done, console))
        return
    if stego == STREAM and output is None:
        raise typer.BadParameter("name an output when the stego comes from stdin", param_hint="--output")
    with _streams([stego], output, "") as ((stego_file,), target), Meter(console) as meter:
        done = api.reveal(
            stego_file, target, weights, force=force, progress=meter,
            password=word if word is not None else lambda: _password(password_file, prompt),
        )  # fmt: skip
    if output == STREAM:
        done = replace(done, path=STREAM)
    if as_json:
        print(json.dumps(_as_json(done), indent=1), file=sys.stderr if output == STREAM else sys.stdout)
    _show_revealed(done, console)


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
    prune: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="First cut the --init network down to this share of its work.")
    ] = None,
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
    from .flow.couplings import FlowConfig
    from .flow.wavelet import WAVELETS
    from .flow.weights import shared_model
    from .training.display import TrainingDisplay
    from .training.hardware import limit_memory
    from .training.loop import train as run
    from .training.settings import ARCHITECTURE, Settings

    if resume and force:
        raise typer.BadParameter("give one of --resume and --force")
    if wavelet not in WAVELETS:
        raise typer.BadParameter(f"choose one of {', '.join(WAVELETS)}", param_hint="--wavelet")
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
    if init and not resume and not given & ARCHITECTURE:
        flow = shared_model(init).network.config
    else:
        flow = FlowConfig(wavelet=wavelet, levels=levels, num_blocks=num_blocks, hidden_channels=hidden_channels)
    settings = Settings(
        out=out, data=data, epochs=epochs, batch_size=batch_size, crop=crop, amp=amp, workers=workers, seed=seed,
        learning_rate=learning_rate, reveal_weight=reveal_weight, init=init, prune=prune, flow=flow,
    )  # fmt: skip
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
    survive: Annotated[
        str | None, typer.Option(help="With --data: what survives JPEG of every quality, hidden so (see hide).")
    ] = None,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two pictures, judge a hide and reveal by its four, or score hiding on a folder."""
    pictures = pictures or []
    show: Callable[..., None]
    result: Any
    if ((len(pictures) not in (2, 4)) if data is None else bool(pictures)) or ((plot or survive) and not data):
        raise typer.BadParameter("give two pictures, or four, or --data (perhaps with --plot, --survive) and none")
    from .measure import evaluate, surviving

    console = _console()
    on_pair = (lambda row: None) if as_json else (lambda row: evaluate.show_pair(row, console))
    if data is not None and survive is not None:
        show_row = (lambda row: None) if as_json else (lambda row: surviving.show_pair(row, console))
        show, result = surviving.show, surviving.folder(data, survive, plot, show_row)
    elif data is not None and plot is not None:
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
