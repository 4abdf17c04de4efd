"""What every way of hiding offers: a value that owns its options, hides a secret in a cover, and finds it again."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

import numpy as np

from ..errors import StegoError, option
from ..payload import codings, header
from ..payload.bundle import Bundle
from ..payload.codings import Secret, Several
from ..payload.container import Payload
from ..payload.header import Header
from ..picture import files
from ..picture.files import Picture
from ..picture.inputs import Source

if TYPE_CHECKING:
    from ..flow.model import Model

# Python callers may give a loaded model, the name of a shipped set, a path, or nothing for the default set.
ModelLike: TypeAlias = "Model | str | Path | None"
# A password, or a function that asks for it: called once the cover is known to do.
Password = str | Callable[[], str] | None
# One file to hide, or several together.
AnySecret: TypeAlias = Secret | Bundle
# Of a cover, whatever the method.
SMALLEST_SIDE = 16
# Called with what is being done and the share of it that is done, 0 to 1.
Progress = Callable[[str, float], None]


def unseen(stage: str, share: float) -> None:
    """Progress that nobody looks at."""


def asked(password: Password) -> str | None:
    """The password itself.

    Raises:
        StegoError: for an empty one, which would encrypt nothing.
    """
    word = password() if callable(password) else password
    if word == "":
        raise StegoError(f"The password is empty: give one, or leave {option('password')} out.")
    return word


@dataclass(frozen=True)
class Cover:
    """The picture that everyone may see.

    Attributes:
        source: its file, for a method that looks at it; `Method.prepare` drops what is not needed.
    """

    path: Path
    picture: Picture
    notes: tuple[str, ...] = ()
    source: Source | None = None

    @property
    def rgb(self) -> np.ndarray:
        return self.picture.rgb


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is told of a hide or a reveal.

    Attributes:
        method: its name: flow, exact, robust or discreet.
        summary: in words, for the user: how the secret was coded, or with which weights.
        notes: what the user should know, one sentence each.
    """

    method: str
    summary: str
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Choice(Outcome):
    """What is told of a hide.

    Attributes:
        chosen_because: why this method, where the tool chose; None where the user did.
        below_floor: whether the secret comes back worse than a viewer would bear.
        advice: what would have served better, or None.
    """

    chosen_because: str | None = None
    below_floor: bool = False
    advice: str | None = None


@dataclass(frozen=True)
class HidingPart:
    """One of several secrets; `reference` and `decoded` as in `Hiding`."""

    name: str
    payload: Payload
    reference: np.ndarray | None = None
    decoded: np.ndarray | None = None


@dataclass(frozen=True)
class Hiding:
    """What a method made of a cover.

    Attributes:
        rgb: the stego's pixels, uint8, the cover's shape.
        told: see `Choice`.
        reference, decoded: the secret picture and what the receiver sees of it, uint8 of one shape; None for a
            secret that is no picture, and for several.
        comes_back: whether a file's pixels still hold the secret, for a method that may be stored with loss; by
            default they must be `rgb` itself.
        file: the stego's whole file, for a method that makes it itself; `rgb` is how it looks.
        usual: whether its file must be as most programs write one.
        parts: of several secrets, each.
        decoys: of what another password opens, each.
        beneath: what comes back where the secret itself is lost, or None.
    """

    rgb: np.ndarray
    told: Choice
    reference: np.ndarray | None = None
    decoded: np.ndarray | None = None
    comes_back: Callable[[np.ndarray], bool] | None = None
    file: bytes | None = None
    usual: bool = False
    parts: tuple[HidingPart, ...] = ()
    decoys: tuple[HidingPart, ...] = ()
    beneath: HidingPart | None = None

    @property
    def pictures(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(reference, decoded) of each secret that is a picture, and of a thumbnail beneath."""
        beneath = () if self.beneath is None else (self.beneath,)
        every: tuple[Hiding | HidingPart, ...] = (self, *self.parts, *beneath)
        return [(one.reference, one.decoded) for one in every if one.reference is not None and one.decoded is not None]

    def telling(self, *notes: str, **changed: Any) -> "Hiding":
        """The same with more notes, or other words."""
        return replace(self, told=replace(self.told, notes=[*self.told.notes, *notes], **changed))


@dataclass(frozen=True)
class Stego:
    """A picture that may hold something; its header is read once for all methods.

    Attributes:
        alpha: its transparency, uint8, (height, width), which a password guards too.
        content: its file's bytes, for what lies in a JPEG's coefficients.
    """

    path: Path
    rgb: np.ndarray
    alpha: np.ndarray | None = None
    content: bytes = field(default=b"", repr=False)

    @cached_property
    def header(self) -> Header | None:
        return header.extract(self.rgb)


@dataclass(frozen=True)
class Found:
    """What a method brought back.

    Attributes:
        secret: a picture, a file's own bytes, or several files.
        extension: of the secret's own name, with its dot, or nothing.
        told: see `Outcome`; the summary says how true it is, or with which weights.
        name: what the secret's file was called, safe to show and to call a file by; None when that is not known.
        layer: of a picture that was hidden in two layers, which came back: "picture" or "thumbnail".
    """

    secret: Picture | bytes | Several
    extension: str
    told: Outcome
    name: str | None = None
    layer: str | None = None

    def telling(self, *notes: str) -> "Found":
        """The same with more notes."""
        return replace(self, told=replace(self.told, notes=[*self.told.notes, *notes]))


@dataclass(frozen=True, kw_only=True)
class ContentsPart:
    """What a stego says of one of several files; `problem` is why it does not come back, or None."""

    name: str
    coding: str
    size: tuple[int, int] | None = None
    length: int
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a stego says of what it holds.

    Attributes:
        method: flow, exact, robust or discreet.
        version: of the file's format; None where nothing tells.
        coding: how the secret is coded, in words.
        size: the secret picture's (width, height), or None.
        length: bytes embedded, or None for the network, which embeds no bytes.
        name: what the secret's file was called, or None where that is not kept.
        private: whether it took the password.
        intact: whether the picture is as it was written; None where nothing tells.
        parts: of several files, each.
        beneath: what lies in a second layer, for when this is lost, or None.
    """

    method: str
    coding: str
    version: int | None = None
    size: tuple[int, int] | None = None
    length: int | None = None
    name: str | None = None
    private: bool = False
    intact: bool | None = None
    parts: list[ContentsPart] = field(default_factory=list)
    beneath: "Contents | None" = None


def unpacked(content: bytes, stego: "Stego", method: str) -> Found:
    """What embedded bytes bring back; the stego's own pixels bound what anyone's content may ask for."""
    found = codings.unpack(content, stego.rgb.size // 3)
    told = Outcome(method=method, summary=found.fidelity)
    return Found(found.secret, found.extension, told, found.name, found.layer)


def described(content: bytes, stego: "Stego", method: str, **known: Any) -> "Contents":
    """What embedded bytes say of themselves, bounded as `unpacked` is; `known` are further fields of `Contents`."""
    told = codings.describe(content, stego.rgb.size // 3)
    names = [field.name for field in fields(ContentsPart)]
    parts = [ContentsPart(**{name: getattr(part, name) for name in names}) for part in told.parts]
    return Contents(
        method=method, coding=told.coding, size=told.size, length=len(content), name=told.name, parts=parts, **known
    )


class Locked:
    """Said by a method that may have hidden something in this picture, which only the password can tell."""


class Method(Protocol):
    """One way to hide."""

    def to_file(self, suffix: str) -> "Method":
        """The method that writes a file of this kind (".png", in lower case): itself, where it can.

        Raises:
            StegoError: when what it hides would not survive there.
        """
        ...

    def prepare(self, cover: Cover) -> Cover:
        """The cover made ready, with a note for every change that a viewer could see."""
        ...

    def hide(self, cover: Cover, secret: AnySecret, progress: Progress = unseen) -> Hiding:
        """Hide the secret, and make sure from the pixels alone that it comes back.

        Raises:
            StegoError: when it can't be hidden, with the remedy.
        """
        ...


class Reader(Protocol):
    """The way back from one way to hide."""

    def reveal(self, stego: Stego, password: str | None = None, progress: Progress = unseen) -> Found | Locked | None:
        """What this method hid in the picture.

        Returns:
            None when it sees nothing of its own, and `Locked` when a password, or another one, could show something.

        Raises:
            StegoError: when something is there but can't be had, with the remedy.
        """
        ...

    def inspect(
        self, stego: Stego, password: str | None = None, progress: Progress = unseen
    ) -> Contents | Locked | None:
        """What this method hid, without decoding it; otherwise as `reveal`."""
        ...


_What = TypeVar("_What")


@dataclass(frozen=True)
class Looked(Generic[_What]):
    """What came of looking for something with several readers.

    Attributes:
        found: what the first found that found anything.
        private: whether that took the password.
        locked: whether a password, or another one, could show something.
        asked: whether a password was there to try.
    """

    found: _What | None = None
    private: bool = False
    locked: bool = False
    asked: bool = False


def look(
    quick: Iterable[Reader],
    slow: Iterable[Reader],
    through: Callable[[Reader, str | None], _What | Locked | None],
    password: str | Callable[[], str | None] | None,
) -> Looked[_What]:
    """Ask all readers without the password, then those that are locked with it; the slow ones after the quick.

    Args:
        through: asks one reader, with a password or None.
        password: or a function that asks for it: called when nothing shows without, not even to the slow ones.
    """
    word = password if isinstance(password, str) and password else None
    waiting: list[Reader] = []

    def open_ones(readers: Iterable[Reader]) -> Iterator[_What]:
        for reader in readers:
            found = through(reader, None)
            if isinstance(found, Locked):
                waiting.append(reader)
            elif found is not None:
                yield found

    def locked_ones(word: str) -> Iterator[_What]:
        while waiting:
            found = through(waiting.pop(0), word)
            if found is not None and not isinstance(found, Locked):
                yield found

    locked = False
    for readers in (quick, slow):
        for found in open_ones(readers):
            return Looked(found)
        locked = locked or bool(waiting)
        for found in locked_ones(word) if word else ():
            return Looked(found, private=True)
    if word is None and callable(password):
        word = password() if locked else None
        for found in locked_ones(word) if word else ():
            return Looked(found, private=True)
    return Looked(locked=locked, asked=bool(word))


class Lossless:
    """What the methods share whose stegos must be stored without loss."""

    def to_file(self, suffix: str) -> Any:
        if suffix in files.LOSSY:
            raise StegoError(
                f"A {suffix} is stored with loss, which destroys what this way hides: name a .png, .tif, .webp or "
                f".bmp, or use {option('survive')} alone."
            )
        return self

    def prepare(self, cover: Cover) -> Cover:
        return replace(cover, source=None)
