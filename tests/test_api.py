"""Hide and reveal through real files: sizes, formats, what is kept, what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pictures import EXTREMES, natural, photograph
from PIL import Image, ImageCms

import stegocli
from stegocli import api
from stegocli.errors import StegoError
from stegocli.flow import tiles
from stegocli.methods import Auto, Exact, Flow, Robust, arrays
from stegocli.methods import flow as flow_method
from stegocli.payload import header
from stegocli.picture import files, metrics


def save(path, rgb, **options):
    Image.fromarray(rgb).save(path, **options)
    return path


def hide_and_reveal(tmp_path, cover, secret, model, extension=".png"):
    stego, revealed = tmp_path / f"stego{extension}", tmp_path / "revealed.png"
    hidden = api.hide(cover, secret, stego, Flow(model), force=True)
    api.reveal(stego, revealed, model, force=True)
    return hidden, files.read(stego), files.read(revealed)


def test_a_picture_comes_back_from_the_file_alone(tmp_path, pair, model):
    hidden, stego, revealed = hide_and_reveal(tmp_path, *pair, model)
    cover, secret = (files.read(p).rgb for p in pair)
    measured = metrics.score(cover, stego.rgb, secret, revealed.rgb)
    assert measured == hidden.score, "hide must report what the receiver gets"
    assert measured.hide_psnr > 38 and measured.reveal_psnr > 36
    assert measured.hide_ssim > 0.95 and measured.reveal_ssim > 0.95


def test_lazy_names_of_the_package():
    assert stegocli.hide is api.hide and stegocli.reveal is api.reveal and stegocli.load_model is arrays.load_model
    with pytest.raises(AttributeError):
        stegocli.nothing  # noqa: B018


@pytest.mark.parametrize("cover_size", [(16, 16), (17, 19), (64, 30), (101, 203)])
@pytest.mark.parametrize("secret_size", [(1, 1), (7, 50), (120, 33)])
def test_any_sizes(tmp_path, model, cover_size, secret_size):
    cover = save(tmp_path / "c.png", natural(*cover_size, 1))
    secret = save(tmp_path / "s.png", natural(*secret_size, 2))
    _, stego, revealed = hide_and_reveal(tmp_path, cover, secret, model)
    assert stego.rgb.shape[:2] == cover_size and revealed.rgb.shape[:2] == secret_size


def test_rows_and_columns_beyond_the_stride_stay(tmp_path, model):
    stride = model.network.config.stride
    rgb = natural(64 + stride - 1, 64 + 1)
    stego = tiles.hide(model.network, rgb, natural(64, 64, 3))
    assert np.array_equal(stego[64:], rgb[64:]) and np.array_equal(stego[:, 64:], rgb[:, 64:])
    assert not np.array_equal(stego[:64, :64], rgb[:64, :64])


@pytest.mark.parametrize("extension", [".png", ".tif", ".webp", ".bmp"])
def test_every_lossless_output_reveals(tmp_path, pair, model, extension):
    _, _, revealed = hide_and_reveal(tmp_path, *pair, model, extension)
    assert metrics.psnr(files.read(pair[1]).rgb, revealed.rgb) > 36


def test_alpha_and_profile_of_the_cover_are_kept(tmp_path, model):
    alpha = np.zeros((64, 64), np.uint8)
    alpha[16:48] = 180
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    cover = save(tmp_path / "c.png", np.dstack([natural(64, 64), alpha]), icc_profile=profile)
    _, stego, _ = hide_and_reveal(tmp_path, cover, save(tmp_path / "s.png", natural(64, 64, 2)), model)
    assert np.array_equal(stego.alpha, alpha) and stego.icc == profile


def test_orientation_is_as_a_viewer_shows_it(tmp_path, model):
    exif = Image.Exif()
    exif[0x0112] = 8
    rgb = natural(64, 96)
    cover = save(tmp_path / "c.jpg", rgb, exif=exif, quality=95)
    _, stego, _ = hide_and_reveal(tmp_path, cover, save(tmp_path / "s.png", natural(64, 64, 2)), model)
    assert stego.size == (64, 96) and metrics.psnr(stego.rgb, np.rot90(rgb)) > 33


def test_a_grey_secret_comes_back_grey(tmp_path, model):
    secret = save(tmp_path / "s.png", natural(64, 64, 2)[..., 0])
    cover = save(tmp_path / "c.png", natural(64, 64))
    hidden, _, revealed = hide_and_reveal(tmp_path, cover, secret, model)
    assert revealed.grey and hidden.score.reveal_psnr == metrics.psnr(files.read(secret).rgb, revealed.rgb)


def test_transparent_and_larger_secrets_are_noted(tmp_path, model):
    cover = save(tmp_path / "c.png", natural(32, 32))
    secret = save(tmp_path / "s.png", np.dstack([natural(64, 64), np.zeros((64, 64), np.uint8)]))
    notes = api.hide(cover, secret, tmp_path / "o.png", Flow(model)).notes
    assert any("transparent" in note for note in notes) and any("more pixels" in note for note in notes)


@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_pictures_do_not_fail(tmp_path, model, name):
    plain = save(tmp_path / "p.png", natural(96, 96, 2))
    extreme = save(tmp_path / "e.png", EXTREMES[name])
    for cover, secret in ((extreme, plain), (plain, extreme)):
        hidden = api.hide(cover, secret, tmp_path / "a.png", Flow(model), force=True)
        # Noise of full range is beyond the network.
        assert min(hidden.cover.psnr, hidden.secret.psnr) > (10 if name == "noise" else 25)


# -- refusals: a sentence, and nothing written ------------------------------------------------------------------


def test_a_plain_picture_holds_nothing(tmp_path, pair, model):
    with pytest.raises(StegoError, match="holds no hidden picture"):
        api.reveal(pair[0], tmp_path / "r.png", model)
    assert not (tmp_path / "r.png").exists()


@pytest.mark.parametrize("damage", ["jpeg", "resize", "crop"])
def test_a_changed_stego_is_refused(tmp_path, pair, model, damage):
    api.hide(*pair, tmp_path / "stego.png", Flow(model))
    stego = Image.open(tmp_path / "stego.png")
    path = tmp_path / ("changed.jpg" if damage == "jpeg" else "changed.png")
    if damage == "jpeg":
        stego.save(path, quality=95)
    elif damage == "resize":
        stego.resize((150, 100)).save(path)
    else:
        stego.crop((1, 0, *stego.size)).save(path)
    with pytest.raises(StegoError, match="recompressed, resized or cropped"):
        api.reveal(path, tmp_path / "r.png", model)


def test_an_edited_stego_reveals_with_a_warning(tmp_path, pair, model):
    api.hide(*pair, tmp_path / "stego.png", Flow(model))
    pixels = files.read(tmp_path / "stego.png").rgb.copy()
    places = set(header.positions(pixels.size).tolist())
    free = next(i for i in range(pixels.size) if i not in places)
    pixels.reshape(-1)[free] ^= 8
    save(tmp_path / "edited.png", pixels)
    assert "altered" in api.reveal(tmp_path / "edited.png", tmp_path / "r.png", model).notes[0]


def test_other_weights_are_named(tmp_path, pair, model):
    other = replace(model, id=b"\xde\xad\xbe\xef")
    api.hide(*pair, tmp_path / "stego.png", Flow(other))
    with pytest.raises(StegoError, match=f"other weights.*deadbeef.*{model.id.hex()}"):
        api.reveal(tmp_path / "stego.png", tmp_path / "r.png", model)


@pytest.mark.parametrize("name", ["full", "medium"])
def test_shipped_weights_are_found_whatever_is_given(tmp_path, pair, model, name):
    """Scripts that load the default set go on to reveal what an earlier default hid."""
    earlier = stegocli.load_model(name)
    assert earlier.id != model.id
    hidden = api.hide(*pair, tmp_path / "stego.png", Flow(earlier))
    for given in (None, model, earlier):
        done = api.reveal(tmp_path / "stego.png", tmp_path / "r.png", given, force=True)
        assert done.summary == hidden.summary == f"weights {name}"
    with pytest.raises(StegoError, match=rf"other weights.*load_model\('{name}'\)"):
        model.reveal(files.read(tmp_path / "stego.png").rgb)


def test_a_later_format_asks_for_an_upgrade(tmp_path, model):
    marked = header.embed(natural(64, 64), header.Header(1, bytes(16), version=200))
    with pytest.raises(StegoError, match="later stego"):
        api.reveal(save(tmp_path / "s.png", marked), tmp_path / "r.png", model)


def test_a_tiny_cover_is_refused(tmp_path, pair, model):
    with pytest.raises(StegoError, match="16x16"):
        api.hide(save(tmp_path / "c.png", natural(15, 40)), pair[1], tmp_path / "o.png", Auto(model))


def test_what_only_claims_to_be_a_picture_goes_as_bytes(tmp_path, pair):
    (tmp_path / "bad.png").write_bytes(b"nothing")
    hidden = api.hide(pair[0], tmp_path / "bad.png", tmp_path / "o.png")
    assert hidden.secret is None and any("no picture" in note for note in hidden.notes)
    assert api.reveal(tmp_path / "o.png").path.read_bytes() == b"nothing"


def test_bad_inputs_write_nothing(tmp_path, pair, model):
    (tmp_path / "bad.png").write_bytes(b"nothing")
    before = set(tmp_path.iterdir())
    for cover, secret, out in [
        (tmp_path / "bad.png", pair[1], "o.png"),
        (pair[0], tmp_path / "none.png", "o.png"),
        (*pair, "o.gif"),
        (*pair, "none/o.png"),
        (*pair, pair[0].name),
    ]:
        with pytest.raises(StegoError):
            api.hide(cover, secret, tmp_path / out, Auto(model))
    assert set(tmp_path.iterdir()) == before


def test_a_file_that_reads_back_otherwise_gets_no_name(tmp_path, pair, model, monkeypatch):
    """A format plug-in that stores with loss must not leave a stego that can't be revealed."""
    (tmp_path / "o.png").write_bytes(b"another's")
    monkeypatch.setitem(files.LOSSLESS, ".png", ("JPEG", {}))
    with pytest.raises(StegoError, match="read back"):
        api.hide(*pair, tmp_path / "o.png", Flow(model), force=True)
    assert (tmp_path / "o.png").read_bytes() == b"another's"


# -- files of earlier versions, and arrays ----------------------------------------------------------------------

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.mark.parametrize("stego", sorted(FIXTURES.glob("v*/*.png")), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_stegos_of_earlier_versions_reveal_as_they_did(tmp_path, stego):
    password = "correct horse" if "password" in stego.stem else None
    if stego.stem == "exact-text":
        done = api.reveal(stego, tmp_path / "r.txt")
        assert done.path.read_text() == "A note hidden by version 1.\n"
        return
    done = api.reveal(stego, tmp_path / "r.png", password=password)
    then, now = files.read(stego.with_name(f"{stego.stem}-revealed.webp")).rgb, files.read(done.path).rgb
    # Sums, and AVIF decoders, may round the other way on another machine.
    assert np.abs(then.astype(int) - now).max() <= (1 if stego.stem.startswith(("flow", "survive")) else 0)


def test_a_decoy_of_an_earlier_version_still_opens(tmp_path):
    stego = FIXTURES / "v4" / "exact-password-decoy.png"
    assert api.reveal(stego, tmp_path / "r.png", password="harmless").size == (20, 16)


def test_the_header_costs_the_secret_next_to_nothing(model):
    """Of a picture so small a bit in every hundred samples is the header's."""
    cover, secret = photograph(72, 60, 11), photograph(72, 60, 12)
    bare = model.extract(model.embed(cover, secret), (60, 72))
    assert metrics.psnr(secret, model.reveal(model.hide(cover, secret))) > metrics.psnr(secret, bare) - 0.5


def test_a_model_hides_arrays_and_pillow_pictures(model):
    cover, secret = natural(67, 101, 1), natural(90, 53, 2)
    stego = model.hide(cover, secret)
    revealed = model.reveal(stego)
    assert stego.shape == cover.shape and revealed.shape == secret.shape
    assert metrics.psnr(cover, stego) > 36 and metrics.psnr(secret, revealed) > 34
    pillow = model.hide(Image.fromarray(cover), Image.fromarray(secret))
    assert np.array_equal(np.asarray(pillow), stego)
    assert np.array_equal(np.asarray(model.reveal(pillow)), revealed)
    with pytest.raises(StegoError, match="holds nothing"):
        model.reveal(cover)
    with pytest.raises(ValueError, match="float64"):
        model.hide(cover / 255, secret)


def test_a_secret_far_beyond_its_cover_is_refused(tmp_path, model):
    """Ten times the pixels are legal; what holds nothing is refused by hide, and as forged by reveal."""
    rgb = natural(40, 50)
    cover, large = save(tmp_path / "c.png", rgb), tmp_path / "l.png"
    Image.new("L", (4001, 4000)).save(large)
    with pytest.raises(StegoError, match=r"l\.png has 4001x4000 pixels.*16 million"):
        api.hide(cover, large, tmp_path / "o.png", Flow(model))
    own = flow_method.Origin(model.id, 4001, 4000).pack()
    forged = save(tmp_path / "f.png", header.embed(rgb, header.Header(flow_method.METHOD, own)))
    with pytest.raises(StegoError, match="forged"):
        api.reveal(forged)
    assert {p.name for p in tmp_path.iterdir()} == {"c.png", "l.png", "f.png"}


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_stego_that_a_viewer_turned_by_its_exif_reveals(tmp_path, pair, orientation):
    """Only the mark is new: the samples lie as they were written."""
    cover, _ = pair
    (tmp_path / "s.txt").write_text("upright")
    api.hide(cover, tmp_path / "s.txt", tmp_path / "o.png")
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(tmp_path / "o.png") as stego:
        stego.save(tmp_path / "turned.png", exif=exif)
    assert api.reveal(tmp_path / "turned.png").path.read_text() == "upright"


def test_a_secret_that_is_hard_to_make_out_is_told(tmp_path):
    save(tmp_path / "c.png", np.full((32, 32, 3), 90, np.uint8))
    letters = (np.random.default_rng(0).integers(0, 2, (32, 32, 1)) * 255).astype(np.uint8)
    save(tmp_path / "s.png", letters.repeat(4, 0).repeat(4, 1).repeat(3, 2))
    done = api.hide(tmp_path / "c.png", tmp_path / "s.png", tmp_path / "o.png", Flow())
    assert done.secret.psnr < 26 and done.below_floor
    assert sum("hard to make out" in note for note in done.notes) == 1


@pytest.mark.parametrize("method, output", [(Exact(), "stego.png"), (Robust(), "stego.jpg")])
def test_the_pictures_of_a_hide_are_those_of_the_files(tmp_path, pair, method, output):
    cover, secret = pair
    told = []
    Image.fromarray(natural(20, 24, 2)).save(secret)
    done = api.hide(cover, secret, tmp_path / output, method, show=told.append)
    (pictures,) = told
    assert np.array_equal(pictures.cover.rgb, files.read(cover).rgb)
    assert np.array_equal(pictures.stego.rgb, files.read(tmp_path / output).rgb)
    assert np.array_equal(pictures.secret, files.read(secret).rgb)
    assert metrics.compare(pictures.secret, pictures.revealed) == done.secret


def test_whoever_fails_to_show_the_pictures_leaves_no_file(tmp_path, pair):
    with pytest.raises(ZeroDivisionError):
        api.hide(*pair, tmp_path / "stego.png", Exact(fit=True), show=lambda pictures: 1 / 0)
    assert not (tmp_path / "stego.png").exists()
