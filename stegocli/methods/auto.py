"""The choice among the methods, and the floor under the network: the best that a pair can have without a flag."""

from dataclasses import dataclass
from math import floor

from ..errors import StegoError, option
from ..payload import estimate
from ..payload.bundle import Bundle
from ..payload.codings import Secret
from ..picture import files, metrics
from .base import AnySecret, Cover, Hiding, Lossless, Method, ModelLike, Password, Progress, unseen
from .decoys import Decoy
from .exact import COVER_PSNR, Exact
from .flow import Flow

# Under these a change or a blemish shows, and the secret goes as bytes: mean of either picture in dB, and blocks of
# 16x16 pixels. A single block shows at x1 where it is far off; others do where there are several.
LEAST_PSNR = 36.0
LEAST_BLOCK, LEAST_SINGLE_BLOCK = 28.0, 22.0
SEVERAL_BLOCKS, SHARE_OF_BLOCKS = 3, 0.001
# The network leaves hardly any cover above this: bytes that do are kinder, which is known before it runs.
NETWORK_AT_MOST = 53.0
# By how much the estimate of what bytes leave of the cover may be off, dB.
UNSURE = 0.5
# A difference of this many decibels of the secret is worth a word about `fit`.
WORTH_FITTING = 4.0


@dataclass(frozen=True)
class Auto(Lossless):
    """The network for a picture, or bytes where they give it back whole and are at least as kind to the cover.

    Attributes:
        model: for the network, as `Flow` takes it.
        password: encrypt, which takes bytes; or a function that asks for the password.
        cover_psnr: how far the cover may change, in dB, for what goes as bytes in any case: under a password, into a
            .jpg, or a secret that is no picture.
        advise: also say what another way would have done better; it takes a share of a second.
        amp: half precision for the network, as `Flow` takes it.
        decoy: what a second password opens, as `Exact` takes it.
    """

    model: ModelLike = None
    password: Password = None
    cover_psnr: float | None = None
    advise: bool = False
    amp: bool | None = None
    decoy: Decoy | None = None

    def to_file(self, suffix: str) -> Method:
        if suffix not in files.LOSSY:
            return self
        self._check_unused(f"what survives in a {suffix} is bytes")
        from .robust import Robust

        if self.decoy is not None:
            raise StegoError(f"A {suffix} has no room for a decoy: name a .png, or use {option('discreet')}.")
        if self.cover_psnr is None:
            return Robust(password=self.password)
        return Robust(password=self.password, cover_psnr=self.cover_psnr)

    def hide(self, cover: Cover, secret: AnySecret, progress: Progress = unseen) -> Hiding:
        exact = Exact(self.password, COVER_PSNR if self.cover_psnr is None else self.cover_psnr, decoy=self.decoy)
        if self.password is not None or self.decoy is not None:
            return exact.hide(cover, secret, progress).telling(chosen_because="bytes can be encrypted")
        if isinstance(secret, Bundle):
            self._check_unused("several secrets go as bytes")
            return exact.hide(cover, secret, progress).telling(chosen_because="several secrets go as bytes")
        if not secret.is_picture:
            self._check_unused(f"{secret.path} is no picture, and goes as bytes")
            hiding = exact.hide(cover, secret, progress)
            if secret.path.suffix.lower() in files.READABLE:
                hiding = hiding.telling(f"{secret.path} is no picture that can be read: hidden as the file that it is.")
            return hiding.telling(chosen_because="the secret is no picture")
        if self.cover_psnr is not None:
            raise StegoError(
                f"{option('cover_psnr')} is for bytes, and the network takes none: add {option('exact')} or "
                f"{option('fit')}, or leave it out."
            )
        progress("choosing", 0.0)
        expected = _expected_psnr(cover, secret)
        enough = COVER_PSNR if _is_more_than_seen(secret) else NETWORK_AT_MOST
        if expected is not None and expected > enough:
            return _as_bytes(cover, secret, expected, progress)
        hiding = Flow(self.model, self.amp).hide(cover, secret, progress)
        kept = metrics.psnr(cover.rgb, hiding.rgb)
        if expected is not None and expected >= kept - UNSURE:
            return _as_bytes(cover, secret, min(kept, expected), progress)
        return self._with_a_floor(cover, secret, hiding, progress)

    def _check_unused(self, why: str) -> None:
        """Refuse the network's options where it has nothing to do."""
        for argument in ("model", "amp"):
            if getattr(self, argument) is not None:
                raise StegoError(f"{option(argument)} is for the network, but {why}: leave it out.")

    def _with_a_floor(self, cover: Cover, secret: Secret, hiding: Hiding, progress: Progress) -> Hiding:
        """The network's stego, or the secret as bytes where the network leaves blemishes and bytes leave fewer."""
        network = _Look.at(cover, hiding)
        if network.passes:
            advice = _advice(cover, secret, hiding) if self.advise else None
            return hiding.telling(chosen_because="two pictures, and bytes would change the cover more", advice=advice)
        try:
            other = Exact(fit=True).hide(cover, secret, progress)
        except StegoError:  # it fits at no quality
            note = "This pair is hard for the network, and too large as bytes: use a larger cover."
            return hiding.telling(note, below_floor=True, chosen_because="it fits in no other way")
        fitted = _Look.at(cover, other)
        told = f"the network: {network}; bytes: {fitted}"
        if fitted.margin <= network.margin:
            note = f"This pair is hard ({told}): use a larger or calmer cover."
            return hiding.telling(note, below_floor=True, chosen_because="bytes would leave more blemishes")
        because = "the network would leave blemishes"
        return other.telling(
            f"Hidden as bytes ({told}); {option('flow')} keeps the network.",
            below_floor=not fitted.passes, chosen_because=because,
        )  # fmt: skip


@dataclass(frozen=True)
class _Look:
    """How a pair looks: the lower mean PSNR of its two pictures, their lowest block, and how many blocks are low."""

    mean: float
    lowest_block: float
    low_blocks: float

    @classmethod
    def at(cls, cover: Cover, hiding: Hiding) -> "_Look":
        assert hiding.reference is not None and hiding.decoded is not None  # the secret is a picture
        pairs = (cover.rgb, hiding.rgb), (hiding.reference, hiding.decoded)
        blocks = [metrics.block_psnrs(*pair) for pair in pairs]
        low = max((b < LEAST_BLOCK).sum() / max(SEVERAL_BLOCKS, SHARE_OF_BLOCKS * b.size) for b in blocks)
        return cls(min(metrics.psnr(*pair) for pair in pairs), float(min(b.min() for b in blocks)), float(low))

    @property
    def passes(self) -> bool:
        """Whether nothing shows at x1."""
        return self.mean >= LEAST_PSNR and self.lowest_block >= LEAST_SINGLE_BLOCK and self.low_blocks < 1

    @property
    def margin(self) -> float:
        """dB above the floor; below 0 under it. Low blocks that are too few to show count for nothing."""
        least = LEAST_BLOCK if self.low_blocks >= 1 else LEAST_SINGLE_BLOCK
        return min(self.mean - LEAST_PSNR, self.lowest_block - least)

    def __str__(self) -> str:
        return f"mean {self.mean:.1f} dB, lowest block {self.lowest_block:.1f} dB"


def _is_more_than_seen(secret: Secret) -> bool:
    """Whether the picture holds what the network would drop."""
    alpha = secret.picture.alpha
    return alpha is not None and bool(alpha.min() < 255)


def _expected_psnr(cover: Cover, secret: Secret) -> float | None:
    """About the PSNR in dB that the cover keeps with the secret's bytes in it; None where the network is kinder."""
    # No network leaves less than the floor without a note, so bytes that change more are no choice.
    limit = estimate.holds(cover.rgb, False, LEAST_PSNR)
    length = estimate.exact_length(secret, limit)
    return None if length is None or length > limit else estimate.cover_psnr(cover.rgb, length)


def _as_bytes(cover: Cover, secret: Secret, expected: float, progress: Progress) -> Hiding:
    """The secret whole, which the cover bears as well as it bears the network."""
    hiding = Exact(cover_psnr=min(COVER_PSNR, expected - 2 * UNSURE)).hide(cover, secret, progress)
    because = "bytes give the secret back whole and are at least as kind to the cover"
    kept = metrics.psnr(cover.rgb, hiding.rgb)
    note = f"Hidden as bytes: they give the secret back whole, and the cover keeps {kept:.1f} dB"
    return hiding.telling(f"{note}; {option('flow')} keeps the network.", chosen_because=because)


def _advice(cover: Cover, secret: Secret, hiding: Hiding) -> str | None:
    """What `fit` would do better, by estimate, where that is several decibels."""
    # Rounded down, as the option that is named takes it.
    kept = floor(10 * metrics.psnr(cover.rgb, hiding.rgb)) / 10
    limit = estimate.holds(cover.rgb, False, kept)
    assert hiding.reference is not None and hiding.decoded is not None  # the secret is a picture
    gained = metrics.psnr(hiding.reference, hiding.decoded) + WORTH_FITTING
    fitted = estimate.fitted_psnr(secret.picture, limit, gained)
    if fitted is None:
        return None
    return f"{option('fit')} {option('cover_psnr')} {kept:g} brings it back at about {fitted:.1f} dB, same cover."
