"""Hide any file as bytes: whole, under a password if wanted, or a picture as finely as the cover allows."""

from ..errors import StegoError
from ..payload import codings, embedding, header
from ..payload.embedding import PayloadDescriptor
from ..payload.errors import AuthenticationError
from ..payload.header import Header
from ..picture import metrics
from .base import COVER_PSNR, Cover, Found, Hiding, Options, Secret, Stego

METHOD = 2
# The command line takes no less.
LEAST_COVER_PSNR = 20.0


def budget(samples: int, private: bool, cover_psnr: float) -> int:
    """Bytes of content that a cover of so many samples holds at a PSNR, away from black and white."""
    room = embedding.capacity(samples, private)
    if min(room) <= 0:
        return 0
    plan = embedding.largest(room, 255**2 / 10 ** (cover_psnr / 10))
    return max(0, plan.bits // 8 - embedding.overhead(private))


class Exact:
    """Embedded bytes as a method."""

    def hide(self, cover: Cover, secret: Secret, options: Options) -> Hiding:
        private = options.password is not None
        wanted = COVER_PSNR if options.cover_psnr is None else options.cover_psnr
        holds = budget(cover.rgb.size, private, wanted)
        options.progress("coding", 0.0)
        own = secret.content
        packed = codings.fitted(secret.path, holds, own) if options.fit else codings.exact(secret.path, own)
        while True:
            if len(packed.content) > holds:
                raise StegoError(
                    f"{secret.path} needs {len(packed.content):,} bytes and {cover.path} holds {holds:,} at a cover "
                    f"PSNR of {wanted:g} dB: {_remedy(options.fit, wanted)}."
                )
            bits = 8 * (len(packed.content) + embedding.overhead(private))
            plan = embedding.plan(embedding.capacity(cover.rgb.size, private), bits)
            assert plan is not None  # the budget's own plan holds it
            options.progress("embedding", 0.0)
            if options.password is not None:
                rgb = embedding.embed_private(cover.rgb, packed.content, plan, options.password, cover.picture.alpha)
            else:
                rgb = embedding.embed_open(cover.rgb, packed.content, plan)
                rgb = header.embed(rgb, Header(METHOD, PayloadDescriptor(len(packed.content), plan).pack()))
            reached = metrics.psnr(cover.rgb, rgb)
            if reached >= wanted - 0.05:
                break
            # Black and white leave only one way to go, so such covers change more than others.
            holds = int(holds * 10 ** ((reached - wanted) / 40) * 0.98)
            if options.fit:
                packed = codings.fitted(secret.path, holds, own)
        options.progress("checking", 0.0)
        stego = Stego(cover.path, rgb, cover.picture.alpha)
        if _content(stego, options.password) != packed.content:
            raise StegoError(f"{secret.path} does not come back from {cover.path}: please report this.")
        words = f"{packed.coding}; {packed.fidelity}; {len(packed.content):,} of {holds:,} bytes"
        words += ", encrypted" if private else ""
        if packed.picture is None:
            return Hiding(rgb, words)
        return Hiding(rgb, words, secret.picture.rgb, packed.picture.rgb)

    def reveal(self, stego: Stego, options: Options) -> Found | None:
        content = _content(stego, options.password)
        if content is None:
            return None
        options.progress("decoding", 0.0)
        extension, secret = codings.unpack(content)
        return Found(secret, extension, codings.fidelity(content, secret), name=codings.name(content))


def _content(stego: Stego, password: str | None) -> bytes | None:
    """The embedded bytes; None when there are none, or none for this password."""
    found = stego.header
    if found is not None and found.method == METHOD:
        extent = PayloadDescriptor.unpack(found.own, embedding.capacity(stego.rgb.size, False, found.version))
        if not found.intact:
            raise StegoError(f"{stego.path} was altered after hiding: use the very file that `stego hide` wrote.")
        return embedding.extract_open(stego.rgb, extent)
    if found is not None or password is None:
        return None
    try:
        return embedding.extract_private(stego.rgb, password, stego.alpha)
    except AuthenticationError:
        return None


def _remedy(fit: bool, cover_psnr: float) -> str:
    ways = ["use a larger cover"]
    if cover_psnr > LEAST_COVER_PSNR:
        ways.append("a lower --cover-psnr")
    if not fit:
        ways.append("--fit, for a picture")
    return ", or ".join(ways)
