"""Bit for bit, openly and under a password: round trips, refusals, and what a stranger sees."""

import json
import os
import re
import struct
from itertools import pairwise
from pathlib import Path

import forge
import numpy as np
import pytest
from command import stego
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import natural
from PIL import Image
from systems import at_a_terminal, terminal

from stegocli import api
from stegocli.errors import StegoError
from stegocli.methods import Exact
from stegocli.methods.exact import COVER_PSNR
from stegocli.payload import embedding, header, keys, slots, streams, trellis
from stegocli.payload.errors import AuthenticationError, InvalidContent
from stegocli.payload.header import Header
from stegocli.picture import files, metrics

pytestmark = pytest.mark.usefixtures("quick_keys")

PASSWORDS = [None, "Käse & Brot"]


def plan_for(rgb, content, password):
    private = password is not None
    return embedding.plan(embedding.capacity(rgb.size, private), 8 * (len(content) + embedding.overhead(private)))


def embedded(rgb, content, plan, password, version=header.VERSION):
    if password is not None:
        return embedding.embed_private(rgb, content, plan, password)
    extent = embedding.PayloadDescriptor(len(content), plan)
    return header.embed(embedding.embed_open(rgb, content, plan), Header(2, extent.pack(), version))


def taken_out(rgb, password):
    if password is not None:
        return slots.extract(rgb, password)[0]
    found = header.extract(rgb)
    assert found.intact
    return embedding.extract_open(
        rgb, embedding.PayloadDescriptor.unpack(found.own, embedding.capacity(rgb.size, False, found.version))
    )


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("shape", [(16, 16), (1, 400), (400, 1), (33, 47)])
@pytest.mark.parametrize("cover", ["natural", "black", "white", "noise"])
@pytest.mark.parametrize("share", [0, 0.01, 0.3, 1])
def test_round_trip_over_shapes_covers_and_sizes(password, shape, cover, share):
    rgb = {
        "natural": lambda: natural(max(shape[0], 3), max(shape[1], 4))[: shape[0], : shape[1]],
        "black": lambda: np.zeros((*shape, 3), np.uint8),
        "white": lambda: np.full((*shape, 3), 255, np.uint8),
        "noise": lambda: np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8),
    }[cover]()
    private = password is not None
    most = embedding.EmbeddingPlan(embedding.capacity(rgb.size, private), trellis.LARGEST_BASE - 1, 0)
    limit = most.bits // 8 - embedding.overhead(private)
    content = os.urandom(max(0, int(limit * share)))
    plan = plan_for(rgb, content, password)
    assert taken_out(embedded(rgb, content, plan, password), password) == content


@given(st.data(), st.integers(16, 40), st.integers(16, 40), st.sampled_from(PASSWORDS))
@settings(max_examples=60, deadline=None)
def test_any_bytes_come_back_bit_for_bit(data, height, width, password):
    rgb = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 256, (height, width, 3), dtype=np.uint8)
    limit = embedding.EmbeddingPlan(embedding.capacity(rgb.size, password is not None), 8, 0).bits // 8 - 16
    content = data.draw(st.binary(max_size=limit))
    with forge.quick_keys():
        stego = embedded(rgb, content, plan_for(rgb, content, password), password)
        assert taken_out(stego, password) == content


@given(st.binary(min_size=16, max_size=16), st.integers(1, 2000))
@settings(max_examples=300, deadline=None)
def test_any_descriptor_is_refused_or_fits(packed, samples):
    sizes = embedding.capacity(samples, False)
    try:
        found = embedding.PayloadDescriptor.unpack(packed, sizes)
    except InvalidContent:
        return
    assert 8 * found.length <= found.plan.bits and found.plan.used <= max(0, samples)


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("share", [0, 0.02, 0.4, 1])
@pytest.mark.parametrize("segment", [977, 4000])
def test_pictures_of_several_segments(monkeypatch, password, share, segment):
    monkeypatch.setattr(embedding, "SEGMENT", segment)
    rgb = natural(61, 43)
    sizes = embedding.capacity(rgb.size, password is not None)
    assert len(sizes) == -(-rgb.size // segment)
    assert sum(sizes) == rgb.size - 224 - (384 if password else 0)
    limit = embedding.EmbeddingPlan(sizes, 7, 3000).bits // 8 - embedding.overhead(password is not None)
    content = os.urandom(int(limit * share))
    stego = embedded(rgb, content, plan_for(rgb, content, password), password)
    assert taken_out(stego, password) == content
    # Half full, every segment takes its share of the change.
    change = np.square(stego.astype(int) - rgb).reshape(-1)
    if share == 0.4:
        each = [change[k :: len(sizes)].mean() for k in range(len(sizes))]
        assert max(each) < 2 * min(each)


@pytest.mark.parametrize("password", PASSWORDS)
def test_large_pictures_of_version_1_are_one_segment(monkeypatch, password):
    """As version 1 made them: one order for the whole picture, however large."""
    rgb, content = natural(61, 43), os.urandom(900)
    private = password is not None
    sizes = embedding.capacity(rgb.size, private, 1)
    plan = embedding.plan(sizes, 8 * (len(content) + embedding.overhead(private)))
    with monkeypatch.context() as earlier:
        earlier.setattr(header, "VERSION", 1)
        stego = embedded(rgb, content, plan, password, version=1)
    monkeypatch.setattr(embedding, "SEGMENT", 977)
    assert taken_out(stego, password) == content
    changed = stego.copy()
    changed[30, 20, 1] ^= 4
    if private:
        with pytest.raises(AuthenticationError):
            taken_out(changed, password)


def test_the_first_of_an_order_without_the_rest(monkeypatch):
    monkeypatch.setattr(keys, "_AT_ONCE", 100)
    for count in (1, 99, 100, 1000, 5001):
        places, key = np.arange(7, 7 + count), bytes(32)
        assert np.array_equal(keys.first_of_shuffle(key, places, 300), keys.shuffle(key, places)[:300])


def test_equal_numbers_of_a_key_stream_keep_their_order(monkeypatch):
    class Stream:
        def update(self, zeros):
            return (np.arange(len(zeros) // 8, dtype="<u8")[::-1] // 3).tobytes()

    monkeypatch.setattr(keys, "_stream", lambda key, segment: Stream())
    assert keys.shuffle(b"", np.arange(6)).tolist() == [3, 4, 5, 0, 1, 2]


@pytest.mark.parametrize("extension", [".png", ".tif", ".webp", ".bmp"])
@pytest.mark.parametrize("password", PASSWORDS)
def test_files_come_back_bit_for_bit(tmp_path, pair, extension, password):
    stego, out = tmp_path / f"s{extension}", tmp_path / "r.png"
    hidden = api.hide(*pair, stego, Exact(password))
    done = api.reveal(stego, out, password=password)
    assert np.array_equal(files.read(out).rgb, files.read(pair[1]).rgb)
    assert hidden.secret.psnr == metrics.EXACT_PSNR and done.summary == "same file"
    assert hidden.cover.psnr == metrics.psnr(files.read(pair[0]).rgb, files.read(stego).rgb) >= COVER_PSNR


def test_any_file_by_nature(tmp_path, pair):
    secret = tmp_path / "report.pdf"
    secret.write_bytes(os.urandom(3000))
    hidden = api.hide(pair[0], secret, tmp_path / "s.png")
    assert hidden.secret is None and hidden.score is None
    done = api.reveal(tmp_path / "s.png")
    assert done.path.name == "s-revealed.pdf" and done.path.read_bytes() == secret.read_bytes()
    with pytest.raises(StegoError, match=r"holds a \.pdf"):
        api.reveal(tmp_path / "s.png", tmp_path / "r.txt")
    assert not (tmp_path / "r.txt").exists()


def test_a_jpeg_secret_is_the_same_file_or_a_picture(tmp_path, pair):
    secret = tmp_path / "a.jpg"
    Image.fromarray(natural(50, 70)).save(secret)
    api.hide(pair[0], secret, tmp_path / "s.png", Exact())
    assert api.reveal(tmp_path / "s.png").path.read_bytes() == secret.read_bytes()
    api.reveal(tmp_path / "s.png", tmp_path / "r.png")
    assert np.array_equal(files.read(tmp_path / "r.png").rgb, files.read(secret).rgb)


def refusal(cover: Path, secret: Path, method: Exact) -> str:
    with pytest.raises(StegoError, match="pixels") as caught:
        api.hide(cover, secret, cover.with_name("o.png"), method)
    assert not cover.with_name("o.png").exists()
    return str(caught.value)


def numbers(message: str) -> dict[str, float]:
    """What a refusal says in numbers: bytes needed and held, pixels that would do, a PSNR that would."""
    found = re.search(
        r"needs (?P<needs>[\d,]+) bytes.* holds (?P<holds>[\d,]+) at .* a cover of (?P<pixels>[\d,]+) pixels "
        r"instead of [\d,]*\d(, or cover_psnr (?P<psnr>\d+(\.\d)?))?",
        message,
    )
    return {name: float(value.replace(",", "")) for name, value in found.groupdict().items() if value}


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("kind", ["natural", "half white", "black"])
def test_a_refusal_names_numbers_that_do(tmp_path, kind, password, monkeypatch):
    cover, secret, out = tmp_path / "c.png", tmp_path / "a.bin", tmp_path / "o.png"
    rgb = natural(90, 80) * (kind != "black")
    rgb[: 45 * (kind == "half white")] = 255
    Image.fromarray(rgb).save(cover)
    secret.write_bytes(os.urandom(12_000))
    embed, embedded = embedding.write, []
    monkeypatch.setattr(embedding, "write", lambda *arguments: embedded.append(1) or embed(*arguments))
    told = numbers(refusal(cover, secret, Exact(password, cover_psnr=44)))
    assert not embedded, "nothing is embedded to find out that it is too large"
    # What it holds goes in: at its word, and one byte more does not.
    overhead = int(told["needs"]) - 12_000
    secret.write_bytes(os.urandom(int(told["holds"]) - overhead))
    assert api.hide(cover, secret, out, Exact(password, cover_psnr=44)).cover.psnr >= 43.95
    assert len(embedded) == 1
    out.unlink()
    secret.write_bytes(os.urandom(int(told["holds"]) - overhead + 1))
    assert numbers(refusal(cover, secret, Exact(password, cover_psnr=44)))["holds"] == told["holds"]
    # So does the secret, at the PSNR that is named, and not at one a little higher.
    secret.write_bytes(os.urandom(12_000))
    assert told["psnr"] * 10 == round(told["psnr"] * 10) and 20 <= told["psnr"] < 44
    assert api.hide(cover, secret, out, Exact(password, cover_psnr=told["psnr"])).cover.psnr >= told["psnr"] - 0.05
    out.unlink()
    refusal(cover, secret, Exact(password, cover_psnr=told["psnr"] + 0.4))
    # And in a cover of the same kind with the pixels that are named.
    larger = np.concatenate([rgb] * 9, 1)[:, : -(-int(told["pixels"]) // 90)]
    Image.fromarray(larger).save(cover)
    assert api.hide(cover, secret, out, Exact(password, cover_psnr=44)).cover.psnr >= 43.95


def test_what_no_psnr_would_do_for_is_told_the_pixels(tmp_path):
    cover, secret = tmp_path / "c.png", tmp_path / "a.bin"
    Image.fromarray(natural(40, 40)).save(cover)
    secret.write_bytes(os.urandom(60_000))
    message = refusal(cover, secret, Exact())
    assert "not even cover_psnr 20 would do" in message and numbers(message)["pixels"] > 50_000


@pytest.mark.slow
def test_fit_helps_and_is_named(tmp_path):
    cover, secret = tmp_path / "c.png", tmp_path / "s.png"
    Image.fromarray(natural(64, 64)).save(cover)
    Image.fromarray(natural(300, 300)).save(secret)
    assert refusal(cover, secret, Exact(cover_psnr=44)).endswith("or Exact(fit=True).")
    hidden = api.hide(cover, secret, tmp_path / "o.png", Exact(fit=True, cover_psnr=44))
    api.reveal(tmp_path / "o.png", tmp_path / "r.png")
    assert hidden.cover.psnr >= 43.95
    assert hidden.secret.psnr == metrics.psnr(files.read(secret).rgb, files.read(tmp_path / "r.png").rgb) > 25


@pytest.mark.slow
def test_fit_says_what_would_do_where_nothing_fits(tmp_path):
    cover, secret = tmp_path / "c.png", tmp_path / "s.png"
    Image.fromarray(natural(20, 20)).save(cover)
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(secret)
    message = refusal(cover, secret, Exact(fit=True, cover_psnr=50))
    told = numbers(message)
    assert "at the least" in message
    assert "Exact(fit=True)" not in message and told["needs"] > told["holds"]


@pytest.mark.slow
def test_fit_codes_a_picture_once(tmp_path, monkeypatch):
    """And black and white do not make it begin anew."""
    cover, secret = tmp_path / "c.png", tmp_path / "s.png"
    Image.new("RGB", (150, 150)).save(cover)
    Image.fromarray(natural(200, 300)).save(secret)
    efforts, jxl = [], streams.encode_jxl
    monkeypatch.setattr(streams, "encode_jxl", lambda samples, **o: efforts.append(o["effort"]) or jxl(samples, **o))
    assert api.hide(cover, secret, tmp_path / "o.png", Exact(fit=True)).cover.psnr >= 39.95
    assert efforts.count(9) == 1


# -- privacy ----------------------------------------------------------------------------------------------------


def test_wrong_password_and_altered_picture_say_the_same(tmp_path, pair):
    api.hide(*pair, tmp_path / "s.png", Exact("right"))
    altered = files.read(tmp_path / "s.png").rgb.copy()
    altered[5, 5, 1] ^= 2
    Image.fromarray(altered).save(tmp_path / "t.png")
    messages = []
    for path, password in (("s.png", "wrong"), ("t.png", "right")):
        with pytest.raises(StegoError) as caught:
            api.reveal(tmp_path / path, tmp_path / "r.png", password=password)
        messages.append(str(caught.value).replace(path, ""))
    assert messages[0] == messages[1] and not (tmp_path / "r.png").exists()
    with pytest.raises(StegoError, match="password"):
        api.reveal(tmp_path / "s.png", tmp_path / "r.png")


@pytest.mark.slow
@pytest.mark.parametrize("password", PASSWORDS)
def test_two_thousand_single_changes_are_all_refused(tmp_path, password):
    """Openly and under a password: never a wrong picture, whichever sample changes and however."""
    rgb = natural(40, 50)
    content = os.urandom(1200)
    stego = embedded(rgb, content, plan_for(rgb, content, password), password)
    rng = np.random.default_rng(0)
    for _ in range(2000):
        changed = stego.reshape(-1).copy()
        changed[rng.integers(changed.size)] ^= rng.integers(1, 256)
        changed = changed.reshape(stego.shape)
        if password is None:
            found = header.extract(changed)
            assert found is None or not found.intact
        else:
            with pytest.raises(AuthenticationError):
                slots.extract(changed, password)[0]


@pytest.mark.parametrize("forged", [(2**31, 3, 0), (1, 200, 0), (1, 3, 9999)])
def test_forged_extents_are_refused(forged):
    with pytest.raises(ValueError):
        embedding.PayloadDescriptor.unpack(struct.pack(">IBI7x", *forged), (1576,))


def test_nothing_tells_without_the_password():
    """Header places, lowest bits and digits of a private stego are as random as coin throws."""
    rgb = np.random.default_rng(3).integers(30, 226, (200, 200, 3), dtype=np.uint8)
    content = bytes(20_000)
    plan = plan_for(rgb, content, "secret")
    stegos = [embedding.embed_private(rgb, content, plan, "secret") for _ in range(6)]
    assert all(header.extract(s) is None for s in stegos)
    places = header.positions(rgb.size)
    ones = np.mean([s.reshape(-1)[places] & 1 for s in stegos])
    assert abs(ones - 0.5) < 4 * 0.5 / np.sqrt(6 * len(places))
    # The same content twice: the changes are unrelated, so neither order, salt nor cipher repeats.
    changes = [(s.astype(int) - rgb).reshape(-1) for s in stegos]
    for a, b in pairwise(changes):
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(rgb.size)
    # 20,000 zero bytes leave no trace: digits are uniform (chi-squared, 4 degrees of freedom, p = 1e-5).
    digits = np.bincount(stegos[0].reshape(-1) % 5, minlength=5)
    before = np.bincount(rgb.reshape(-1) % 5, minlength=5)
    expected = rgb.size / 5
    assert ((digits - expected) ** 2 / expected).sum() < max(28.5, ((before - expected) ** 2 / expected).sum() * 3)


def test_positions_are_keyed():
    places = np.arange(1000)
    a, b = (keys.shuffle(bytes([i]) * 32, places) for i in (1, 2))
    assert sorted(a) == sorted(b) == list(places) and (a == b).mean() < 0.02


def test_key_derivation_is_argon2id():
    derived = keys.derive("password", bytes(16))
    assert len({derived.order, derived.plan, derived.content, derived.picture}) == 4
    assert derived == keys.derive("password", bytes(16)) != keys.derive("password", b"1" * 16)


def test_an_empty_password_is_refused(tmp_path, pair):
    with pytest.raises(StegoError, match="empty"):
        api.hide(*pair, tmp_path / "o.png", Exact(""))


def private(tmp_path, rgba: np.ndarray) -> np.ndarray:
    """A stego's samples and transparency, hidden in a cover of these."""
    Image.fromarray(rgba).save(tmp_path / "c.png")
    (tmp_path / "a.txt").write_text("text")
    api.hide(tmp_path / "c.png", tmp_path / "a.txt", tmp_path / "s.png", Exact("word"))
    return np.asarray(Image.open(tmp_path / "s.png"))


def opens(tmp_path, samples: np.ndarray) -> bool:
    Image.fromarray(samples).save(tmp_path / "t.png")
    try:
        return (
            api.reveal(tmp_path / "t.png", tmp_path / "r.txt", password="word", force=True).path.read_text() == "text"
        )
    except StegoError:
        return False


def test_transparency_is_under_the_mac(tmp_path):
    rgb = natural(40, 40)
    alpha = np.full((40, 40), 255, np.uint8)
    alpha[10:20] = 90
    stego = private(tmp_path, np.dstack([rgb, alpha]))
    assert np.array_equal(stego[..., 3], alpha) and opens(tmp_path, stego)
    for change in (lambda a: a[:1], lambda a: a[10:11], lambda a: a):
        changed = stego.copy()
        change(changed[..., 3])[:] ^= 1
        assert not opens(tmp_path, changed)
    assert not opens(tmp_path, stego[..., :3]), "nor may it be dropped"
    transposed = np.ascontiguousarray(stego.reshape(20, 80, 4))
    assert not opens(tmp_path, transposed)


@pytest.mark.parametrize("cover", ["without", "opaque"])
def test_no_transparency_and_full_opacity_are_the_same(tmp_path, cover):
    rgb = natural(40, 40)
    opaque = np.full((40, 40), 255, np.uint8)
    stego = private(tmp_path, rgb if cover == "without" else np.dstack([rgb, opaque]))[..., :3]
    assert opens(tmp_path, stego) and opens(tmp_path, np.dstack([stego, opaque]))
    opaque[3, 3] = 254
    assert not opens(tmp_path, np.dstack([stego, opaque])), "put on afterwards"


@pytest.mark.parametrize("version", [1, 2])
def test_stegos_of_versions_that_did_not_guard_transparency_still_open(monkeypatch, version):
    rgb = natural(40, 40)
    alpha = np.full((40, 40), 9, np.uint8)
    plan = plan_for(rgb, b"text", "word")
    with monkeypatch.context() as earlier:
        earlier.setattr(header, "VERSION", version)
        stego = embedding.embed_private(rgb, b"text", plan, "word", alpha)
    assert slots.extract(stego, "word", alpha)[0] == slots.extract(stego, "word")[0] == b"text"


# -- command line -----------------------------------------------------------------------------------------------


@terminal
def test_a_password_is_asked_for_twice_and_never_shown(tmp_path, pair):
    out = tmp_path / "o.png"
    code, shown = at_a_terminal(["opensesame", "opensesame"], "hide", *pair, "-o", out, "--password")
    assert code == 0 and "confirmation" in shown and "opensesame" not in shown
    code, shown = at_a_terminal(["opensesame"], "reveal", out)
    assert code == 0 and "same file" in shown
    code, shown = at_a_terminal([""], "reveal", pair[0])
    assert code == 1 and "holds no hidden picture" in shown


def test_the_command_line_finds_the_method_in_the_picture(tmp_path, pair):
    cover, secret = pair
    out = tmp_path / "o.png"
    (tmp_path / "word").write_text("from a file\n")
    assert "exact" in stego("hide", cover, secret, "-o", out, "--exact").stdout
    assert "same file" in stego("reveal", out).stdout
    assert stego("hide", cover, secret, "-o", out, "--password", "--force", STEGO_PASSWORD="one").returncode == 0
    assert stego("reveal", out).returncode == 1
    assert stego("reveal", out, STEGO_PASSWORD="two").returncode == 1
    assert stego("reveal", out, "--force", STEGO_PASSWORD="one").returncode == 0
    assert stego("hide", cover, secret, "-o", out, "--force", "--password-file", tmp_path / "word").returncode == 0
    assert stego("reveal", out, "--force", "--password-file", tmp_path / "word").returncode == 0
    figures = json.loads(stego("metrics", secret, tmp_path / "o-revealed.png", "--json").stdout)
    assert figures["bit_accuracy"] == 1
    asked = stego("hide", cover, secret, "-o", tmp_path / "n.png", "--password")
    assert asked.returncode == 1 and "STEGO_PASSWORD" in asked.stderr and not Path(tmp_path / "n.png").exists()
