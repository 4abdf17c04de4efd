"""The secret file as the fewest bytes that give it back, and the way back."""

import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import StegoError
from ..picture import claims, files
from ..picture.files import Picture
from ..picture.inputs import Source
from . import compact, container, lossless, lossy, several, tiny
from .container import APPROXIMATE, SAME_FILE, SAME_PIXELS, Payload
from .errors import InvalidContent, LaterVersion
from .streams import picture_of, samples_of

_LAYERS = {
    container.UPPER: "picture",
    container.THUMBNAIL: "thumbnail",
    container.LARGER_THUMBNAIL: "thumbnail",
}
_TOO_MUCH = "more than may come back from this picture"
# Up to so many bytes a thumbnail is better without AVIF's headers.
_TINY = 250
# A file for other bytes with the same pixels is only worth it for so much less.
WORTH_RECODING = 0.95


@dataclass(frozen=True)
class Secret:
    """The file to hide, decoded and coded when first asked.

    Attributes:
        source: the file, read.
        keeps_name: whether its name goes with its content; else the extension alone, as of several (`several`).
    """

    source: Source
    keeps_name: bool = True

    # What the user should know of how it was given: of one file nothing.
    gathered = ()

    @property
    def path(self) -> Path:
        """Its name: what of it can be kept goes with the content, and all of it into messages."""
        return self.source.path

    @property
    def content(self) -> bytes:
        """The file's own bytes."""
        return self.source.content

    @property
    def contents(self) -> list[bytes]:
        """As of several."""
        return [self.content]

    @cached_property
    def is_picture(self) -> bool:
        """By its first bytes; the rest may be damaged."""
        return files.is_picture(self.source)

    @cached_property
    def is_readable(self) -> bool:
        """Whether it is a picture that is not damaged; any other file is bytes."""
        try:
            return self.is_picture and self.picture is not None
        except StegoError:
            return False

    @cached_property
    def kept_name(self) -> str:
        """What of its name goes with its content."""
        keep = container.name_to_keep if self.keeps_name else container.extension_to_keep
        return keep(self.source.own_name)

    @cached_property
    def picture(self) -> Picture:
        """As its file holds it.

        Raises:
            StegoError: when it is none, or damaged.
        """
        return files.read(self.source)

    @cached_property
    def seen(self) -> Picture:
        """As a viewer shows it: through its profile, over white."""
        return files.seen(self.picture)

    def notes(self) -> list[str]:
        """What does not come back when only how it looks is coded: one sentence or none."""
        lost = files.lost_as_pixels(self.picture)
        return [f"{self.path}: {'; '.join(lost)}."] if lost else []

    @cached_property
    def encoder(self) -> "Encoder":
        """The one that codes it: what is asked twice is coded once."""
        return Encoder(self)


class Encoder:
    """One secret's codings; see `Secret.encoder`.

    `carrier` is always the pixels of the cover, which bound what `unpack` will decode (`claims`).
    """

    def __init__(self, secret: Secret):
        self.secret = secret
        self._best: tuple[int | None, Payload] | None = None

    @cached_property
    def own(self) -> Payload:
        """The file's own bytes, packed where that is shorter."""
        own = self.secret.content
        content = lossless.file_content(self.secret.kept_name, own)
        return Payload(content, self._picture, f"the file itself, {len(own):,} bytes", SAME_FILE)

    @property
    def plain(self) -> Payload:
        """The file's own bytes, not packed: to give them back takes no memory beyond them."""
        return replace(self.own, content=container.pack(container.FILE, self.secret.kept_name, self.secret.content))

    @cached_property
    def _picture(self) -> Picture | None:
        return self.secret.picture if self.secret.is_readable else None

    def _shortest(self, carrier: int | None) -> Payload:
        if self._best is not None and self._best[0] == carrier:
            return self._best[1]
        best = self.own
        for candidate in lossless.recoded(self.secret.content, self.secret.kept_name, carrier):
            worth = WORTH_RECODING if best.fidelity == SAME_FILE and candidate.fidelity != SAME_FILE else 1
            if len(candidate.content) < worth * len(best.content):
                best = replace(candidate, picture=self._picture)
        self._best = carrier, best
        return best

    def _is_revealed(self, carrier: int | None) -> bool:
        """Whether a stego of so many pixels may bring the picture back as samples."""
        try:
            if self._picture is not None:
                claims.check_revealed(*self._picture.size, carrier)
        except ValueError:
            return False
        return self._picture is not None

    def exact(self, carrier: int | None = None) -> Payload:
        """The file in the fewest bytes: its own, or, for a picture, JPEG XL or WebP without loss.

        The receiver gets the same file, but for PNG and TIFF pictures whose compression can't be repeated: those come
        back with the same pixels, profile and remarks. Whatever else a file holds (16 bits a sample, palettes,
        animations, tags of a camera) goes as the file's own bytes.
        """
        return self._shortest(carrier) if self._is_revealed(carrier) else self.own

    def within(self, budget: int, carrier: int | None = None) -> Payload:
        """`exact` where that is within a budget in bytes, else a picture coded as finely as the budget allows.

        Raises:
            container.TooLarge: when it does not fit at any quality, or is no picture.
            StegoError: for a picture of more pixels than the carrier may bring back.
        """
        whole = self.exact(carrier)
        if len(whole.content) <= budget:
            return whole
        if self._picture is None:
            raise container.TooLarge(len(whole.content))
        self._check_pixels(carrier)
        return lossy.fit(files.as_said(self.secret.picture)[0], self.secret.kept_name, budget)

    def fit_lossy(self, budget: int, carrier: int | None = None) -> Payload:
        """The file's own bytes where they fit a small budget; a picture as well as AVIF, JPEG XL or WebP can in it.

        Raises:
            StegoError: when it does not fit, or for a picture of more pixels than the carrier may bring back.
        """
        return self.whole_within(budget) or self._coded(budget, carrier, compact.fit)

    def thumbnail(self, budget: int, carrier: int | None = None) -> Payload:
        """The file's own bytes where they fit a tiny budget; of a picture a small copy that is good to look at.

        Raises:
            StegoError: as `fit_lossy`.
        """
        whole = self.whole_within(budget)
        if whole is None and budget <= _TINY:
            whole = self.tiny(budget)
        return whole or self._coded(budget, carrier, compact.thumbnail)

    def tiny(self, budget: int) -> Payload | None:
        """Of a picture as it looks a thumbnail that takes hardly any bytes beside its own; None where none fits."""
        if self._picture is None:
            return None
        seen, head = self.secret.seen, container.pack(container.TINY, "")
        coded = tiny.fit(seen.rgb[..., 0] if seen.grey else seen.rgb, budget - len(head))
        return coded and Payload(head + coded[0], picture_of(coded[1]), "a DCT of its own", APPROXIMATE)

    @cached_property
    def _nameless(self) -> Payload:
        """The file's own bytes, of its name the extension alone."""
        extension = container.extension_to_keep(self.secret.source.own_name)
        return replace(self.own, content=lossless.file_content(extension, self.secret.content))

    def whole_within(self, budget: int) -> Payload | None:
        """The file's own bytes where they fit a budget, be it without its name."""
        return next((own for own in (self.own, self._nameless) if len(own.content) <= budget), None)

    def _coded(
        self, budget: int, carrier: int | None, fit: Callable[[np.ndarray, int], tuple[bytes, np.ndarray]]
    ) -> Payload:
        path = self.secret.path
        if self._picture is None:
            needs = f"{len(self._nameless.content):,} bytes and {budget:,} fit into this cover"
            raise StegoError(f"{path} needs {needs}: use a larger cover.")
        self._check_pixels(carrier)
        # No name: every byte is dear here.
        head = container.pack(container.SMALL, container.extension_to_keep(self.secret.source.own_name))
        picture = files.as_srgb(self.secret.picture)
        try:
            coded, samples = fit(samples_of(picture), budget - len(head))
        except compact.TooSmall:
            raise StegoError(
                f"{path} fits at no quality into the {budget:,} bytes that this cover holds: use a larger cover."
            ) from None
        return Payload(head + coded, picture_of(samples), compact.words(coded), APPROXIMATE)

    def _check_pixels(self, carrier: int | None) -> None:
        """Refuse to hide what `unpack` would refuse to decode."""
        claims.check_secret(self.secret.path, self.secret.picture.size, carrier)


def is_whole(own: bytes, picture: Picture) -> bool:
    """Whether a picture as `files.read` gives it has every sample that its file's own bytes hold."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            opened = Image.open(io.BytesIO(own), formats=files.FORMATS)
            if opened.format in ("JPEG", "WEBP"):  # 8 bits a sample at most
                whole = opened.mode in ("L", "RGB", "RGBA") and getattr(opened, "n_frames", 1) == 1
                samples = np.asarray(opened) if whole else None
            else:
                taken = lossless.stored(own, rebuild=False)
                samples = taken.samples if taken else None
    except Exception:  # whatever the decoders make of it
        return False
    return samples is not None and np.array_equal(samples, samples_of(picture))


@dataclass(frozen=True)
class Unpacked:
    """What a receiver gets.

    Attributes:
        secret: a file's own bytes, a picture to be written in the format that the extension says, or several files.
        extension: of its name, in lower case with the dot, or nothing.
        name: what the file was called, safe to show and to call a file by; None where that is not known.
        fidelity: `SAME_FILE`, `SAME_PIXELS` or `APPROXIMATE`.
        layer: of a picture that lies in two layers, which this is: "picture" or "thumbnail".
    """

    secret: "Picture | bytes | Several"
    extension: str
    name: str | None
    fidelity: str
    layer: str | None = None


@dataclass(frozen=True)
class Part:
    """One of several files, as a receiver gets it.

    Attributes:
        name: its path below the folder that all go to, with ``/``: safe to write there.
        length: bytes of its content.
        coding: how it is coded, in words.
        size: the picture's (width, height), or None.
        found: what comes back; None where nothing does.
        problem: why not, in words.
    """

    name: str
    length: int
    coding: str
    size: tuple[int, int] | None = None
    found: Unpacked | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Several:
    """Several files that were hidden together.

    Attributes:
        entries: their names and contents.
        carrier: as for `unpack`.
    """

    entries: list[several.Entry]
    carrier: int | None

    def parts(self) -> Iterator[Part]:
        """Each file, decoded when it is its turn: what is wrong with one costs none of the others."""
        allowance: several.Allowance | None = several.Allowance(self.carrier)
        for entry in self.entries:
            part = self._part(entry, allowance)
            if part.problem == _TOO_MUCH:  # nothing more is decoded, be it for nothing
                allowance = None
            yield part

    def _part(self, entry: several.Entry, allowance: several.Allowance | None) -> Part:
        kind = entry.content[0] if entry.content else container.SEVERAL
        part = Part(entry.name, len(entry.content), container.CODINGS.get(kind, f"kind {kind}"))
        try:
            if not entry.intact:
                raise InvalidContent("damaged")
            if kind == container.SEVERAL or (allowance is None and kind != container.FILE):
                raise InvalidContent(_TOO_MUCH)
            found = unpack(entry.content, self.carrier)
            secret = found.secret
            assert not isinstance(secret, Several)
            size = secret.size if isinstance(secret, Picture) else files.size_of(secret)
            length = 0 if isinstance(secret, Picture) else len(secret)
            if allowance and not allowance.take(entry.content, size[0] * size[1] if size else 0, length):
                raise InvalidContent(_TOO_MUCH)
        except LaterVersion as error:
            return replace(part, problem=f"made by a later stego: {error}")
        except (InvalidContent, StegoError) as error:
            return replace(part, problem=str(error).rstrip("."))
        return replace(part, found=found, size=size)


@dataclass(frozen=True)
class Description:
    """What content says of itself: how it is coded, the picture's (width, height) or None, the file's name or None."""

    coding: str
    size: tuple[int, int] | None
    name: str | None
    parts: tuple[Part, ...] = ()


def describe(content: bytes, carrier: int | None = None) -> Description:
    """What is known of content; arguments and errors as for `unpack`."""
    frame = container.unframe(content)
    if frame.kind not in container.CODINGS:
        raise LaterVersion(f"content of kind {frame.kind}")
    found = unpack(content, carrier)
    if isinstance(found.secret, Several):
        parts = tuple(replace(part, found=None) for part in found.secret.parts())
        return Description(f"{len(parts)} files", None, None, parts)
    if isinstance(found.secret, Picture):
        size: tuple[int, int] | None = found.secret.size
    else:
        size = files.size_of(found.secret)
    return Description(container.CODINGS[frame.kind], size, frame.name)


def unpack(content: bytes, carrier: int | None = None) -> Unpacked:
    """The secret out of content that anyone may have made.

    Args:
        content: as embedded.
        carrier: pixels of the picture that it was embedded in, which bound what is decoded (`claims`).

    Raises:
        LaterVersion: for a kind of a later version.
        InvalidContent: for content that no `hide` wrote, whatever it is.
        StegoError: when JPEG XL is not installed.
    """
    frame = container.unframe(content)
    if frame.kind not in container.CODINGS:
        raise LaterVersion(f"content of kind {frame.kind}")
    if frame.kind == container.SEVERAL:
        return Unpacked(Several(several.entries(frame), carrier), "", None, SAME_FILE)
    if frame.kind in (container.NEAR_LOSSLESS, container.LOSSY, container.SMALL, container.TINY, *_LAYERS):
        extension = frame.extension if frame.extension in files.LOSSLESS else ".png"
        if frame.kind in (container.TINY, container.THUMBNAIL):
            picture = picture_of(tiny.open_(frame.body))
        else:
            picture = lossy.open_frame(frame, carrier)
        return Unpacked(picture, extension, frame.name, APPROXIMATE, _LAYERS.get(frame.kind))
    secret = lossless.open_frame(frame, carrier)
    if isinstance(secret, bytes):
        return Unpacked(secret, frame.extension, frame.name, SAME_FILE)
    return Unpacked(lossless.as_file(frame, secret), frame.extension, frame.name, SAME_PIXELS)
