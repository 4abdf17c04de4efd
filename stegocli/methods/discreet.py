"""Hide so that it hardly shows: few bytes, where nobody can predict the picture, under a password."""

import io
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from ..discreet import coefficients, embedding, frame, history, jpegfile, segments
from ..discreet.embedding import Unsuitable
from ..discreet.jpegfile import JpegFile
from ..errors import StegoError, option
from ..payload.container import Payload
from ..picture import files
from .base import (
    AnySecret,
    Choice,
    Contents,
    Cover,
    Found,
    Hiding,
    Locked,
    Password,
    Progress,
    Stego,
    asked,
    described,
    unpacked,
    unseen,
)
from .decoys import Decoy, check_deniable
from .judging import judged, with_decoy

SIZES = tuple(frame.CAPS)
ONCE = "Delete the cover and hide in it no more: two versions of one picture give everything away, and each more adds."


@dataclass(frozen=True)
class Discreet:
    """Adaptive embedding with syndrome-trellis codes, as a method.

    Attributes:
        size: how much is hidden at most: small, normal or large; less is safer.
        password: or a function that asks for it; without one it can't be.
        shrink: halve the cover first, which removes the traces of an earlier compression.
        to_jpeg: whether the stego is a JPEG; set by `to_file`.
        decoy: what a second password opens; with one of the two nobody can tell whether there is another.

    Raises:
        StegoError: for an unknown size.
    """

    size: str = "normal"
    password: Password = None
    shrink: bool = False
    to_jpeg: bool = False
    decoy: Decoy | None = None
    name = "discreet"

    def __post_init__(self) -> None:
        if self.size not in frame.CAPS:
            raise StegoError(f"{option('discreet')} {self.size} is no size: use one of {', '.join(SIZES)}.")

    def to_file(self, suffix: str) -> "Discreet":
        return replace(self, to_jpeg=suffix in files.LOSSY)

    def prepare(self, cover: Cover) -> Cover:
        """The cover, halved if so wanted.

        Raises:
            StegoError: for a cover in which a change would show.
        """
        content = cover.source.content if cover.source is not None else b""
        kind = _kind(content)
        if cover.rgb.size // 3 < embedding.SMALLEST_PIXELS:
            raise StegoError(f"{cover.path} is too small to hide anything in it unseen: use a larger cover.")
        if kind == "palette" or history.is_drawn(cover.rgb):
            raise StegoError(
                f"{cover.path} is a drawing, a screenshot or has a palette, where a change shows: take a photograph."
            )
        if self.shrink:
            return _halved(cover)
        if self.to_jpeg and kind == "JPEG":
            # Its file is kept but for the coefficients, so nothing of it is lost.
            return replace(cover, notes=())
        remedy = f"halve it with {option('shrink')}" + (", or name a .jpg" if kind == "JPEG" else "")
        if kind is not None:
            raise StegoError(
                f"{cover.path} is a {kind}, stored with loss, and stored anew every change would show: {remedy}."
            )
        if history.was_jpeg(cover.rgb):
            remedy = f"halve it with {option('shrink')}, or take the JPEG itself as the cover and name a .jpg"
            raise StegoError(f"{cover.path} was a JPEG once, and as it is now every change would show: {remedy}.")
        return replace(cover, source=None)

    def hide(self, cover: Cover, secret: AnySecret, progress: Progress = unseen) -> Hiding:
        password = asked(self.password)
        if password is None:
            raise StegoError(f"What anyone can read is not discreet: give {option('password')}.")
        carrier = _Coefficients(cover, self.size) if self.to_jpeg else _Pixels(cover, self.size)
        progress("coding", 0.0)
        if carrier.capacity(1) < 1:
            raise StegoError(f"{cover.path} is too small or too smooth to hide anything in it: use a larger cover.")
        coded, slots = self._coded(cover, secret, password, carrier)
        try:
            rgb, file = carrier.hide([(made.content, word) for _, made, word in coded], slots, progress)
        except (Unsuitable, segments.Unsuitable) as error:
            raise StegoError(f"{cover.path} can't carry this ({error}): use a larger or livelier cover.") from None
        progress("checking", 0.0)
        written = Stego(cover.path, rgb, content=file)
        for one, made, word in coded:
            if _content(written, word) != made.content:
                raise StegoError(f"{one.path} does not come back from {cover.path}: please report this.")
        (_, packed, _), *others = coded
        summary = f"discreet, {self.size}; {packed.coding}; {packed.fidelity}; "
        summary += f"{len(packed.content):,} of {carrier.capacity(slots):,} bytes, encrypted"
        told = Choice(method=self.name, summary=summary, notes=[ONCE])
        remedies = f"{option('discreet')} {SIZES[-1]}, or hide it with {option('password')} alone"
        hiding = judged(Hiding(rgb, told, file=file or None, usual=True), secret, packed, remedies)
        for decoy, made, _ in others:
            hiding = with_decoy(hiding, decoy, made, remedies)
        return hiding

    def _coded(
        self, cover: Cover, secret: AnySecret, password: str, carrier: "_Pixels | _Coefficients"
    ) -> tuple[list[tuple[AnySecret, Payload, str]], int]:
        """The secret, and what else a password opens, each coded for one of two slots; or the secret alone."""
        pixels, most = cover.rgb.size // 3, carrier.capacity(frame.SLOTS)
        if self.decoy is None:
            try:
                if most >= 1:
                    return [(secret, secret.encoder.fit_lossy(most, pixels), password)], frame.SLOTS
            except StegoError:  # what no slot holds may find room alone
                pass
            return [(secret, secret.encoder.fit_lossy(carrier.capacity(1), pixels), password)], 1
        word, decoy = self.decoy.asked(password), self.decoy.read()
        if most < 1:
            raise StegoError(f"{cover.path} is too small for a secret and a decoy: use a larger cover.")
        both = [(one, one.encoder.fit_lossy(most, pixels)) for one in (secret, decoy)]
        lengths = [(one.path, len(made.content)) for one, made in both]
        check_deniable(cover.path, lengths, carrier.same_class(lengths[0][1]), most)
        return [(*one, key) for one, key in zip(both, (password, word), strict=True)], frame.SLOTS

    def capacity(self, cover: Cover, progress: Progress = unseen) -> int:
        """Bytes that fit into a cover that `prepare` gave; 0 where it can carry nothing."""
        return (_Coefficients(cover, self.size) if self.to_jpeg else _Pixels(cover, self.size)).capacity(1)

    def reveal(self, stego: Stego, password: str | None = None, progress: Progress = unseen) -> Found | Locked | None:
        content = _locked(stego, password)
        if not isinstance(content, bytes):
            return content
        progress("decoding", 0.0)
        return unpacked(content, stego, self.name)

    def inspect(
        self, stego: Stego, password: str | None = None, progress: Progress = unseen
    ) -> Contents | Locked | None:
        content = _locked(stego, password)
        if not isinstance(content, bytes):
            return content
        return described(content, stego, self.name, private=True)


class _Pixels:
    """A cover whose samples carry."""

    def __init__(self, cover: Cover, size: str):
        self._cover, self._size = cover, size

    def capacity(self, slots: int) -> int:
        """Bytes of content in a slot of two, or alone."""
        return embedding.capacity(self._cover.rgb, self._size, slots)

    def same_class(self, length: int) -> range:
        """The lengths of content that change as much as this one in a slot."""
        return embedding.same_class(self._cover.rgb, length, self._size)

    def hide(self, contents: list[tuple[bytes, str]], slots: int, progress: Progress) -> tuple[np.ndarray, bytes]:
        """The stego's samples; one or two contents, each with its password."""
        alpha = self._cover.picture.alpha
        wet = None if alpha is None else alpha == 0
        first, *decoy = contents
        rgb = embedding.hide(
            self._cover.rgb, *first, self._size, wet, progress=lambda share: progress("embedding", share), slots=slots,
            decoy=decoy[0] if decoy else None,
        )  # fmt: skip
        return rgb, b""


class _Coefficients:
    """A JPEG whose luma's coefficients carry: the cover's own, or one made of an uncompressed cover."""

    def __init__(self, cover: Cover, size: str):
        self._size = size
        self._original = cover.rgb if cover.source is None else None
        try:
            if cover.source is None:
                self._jpeg = JpegFile(coefficients.compressed(cover.rgb, cover.picture.grey))
            else:
                self._jpeg = JpegFile(cover.source.content)
        except segments.Unsuitable as error:
            raise StegoError(
                f"{cover.path} can't be written back as it was ({error}): use a .png with {option('shrink')}."
            ) from None

    def capacity(self, slots: int) -> int:
        """Bytes of content in a slot of two, or alone."""
        return coefficients.capacity(self._jpeg, self._size, slots)

    def same_class(self, length: int) -> range:
        """The lengths of content that change as much as this one in a slot."""
        return coefficients.same_class(self._jpeg, length, self._size)

    def hide(self, contents: list[tuple[bytes, str]], slots: int, progress: Progress) -> tuple[np.ndarray, bytes]:
        """The stego's samples, and its file; one or two contents, each with its password."""
        first, *decoy = contents
        progress("embedding", 0.0)
        file = coefficients.hide(
            self._jpeg, *first, self._size, self._original, slots, decoy[0] if decoy else None
        )  # fmt: skip
        return files.read("stego.jpg", file).rgb, file  # as seen, since the cover is


def _kind(content: bytes) -> str | None:
    """What a cover's file is that matters here: palette, the name of a lossy format, or None."""
    if not content:
        return None
    with Image.open(io.BytesIO(content), formats=files.FORMATS) as opened:
        if opened.mode in ("P", "PA", "1"):
            return "palette"
        lossy = {"JPEG": "JPEG", "MPO": "JPEG", "AVIF": "AVIF", "JPEG2000": "JPEG 2000", "GIF": "palette"}
        if opened.format == "WEBP":
            return "WebP" if b"VP8 " in content[:4096] else None
        if opened.format == "TIFF" and opened.info.get("compression") in ("jpeg", "tiff_jpeg", "webp"):
            return "TIFF with JPEG"
        return lossy.get(opened.format or "")


def _halved(cover: Cover) -> Cover:
    picture = cover.picture
    width, height = (max(1, n // 2) for n in picture.size)
    alpha = picture.alpha
    if alpha is not None:
        alpha = np.asarray(Image.fromarray(alpha).resize((width, height), Image.Resampling.LANCZOS))
    halved = replace(picture, rgb=files.resize(picture.rgb, (width, height)), alpha=alpha)
    notes = (*cover.notes, f"{cover.path} was halved to {width}x{height}.")
    return replace(cover, picture=halved, notes=notes, source=None)


def _locked(stego: Stego, password: str | None) -> bytes | Locked | None:
    """The hidden bytes; what `reveal` gives where there are none."""
    if stego.header is not None:
        return None
    content = None if password is None else _content(stego, password)
    return Locked() if content is None else content


def _content(stego: Stego, password: str) -> bytes | None:
    if stego.content[:2] == b"\xff\xd8":
        try:
            return coefficients.reveal(JpegFile(stego.content), password)
        except jpegfile.NoJpeglib:
            raise StegoError(
                f"{stego.path} can't be opened: the password is wrong, or what it holds is read by jpeglib, which is "
                "not installed: pip install 'stegocli[discreet]'."
            ) from None
        except segments.Unsuitable:  # nothing that this method wrote
            return None
    return embedding.reveal(stego.rgb, password)
