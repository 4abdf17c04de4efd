"""What comes back of a secret, as a viewer would judge it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..payload.bundle import Bundle
from ..payload.codings import Secret
from ..payload.container import APPROXIMATE, Payload
from ..picture import files, metrics
from .base import AnySecret, Hiding, HidingPart

# Under these a secret that is coded small is hard to make out: its mean in dB, and blocks of 16x16 pixels where there
# are several. Photographs at 27 dB are fine to look at; text is lost where its blocks are.
LEGIBLE_PSNR = 26.0
LEGIBLE_BLOCK, SHARE_OF_BLOCKS, SEVERAL_BLOCKS = 18.0, 0.02, 3


def judged(hiding: Hiding, secret: AnySecret, packed: Payload, other_remedies: str) -> Hiding:
    """The same with what comes back of each picture, and a note for each that is worse than a viewer would bear."""
    if isinstance(secret, Bundle):
        hiding = replace(hiding, parts=tuple(map(_part, secret.files, packed.parts)))
        return _judged_parts(hiding, hiding.parts, secret.files, other_remedies)
    if packed.picture is None:
        return hiding
    if packed.fidelity == APPROXIMATE:
        hiding = hiding.telling(*secret.notes())
    hiding = replace(hiding, reference=secret.seen.rgb, decoded=files.seen(packed.picture).rgb)
    return above_floor(hiding, "The secret", hiding.pictures[0], other_remedies)


def with_decoy(hiding: Hiding, decoy: AnySecret, packed: Payload, other_remedies: str) -> Hiding:
    """As `judged`, for what another password opens."""
    named = decoy.files if isinstance(decoy, Bundle) else [(decoy.path.name, decoy)]
    hiding = replace(hiding, decoys=tuple(map(_part, named, packed.parts or (packed,))))
    return _judged_parts(hiding.telling(*decoy.gathered), hiding.decoys, named, other_remedies)


def _judged_parts(
    hiding: Hiding, parts: Sequence[HidingPart], files: Sequence[tuple[str, Secret]], other_remedies: str
) -> Hiding:
    for part, (_, secret) in zip(parts, files, strict=True):
        hiding = hiding.telling(*(secret.notes() if part.payload.fidelity == APPROXIMATE else ()))
        if part.reference is not None and part.decoded is not None:
            hiding = above_floor(hiding, part.name, (part.reference, part.decoded), other_remedies)
    return hiding


def _part(named: tuple[str, Secret], payload: Payload) -> HidingPart:
    name, secret = named
    if payload.picture is None:
        return HidingPart(name, payload)
    return HidingPart(name, payload, secret.seen.rgb, files.seen(payload.picture).rgb)


def above_floor(hiding: Hiding, what: str, picture: tuple[np.ndarray, np.ndarray], other_remedies: str) -> Hiding:
    """The same, with a note if a picture (what it should be, what it is) comes back worse than a viewer would bear."""
    low = metrics.block_psnrs(*picture) < LEGIBLE_BLOCK
    mean = metrics.psnr(*picture)
    if mean >= LEGIBLE_PSNR and low.sum() < max(SEVERAL_BLOCKS, SHARE_OF_BLOCKS * low.size):
        return hiding
    note = (
        f"{what} comes back at {mean:.1f} dB, with {low.mean():.0%} of it hard to make out: use a larger cover, "
        f"{other_remedies}."
    )
    return hiding.telling(note, below_floor=True)
