"""A secret that can be denied: what a second password opens in the same stego."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import StegoError, option
from ..payload import keys
from ..payload.gathering import Gathered, Given
from .base import AnySecret, Password, asked


@dataclass(frozen=True)
class Decoy:
    """What another password opens in the same stego, so that the secret can be denied.

    Attributes:
        secret: a file, a folder, or a sequence of both, as for `api.hide`.
        password: another than the secret's; or a function that asks for it.
    """

    secret: Given
    password: Password

    def read(self) -> AnySecret:
        """What is to be hidden; errors as for `Gathered`."""
        return Gathered.of(self.secret).read()

    def asked(self, password: str) -> str:
        """Its password.

        Args:
            password: the secret's.

        Raises:
            StegoError: for none, or one that opens both.
        """
        word = asked(self.password)
        if word is None:
            raise StegoError(f"A decoy needs a password of its own: give {option('decoy_password')}.")
        if set(keys.candidates(word)) & set(keys.candidates(password)):
            raise StegoError("The decoy has the secret's password, and one of them would be lost: give two.")
        return word


def check_deniable(cover: Path, both: Sequence[tuple[Path, int]], same: range, most: int) -> None:
    """Refuse a secret and a decoy of which one password would show that there is another.

    Args:
        both: what each is called, and the bytes that it takes.
        same: the lengths that are filled to the same as the secret's.
        most: bytes that either may take at most.

    Raises:
        StegoError: when one is too long for two, or their lengths are not filled to the same.
    """
    for path, length in both:
        if length > most:
            raise StegoError(
                f"{path} takes {length:,} bytes, and {cover} holds {most:,} for each of two: use a larger cover, a "
                "smaller file, or leave the decoy out."
            )
    (secret, length), (decoy, other) = both
    if other not in same:
        raise StegoError(
            f"{decoy} takes {other:,} bytes beside {length:,} of {secret}, so each password would show that there is "
            f"more: give a decoy that takes {same.start:,} to {same.stop - 1:,}, or several files together."
        )
