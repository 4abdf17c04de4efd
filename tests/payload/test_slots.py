"""Two slots: each password opens its own, all that is seen without the other is the same, and old stegos open."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import natural, photograph
from watcher import auc, caught, play

from stegocli.payload import embedding, estimate, slots
from stegocli.payload.errors import AuthenticationError
from stegocli.picture import metrics

pytestmark = pytest.mark.usefixtures("quick_keys")


@pytest.mark.parametrize("segment", [1 << 22, 4000])
@pytest.mark.parametrize("transparent", [False, True])
def test_each_password_opens_its_own(monkeypatch, segment, transparent):
    monkeypatch.setattr(embedding, "SEGMENT", segment)
    rgb = photograph(60, 70)
    alpha = np.arange(60 * 70).reshape(60, 70).astype(np.uint8) if transparent else None
    for seed in range(3):
        both = [(f"secret {seed}".encode(), "one"), (b"decoy" * 40, "two")]
        stego = slots.embed(rgb, both, 400, alpha)
        for content, word in both:
            assert slots.extract(stego, word, alpha) == (content, slots.VERSION)
        with pytest.raises(AuthenticationError):
            slots.extract(stego, "three", alpha)
        alone = slots.embed(rgb, both[:1], 400, alpha)
        assert slots.extract(alone, "one", alpha)[0] == both[0][0]
        with pytest.raises(AuthenticationError):
            slots.extract(alone, "two", alpha)


def test_one_altered_sample_and_neither_opens():
    stego = slots.embed(photograph(40, 50), [(b"a", "one"), (b"b", "two")], 300)
    rng = np.random.default_rng(0)
    for at in rng.integers(0, stego.size, 12):
        changed = stego.copy()
        changed.reshape(-1)[at] ^= 1
        opened = 0
        for word in ("one", "two"):
            try:
                slots.extract(changed, word)
                opened += 1
            except AuthenticationError:
                pass
        # The code of a slot is the one thing that the other password does not guard.
        where = slots._Layout(stego.size).macs
        assert opened == (1 if at in where else 0)


@pytest.mark.parametrize("rgb", [natural(40, 50), np.zeros((40, 50, 3), np.uint8), np.full((40, 50, 3), 255, np.uint8)])
def test_the_cover_keeps_what_was_promised(rgb):
    """Whatever is in the slots: the most that they hold leaves the PSNR that was asked for."""
    for psnr in (36, 44):
        most = estimate.slot_holds(rgb, psnr)
        for both in ([(bytes(most), "one")], [(bytes(most), "one"), (b"\xff" * most, "two")]):
            assert metrics.psnr(rgb, slots.embed(rgb, both, most)) >= psnr - 0.05
    assert 2 * estimate.slot_holds(rgb, 40) < estimate.holds(rgb, True, 40)


def test_a_picture_that_has_no_room_for_two_holds_no_slot():
    assert min(slots.capacity(16 * 16 * 3, 1)) <= 0
    assert estimate.slot_holds(natural(16, 16), 30) == 0
    with pytest.raises(AuthenticationError):
        slots.extract(natural(16, 16), "word")


@settings(max_examples=150, deadline=None)
@given(st.integers(700, 10**8), st.integers(1, 10**7), st.integers(1, 10**7))
def test_the_length_that_shows_follows_from_either_content_alone(samples, most, length):
    filled = slots.slot_length(samples, length, most)
    if length > most:
        assert filled is None
        return
    same = slots.same_length(samples, length, most)
    assert length in same and length <= filled <= most
    assert {slots.slot_length(samples, n, most) for n in (same.start, same.stop - 1)} == {filled}
    assert same.stop - 1 == filled, "the longest that goes together fills the slot"
    if same.start > 1:
        assert slots.slot_length(samples, same.start - 1, most) < filled
    if filled < most:
        assert slots.slot_length(samples, filled + 1, most) > filled


def test_stegos_without_slots_still_open():
    rgb, content = photograph(40, 50), b"text" * 9
    plan = embedding.plan(embedding.capacity(rgb.size, True), 8 * (len(content) + embedding.overhead(True)))
    assert slots.extract(embedding.embed_private(rgb, content, plan, "word"), "word") == (content, 3)


# -- the watcher ------------------------------------------------------------------------------------------------------


def test_the_watchers_measure():
    assert auc(np.array([1.0, 2]), np.array([3.0, 4])) == 1 and auc(np.ones(3), np.ones(4)) == 0.5


@pytest.mark.slow
@pytest.mark.parametrize(("name", "pictures"), [("exact", 24), ("discreet pixels", 6), ("discreet JPEG", 6)])
def test_a_watcher_with_one_password_guesses(name, pictures):
    """Chance alone strays far over so few pictures; `python tests/watcher.py 400` narrows it to 0.05."""
    if name.endswith("JPEG"):
        pytest.importorskip("jpeglib")
    found = play(name, pictures)
    stray = 3 / np.sqrt(6 * pictures)
    assert all(abs(figure - 0.5) < stray + 0.05 for figure in found.values()), found


@pytest.mark.slow
def test_the_watcher_is_not_blind():
    """Where a writer leaves the unused slot empty he sees it at once."""
    assert caught(8) > 0.9


def test_what_shows_is_the_same_with_a_second_secret():
    """As many samples are changed, and as much, on average; the rest is ciphertext or noise."""
    rgb = photograph(64, 64)
    one, two = (
        [(slots.embed(rgb, both, 300) != rgb).sum() for _ in range(12)]
        for both in ([(b"a" * 300, "one")], [(b"a" * 300, "one"), (b"b" * 300, "two")])
    )
    spread = np.std(one + two)
    assert abs(np.mean(one) - np.mean(two)) < 1.5 * spread
