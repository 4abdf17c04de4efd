"""Hide any file so that it survives JPEG: the stego may be recompressed down to a design quality."""

from contextlib import suppress

import numpy as np

from ..errors import StegoError
from ..payload import codings
from ..payload.codings import Payload
from ..picture import files
from ..robust import embedding
from ..robust.embedding import Embedded, NothingFound, PasswordNeeded, TooDamaged, Unsuitable
from .base import Cover, Found, Hiding, Options, Secret, Stego

# The room was measured by a trial with other bits, and the embedding may fall short of it: then the picture is coded
# anew for this share of what it took before.
SHRINK = 0.9
LEAST_BYTES = 64
SEVERAL = ("two", 2), ("three", 3)


def _embedded(rgb: np.ndarray, packed: Payload, quality: int, wanted: float, options: Options) -> Embedded:
    """A file that leaves most of the room is made to survive more than was asked for, which costs little then."""
    if packed.fidelity == codings.SAME_FILE:
        spared = max(wanted, embedding.SPARED_PSNR)
        lower = embedding.sturdiest(rgb, len(packed.content), quality, spared)
        if lower < quality:
            with suppress(Unsuitable):
                return embedding.embed(rgb, packed.content, lower, options.password, options.progress, wanted)
    return embedding.embed(rgb, packed.content, quality, options.password, options.progress, wanted)


class Survive:
    """Bytes in the DCT blocks of the luma, as a method."""

    def hide(self, cover: Cover, secret: Secret, options: Options) -> Hiding:
        quality, private = options.survive, options.password is not None
        if quality is None:
            raise ValueError("a design quality is needed")
        wanted = embedding.COVER_PSNR if options.cover_psnr is None else options.cover_psnr
        try:
            options.progress("measuring", 0.0)
            room = embedding.capacity(cover.rgb, quality, wanted, private)
            while room >= LEAST_BYTES:
                options.progress("coding", 0.0)
                packed = codings.squeezed(secret.path, room, secret.content, cover.rgb.size // 3)
                try:
                    done = _embedded(cover.rgb, packed, quality, wanted, options)
                    break
                except Unsuitable:
                    if packed.fidelity == codings.SAME_FILE:
                        raise
                    room = int(SHRINK * len(packed.content))
            else:
                raise Unsuitable("it is too small, too flat or too noisy")
        except Unsuitable as error:
            raise StegoError(
                f"{cover.path} holds nothing that survives quality {quality} ({error}): use a larger or livelier "
                "cover, a higher --survive or a lower --cover-psnr."
            ) from None
        content = packed.content

        def comes_back(received: np.ndarray) -> bool:
            try:
                return embedding.extract(received, options.password) == content
            except (NothingFound, PasswordNeeded, TooDamaged):
                return False

        several = ", ".join(f"{n} in a row: {embedding.lowest(done.quality, times)}" for n, times in SEVERAL)
        words = f"survives JPEG down to quality {done.quality} ({several}); {packed.coding}; {packed.fidelity}; "
        words += f"{len(content):,} bytes" + (", encrypted" if private else "")
        if packed.picture is None:
            return Hiding(done.stego, words, comes_back=comes_back)
        notes = secret.notes() if packed.fidelity == codings.APPROXIMATE else []
        received = files.seen(packed.picture).rgb
        return Hiding(done.stego, words, secret.seen.rgb, received, comes_back=comes_back, notes=notes)

    def reveal(self, stego: Stego, options: Options) -> Found | None:
        if stego.header is not None:
            return None
        try:
            content = embedding.extract(stego.rgb, options.password)
        except (NothingFound, PasswordNeeded):
            return None
        except TooDamaged as error:
            raise StegoError(
                f"{stego.path} holds something that was made to survive, but {error.share:.0%} of it can't be "
                "corrected: ask for a copy that was compressed less and not resized."
            ) from None
        options.progress("decoding", 0.0)
        extension, found = codings.unpack(content, stego.rgb.size // 3)
        return Found(found, extension, codings.fidelity(content, found), name=codings.name(content))
