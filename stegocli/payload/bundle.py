"""Several secrets for one cover, which stand where one secret does: each is coded by its own best way.

Where there is too little room for all pictures whole, they share what there is so that all come back about equally
fine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from ..errors import StegoError
from ..picture import claims, files, metrics
from . import several, sharing
from .codings import Secret
from .container import APPROXIMATE, SAME_FILE, SAME_PIXELS, Payload, TooLarge
from .several import Allowance


@dataclass(frozen=True)
class Bundle:
    """Several files to hide together.

    Attributes:
        path: what messages call them.
        files: (name, secret) of each; the names are as `several.pack` takes them.
        gathered: what the user should know of how they were gathered, one sentence each.
    """

    path: Path
    files: Sequence[tuple[str, Secret]]
    gathered: Sequence[str] = field(default_factory=list)

    @property
    def contents(self) -> list[bytes]:
        """Their own bytes."""
        return [secret.content for _, secret in self.files]

    @cached_property
    def is_picture(self) -> bool:
        """Whether any of them is one."""
        return any(secret.is_picture for _, secret in self.files)

    @cached_property
    def encoder(self) -> "Encoder":
        """The one that codes them: what is asked twice is coded once."""
        return Encoder(self)


class Encoder:
    """The codings of several secrets, asked as those of one (`codings.Encoder`)."""

    def __init__(self, bundle: Bundle):
        self._bundle = bundle
        self._secrets = [secret for _, secret in bundle.files]
        self._overhead = several.overhead([name for name, _ in bundle.files])

    def exact(self, carrier: int | None = None) -> Payload:
        """Each in the fewest bytes that give it back whole, as far as a receiver may be asked to decode them all."""
        allowance, parts = Allowance(carrier), []
        for secret in self._secrets:
            part, own = secret.encoder.exact(carrier), secret.content
            if not allowance.take(part.content, _pixels(part), len(own)):
                part = secret.encoder.plain
            parts.append(part)
        return self._joined(parts)

    def within(self, budget: int, carrier: int | None = None) -> Payload:
        """`exact` where that is within a budget in bytes, else pictures as finely as it allows, all about equally.

        Raises:
            container.TooLarge: when they do not fit at any quality.
            StegoError: for pictures of more pixels than the carrier may bring back.
        """
        whole = self.exact(carrier)
        if len(whole.content) <= budget:
            return whole

        coders = [partial(secret.encoder.within, carrier=carrier) for secret in self._secrets]
        return self._shared(coders, whole.parts, budget, carrier)

    def fit_lossy(self, budget: int, carrier: int | None = None) -> Payload:
        """The files' own bytes where they fit a small budget; pictures as well as can be in it, all about equally.

        Raises:
            StegoError: when they do not fit, or for pictures of more pixels than the carrier may bring back.
        """
        own = [secret.encoder.own for secret in self._secrets]
        whole = self._joined(own)
        if len(whole.content) <= budget:
            return whole

        coders = [partial(secret.encoder.fit_lossy, carrier=carrier) for secret in self._secrets]
        try:
            return self._shared(coders, own, budget, carrier)
        except TooLarge as error:
            raise StegoError(
                f"{self._bundle.path} needs more than the {budget:,} bytes that fit into this cover, {error.fewest:,} "
                "or so: use a larger cover, or hide fewer files."
            ) from None

    def thumbnail(self, budget: int, carrier: int | None = None) -> Payload:
        """`fit_lossy`: in a tiny budget, too, pictures share what there is at their own sizes."""
        return self.fit_lossy(budget, carrier)

    def _shared(
        self, coders: Sequence[Callable[[int], Payload]], whole: Sequence[Payload], budget: int, carrier: int | None
    ) -> Payload:
        """What the coders make of a budget so that the pictures come back about equally fine."""
        fixed = [part for part, secret in zip(whole, self._secrets, strict=True) if not secret.is_readable]
        left = budget - self._overhead - sum(len(part.content) for part in fixed)
        pictures = [i for i, secret in enumerate(self._secrets) if secret.is_readable]
        if left <= 0 or not pictures:
            raise TooLarge(budget - left + 1)
        self._check_pixels(carrier)
        wanted = [
            sharing.Wanted(coders[i], partial(_quality, self._secrets[i]), len(whole[i].content), _pixels(whole[i]))
            for i in pictures
        ]
        try:
            coded = dict(zip(pictures, sharing.evenly(wanted, left), strict=True))
        except TooLarge as error:
            raise TooLarge(budget - left + error.fewest) from None
        return self._joined([coded.get(i, part) for i, part in enumerate(whole)])

    def _check_pixels(self, carrier: int | None) -> None:
        pixels = sum(s.picture.size[0] * s.picture.size[1] for s in self._secrets if s.is_readable)
        if pixels > claims.most_revealed(carrier):
            raise StegoError(
                f"{self._bundle.path} has {pixels / 1e6:.3g} million pixels, and at most "
                f"{claims.most_revealed(carrier) / 1e6:.3g} come back from this cover: use a larger one, or hide fewer."
            )

    def _joined(self, parts: Sequence[Payload]) -> Payload:
        names = [name for name, _ in self._bundle.files]
        content = several.pack([(name, part.content) for name, part in zip(names, parts, strict=True)])
        worst = max((part.fidelity for part in parts), key=[SAME_FILE, SAME_PIXELS, APPROXIMATE].index)
        return Payload(content, None, f"{len(parts)} secrets", worst, tuple(parts))


def _pixels(part: Payload) -> int:
    return part.picture.size[0] * part.picture.size[1] if part.picture is not None else 0


def _quality(secret: Secret, part: Payload) -> float:
    """PSNR in dB of what comes back of a picture."""
    if part.fidelity != APPROXIMATE:
        return metrics.EXACT_PSNR
    assert part.picture is not None
    return metrics.psnr(secret.seen.rgb, files.seen(part.picture).rgb)
