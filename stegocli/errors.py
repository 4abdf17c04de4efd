"""The one exception that users see as a sentence."""


class StegoError(Exception):
    """Something the user can mend: the message names the file and the remedy, in one sentence."""
