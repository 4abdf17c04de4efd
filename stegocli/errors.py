"""The one exception that users see as a sentence, and what may be shown of other people's words."""

import unicodedata

# Control, format (bidi overrides among them), half of a pair, and ends of lines and paragraphs.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Scripts of India and Persia, and emoji, are written with them.
_JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    """Text with everything escaped that would steer a terminal, begin a new line or turn the reading direction."""
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _UNSEEN and c not in _JOINERS else c
        for c in text
    )


class StegoError(Exception):
    """Something the user can mend: the message names the file and the remedy, in one sentence."""
