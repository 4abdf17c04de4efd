"""What can be wrong with what a stego says. Raised where the format is parsed, and nowhere else: a bug stays a bug."""


class InvalidContent(ValueError):
    """A checksum or a MAC was right, and yet what it guards can't be: it was forged, or a writer was at fault."""


class LaterVersion(ValueError):
    """The format, method or coding has a number that only a later version of this package can know."""


class AuthenticationError(Exception):
    """Wrong password or altered picture: the two can't be told apart."""
