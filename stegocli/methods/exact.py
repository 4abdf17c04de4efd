"""Hide any file as bytes: whole, under a password if wanted, or a picture as finely as the cover allows."""

from dataclasses import dataclass

from ..errors import StegoError, option
from ..payload import codings, embedding, header
from ..payload.embedding import Extent
from ..payload.header import Header
from ..picture import metrics
from .base import Choice, Cover, Found, Hiding, Locked, Lossless, Outcome, Password, Progress, Secret, Stego, asked, unseen

METHOD = 2
COVER_PSNR = 40.0
# The command line takes no less.
LEAST_COVER_PSNR = 20.0


def budget(samples: int, private: bool, cover_psnr: float) -> int:
    """Bytes of content that a cover of so many samples holds at a PSNR, away from black and white."""
    room = embedding.room(samples, private)
    if min(room) <= 0:
        return 0
    plan = embedding.largest(room, 255**2 / 10 ** (cover_psnr / 10))
    return max(0, plan.bits // 8 - embedding.overhead(private))


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

    def hide(self, cover: Cover, secret: Secret, progress: Progress = unseen) -> Hiding:
        password = asked(self.password)
        private = password is not None
        holds = budget(cover.rgb.size, private, self.cover_psnr)
        progress("coding", 0.0)
        own = secret.content
        packed = codings.fitted(secret.path, holds, own) if self.fit else codings.exact(secret.path, own)
        while True:
            if len(packed.content) > holds:
                raise StegoError(
                    f"{secret.path} needs {len(packed.content):,} bytes and {cover.path} holds {holds:,} at a cover "
                    f"PSNR of {self.cover_psnr:g} dB: {self._remedy()}."
                )
            bits = 8 * (len(packed.content) + embedding.overhead(private))
            plan = embedding.plan(embedding.room(cover.rgb.size, private), bits)
            assert plan is not None  # the budget's own plan holds it
            progress("embedding", 0.0)
            if password is not None:
                rgb = embedding.embed_private(cover.rgb, packed.content, plan, password)
            else:
                rgb = embedding.embed_open(cover.rgb, packed.content, plan)
                rgb = header.embed(rgb, Header(METHOD, Extent(len(packed.content), plan).pack()))
            reached = metrics.psnr(cover.rgb, rgb)
            if reached >= self.cover_psnr - 0.05:
                break
            # Black and white leave only one way to go, so such covers change more than others.
            holds = int(holds * 10 ** ((reached - self.cover_psnr) / 40) * 0.98)
            if self.fit:
                packed = codings.fitted(secret.path, holds, own)
        progress("checking", 0.0)
        if _content(Stego(cover.path, rgb), password) != packed.content:
            raise StegoError(f"{secret.path} does not come back from {cover.path}: please report this.")
        summary = f"{packed.coding}; {packed.fidelity}; {len(packed.content):,} of {holds:,} bytes"
        told = Choice(method=self.name, summary=summary + (", encrypted" if private else ""))
        if packed.picture is None:
            return Hiding(rgb, told)
        return Hiding(rgb, told, secret.picture.rgb, packed.picture.rgb)

    def reveal(self, stego: Stego, password: str | None = None, progress: Progress = unseen) -> Found | Locked | None:
        content = _content(stego, password)
        if content is None:
            return None if stego.header is not None else Locked()
        progress("decoding", 0.0)
        extension, secret = codings.unpack(content)
        told = Outcome(method=self.name, summary=codings.fidelity(content, secret))
        return Found(secret, extension, told, name=codings.name(content))

    def _remedy(self) -> str:
        ways = ["use a larger cover"]
        if self.cover_psnr > LEAST_COVER_PSNR:
            ways.append(f"a lower {option('cover_psnr')}")
        if not self.fit:
            ways.append(f"{option('fit')}, for a picture")
        return ", or ".join(ways)


def _content(stego: Stego, password: str | None) -> bytes | None:
    """The embedded bytes; None when there are none, or none for this password."""
    found = stego.header
    if found is not None and found.method == METHOD:
        extent = Extent.unpack(found.own, embedding.room(stego.rgb.size, False, found.version))
        if not found.intact:
            raise StegoError(f"{stego.path} was altered after hiding: use the very file that `stego hide` wrote.")
        return embedding.extract_open(stego.rgb, extent)
    if found is not None or password is None:
        return None
    try:
        return embedding.extract_private(stego.rgb, password)
    except embedding.Rejected:
        return None
