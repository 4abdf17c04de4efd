"""Several secrets of one cover, from files to files: all come back, where they should, and safely."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pictures import natural, photograph
from PIL import Image
from stegos import stego_of
from systems import posix

from stegocli import api, folders, info
from stegocli.errors import StegoError
from stegocli.methods import Auto, Discreet, Exact, Flow, Robust
from stegocli.payload import container, header, several
from stegocli.payload.container import pack

pytestmark = pytest.mark.usefixtures("quick_keys")

PASSWORD = "correct horse"


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A cover, a picture, a text and a folder; the current folder."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photograph(200, 240)).save("cover.png")
    Image.fromarray(natural(60, 50)).save("a.png")
    Path("b.txt").write_text("b")
    Path("notes/deep").mkdir(parents=True)
    Path("notes/one.txt").write_text("one")
    Path("notes/deep/a.png").write_bytes(Path("a.png").read_bytes())
    return tmp_path


GIVEN = ["a.png", "b.txt", "notes"]
THERE = ["a.png", "b.txt", "notes/deep/a.png", "notes/one.txt"]


def tree(folder: str | Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in Path(folder).rglob("*") if p.is_file())


def hidden(method=None, output="stego.png", secrets=GIVEN):
    return api.hide("cover.png", secrets, output, method, force=True)


@pytest.mark.parametrize("method", [None, Exact(), Exact(PASSWORD), Exact(fit=True), Auto(password=PASSWORD)])
def test_several_come_back_with_their_paths(desk, method):
    done = hidden(method)
    assert done.method == "exact" and [part.name for part in done.parts] == [*THERE[:2], *THERE[2:]]
    assert done.secret is None and [part.secret.psnr for part in done.parts if part.secret] == [99, 99]
    found = api.reveal("stego.png", "out/", password=PASSWORD)
    assert found.path == Path("out") and tree("out") == THERE
    assert [part.path for part in found.parts] == [Path("out") / name for name in THERE]
    for name in THERE:
        assert (Path("out") / name).read_bytes() == Path(name).read_bytes()
    inside = info("stego.png", PASSWORD).contents
    assert [(part.name, part.size) for part in inside.parts if part.size] == [
        (THERE[0], (50, 60)),
        (THERE[2], (50, 60)),
    ]


@posix
def test_what_a_password_opened_is_for_its_owner(desk):
    hidden(Exact(PASSWORD))
    api.reveal("stego.png", "out/", password=PASSWORD)
    assert {stat.S_IMODE(os.stat(Path("out") / name).st_mode) for name in THERE} == {0o600}
    assert stat.S_IMODE(os.stat("out/notes").st_mode) == 0o700


def test_pictures_share_what_survives(desk):
    Image.fromarray(natural(90, 70, 3)).save("c.png")
    Image.fromarray(photograph(90, 70, 3)).save("d.png")
    done = hidden(Robust(75), "stego.jpg", ["c.png", "b.txt", "d.png"])
    assert done.method == "robust"
    assert abs(done.parts[0].secret.psnr - done.parts[2].secret.psnr) < 3
    found = api.reveal("stego.jpg", "out/")
    assert tree("out") == ["b.txt", "c.png", "d.png"] and found.summary == "3 files"
    assert Path("out/b.txt").read_text() == "b"


def test_pictures_that_are_hard_to_make_out_are_each_named(desk):
    noise = np.random.default_rng(0).integers(0, 256, (2, 60, 60, 3), dtype=np.uint8)
    for i in range(2):
        Image.fromarray(noise[i]).save(f"p{i}.png")
    done = hidden(Discreet("large", PASSWORD), secrets=["p0.png", "b.txt", "p1.png"])
    hard = [note.split()[0] for note in done.notes if "hard to make out" in note]
    assert done.below_floor and hard == ["p0.png", "p1.png"]
    api.reveal("stego.png", "out/", password=PASSWORD)
    assert tree("out") == ["b.txt", "p0.png", "p1.png"]


def test_the_network_takes_one(desk):
    with pytest.raises(StegoError, match="leave Flow"):
        hidden(Flow())
    with pytest.raises(StegoError, match="network"):
        hidden(Auto("default"))


def test_a_report_has_a_line_for_each_picture(desk):
    api.hide("cover.png", GIVEN, "stego.png", report="report.png")
    one = api.hide("cover.png", "a.png", "one.png", Exact(), report="one-report.png")
    assert one.parts == []
    assert Image.open("report.png").height == 18 + 2 * (Image.open("one-report.png").height - 18)
    with pytest.raises(StegoError, match="no picture"):
        api.hide("cover.png", ["b.txt", "notes/one.txt"], "s.png", report="r.png")


def test_several_of_an_earlier_version_still_open(tmp_path):
    api.reveal(Path(__file__).parent / "fixtures" / "several" / "exact.png", f"{tmp_path}/out/")
    assert (tmp_path / "out" / "b.txt").read_text() == "two\n"
    assert tree(tmp_path / "out") == ["b.txt", "notes/a.txt"]


# -- where they go ----------------------------------------------------------------------------------------------------


def test_a_single_name_is_refused(desk):
    hidden()
    with pytest.raises(StegoError, match=r"holds 4 files: name a folder for them, as out\.png/"):
        api.reveal("stego.png", "out.png")
    assert not Path("out.png").exists()


def test_beside_the_stego_they_get_a_folder(desk):
    hidden()
    assert api.reveal("stego.png").path == Path("stego-revealed") and tree("stego-revealed") == THERE
    with pytest.raises(StegoError, match="already exists"):
        api.reveal("stego.png")
    Path("stego-revealed/b.txt").write_text("changed")
    Path("stego-revealed/other.txt").write_text("stays")
    api.reveal("stego.png", force=True)
    assert Path("stego-revealed/b.txt").read_text() == "b" and Path("stego-revealed/other.txt").exists()
    assert not Path("stego-revealed-2").exists()


def test_no_file_that_is_there_is_replaced(desk):
    hidden()
    Path("out").mkdir()
    Path("out/b.txt").write_text("mine")
    Path("out/notes").mkdir()
    for expected in ("stego-revealed", "stego-revealed-2"):
        found = api.reveal("stego.png", "out") if expected[-1] == "d" else api.reveal("stego.png", "out", force=True)
        assert tree(found.path) == THERE
        if expected[-1] != "d":
            assert found.path == Path("out/stego-revealed"), "of an earlier run, so it may be replaced"
    assert Path("out/b.txt").read_text() == "mine" and not list(Path("out/notes").iterdir())


def test_a_folder_of_stegos(desk):
    Path("covers").mkdir()
    for i in range(2):
        Image.fromarray(photograph(120, 130, i)).save(f"covers/{i}.png")
    done = list(folders.hide("covers", ["b.txt", "notes"], "stegos"))
    assert [len(one.parts) for one in done] == [3, 3]
    found = list(folders.reveal("stegos", "out"))
    assert [one.path for one in found] == [Path("out"), Path("out/1-revealed")]
    assert tree("out/1-revealed") == ["b.txt", "notes/deep/a.png", "notes/one.txt"]


def test_a_failure_leaves_nothing(desk, monkeypatch):
    hidden()
    from stegocli import delivery

    monkeypatch.setattr(delivery.Outputs, "_name_all", lambda self: (_ for _ in ()).throw(StegoError("full.")))
    for output in ("out/", None):
        with pytest.raises(StegoError, match="full"):
            api.reveal("stego.png", output)
    assert sorted(p.name for p in desk.iterdir()) == ["a.png", "b.txt", "cover.png", "notes", "stego.png"]


def test_outputs_never_replace_what_is_hidden(desk):
    with pytest.raises(StegoError, match="also an input"):
        hidden(output="notes/deep/a.png")
    assert Path("notes/deep/a.png").read_bytes() == Path("a.png").read_bytes()
    done = api.hide("cover.png", ["cover.png", "b.txt"], "s.png", Exact(cover_psnr=30))
    assert any("cover and secret at once" in note for note in done.notes)


# -- damage ----------------------------------------------------------------------------------------------------------


def test_a_damaged_part_costs_that_part_only(desk):
    rng = np.random.default_rng(0)
    for i in range(5):
        Path(f"{i}.bin").write_bytes(rng.bytes(3000))
    hidden(Exact(), secrets=[f"{i}.bin" for i in range(5)])
    rgb = np.array(Image.open("stego.png"))
    rgb[100, 100, 1] ^= 1
    Image.fromarray(rgb).save("stego.png")
    assert info("stego.png").contents.intact is False
    found = api.reveal("stego.png", "out/")
    lost = [part for part in found.parts if part.problem]
    assert len(lost) == 1 and found.summary == "4 of 5 files" and len(tree("out")) == 4
    assert any("was altered" in note for note in found.notes)
    assert any(lost[0].name in note and "does not come back" in note for note in found.notes)
    rgb.reshape(-1)[np.setdiff1d(np.arange(0, rgb.size, 9), header.positions(rgb.size))] ^= 1
    Image.fromarray(rgb).save("stego.png")
    with pytest.raises(StegoError, match="was altered"):
        api.reveal("stego.png", "out2/")
    assert not Path("out2").exists()


def test_where_nothing_comes_back_nothing_is_written(desk):
    stego_of(Path("s.png"), several.pack([("a.png", pack(container.JXL, ".png", b"\0\0\0\0nothing"))]))
    with pytest.raises(StegoError, match="none comes back"):
        api.reveal("s.png", "out/")
    assert not Path("out").exists()


def test_a_picture_gets_a_format_that_it_can_be_written_in(desk):
    small = natural(40, 40)
    from stegocli.payload import streams

    lossy = pack(container.LOSSY, ".jpg", bytes(4), streams.encode_jxl(small, quality=90, effort=3))
    names = ["a.jpg", "b.jpg", "b.png"]
    stego_of(
        Path("s.png"), several.pack([(name, lossy if name[-3:] == "jpg" else pack(0, ".png", b"x")) for name in names])
    )
    api.reveal("s.png", "out/")
    assert tree("out") == ["a.png", "b.jpg.png", "b.png"] and Image.open("out/a.png").size == (40, 40)


# -- random sets -------------------------------------------------------------------------------------------------------


@st.composite
def sets(draw):
    """2 to 8 files with any plain contents, some in folders, some pictures."""
    files = {}
    for i in range(draw(st.integers(2, 8))):
        name = draw(st.sampled_from(["{}.txt", "d/{}.bin", "d/e/{}", "é{}.PDF", "{}.png"])).format(i)
        files[name] = natural(8 + i, 9, i) if name.endswith("png") else draw(st.binary(max_size=30))
    return files


METHODS = {
    "exact": (Exact(), "png"), "password": (Exact(PASSWORD), "png"), "fit": (Exact(fit=True), "png"),
    "robust": (Robust(75), "jpg"), "robust-password": (Robust(75, PASSWORD), "jpg"),
    "discreet": (Discreet("large", PASSWORD), "png"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=sets(), seed=st.integers(0, 9))
def test_any_set_comes_back_by_every_bytes_method(tmp_path_factory, name, files, seed):
    folder = tmp_path_factory.mktemp("set")
    method, suffix = METHODS[name]
    if name == "fit" and not any(isinstance(content, np.ndarray) for content in files.values()):
        method = Exact()
    for path, content in files.items():
        (folder / "in" / path).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, np.ndarray):
            Image.fromarray(content).save(folder / "in" / path)
        else:
            (folder / "in" / path).write_bytes(content)
    Image.fromarray(photograph(280, 300, seed)).save(folder / "cover.png")
    tops = sorted((folder / "in").iterdir())
    api.hide(folder / "cover.png", tops, folder / f"s.{suffix}", method)
    api.reveal(folder / f"s.{suffix}", f"{folder}/out/", password=PASSWORD)
    assert tree(folder / "out") == tree(folder / "in") == sorted(files)
    for path, content in files.items():
        if not isinstance(content, np.ndarray):
            assert (folder / "out" / path).read_bytes() == content
        elif name in ("exact", "password", "fit"):
            assert (folder / "out" / path).read_bytes() == (folder / "in" / path).read_bytes()
        else:
            assert Image.open(folder / "out" / path).size == content.shape[1::-1]
