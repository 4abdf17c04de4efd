"""Hide any file as bytes: whole, under a password if wanted, or a picture as finely as the cover allows."""

import math
from dataclasses import dataclass

import numpy as np

from ..errors import StegoError, option
from ..payload import embedding, estimate, header, several, slots
from ..payload.container import Payload, TooLarge
from ..payload.embedding import PayloadDescriptor
from ..payload.errors import AuthenticationError
from ..payload.header import Header
from .base import (
    AnySecret,
    Choice,
    Contents,
    Cover,
    Found,
    Hiding,
    Locked,
    Lossless,
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

METHOD = 2
# A secret, how it is coded, and its password.
_Private = tuple[AnySecret, Payload, str]
COVER_PSNR = 40.0
# The command line takes no less.
LEAST_COVER_PSNR = 20.0


@dataclass(frozen=True)
class Exact(Lossless):
    """Embedded bytes as a method.

    Attributes:
        password: encrypt with it; or a function that asks for it.
        cover_psnr: how far the cover may change, in dB.
        fit: code a picture as finely as `cover_psnr` allows instead of failing when it is too large.
        decoy: what a second password opens; with one of the two nobody can tell whether there is another.
    """

    password: Password = None
    cover_psnr: float = COVER_PSNR
    fit: bool = False
    decoy: Decoy | None = None
    name = "exact"

    def hide(self, cover: Cover, secret: AnySecret, progress: Progress = unseen) -> Hiding:
        if self.fit and not secret.is_picture:
            raise StegoError(f"{secret.path} is no picture and is hidden whole: leave {option('fit')} out.")
        password = asked(self.password)
        if self.decoy is not None and password is None:
            raise StegoError(f"A decoy needs a secret under a password of its own: give {option('password')}.")
        private, pixels = password is not None, cover.rgb.size // 3
        progress("coding", 0.0)
        holds = estimate.holds(cover.rgb, private, self.cover_psnr)
        try:
            packed = secret.encoder.within(holds, pixels) if self.fit else secret.encoder.exact(pixels)
            if len(packed.content) > holds:
                raise TooLarge(len(packed.content))
        except TooLarge as error:
            remedy = self._remedy(cover, secret, holds, error.fewest)
            least = " at the least" if self.fit else ""
            raise StegoError(
                f"{secret.path} needs {error.fewest:,} bytes{least} and {cover.path} holds {holds:,} at a cover PSNR "
                f"of {self.cover_psnr:g} dB: {remedy}."
            ) from None
        progress("embedding", 0.0)
        if password is None:
            rgb, others = self._open(cover.rgb, packed), []
        else:
            others = self._decoys(secret, packed, password, pixels)
            rgb = self._private(cover, (secret, packed, password), *others)
        progress("checking", 0.0)
        written = Stego(cover.path, rgb, cover.picture.alpha)
        for one, made, word in [(secret, packed, password), *others]:
            back = _content(written, word)
            if back is None or back[0] != made.content:
                raise StegoError(f"{one.path} does not come back from {cover.path}: please report this.")
        summary = f"{packed.coding}; {packed.fidelity}; {len(packed.content):,} of {holds:,} bytes"
        told = Choice(method=self.name, summary=summary + (", encrypted" if private else ""))
        remedies = f"or a lower {option('cover_psnr')}"
        hiding = judged(Hiding(rgb, told), secret, packed, remedies)
        for decoy, made, _ in others:
            hiding = with_decoy(hiding, decoy, made, remedies)
        return hiding

    def _open(self, rgb: np.ndarray, packed: Payload) -> np.ndarray:
        plan = embedding.plan(embedding.capacity(rgb.size, False), 8 * len(packed.content))
        assert plan is not None  # `holds` has found one
        rgb = embedding.embed_open(rgb, packed.content, plan)
        return header.embed(rgb, Header(METHOD, PayloadDescriptor(len(packed.content), plan).pack()))

    def _decoys(self, secret: AnySecret, packed: Payload, password: str, pixels: int) -> list[_Private]:
        """What the second password opens, coded: one or none."""
        if self.decoy is None:
            return []
        if self.fit:
            raise StegoError(f"{option('fit')} fills the cover, and a decoy takes half of it: leave one of them out.")
        word = self.decoy.asked(password)
        decoy = self.decoy.read()
        return [(decoy, decoy.encoder.exact(pixels), word)]

    def _private(self, cover: Cover, *both: _Private) -> np.ndarray:
        """In slots where each finds room in one; alone where it takes more."""
        rgb, alpha = cover.rgb, cover.picture.alpha
        lengths = [len(packed.content) for _, packed, _ in both]
        most = estimate.slot_holds(rgb, self.cover_psnr)
        length = slots.slot_length(rgb.size, lengths[0], most)
        if len(both) > 1:
            named = [(secret.path, taken) for (secret, _, _), taken in zip(both, lengths, strict=True)]
            check_deniable(cover.path, named, slots.same_length(rgb.size, lengths[0], most), most)
        if length is not None:
            return slots.embed(rgb, [(packed.content, word) for _, packed, word in both], length, alpha)
        ((_, packed, password),) = both
        plan = embedding.plan(embedding.capacity(rgb.size, True), 8 * (lengths[0] + embedding.overhead(True)))
        assert plan is not None  # `holds` has found one
        return embedding.embed_private(rgb, packed.content, plan, password, alpha)

    def reveal(self, stego: Stego, password: str | None = None, progress: Progress = unseen) -> Found | Locked | None:
        content = _content(stego, password)
        if content is None:
            return None if stego.header is not None else Locked()
        progress("decoding", 0.0)
        found = unpacked(content[0], stego, self.name)
        if stego.header is not None and not stego.header.intact:
            return found.telling(f"{stego.path} was altered after hiding: this is what of it is whole.")
        return found

    def inspect(
        self, stego: Stego, password: str | None = None, progress: Progress = unseen
    ) -> Contents | Locked | None:
        content = _content(stego, password)
        if content is None:
            return None if stego.header is not None else Locked()
        intact, private = stego.header is None or stego.header.intact, password is not None
        return described(content[0], stego, self.name, version=content[1], private=private, intact=intact)

    def capacity(self, cover: Cover) -> int:
        """Bytes that go into a cover."""
        return estimate.holds(cover.rgb, self.password is not None, self.cover_psnr)

    def _remedy(self, cover: Cover, secret: AnySecret, holds: int, length: int) -> str:
        """What would do for `length` bytes: more pixels, a lower PSNR, or a picture with loss."""
        private, pixels = self.password is not None, cover.rgb.size // 3
        # A cover of the same kind holds in proportion; what every stego holds besides makes it a little more.
        needed = math.ceil(1.02 * pixels * length / max(1, holds))
        larger = f"use a cover of {needed:,} pixels instead of {pixels:,}"
        lower = _lower_psnr(cover.rgb, private, length, self.cover_psnr)
        if lower is not None:
            larger += f", or {option('cover_psnr')} {lower:g}"
        elif self.cover_psnr > LEAST_COVER_PSNR:
            larger += f" (not even {option('cover_psnr')} {LEAST_COVER_PSNR:g} would do)"
        return larger + (f", or {option('fit')}" if secret.is_picture and not self.fit else "")


def _lower_psnr(rgb: np.ndarray, private: bool, length: int, wanted: float) -> float | None:
    """The highest cover PSNR, in tenths of a dB, at which so many bytes go in; None where none below `wanted` does."""
    kept = min(wanted, estimate.cover_psnr(rgb, length, private) + estimate.TOLERANCE)
    tenths = math.floor(10 * max(kept, 0))  # what fits nowhere keeps -inf
    # The search for what a cover holds ends a little below what it holds.
    for psnr in (tenths / 10, (tenths - 1) / 10, (tenths - 2) / 10):
        if psnr >= LEAST_COVER_PSNR and estimate.holds(rgb, private, psnr) >= length:
            return psnr
    return None


def _content(stego: Stego, password: str | None) -> tuple[bytes, int] | None:
    """The embedded bytes and the format's version; None when there are none, or none for this password."""
    found = stego.header
    if found is not None and found.method == METHOD:
        extent = PayloadDescriptor.unpack(found.own, embedding.capacity(stego.rgb.size, False, found.version))
        content = embedding.extract_open(stego.rgb, extent)
        if not found.intact and not several.is_partly_intact(content):
            raise StegoError(f"{stego.path} was altered after hiding: use the very file that `stego hide` wrote.")
        return content, found.version
    if found is not None or password is None:
        return None
    try:
        return slots.extract(stego.rgb, password, stego.alpha)
    except AuthenticationError:
        return None
