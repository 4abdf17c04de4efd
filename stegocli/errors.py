"""The one exception that users see as a sentence, and how such sentences name an option.

`printable` is for whatever else other people's words reach a terminal by.
"""

import unicodedata

# What an argument is called on the command line, where that is not its own name with dashes.
_OPTIONS = {
    "a_password": "--password, --password-file or STEGO_PASSWORD",
    "model": "--weights",
    "decoy_password": "--decoy-password-file or STEGO_DECOY_PASSWORD",
}
# And in Python, where a remedy is more than an argument's name.
_ARGUMENTS = {
    "a_password": "password",
    "exact": "Exact()",
    "fit": "Exact(fit=True)",
    "flow": "Flow()",
    "force": "force=True",
    "resume": "resume=True",
    "shrink": "shrink=True",
}
# And on the page, by what its cards and fields say.
_FIELDS = {
    "a_password": "the field for it",
    "cover_psnr": "cover quality",
    "discreet": "amount",
    "exact": "“Every bit back”",
    "fit": "“As fine as fits”",
    "flow": "“By the network”",
    "password": "a password",
    "shrink": "“Halve the cover first”",
    "survive": "quality to survive",
}
_at_command_line = _at_page = False

# Control, format (bidi overrides among them), half of a pair, and ends of lines and paragraphs.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Scripts of India and Persia, and emoji, are written with them.
_JOINERS = "\u200c\u200d"


class StegoError(Exception):
    """Something the user can mend: the message names the file and the remedy, in one sentence."""


def speak_of_options(wanted: bool = True) -> None:
    """From now on sentences name the command line's options (--cover-psnr), and not Python's arguments (cover_psnr)."""
    global _at_command_line
    _at_command_line = wanted


def speaks_of_options() -> bool:
    """Whether it does: what a process of a pool must be told."""
    return _at_command_line


def speak_of_fields(wanted: bool = True) -> None:
    """From now on sentences name what the page of `stego serve` has, its cards and fields, or no longer."""
    global _at_page
    _at_page = wanted


def option(argument: str) -> str:
    """What whoever reads a message calls an argument: ``--cover-psnr``, ``cover_psnr``, or a field of the page."""
    if _at_page:
        return _FIELDS.get(argument, argument.replace("_", " "))
    if _at_command_line:
        return _OPTIONS.get(argument, "--" + argument.replace("_", "-"))
    return _ARGUMENTS.get(argument, argument)


def printable(text: str) -> str:
    """Text with everything escaped that would steer a terminal, begin a new line or turn the reading direction."""
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _UNSEEN and c not in _JOINERS else c
        for c in text
    )
