"""Hide any file as bytes: whole, under a password if wanted, or a picture as finely as the cover allows."""

import math
from dataclasses import dataclass

import numpy as np

from ..errors import StegoError, option
from ..payload import embedding, estimate, header, several
from ..payload.container import TooLarge
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
    judged,
    unpacked,
    unseen,
)

METHOD = 2
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
    """

    password: Password = None
    cover_psnr: float = COVER_PSNR
    fit: bool = False
    name = "exact"

    def hide(self, cover: Cover, secret: AnySecret, progress: Progress = unseen) -> Hiding:
        if self.fit and not secret.is_picture:
            raise StegoError(f"{secret.path} is no picture and is hidden whole: leave {option('fit')} out.")
        password = asked(self.password)
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
        bits = 8 * (len(packed.content) + embedding.overhead(private))
        plan = embedding.plan(embedding.capacity(cover.rgb.size, private), bits)
        assert plan is not None  # `holds` has found one
        progress("embedding", 0.0)
        if password is not None:
            rgb = embedding.embed_private(cover.rgb, packed.content, plan, password, cover.picture.alpha)
        else:
            rgb = embedding.embed_open(cover.rgb, packed.content, plan)
            rgb = header.embed(rgb, Header(METHOD, PayloadDescriptor(len(packed.content), plan).pack()))
        progress("checking", 0.0)
        if _content(Stego(cover.path, rgb, cover.picture.alpha), password) != packed.content:
            raise StegoError(f"{secret.path} does not come back from {cover.path}: please report this.")
        summary = f"{packed.coding}; {packed.fidelity}; {len(packed.content):,} of {holds:,} bytes"
        told = Choice(method=self.name, summary=summary + (", encrypted" if private else ""))
        return judged(Hiding(rgb, told), secret, packed, f"or a lower {option('cover_psnr')}")

    def reveal(self, stego: Stego, password: str | None = None, progress: Progress = unseen) -> Found | Locked | None:
        content = _content(stego, password)
        if content is None:
            return None if stego.header is not None else Locked()
        progress("decoding", 0.0)
        found = unpacked(content, stego, self.name)
        if stego.header is not None and not stego.header.intact:
            return found.telling(f"{stego.path} was altered after hiding: this is what of it is whole.")
        return found

    def inspect(
        self, stego: Stego, password: str | None = None, progress: Progress = unseen
    ) -> Contents | Locked | None:
        content = _content(stego, password)
        if content is None:
            return None if stego.header is not None else Locked()
        version = stego.header.version if stego.header else header.VERSION
        intact = stego.header is None or stego.header.intact
        return described(content, stego, self.name, version=version, private=password is not None, intact=intact)

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


def _content(stego: Stego, password: str | None) -> bytes | None:
    """The embedded bytes; None when there are none, or none for this password."""
    found = stego.header
    if found is not None and found.method == METHOD:
        extent = PayloadDescriptor.unpack(found.own, embedding.capacity(stego.rgb.size, False, found.version))
        content = embedding.extract_open(stego.rgb, extent)
        if not found.intact and not several.is_partly_intact(content):
            raise StegoError(f"{stego.path} was altered after hiding: use the very file that `stego hide` wrote.")
        return content
    if found is not None or password is None:
        return None
    try:
        return embedding.extract_private(stego.rgb, password, stego.alpha)
    except AuthenticationError:
        return None
