"""The command line as a whole: its commands, and every way to end told as a sentence and an exit code."""

import errno
import io
import os
import sys
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from . import __version__, errors
from .commands import bench, hide, info, metrics, reveal, serve, train
from .errors import StegoError, printable

# Set, it shows the traceback of what should not have happened.
DEBUG = "STEGO_DEBUG"
# Why nothing more goes to stdout; a reader that has left need not be told.
UNWRITABLE = {
    errno.EPIPE: "",
    errno.ENOSPC: "the disk is full",
    getattr(errno, "EDQUOT", errno.ENOSPC): "the disk is full",
    errno.EFBIG: "it is larger than a file may be here",
    errno.EIO: "the device fails",
}

# Typer brings its own Click or the installed one, depending on its version.
_UsageError: Any = typer.BadParameter.__base__


class _Commands(TyperGroup):
    """Refuses an empty argument, as a shell makes of an unset variable: as a path it would be the current folder."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            for before, argument in zip(["", *args], args, strict=False):
                if argument == "" or (argument.startswith("--") and argument.endswith("=")):
                    after = argument.rstrip("=") or before
                    raise _UsageError(
                        f"An argument is empty{f' (after {after})' if after else ''}: give it or leave it out."
                    )
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Commands,
    help="Hide one whole picture inside another and bring it back.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command(cls=hide.HideCommand)(hide.hide)
for command in (reveal.reveal, info.info, serve.serve, metrics.metrics, train.train, bench.bench):
    app.command()(command)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"stego {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", metavar="", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Hide one whole picture inside another and bring it back."""


def run() -> None:
    """What the `stego` command does."""
    errors.speak_of_options()
    # A file name may hold what the terminal's encoding lacks.
    cast(io.TextIOWrapper, sys.stdout).reconfigure(errors="backslashreplace")
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
        if code == 130:  # so newer versions of Typer tell of a Ctrl-C
            raise KeyboardInterrupt
    except _UsageError as error:
        error.message = printable(error.message)
        error.show()
        code = 2
    except (typer.Abort, KeyboardInterrupt):
        print(file=sys.stderr)
        code = _say("Stopped.", 130)
    except StegoError as error:
        code = _say(f"stego: {error}", 1)
    except MemoryError:
        code = _say("stego: Memory is full: close other programs or use smaller pictures.", 1)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            code = _unexpected(error)
        else:
            why = UNWRITABLE[error.errno]
            code = _say(f"stego: The output can't be written: {why}.", 1) if why else 1
            # What is left in the buffer must not be tried again when the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        code = _unexpected(error)
    sys.exit(code)


def _say(message: str, code: int) -> int:
    print(printable(message), file=sys.stderr)
    return code


def _unexpected(error: Exception) -> int:
    """A fault of ours: no traceback for those whom it tells nothing, and all of it for those who report it."""
    if os.environ.get(DEBUG):
        raise error
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return _say(f"stego: This should not have happened ({what}): please report it, with what {DEBUG}=1 shows.", 1)
