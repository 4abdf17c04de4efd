"""The cards: every method is on one, and each means what it says."""

import re
from pathlib import Path

import pytest

import stegocli
from stegocli import methods
from stegocli.methods import Auto, Discreet, Exact, Flow, Robust
from stegocli.web import ways

WORDS = "five words or more here"


def test_every_method_has_its_card():
    made = {type(ways.method({"way": way.key})).__name__ for way in ways.WAYS}
    assert made == {name for name in methods.__all__ if name[0].isupper()} - {"Method", "Reader", "Decoy"}


@pytest.mark.parametrize(
    "choice, method",
    [
        ({"way": "auto", "password": WORDS}, Auto(password=WORDS)),
        ({"way": "auto", "password": ""}, Auto()),
        ({"way": "flow", "password": WORDS}, Flow()),
        ({"way": "exact", "cover_psnr": 45}, Exact(cover_psnr=45)),
        ({"way": "fit"}, Exact(cover_psnr=46, fit=True)),
        ({"way": "survive", "survive": "whatsapp", "password": WORDS}, Robust("whatsapp", WORDS)),
        ({"way": "discreet", "size": "small", "password": WORDS, "shrink": True}, Discreet("small", WORDS, True)),
    ],
)
def test_a_choice_is_a_method(choice, method):
    assert ways.method(choice) == method


@pytest.mark.parametrize(
    "method, cover, suffix",
    [
        (Exact(), b"\xff\xd8\xff", ".png"), (Robust(), b"\x89PNG", ".jpg"), (Discreet(), b"\xff\xd8\xff", ".jpg"),
        (Discreet(), b"\x89PNG", ".png"), (Discreet(shrink=True), b"\xff\xd8\xff", ".png"),
    ],
)  # fmt: skip
def test_a_stego_is_a_jpeg_where_that_is_meant(method, cover, suffix):
    assert ways.suffix(method, cover) == suffix


def test_every_stage_has_its_words():
    package = Path(stegocli.__file__).parent
    stages = {name for path in package.rglob("*.py") for name in re.findall(r'progress\("(\w+)"', path.read_text())}
    words = (package / "web/static/words.js").read_text()
    assert len(stages) > 8 and not {name for name in stages if f"  {name}: " not in words}
