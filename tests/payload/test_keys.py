"""Passwords as different systems type them."""

import unicodedata

import numpy as np
import pytest
from pictures import natural

from stegocli.errors import StegoError
from stegocli.payload import embedding, keys, slots
from stegocli.payload.errors import AuthenticationError

pytestmark = pytest.mark.usefixtures("quick_keys")

# Read before a test makes passwords cheap.
COST = keys.PASSES, keys.MEMORY_KIB, keys.LANES

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Käse é Å") for form in ("NFC", "NFD"))
# Neither: one letter of each kind, as when a password was pasted together.
MIXED = "Ka\u0308se \u00e9 \u212b"


def embedded(password: str) -> np.ndarray:
    rgb = natural(30, 30)
    return embedding.embed_private(rgb, b"secret", embedding.plan(embedding.capacity(rgb.size, True), 400), password)


def test_a_guess_costs_what_is_documented():
    assert COST == (3, 65536, 4)


@pytest.mark.parametrize("revealing", [COMPOSED, DECOMPOSED, MIXED])
@pytest.mark.parametrize("hiding", [COMPOSED, DECOMPOSED, MIXED])
def test_one_password_however_it_is_typed(hiding, revealing):
    assert slots.extract(embedded(hiding), revealing)[0] == b"secret"


@pytest.mark.parametrize(
    ("hiding", "revealing", "opens"),
    [
        (COMPOSED, COMPOSED, True), (COMPOSED, DECOMPOSED, True), (COMPOSED, MIXED, True),
        (DECOMPOSED, COMPOSED, True), (DECOMPOSED, DECOMPOSED, True), (DECOMPOSED, MIXED, True),
        (MIXED, MIXED, True), (MIXED, COMPOSED, False), (MIXED, DECOMPOSED, False),
    ],
)  # fmt: skip
def test_a_password_of_an_earlier_version_counted_as_typed(monkeypatch, hiding, revealing, opens):
    with monkeypatch.context() as earlier:
        earlier.setattr(keys, "normalized", lambda password: password)
        stego = embedded(hiding)
    if opens:
        assert slots.extract(stego, revealing)[0] == b"secret"
    else:
        with pytest.raises(AuthenticationError):
            slots.extract(stego, revealing)[0]


def test_candidates_cost_nothing_where_there_is_one_way_to_type():
    assert keys.candidates("plain ascii") == ("plain ascii",)
    assert keys.candidates(COMPOSED) == keys.candidates(DECOMPOSED) == (COMPOSED, DECOMPOSED)
    assert len(keys.candidates(MIXED)) == 3


def test_bytes_that_are_no_unicode_count_as_they_are():
    assert keys.derive(b"\xff\xfe".decode(errors="surrogateescape"), bytes(16)) == keys.derive(
        "\udcff\udcfe", bytes(16)
    )
    assert slots.extract(embedded("\udcff"), "\udcff")[0] == b"secret"
    with pytest.raises(StegoError, match="half a character"):
        keys.derive("\ud800", bytes(16))
