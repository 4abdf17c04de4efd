"""Hide any file so that it survives JPEG down to a design quality, or, in few bytes, nearly anything."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import NamedTuple, TypeVar

import numpy as np

from ..canonical import embedding as canonical
from ..canonical.reading import TooDamaged as BaseTooDamaged
from ..errors import StegoError, option
from ..payload.bundle import Bundle
from ..payload.container import APPROXIMATE, SAME_FILE, Payload
from ..payload.errors import LaterVersion
from ..picture import files
from ..robust import reading, simulate, sync
from ..robust.embedding import COVER_PSNR, Embedded, Embedder, Unsuitable
from ..robust.reading import NothingFound, PasswordNeeded, TooDamaged
from ..robust.services import ANYTHING, BENEATH, QUALITIES, SERVICES, Service
from ..robust.simulate import lowest
from . import anything, layers
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
)  # fmt: skip
from .judging import above_floor, judged

# What a stego survives by default that is itself a JPEG.
QUALITY = 75
# The capacity was measured by a trial with other bits, and the embedding may fall short of it: then the picture is
# coded anew for this share of what it took before.
SHRINK = 0.95
LEAST_BYTES = 32
SEVERAL = ("two", 2), ("three", 3)
_Done = TypeVar("_Done")


@dataclass(frozen=True)
class Robust:
    """Bytes in the DCT blocks of the luma, as a method.

    Attributes:
        survive: the lowest JPEG quality that the stego survives; or a service's name (see `robust.services`), to whose
            longest side the cover is shrunk; or "anything", for few bytes in the base layer. A quality or a service
            may end in "+thumbnail": then a picture's thumbnail lies in the base layer beneath it (see `layers`).
        password: encrypt with it; or a function that asks for it.
        cover_psnr: how far the cover may change, in dB; None for 37, and 39.5 in the base layer.

    Raises:
        StegoError: for a quality that can't be, or an unknown service.
    """

    survive: int | str = QUALITY
    password: Password = None
    cover_psnr: float | None = None
    name = "robust"

    def __post_init__(self) -> None:
        told = f"{option('survive')} {self.survive}"
        if self.quality is not None and self.quality not in QUALITIES:
            raise StegoError(f"{told} can't be done: use {QUALITIES[0]} to {QUALITIES[-1]}.")
        if self.quality is None and self._beneath:
            raise StegoError(f"{told} hides a thumbnail and no more by itself: leave {BENEATH} out.")

    @cached_property
    def _asked(self) -> int | Service | None:
        """A quality, a service, or None for anything."""
        if isinstance(self.survive, int):
            return self.survive
        name = self.survive.lower().removesuffix(BENEATH)
        if name.isdecimal() and len(name) <= 3:
            return int(name)
        if name == ANYTHING:
            return None
        service = SERVICES.get(name)
        if service is None:
            known = ", ".join((ANYTHING, *SERVICES))
            raise StegoError(f"{option('survive')} {self.survive} is no quality and no service: use one of {known}.")
        return service

    @property
    def _beneath(self) -> bool:
        """Whether something is to lie beneath."""
        return isinstance(self.survive, str) and self.survive.lower().endswith(BENEATH)

    @property
    def _service(self) -> Service | None:
        return self._asked if isinstance(self._asked, Service) else None

    @property
    def quality(self) -> int | None:
        """The design quality; None where the base layer alone is used, which no JPEG grid helps."""
        if self._service is not None:
            return self._service.design_quality if self._service.codec == "JPEG" else None
        return self._asked if isinstance(self._asked, int) else None

    def to_file(self, suffix: str) -> "Robust":
        return self

    def prepare(self, cover: Cover) -> Cover:
        picture, service = cover.picture, self._service
        notes = [*cover.notes]
        if picture.alpha is not None:
            if picture.alpha.min() < 255:
                notes.append(f"{cover.path} has transparent parts, which JPEG lacks: they are white in the stego.")
            picture = replace(picture, rgb=files.over_white(picture), alpha=None)
        if service is not None and max(picture.size) > service.longest_side:
            share = service.longest_side / max(picture.size)
            width, height = (max(1, round(n * share)) for n in picture.size)
            picture = replace(picture, rgb=files.resize(picture.rgb, (width, height)))
            notes.append(f"{cover.path} was shrunk to {width}x{height}, the most that {service.name} leaves alone.")
        return Cover(cover.path, picture, tuple(notes))

    def hide(self, cover: Cover, secret: AnySecret, progress: Progress = unseen) -> Hiding:
        password = asked(self.password)
        try:
            if self.quality is None:
                return self._hide_base(cover, secret, password, progress)
            return self._hide(cover, secret, password, self.quality, progress)
        except (Unsuitable, canonical.Unsuitable) as error:
            what, higher = ANYTHING, ""
            if self.quality is not None:
                what, higher = f"quality {self.quality}", f"a higher {option('survive')} or "
            raise StegoError(
                f"{cover.path} holds nothing that survives {what} ({error}): use a larger or livelier cover, "
                f"{higher}a lower {option('cover_psnr')}."
            ) from None

    def _hide(self, cover: Cover, secret: AnySecret, password: str | None, quality: int, progress: Progress) -> Hiding:
        packed, done, base = self._laid(cover, secret, password, quality, progress)
        several = ", ".join(f"{n} in a row: {lowest(done.quality, times)}" for n, times in SEVERAL)
        summary = f"survives JPEG down to quality {done.quality} ({several}); {packed.coding}; {packed.fidelity}; "
        summary += f"{len(packed.content):,} bytes" + (", encrypted" if password is not None else "")
        above = _comes_back(packed.content, password)
        hiding = Hiding(done.stego, Choice(method=self.name, summary=summary), comes_back=above)
        if base is not None:
            hiding = replace(
                hiding.telling(base.note, summary=f"{summary}; {base.told}"),
                comes_back=lambda received: above(received) and base.comes_back(received),
                beneath=base.part if base.is_thumbnail else None,
            )
        elif self._beneath:
            hiding = hiding.telling(layers.bare(cover, secret))
        return judged(
            hiding.telling(*self._simulated()),
            secret,
            packed,
            f"a higher {option('survive')}, or a .png with {option('exact')}, which survives no JPEG",
        )

    def _laid(
        self, cover: Cover, secret: AnySecret, password: str | None, quality: int, progress: Progress
    ) -> tuple[Payload, Embedded, layers.Base | None]:
        """A secret coded and embedded, on what lies beneath where that is asked for and both survive."""
        embedder_on = partial(Embedder, cover.rgb, quality, self.cover_psnr or COVER_PSNR, progress)

        def laid_on(base: layers.Base | None) -> tuple[Payload, Embedded]:
            embedder = base.above if base else embedder_on()
            return _fitted(
                embedder.capacity(password is not None),
                lambda budget: layers.above(secret.encoder.fit_lossy(budget, cover.rgb.size // 3), base),
                lambda packed: _sturdiest(embedder, packed, password),
                progress,
            )

        for base in layers.bases(cover, secret, password, embedder_on) if self._beneath else ():
            with suppress(Unsuitable):
                packed, done = laid_on(base)
                if base.survives(done.stego):
                    return packed, done, base
        return *laid_on(None), None

    def _simulated(self) -> list[str]:
        """What of a service was played."""
        service = self._service
        if service is None:
            return []
        told = f"{simulate.through(service)} (source: {service.source}; {service.date})"
        return [f"Played for {service.name}: {told}. The service itself was not."]

    def _hide_base(self, cover: Cover, secret: AnySecret, password: str | None, progress: Progress) -> Hiding:
        embedder = canonical.Embedder(cover.rgb, self.cover_psnr or canonical.COVER_PSNR, progress)
        packed, done = _fitted(
            embedder.capacity(password is not None),
            lambda budget: secret.encoder.thumbnail(budget, cover.rgb.size // 3),
            lambda packed: embedder.embed(packed.content, password),
            progress,
        )
        check = anything.comes_back(packed.content, password)
        if self._service is not None and not check(simulate.through(self._service)(done.stego)):
            raise canonical.Unsuitable(f"what {self._service.name} does to it is too much")
        summary = f"{anything.SURVIVES}; {anything.told(packed)}; {len(packed.content):,} bytes"
        summary += ", encrypted" if password is not None else ""
        notes = [*anything.notes(secret, packed, done), *self._simulated()]
        told = Choice(method=self.name, summary=summary, notes=notes)
        hiding = Hiding(done.stego, told, comes_back=check)
        remedies = f"a lower {option('cover_psnr')}, or a quality for {option('survive')}"
        if isinstance(secret, Bundle) or packed.picture is None:
            return judged(hiding, secret, packed, remedies)
        if packed.fidelity == APPROXIMATE:
            hiding = hiding.telling(*secret.notes())
        # A thumbnail is judged at its own size.
        reference, decoded = anything.shown(secret, packed)
        hiding = replace(hiding, reference=reference, decoded=decoded)
        return above_floor(hiding, "The secret", (reference, decoded), remedies)

    def capacity(self, cover: Cover, progress: Progress = unseen) -> int:
        """Bytes that survive in a cover that `prepare` gave; 0 where it can carry nothing."""
        private = self.password is not None
        try:
            if self.quality is None:
                return canonical.Embedder(cover.rgb, self.cover_psnr or canonical.COVER_PSNR, progress).capacity(
                    private
                )
            return Embedder(cover.rgb, self.quality, self.cover_psnr or COVER_PSNR, progress).capacity(private)
        except (Unsuitable, canonical.Unsuitable):
            return 0

    def inspect(
        self, stego: Stego, password: str | None = None, progress: Progress = unseen
    ) -> Contents | Locked | None:
        content = _content(stego, password, progress)
        if not isinstance(content, _Content):
            return content
        told = described(content.content, stego, self.name, private=password is not None)
        return told if content.base else layers.with_beneath(told, content.content, stego, password)

    def reveal(self, stego: Stego, password: str | None = None, progress: Progress = unseen) -> Found | Locked | None:
        content = _content(stego, password, progress)
        if not isinstance(content, _Content):
            return content
        progress("decoding", 0.0)
        if content.base:
            return anything.found(content.content, stego, content.lost_to)
        found = unpacked(content.content, stego, self.name)
        return found if found.layer is None else replace(found, told=replace(found.told, summary="the picture"))


class _Content(NamedTuple):
    """Bytes that survived, whether in the base layer alone, and then to what those above it were lost, in words."""

    content: bytes
    base: bool
    lost_to: str = ""


def _content(stego: Stego, password: str | None, progress: Progress) -> _Content | Locked | None:
    """What survived, the best first; what `reveal` gives where nothing did."""
    if stego.header is not None:
        return None
    lost: StegoError | None = None
    try:
        return _Content(reading.extract(stego.rgb, password), False)
    except (NothingFound, PasswordNeeded):
        pass
    except TooDamaged as error:
        lost = StegoError(
            f"{stego.path} holds something that was made to survive, but {error.share:.0%} of it can't be "
            "corrected: ask for a copy that was compressed less and not resized."
        )
    except sync.LaterFormat as error:
        raise LaterVersion(str(error)) from None
    try:
        base = anything.content(stego, password, lost is not None, progress)
    except BaseTooDamaged:
        raise lost or anything.damaged(stego) from None
    if base is not None:
        return _Content(base, True, anything.RESIZED if lost is None else anything.RECOMPRESSED)
    if lost is not None:
        raise lost
    return Locked()  # under a password there is nothing to be seen without it


def _fitted(
    capacity: int, fit: Callable[[int], Payload], embed: Callable[[Payload], _Done], progress: Progress
) -> tuple[Payload, _Done]:
    """A secret coded as finely as so many bytes allow, and embedded; anew in fewer where that fails."""
    while capacity >= LEAST_BYTES:
        progress("coding", 0.0)
        packed = fit(capacity)
        try:
            return packed, embed(packed)
        except (Unsuitable, canonical.Unsuitable):
            if packed.fidelity == SAME_FILE:
                raise
            capacity = int(SHRINK * len(packed.content))
    raise Unsuitable("it is too small, too flat or too noisy")


def _sturdiest(embedder: Embedder, packed: Payload, password: str | None) -> Embedded:
    """A file that leaves most of the capacity is made to survive more than was asked for, which costs little."""
    if packed.fidelity == SAME_FILE:
        sturdier = embedder.sturdier(len(packed.content))
        if sturdier is not embedder:
            with suppress(Unsuitable):
                return sturdier.embed(packed.content, password)
    return embedder.embed(packed.content, password)


def _comes_back(content: bytes, password: str | None) -> Callable[[np.ndarray], bool]:
    def check(received: np.ndarray) -> bool:
        try:
            return reading.extract(received, password) == content
        except (NothingFound, PasswordNeeded, TooDamaged):
            return False

    return check
