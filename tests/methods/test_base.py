"""A secret is read and decoded once, whatever is asked of it."""

import numpy as np
import pytest
from pictures import natural
from PIL import Image, ImageCms

from stegocli.methods.base import Locked, Looked, Secret, look
from stegocli.picture import files
from stegocli.picture.inputs import Source

RGB = natural(20, 30)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
CLEAR = np.dstack([RGB, np.tile(np.arange(30, dtype=np.uint8), (20, 1)) * 8])


@pytest.mark.parametrize(
    ("name", "picture", "options"),
    [
        ("plain.png", Image.fromarray(RGB), {}),
        ("clear.png", Image.fromarray(CLEAR), {}),
        ("grey.png", Image.fromarray(RGB).convert("L"), {"icc_profile": PROFILE}),
        ("inks.tif", Image.fromarray(RGB).convert("CMYK"), {"icc_profile": PROFILE}),
        ("photo.jpg", Image.fromarray(RGB), {"icc_profile": PROFILE}),
        ("all.png", Image.fromarray(CLEAR), {"icc_profile": PROFILE}),
    ],
)
def test_what_is_seen_of_a_secret(tmp_path, monkeypatch, name, picture, options):
    path = tmp_path / name
    picture.save(path, **options)
    expected = files.as_srgb(files.read(path))
    decode, contents = files._decode, []
    monkeypatch.setattr(files, "_decode", lambda path, *rest: contents.append(rest[0]) or decode(path, *rest))
    secret = Secret(Source.read(path))
    for _ in range(2):
        assert np.array_equal(secret.seen.rgb, files.over_white(expected)) and secret.seen.grey == expected.grey
        assert secret.picture.rgb.shape == RGB.shape and secret.seen.alpha is secret.seen.icc is None
    assert len(contents) == 1 and contents[0] is secret.content


def asked_in_turn(answers, password):
    """What comes of readers that answer {name: (without, with the password)}, the last of them slow; and the order."""
    asked = []

    def through(name, word):
        asked.append((name, word))
        return answers[name][word is not None]

    *quick, slow = answers
    return look(quick, [slow], through, password), asked


def test_readers_are_asked_openly_first_and_the_slow_ones_last():
    locked = Locked()
    answers = {"a": (None, "never"), "b": (locked, locked), "c": (locked, "found"), "slow": (locked, "late")}
    looked, asked = asked_in_turn(answers, "word")
    assert looked == Looked("found", private=True)
    assert asked == [("a", None), ("b", None), ("c", None), ("b", "word"), ("c", "word")]
    answers["c"] = (locked, None)
    looked, asked = asked_in_turn(answers, "word")
    assert looked == Looked("late", private=True) and asked[5:] == [("slow", None), ("slow", "word")]


def test_nobody_is_asked_for_a_password_while_something_may_show_without():
    locked, words = Locked(), []
    answers = {"a": (locked, "found"), "slow": ("open", None)}
    assert asked_in_turn(answers, lambda: words.append("asked") or "word")[0] == Looked("open") and not words
    answers["slow"] = (None, None)
    assert asked_in_turn(answers, lambda: words.append("asked") or "word")[0] == Looked("found", private=True)
    assert words == ["asked"]
    nothing = {"a": (None, None), "slow": (None, None)}
    assert asked_in_turn(nothing, lambda: words.append("again") or "word")[0] == Looked() and words == ["asked"]


@pytest.mark.parametrize("password", [None, "", lambda: None, lambda: ""])
def test_without_a_password_locked_readers_stay_so(password):
    looked, asked = asked_in_turn({"a": (Locked(), "never"), "slow": (Locked(), "never")}, password)
    assert looked == Looked(locked=True) and asked == [("a", None), ("slow", None)]
