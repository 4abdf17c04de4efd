"""The secret's own name: kept with its content, never trusted when it comes back."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from pictures import natural
from PIL import Image
from stegos import content, encoder, stego_of

from stegocli import api, folders
from stegocli.delivery import AS_SEEN, Delivery
from stegocli.errors import StegoError
from stegocli.methods import Exact, Flow
from stegocli.methods.base import Found, Outcome, Stego
from stegocli.payload import codings, container
from stegocli.picture import png

pytestmark = pytest.mark.usefixtures("quick_keys")

FORGED = [
    "../up.txt", "/etc/passwd", "a/b.txt", "a\\b.txt", "C:x.txt", "..", ".a.b", ".", "-rf", "~root", "CON", "con.txt",
    "nul.tar.gz", "COM1.png", "lpt9", "LPT¹.txt", "aux .txt", "a\0.txt", "a\n.txt", "a\x1b[31m.txt", "a\x7f.txt",
    "gpj\u202e.exe", "a\u200b.txt", "a\u2028.txt", " a.txt", "a.txt ", "a.", "a?.txt", "a*", "a|b", '"a"', "<a>",
    "a" * 201, "ä" * 101, "a.b c", "a\ue000",
]  # fmt: skip
PLAIN = [
    "report.pdf",
    "noext",
    "Grüße an alle.tar.gz",
    "IMG 2041 (1).JPG",
    "[v] 1.2",
    "日本.txt",
    "console.txt",
    "a" * 200,
]


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_name_is_refused(tmp_path, name):
    with pytest.raises(ValueError):
        codings.unpack(content(name))
    stego = stego_of(tmp_path / "s.png", content(name))
    out = tmp_path / "below" / "out"
    out.mkdir(parents=True)
    with pytest.raises(StegoError, match="forged"):
        api.reveal(stego, out)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["below", "out", "s.png"]


@pytest.mark.parametrize("name", [n for n in FORGED if "/" not in n and "\0" not in n and n not in ("..", ".")])
def test_an_odd_name_is_not_kept(tmp_path, name):
    if len(os.fsencode(name)) > 255:
        pytest.skip("no file can be called so")
    (tmp_path / name).write_bytes(b"content")
    packed = encoder(tmp_path / name).exact()
    assert codings.unpack(packed.content).name is None
    assert codings.unpack(packed.content).secret == b"content"


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("password", [None, "word"])
def test_a_name_comes_back(tmp_path, pair, name, password):
    (tmp_path / name).write_bytes(b"content")
    api.hide(pair[0], tmp_path / name, tmp_path / "s.png", Exact(password))
    assert name.encode() not in (tmp_path / "s.png").read_bytes()
    (tmp_path / "out").mkdir()
    done = api.reveal(tmp_path / "s.png", tmp_path / "out", password=password)
    assert (done.name, done.path) == (name, tmp_path / "out" / name) and done.path.read_bytes() == b"content"
    # Taken: the stego's name, then nothing.
    suffix = Path(name).suffix.lower() if codings.unpack(content(name)).extension else ""
    assert api.reveal(tmp_path / "s.png", tmp_path / "out", password=password).path.name == f"s-revealed{suffix}"
    with pytest.raises(StegoError, match="already exists"):
        api.reveal(tmp_path / "s.png", tmp_path / "out", password=password)
    assert len(list((tmp_path / "out").iterdir())) == 2
    # Beside the stego its own name counts.
    done = api.reveal(tmp_path / "s.png", password=password)
    assert done.path == tmp_path / f"s-revealed{suffix}" and done.name == name


def test_content_of_earlier_versions_has_no_name(tmp_path):
    for extension in ("", ".pdf"):
        packed = content(extension)
        assert codings.unpack(packed) == codings.Unpacked(b"content", extension, None, container.SAME_FILE)
        out = tmp_path / f"out{extension}"
        out.mkdir()
        done = api.reveal(stego_of(tmp_path / "s.png", packed), out)
        assert done.name is None and done.path == out / f"s-revealed{extension}"


def test_a_picture_that_comes_back_otherwise_is_called_otherwise(tmp_path, pair):
    noisy = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    Image.fromarray(noisy).save(tmp_path / "Holiday.JPG", "JPEG", quality=95)
    api.hide(pair[0], tmp_path / "Holiday.JPG", tmp_path / "s.png", Exact(fit=True))
    (tmp_path / "out").mkdir()
    done = api.reveal(tmp_path / "s.png", tmp_path / "out")
    assert done.summary == container.APPROXIMATE and done.name == "Holiday.JPG"
    assert done.path.name == "Holiday.png" and Image.open(done.path).format == "PNG"


def test_the_network_has_no_room_for_a_name(tmp_path, pair, model):
    api.hide(*pair, tmp_path / "s.png", Flow(model))
    (tmp_path / "out").mkdir()
    done = api.reveal(tmp_path / "s.png", tmp_path / "out", model)
    assert done.name is None and done.path.name == "s-revealed.png"


def test_a_folder_of_equal_names_loses_none(tmp_path):
    stegos, out = tmp_path / "stegos", tmp_path / "out"
    stegos.mkdir()
    for i in range(3):
        stego_of(stegos / f"{i}.png", content("a.txt", b"%d" % i))
    for force in (False, True):
        done = list(folders.reveal(stegos, out, force=force))
        assert sorted(d.path.read_bytes() for d in done) == [b"0", b"1", b"2"]


def test_a_link_of_that_name_is_not_followed(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.txt").symlink_to(tmp_path / "elsewhere.txt")
    done = api.reveal(stego_of(tmp_path / "s.png", content("a.txt")), out, force=True)
    assert done.path.name == "s-revealed.txt" and not (tmp_path / "elsewhere.txt").exists()


def test_what_can_not_be_written_leaves_no_empty_file(tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise StegoError("full")

    monkeypatch.setattr(Delivery, "_one_to", fail)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(StegoError, match="full"):
        api.reveal(stego_of(tmp_path / "s.png", content("a.txt")), out)
    assert not list(out.iterdir())


# -- into another format ----------------------------------------------------------------------------------------


def revealed_as(tmp_path, name: str, own: bytes, target: str) -> api.Revealed:
    return api.reveal(stego_of(tmp_path / "s.png", content(name, own), natural(200, 200)), tmp_path / target)


def picture(path: Path, samples: np.ndarray, **options) -> bytes:
    Image.fromarray(samples).save(path, **options)
    return path.read_bytes()


def test_other_formats_are_called_what_they_are(tmp_path):
    rgb = natural(40, 50)
    exif = Image.Exif()
    exif[0x0112] = 6
    jpeg = picture(tmp_path / "a.jpg", rgb)
    turned = picture(tmp_path / "t.jpg", rgb, exif=exif)
    deep = picture(tmp_path / "d.png", (natural(40, 50)[..., 0].astype(np.uint16) * 257))
    palette = tmp_path / "p.gif"
    Image.fromarray(rgb).quantize(64).save(palette)
    assert revealed_as(tmp_path, "a.jpg", jpeg, "1.png").summary == container.SAME_PIXELS
    assert revealed_as(tmp_path, "a.jfif", jpeg, "2.png").summary == container.SAME_PIXELS
    assert revealed_as(tmp_path, "a.jfif", jpeg, "2.jfif").summary == container.SAME_FILE
    assert revealed_as(tmp_path, "noext", jpeg, "3.tif").summary == container.SAME_PIXELS
    assert revealed_as(tmp_path, "a.png", picture(tmp_path / "b.png", rgb), "4.bmp").summary == container.SAME_PIXELS
    done = revealed_as(tmp_path, "t.jpg", turned, "5.png")
    assert done.summary == AS_SEEN and done.size == (40, 50)
    assert revealed_as(tmp_path, "d.png", deep, "6.tif").summary == AS_SEEN
    assert revealed_as(tmp_path, "d.png", deep, "6.png").summary == container.SAME_FILE
    assert revealed_as(tmp_path, "p.gif", palette.read_bytes(), "7.png").summary == AS_SEEN
    with pytest.raises(StegoError, match=r"holds a \.txt"):
        revealed_as(tmp_path, "a.txt", b"text", "8.png")


@pytest.mark.parametrize("name", ["b_secret", "picture.dat", "photo.jpg", "a.tif", "a.png"])
@pytest.mark.parametrize("writer", ["png", "other png", "plain other png", "tiff"])
def test_the_name_has_no_say_in_the_coding(tmp_path, pair, monkeypatch, name, writer):
    """And what comes back under it is the same file, or a file of its format with the same pixels."""
    rgb = natural(60, 80, 5)
    suffix = ".tif" if writer == "tiff" else ".png"
    options = {"compression": "tiff_lzw"} if writer == "tiff" else {"compress_level": 0}
    own = picture(tmp_path / f"own{suffix}", rgb, **options, **({"dpi": (72, 72)} if writer == "other png" else {}))
    if "other" in writer:
        monkeypatch.setattr(png, "recipe", lambda parts, samples: None)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(own)
    usual, packed = encoder(tmp_path / f"own{suffix}").exact(), encoder(tmp_path / "in" / name).exact()
    strip = [content[2 + content[1] :] for content in (usual.content, packed.content)]
    assert strip[0] == strip[1] and (usual.coding, usual.fidelity) == (packed.coding, packed.fidelity)
    out = tmp_path / "out"
    out.mkdir()
    done = api.reveal(stego_of(tmp_path / "s.png", packed.content, natural(200, 200)), out)
    assert (done.name, done.path, done.summary) == (name, out / name, packed.fidelity)
    assert np.array_equal(np.asarray(Image.open(done.path)), rgb)
    if packed.fidelity == container.SAME_FILE:
        assert done.path.read_bytes() == own
    # A name that says a format which is written without loss gets that; any other what the file was.
    elif name.endswith((".png", ".tif")):
        assert Image.open(done.path).format == {".png": "PNG", ".tif": "TIFF" if writer == "tiff" else "PNG"}[name[1:]]
    else:
        assert Image.open(done.path).format == Image.open(io.BytesIO(own)).format
    assert api.reveal(tmp_path / "s.png", tmp_path / "r.png").path.name == "r.png"


def test_remarks_that_only_a_png_takes_are_missed(tmp_path):
    stored = Image.new("RGB", (40, 50))
    stored.putdata([tuple(p) for p in natural(50, 40).reshape(-1, 3).tolist()])
    stored.save(tmp_path / "a.png", dpi=(300, 300))
    packed = encoder(tmp_path / "a.png").exact().content
    found = codings.unpack(packed)
    assert isinstance(found.secret, bytes)
    told = Outcome(method="exact", summary=container.SAME_PIXELS)
    remarked = Found(files_picture(found.secret), ".png", told)
    delivery = Delivery(Stego(tmp_path / "s.png", natural(50, 40)), remarked, False)
    for target, notes in (("1.png", 0), ("2.tif", 1)):
        assert len(delivery.to(tmp_path / target, False).notes) == notes


def files_picture(own: bytes):
    from dataclasses import replace

    from stegocli.picture import files

    return replace(files.read("a.png", content=own), remarks=png.remarks(png.chunks(own)))
