"""What every way of hiding offers: one object that hides a secret in a cover's pixels, and finds it there again."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from ..flow.model import Model
from ..payload import header
from ..payload.header import Header
from ..picture import files
from ..picture.files import Picture

COVER_PSNR = 40.0
# Of a cover, whatever the method.
SMALLEST_SIDE = 16
# Python callers may give a loaded model, the name of a shipped set, a path, or nothing.
ModelLike = Model | str | Path | None
# Called with what is being done and the share of it that is done, 0 to 1.
Progress = Callable[[str, float], None]


def unseen(stage: str, share: float) -> None:
    """Progress that nobody looks at."""


@dataclass(frozen=True)
class Options:
    """How to hide or reveal; each method takes from it what concerns it.

    Attributes:
        model: for the network.
        password: encrypt, or open, with it.
        fit: code a picture as finely as `cover_psnr` allows instead of failing when it is too large.
        cover_psnr: how much bytes may change the cover, in dB; None for what the method takes by itself.
        survive: the lowest JPEG quality that a stego must survive; for the method that does.
        progress: see `Progress`.
    """

    model: ModelLike = None
    password: str | None = None
    fit: bool = False
    cover_psnr: float | None = None
    survive: int | None = None
    progress: Progress = unseen


@dataclass(frozen=True)
class Cover:
    """The picture that everyone may see."""

    path: Path
    picture: Picture

    @property
    def rgb(self) -> np.ndarray:
        return self.picture.rgb


@dataclass(frozen=True)
class Secret:
    """The file to hide, decoded when first asked."""

    path: Path

    @cached_property
    def is_picture(self) -> bool:
        return files.is_picture(self.path)

    @cached_property
    def content(self) -> bytes:
        """The file's own bytes."""
        return files.own_bytes(self.path)

    @cached_property
    def picture(self) -> Picture:
        """As its file holds it."""
        return files.read(self.path, content=self.content)

    @cached_property
    def seen(self) -> Picture:
        """As a viewer shows it: through its profile, over white."""
        picture = self.picture
        if picture.icc is not None:
            picture = files.read(self.path, srgb=True, content=self.content)
        return Picture(files.over_white(picture), grey=picture.grey)


@dataclass(frozen=True)
class Hiding:
    """What a method made of a cover.

    Attributes:
        rgb: the stego's pixels, uint8, the cover's shape.
        words: how, for the user.
        wanted, received: the secret picture and what the receiver sees of it, uint8 of one shape; None for a
            secret that is no picture.
        comes_back: whether a file's pixels still hold the secret, for a method that may be stored with loss; by
            default they must be `rgb` itself.
        notes: what the user should know, one sentence each.
    """

    rgb: np.ndarray
    words: str
    wanted: np.ndarray | None = None
    received: np.ndarray | None = None
    comes_back: Callable[[np.ndarray], bool] | None = None
    notes: list[str] = field(default_factory=list)

    def noting(self, sentence: str) -> "Hiding":
        """The same with one note more."""
        return replace(self, notes=[*self.notes, sentence])


@dataclass(frozen=True)
class Stego:
    """A picture that may hold something; its header is read once for all methods."""

    path: Path
    rgb: np.ndarray

    @cached_property
    def header(self) -> Header | None:
        return header.extract(self.rgb)


@dataclass(frozen=True)
class Found:
    """What a method brought back.

    Attributes:
        secret: a picture, or a file's own bytes.
        extension: of the secret's own name, with its dot, or nothing.
        words: how true it is, or with which weights.
        notes: one sentence each.
        name: what the secret's file was called, safe to show and to call a file by; None when that is not known.
    """

    secret: Picture | bytes
    extension: str
    words: str
    notes: list[str] = field(default_factory=list)
    name: str | None = None


class Method(Protocol):
    """One way to hide."""

    def hide(self, cover: Cover, secret: Secret, options: Options) -> Hiding:
        """Hide the secret, and make sure from the pixels alone that it comes back.

        Raises:
            StegoError: when it can't be hidden, with the remedy.
        """
        ...

    def reveal(self, stego: Stego, options: Options) -> Found | None:
        """What this method hid in the picture; None when it sees nothing of its own, or not with this password.

        Raises:
            StegoError: when something is there but can't be had, with the remedy.
        """
        ...
