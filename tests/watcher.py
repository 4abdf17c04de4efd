"""A watcher who has one password of a stego, the stego and the code, and guesses whether there is a second secret.

    python tests/watcher.py 400        all of it over 400 small pictures, for `Exact` and `Discreet`

Used by `test_slots`, which plays it over few.
"""

import itertools
import sys
from collections.abc import Callable
from unittest import mock

import numpy as np
from forge import quick_keys
from pictures import photograph

from stegocli.discreet import coefficients, frame
from stegocli.discreet import embedding as discreet
from stegocli.discreet.jpegfile import JpegFile
from stegocli.payload import embedding, header, keys, slots

REAL, DECOY = "the real one", "the harmless one"
SIDE = 96
Stego = Callable[[int, bool], np.ndarray]


def auc(single: np.ndarray, double: np.ndarray) -> float:
    """The chance that a figure is higher where there are two secrets; 0.5 is guessing."""
    greater = (double[:, None] > single[None]).mean()
    return float(greater + (double[:, None] == single[None]).mean() / 2)


def contents(seed: int, most: int, is_double: bool) -> list[tuple[bytes, str]]:
    """What the known password opens, from the same lengths with a second secret and without."""
    rng = np.random.default_rng(seed)
    known, other = (rng.bytes(int(rng.integers(most // 2 + 1, most + 1))) for _ in range(2))
    return [(known, DECOY), (other, REAL)][: 1 + is_double]


def exact(seed: int, is_double: bool, most: int = 1500) -> np.ndarray:
    """A stego of `Exact`, of which half is filled: samples, flat."""
    rgb = photograph(SIDE, SIDE, seed)
    both = contents(seed, most // 2, is_double)
    length = slots.slot_length(rgb.size, len(both[0][0]), most)
    assert length is not None and {slots.slot_length(rgb.size, len(own), most) for own, _ in both} == {length}
    return slots.embed(rgb, both, length).reshape(-1)


def discreet_pixels(seed: int, is_double: bool) -> np.ndarray:
    """A stego of `Discreet`: samples, flat."""
    rgb = photograph(SIDE, SIDE, seed)
    (own, word), *decoy = contents(seed, discreet.capacity(rgb, "large", frame.SLOTS), is_double)
    stego = discreet.hide(rgb, own, word, "large", slots=frame.SLOTS, decoy=decoy[0] if decoy else None)
    return stego.reshape(-1)


def discreet_jpeg(seed: int, is_double: bool) -> np.ndarray:
    """A stego of `Discreet` in a JPEG: the luma's coefficients, flat."""
    jpeg = JpegFile(coefficients.compressed(photograph(2 * SIDE, 2 * SIDE, seed), False))
    (own, word), *decoy = contents(seed, coefficients.capacity(jpeg, "large", frame.SLOTS), is_double)
    file = coefficients.hide(jpeg, own, word, "large", slots=frame.SLOTS, decoy=decoy[0] if decoy else None)
    return JpegFile(file).luma.reshape(-1).astype(np.int32)


def slot_of(name: str, flat: np.ndarray) -> np.ndarray:
    """Whether each sample is of the slot that the known password opens: which the watcher finds out by reading."""
    mask = np.zeros(flat.size, bool)
    if name == "exact":
        start = header.read_bits(flat, header.positions(flat.size))
        key = keys.derive(DECOY, start[: keys.SALT])
        layout = slots._Layout(flat.size)
        bare = flat.copy()
        bare[layout.macs] &= 0xFE
        code = keys.picture_mac(key.picture, (SIDE, SIDE, 3), bare, None, slots.VERSION)
        codes = header.read_bits(flat, layout.macs)
        (slot,) = [s for s in range(slots.SLOTS) if codes[s * keys.MAC :][: keys.MAC] == code]
        mask[layout.free(slot, 0)] = True
        return mask
    if name == "discreet pixels":
        planes = discreet._planes(flat.reshape(SIDE, SIDE, 3))
        secret = discreet._keys(planes, DECOY)
        (slot,) = [s for s in range(frame.SLOTS) if discreet._content(planes, secret, frame.SLOTS, s) is not None]
        layout = discreet._Layout(planes.shape, secret.order, slot)
        pixels = np.concatenate([layout.front, *layout.lattices])
        mask.reshape(-1, 3)[pixels] = True
        return mask
    side = 2 * SIDE // 8
    luma = flat.reshape(side, side, 8, 8).astype(np.int16)
    secret = coefficients._keys(luma, DECOY)
    (slot,) = [s for s in range(frame.SLOTS) if coefficients._content(luma, secret, frame.SLOTS, s) is not None]
    layout = coefficients._Layout(luma, secret.order, slot)
    mask[np.concatenate([layout.front, layout.content])] = True
    return mask


def figures(name: str, flat: np.ndarray) -> list[float]:
    """What the watcher may look at: parity, noise and order of the other slot, also beside the known one's."""
    mask = slot_of(name, flat)
    assert name != "exact" or embedding.segments_of(flat.size, slots.VERSION) == 1
    found = []
    for half in (flat[~mask].astype(float), flat[mask].astype(float)):
        rough = np.abs(np.diff(half, 2)).mean()
        found.append(
            [(half % 2).mean(), (half % 4).std(), rough, half.std(), float(np.mean(half % 2 == half // 2 % 2))]
        )
    other, own = found
    return [*other, *(a - b for a, b in zip(other, own, strict=True))]


STEGOS: dict[str, Stego] = {"exact": exact, "discreet pixels": discreet_pixels, "discreet JPEG": discreet_jpeg}


def play(name: str, pictures: int) -> dict[str, float]:
    """AUC of each figure, and of a linear classifier that learned from half of the pictures, tried on the others.

    Each picture comes once with one secret and once with two.
    """
    rows = [[figures(name, STEGOS[name](seed, double)) for double in (False, True)] for seed in range(pictures)]
    every = np.array(rows)  # (pictures, 2, figures)
    told = {f"figure {i}": auc(every[:, 0, i], every[:, 1, i]) for i in range(every.shape[2])}
    scaled = (every - every.mean((0, 1))) / (every.std((0, 1)) + 1e-9)
    scores = np.zeros(every.shape[:2])
    for taught in (slice(0, None, 2), slice(1, None, 2)):
        learned = np.ones(pictures, bool)
        learned[taught] = False
        x = np.concatenate([scaled[learned, 0], scaled[learned, 1]])
        y = np.repeat([-1.0, 1.0], learned.sum())
        weights = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ y)
        scores[~learned] = scaled[~learned] @ weights
    return told | {"classifier": auc(scores[:, 0], scores[:, 1])}


def main(pictures: int) -> None:
    """Print what the watcher reaches, and what he reaches on what is no slot (the check of the check)."""
    with quick_keys():
        for name in STEGOS:
            found = play(name, pictures)
            print(name, {k: round(v, 3) for k, v in found.items()}, flush=True)
            assert pictures < 400 or abs(found["classifier"] - 0.5) <= 0.05, name
        print("an empty slot", caught(pictures), flush=True)


def caught(pictures: int) -> float:
    """The best figure's AUC where the unused of two full slots is left empty: so the watcher is not blind."""
    write = embedding.write

    def lazy(flat: np.ndarray, order: bytes, sealed: bytes, plan: object, skip: int, free: object) -> None:
        if next(turns):
            write(flat, order, sealed, plan, skip, free)

    rows = []
    for seed, double in itertools.product(range(pictures), (False, True)):
        # Without a second secret, only the slot that is used is written.
        with mock.patch.object(slots, "SystemRandom", lambda: mock.Mock(shuffle=lambda filled: None)):
            turns = iter([True, double])
            with mock.patch.object(embedding, "write", lazy):
                rows.append(figures("exact", exact(seed, double, 14_000)))
    every = np.array(rows).reshape(pictures, 2, -1)
    return max(max(a, 1 - a) for a in (auc(every[:, 0, i], every[:, 1, i]) for i in range(every.shape[2])))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
