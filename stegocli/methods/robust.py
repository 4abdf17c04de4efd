"""Hide any file so that it survives JPEG: the stego may be recompressed down to a design quality."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..errors import StegoError, option
from ..payload.container import APPROXIMATE, SAME_FILE, Payload
from ..picture import files
from ..robust import reading
from ..robust.embedding import COVER_PSNR, Embedded, Embedder, Unsuitable
from ..robust.reading import NothingFound, PasswordNeeded, TooDamaged
from ..robust.services import QUALITIES, SERVICES
from ..robust.simulate import lowest
from .base import (
    Choice,
    Contents,
    Cover,
    Found,
    Hiding,
    Locked,
    Password,
    Progress,
    Secret,
    Stego,
    above_floor,
    asked,
    described,
    unpacked,
    unseen,
)  # fmt: skip

# What a stego survives by default that is itself a JPEG.
QUALITY = 75
# The capacity was measured by a trial with other bits, and the embedding may fall short of it: then the picture is
# coded anew for this share of what it took before.
SHRINK = 0.9
LEAST_BYTES = 64
SEVERAL = ("two", 2), ("three", 3)


@dataclass(frozen=True)
class Robust:
    """Bytes in the DCT blocks of the luma, as a method.

    Attributes:
        survive: the lowest JPEG quality that the stego survives, or a service's name (see `robust.services`), to
            whose longest side the cover is shrunk.
        password: encrypt with it; or a function that asks for it.
        cover_psnr: how far the cover may change, in dB.

    Raises:
        StegoError: for a quality that can't be, or an unknown service.
    """

    survive: int | str = QUALITY
    password: Password = None
    cover_psnr: float = COVER_PSNR
    name = "robust"

    def __post_init__(self) -> None:
        if self.quality not in QUALITIES:
            told = f"{option('survive')} {self.quality}"
            raise StegoError(f"{told} can't be done: use {QUALITIES[0]} to {QUALITIES[-1]}.")

    @cached_property
    def _service(self) -> tuple[int, int | None]:
        """(design quality, longest side)."""
        if isinstance(self.survive, int):
            return self.survive, None
        if self.survive.isdecimal() and len(self.survive) <= 3:
            return int(self.survive), None
        service = SERVICES.get(self.survive.lower())
        if service is None:
            known = ", ".join(SERVICES)
            raise StegoError(f"{option('survive')} {self.survive} is no quality and no service: use one of {known}.")
        return service.design_quality, service.longest_side

    @property
    def quality(self) -> int:
        """The design quality."""
        return self._service[0]

    def to_file(self, suffix: str) -> "Robust":
        return self

    def prepare(self, cover: Cover) -> Cover:
        picture, side, notes = cover.picture, self._service[1], [*cover.notes]
        if picture.alpha is not None:
            if picture.alpha.min() < 255:
                notes.append(f"{cover.path} has transparent parts, which JPEG lacks: they are white in the stego.")
            picture = replace(picture, rgb=files.over_white(picture), alpha=None)
        if side is not None and max(picture.size) > side:
            width, height = (max(1, round(n * side / max(picture.size))) for n in picture.size)
            picture = replace(picture, rgb=files.resize(picture.rgb, (width, height)))
            notes.append(f"{cover.path} was shrunk to {width}x{height}, the most that {self.survive} leaves alone.")
        return Cover(cover.path, picture, tuple(notes))

    def hide(self, cover: Cover, secret: Secret, progress: Progress = unseen) -> Hiding:
        password = asked(self.password)
        try:
            packed, done = self._embedded(cover, secret, password, progress)
        except Unsuitable as error:
            raise StegoError(
                f"{cover.path} holds nothing that survives quality {self.quality} ({error}): use a larger or livelier "
                f"cover, a higher {option('survive')} or a lower {option('cover_psnr')}."
            ) from None
        several = ", ".join(f"{n} in a row: {lowest(done.quality, times)}" for n, times in SEVERAL)
        summary = f"survives JPEG down to quality {done.quality} ({several}); {packed.coding}; {packed.fidelity}; "
        summary += f"{len(packed.content):,} bytes" + (", encrypted" if password is not None else "")
        told = Choice(method=self.name, summary=summary)
        check = _comes_back(packed.content, password)
        if packed.picture is None:
            return Hiding(done.stego, told, comes_back=check)
        if packed.fidelity == APPROXIMATE:
            told.notes.extend(secret.notes())
        return above_floor(
            Hiding(done.stego, told, secret.seen.rgb, files.seen(packed.picture).rgb, check),
            f"a higher {option('survive')}, or a .png with {option('exact')}, which survives no JPEG",
        )

    def _embedded(
        self, cover: Cover, secret: Secret, password: str | None, progress: Progress
    ) -> tuple[Payload, Embedded]:
        embedder = Embedder(cover.rgb, self.quality, self.cover_psnr, progress)
        capacity = embedder.capacity(password is not None)
        while capacity >= LEAST_BYTES:
            progress("coding", 0.0)
            packed = secret.encoder.fit_lossy(capacity, cover.rgb.size // 3)
            try:
                return packed, _sturdiest(embedder, packed, password)
            except Unsuitable:
                if packed.fidelity == SAME_FILE:
                    raise
                capacity = int(SHRINK * len(packed.content))
        raise Unsuitable("it is too small, too flat or too noisy")

    def capacity(self, cover: Cover, progress: Progress = unseen) -> int:
        """Bytes that survive in a cover that `prepare` gave; 0 where it can carry nothing."""
        try:
            return Embedder(cover.rgb, self.quality, self.cover_psnr, progress).capacity(self.password is not None)
        except Unsuitable:
            return 0

    def inspect(
        self, stego: Stego, password: str | None = None, progress: Progress = unseen
    ) -> Contents | Locked | None:
        content = _content(stego, password)
        if not isinstance(content, bytes):
            return content
        return described(content, stego, self.name, private=password is not None)

    def reveal(self, stego: Stego, password: str | None = None, progress: Progress = unseen) -> Found | Locked | None:
        content = _content(stego, password)
        if not isinstance(content, bytes):
            return content
        progress("decoding", 0.0)
        return unpacked(content, stego, self.name)


def _content(stego: Stego, password: str | None) -> bytes | Locked | None:
    """The bytes that survived; what `reveal` gives where there are none."""
    if stego.header is not None:
        return None
    try:
        return reading.extract(stego.rgb, password)
    except (NothingFound, PasswordNeeded):
        return Locked()  # under a password there is nothing to be seen without it
    except TooDamaged as error:
        raise StegoError(
            f"{stego.path} holds something that was made to survive, but {error.share:.0%} of it can't be "
            "corrected: ask for a copy that was compressed less and not resized."
        ) from None


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
