"""The one exception that users see as a sentence, and how such sentences name an option."""

# What an argument is called on the command line, where that is not its own name with dashes.
_OPTIONS = {"model": "--weights"}
# And in Python, where a remedy is more than an argument's name.
_ARGUMENTS = {
    "exact": "Exact()",
    "fit": "Exact(fit=True)",
    "flow": "Flow()",
    "survive": "Robust()",
    "force": "force=True",
    "resume": "resume=True",
    "shrink": "shrink=True",
}
_at_command_line = False


class StegoError(Exception):
    """Something the user can mend: the message names the file and the remedy, in one sentence."""


def speak_of_options(wanted: bool = True) -> None:
    """From now on sentences name the command line's options (--cover-psnr), and not Python's arguments (cover_psnr)."""
    global _at_command_line
    _at_command_line = wanted


def option(argument: str) -> str:
    """What whoever reads a message calls an argument: ``--cover-psnr`` or ``cover_psnr``."""
    if _at_command_line:
        return _OPTIONS.get(argument, "--" + argument.replace("_", "-"))
    return _ARGUMENTS.get(argument, argument)
