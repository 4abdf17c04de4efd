"""A secret that can be denied, from files to files."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import stego
from pictures import natural, photograph
from PIL import Image

from stegocli import api, info
from stegocli.errors import StegoError
from stegocli.methods import Auto, Decoy, Discreet, Exact, Robust
from stegocli.payload import estimate, slots
from stegocli.picture import files

pytestmark = pytest.mark.usefixtures("quick_keys")

REAL, HARMLESS = {"STEGO_PASSWORD": "real"}, {"STEGO_PASSWORD": "harmless"}


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A cover, two secrets of about one length, and one of another; the current folder."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photograph(120, 140)).save("cover.png")
    for i, name in enumerate(("real", "harmless")):
        Image.fromarray(natural(30, 40, i)).save(f"{name}.png")
    Path("tiny.txt").write_text("x")
    Path("long.bin").write_bytes(np.random.default_rng(0).bytes(3000))
    return tmp_path


def opened(password: str) -> bytes:
    out = Path("out")
    out.mkdir(exist_ok=True)
    return api.reveal("s.png", out / f"{password}.png", password=password, force=True).path.read_bytes()


@pytest.mark.parametrize("auto", [False, True])
def test_each_password_opens_its_own_file(desk, auto):
    decoy = Decoy("harmless.png", "harmless")
    done = api.hide(
        "cover.png", "real.png", "s.png", Auto(password="real", decoy=decoy) if auto else Exact("real", decoy=decoy)
    )
    assert [(part.name, part.secret.psnr) for part in done.decoys] == [("harmless.png", 99.0)]
    for name in ("real", "harmless"):
        assert opened(name) == Path(f"{name}.png").read_bytes()
        inside = info("s.png", name).contents
        assert inside.name == f"{name}.png" and inside.private and inside.version == slots.VERSION
    with pytest.raises(StegoError, match="can't be opened"):
        api.reveal("s.png", "o.png", password="third")


@pytest.mark.parametrize("shape", ["png", "jpg"])
def test_discreet_pictures_share_evenly(desk, shape):
    if shape == "jpg":
        pytest.importorskip("jpeglib")
        Image.fromarray(photograph(300, 300)).save("cover.png")
    method = Discreet("large", "real", decoy=Decoy(["harmless.png"], "harmless"))
    done = api.hide("cover.png", "real.png", f"s.{shape}", method)
    assert len(done.decoys) == 1 and done.decoys[0].secret.psnr > 15
    for word in ("real", "harmless"):
        found = api.reveal(f"s.{shape}", f"{word}-again.png", password=word)
        assert found.method == "discreet" and found.size == (40, 30)


@pytest.mark.parametrize("discreet", [False, True])
def test_a_decoy_that_would_give_itself_away_is_refused(desk, discreet):
    method = Discreet("large", "real") if discreet else Exact("real")
    longer = "real.png" if discreet else "long.bin"
    for secret, decoy in ((longer, "tiny.txt"), ("tiny.txt", longer)):
        with pytest.raises(StegoError, match=r"show that there is more: give a decoy that takes [\d,]+ to [\d,]+"):
            api.hide("cover.png", secret, "s.png", replace(method, decoy=Decoy(decoy, "other")))
    assert not Path("s.png").exists()


def test_the_lengths_that_a_refusal_names_do(desk):
    """At both ends of the range, and a byte beyond either."""
    for i, name in enumerate(("real", "other")):
        Path(f"{name}.bin").write_bytes(os.urandom(400 if i else 3000))
    with pytest.raises(StegoError) as refused:
        api.hide("cover.png", "real.bin", "s.png", Exact("real", decoy=Decoy("other.bin", "two")))
    takes, _, low, high = (int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*", str(refused.value)))
    overhead = takes - 400
    for length, fits in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
        Path("other.bin").write_bytes(os.urandom(length - overhead))
        try:
            api.hide("cover.png", "real.bin", "s.png", Exact("real", decoy=Decoy("other.bin", "two")), force=True)
            assert fits, length
        except StegoError:
            assert not fits, length


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (Exact("same", decoy=Decoy("harmless.png", "same")), "give two"),
        (Exact("\u00e9", decoy=Decoy("harmless.png", "e\u0301")), "give two"),
        (Exact("real", decoy=Decoy("harmless.png", "")), "empty"),
        (Exact("real", decoy=Decoy("harmless.png", None)), "password of its own"),
        (Exact(decoy=Decoy("harmless.png", "two")), "under a password"),
        (Exact("real", fit=True, decoy=Decoy("harmless.png", "two")), "leave one of them out"),
        (Exact("real", decoy=Decoy("none.png", "two")), "does not exist"),
    ],
)
def test_what_can_not_be_denied_is_said(desk, method, words):
    with pytest.raises(StegoError, match=words):
        api.hide("cover.png", "real.png", "s.png", method)
    assert not Path("s.png").exists()
    with pytest.raises(StegoError, match="no room for a decoy"):
        api.hide("cover.png", "real.png", "s.jpg", Auto(password="real", decoy=Decoy("harmless.png", "two")))
    assert not hasattr(Robust(), "decoy")


def test_a_decoy_is_never_replaced(desk):
    with pytest.raises(StegoError, match="also an input"):
        api.hide("cover.png", "real.png", "harmless.png", Exact("a", decoy=Decoy("harmless.png", "b")), force=True)


def test_what_takes_more_than_half_goes_alone(desk):
    rgb = files.read("cover.png").rgb
    length = estimate.holds(rgb, True, 40) - 100
    Path("long.bin").write_bytes(os.urandom(length))
    done = api.hide("cover.png", "long.bin", "s.png", Exact("real"))
    assert done.cover.psnr >= 39.9 and info("s.png", "real").contents.version == 3
    with pytest.raises(StegoError, match="for each of two: use a larger cover"):
        api.hide("cover.png", "long.bin", "s2.png", Exact("real", decoy=Decoy("long.bin", "two")))


def test_at_the_command_line(desk):
    words = {"STEGO_PASSWORD": "real", "STEGO_DECOY_PASSWORD": "harmless"}
    done = stego(
        "hide", "cover.png", "real.png", "-o", "s.png", "--password", "--decoy", "harmless.png", "--json", **words
    )
    assert done.returncode == 0, done.stderr
    assert [part["name"] for part in json.loads(done.stdout)["decoys"]] == ["harmless.png"]
    Path("word").write_text("harmless")
    hidden = ("hide", "cover.png", "real.png", "-o", "s.png", "--force")
    done = stego(*hidden, "--password", "--decoy", "harmless.png", "--decoy-password-file", "word", **REAL)
    assert done.returncode == 0 and "decoy harmless.png" in done.stdout
    for word in (REAL, HARMLESS):
        assert stego("reveal", "s.png", "-o", f"{word['STEGO_PASSWORD']}-again.png", **word).returncode == 0
        name = word["STEGO_PASSWORD"]
        assert Path(f"{name}-again.png").read_bytes() == Path(f"{name}.png").read_bytes()
    for arguments in (["--decoy", "harmless.png"], ["--decoy", "harmless.png", "--survive", "75", "--password"],
                      ["--password", "--decoy-password-file", "word"]):  # fmt: skip
        assert stego(*hidden, *arguments, **words).returncode == 2, arguments
    asked = stego(*hidden, "--password", "--decoy", "harmless.png", **REAL)
    assert asked.returncode == 1 and "STEGO_DECOY_PASSWORD" in asked.stderr and asked.stderr.count("\n") == 1
