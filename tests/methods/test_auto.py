"""What `hide` chooses without a flag: nothing that another way beats on both sides, and no blemish unsaid."""

import numpy as np
import pytest
from pictures import EXTREMES, natural, photograph
from PIL import Image

from stegocli import StegoError, api
from stegocli.methods import Auto, Exact, Flow, Robust, auto
from stegocli.picture import files, metrics


def save(path, rgb, **options):
    Image.fromarray(rgb).save(path, **options)
    return path


@pytest.mark.parametrize("name", EXTREMES)
def test_there_is_a_floor_under_every_pair(tmp_path, model, name):
    plain = save(tmp_path / "p.png", natural(96, 96, 2))
    extreme = save(tmp_path / "e.png", EXTREMES[name])
    for cover, secret in ((extreme, plain), (plain, extreme)):
        hidden = api.hide(cover, secret, tmp_path / "a.png", Auto(model), force=True)
        told = any("keeps the network" in note for note in hidden.notes)
        assert told == (hidden.method != "flow") and hidden.chosen_because
        if name == "noise" and secret == extreme:
            # A cover holds half of what such a secret has, whatever the method: better than the network, and told.
            assert hidden.below_floor and hidden.secret.psnr > 20
            continue
        assert not hidden.below_floor
        assert min(hidden.cover.worst_block, hidden.secret.worst_block) >= auto.LEAST_SINGLE_BLOCK
        assert min(hidden.cover.psnr, hidden.secret.psnr) >= auto.LEAST_PSNR
        done = api.reveal(tmp_path / "a.png", tmp_path / "r.png", model, force=True)
        shown = files.over_white(files.read(secret)), files.read(done.path).rgb
        assert metrics.psnr(*shown) == hidden.secret.psnr


def secrets(folder) -> dict[str, object]:
    """A photograph, line art, a transparent logo, a small picture, a scan as JPEG, noise: one file each."""
    made = {"photo": save(folder / "photo.png", photograph(150, 160, 3))}
    page = np.full((150, 160), 255, np.uint8)
    page[10:140:8, 10:150] = 0
    made["lines"] = save(folder / "lines.png", page)
    logo = np.dstack([natural(90, 90, 4), np.kron(np.eye(9), np.full((10, 10), 255)).astype(np.uint8)])
    made["logo"] = save(folder / "logo.png", logo)
    made["small"] = save(folder / "small.png", photograph(40, 30, 5))
    made["scan"] = save(folder / "scan.jpg", photograph(150, 160, 6), quality=60)
    made["noise"] = save(folder / "noise.png", np.random.default_rng(1).integers(0, 256, (80, 80, 3), dtype=np.uint8))
    return made


@pytest.mark.parametrize("kind", ["photo", "lines", "logo", "small", "scan", "noise"])
def test_the_choice_is_never_beaten_on_both_sides(tmp_path, model, kind):
    cover, secret = save(tmp_path / "c.png", photograph(150, 160, 1)), secrets(tmp_path)[kind]
    chosen = api.hide(cover, secret, tmp_path / "o.png", Auto(model))
    assert chosen.chosen_because and chosen.method == ("flow" if kind == "photo" else "exact")
    for other in (Flow(model), Exact()):
        try:
            done = api.hide(cover, secret, tmp_path / "other.png", other, force=True)
        except StegoError:  # it does not fit
            continue
        assert chosen.cover.psnr >= done.cover.psnr or chosen.secret.psnr >= done.secret.psnr


def test_who_chose_the_network_is_not_advised(tmp_path, model, monkeypatch):
    cover, secret = save(tmp_path / "c.png", photograph(150, 160, 1)), save(tmp_path / "s.png", photograph(150, 160, 3))
    monkeypatch.setattr(auto.estimate, "fitted_psnr", lambda picture, limit, least: least + 1)
    done = api.hide(cover, secret, tmp_path / "o.png", Auto(model, advise=True))
    assert done.advice and f"{done.secret.psnr + auto.WORTH_FITTING + 1:.1f} dB" in done.advice
    assert api.hide(cover, secret, tmp_path / "o.png", Flow(model), force=True).advice is None
    assert api.hide(cover, secret, tmp_path / "o.png", Auto(model), force=True).advice is None


def test_what_needs_no_network_loads_none(tmp_path, monkeypatch):
    from stegocli.flow import weights

    monkeypatch.setattr(weights, "shared_model", lambda *a: pytest.fail("the network is loaded"))
    cover = save(tmp_path / "c.png", photograph(150, 160, 1))
    (tmp_path / "t.txt").write_text("a note")
    assert api.hide(cover, tmp_path / "t.txt", tmp_path / "a.png").method == "exact"
    assert api.hide(cover, secrets(tmp_path)["lines"], tmp_path / "b.png").method == "exact"
    assert api.hide(cover, secrets(tmp_path)["photo"], tmp_path / "d.png", Auto(password="x")).method == "exact"


def test_a_jpeg_goes_to_what_survives_it():
    assert Auto().to_file(".png") == Auto()
    assert Auto(password="x", cover_psnr=38.0).to_file(".jpg") == Robust(password="x", cover_psnr=38.0)
    for method in (Flow(), Exact()):
        with pytest.raises(StegoError, match="stored with loss"):
            method.to_file(".jpeg")


def test_a_psnr_that_would_have_no_effect_is_refused(tmp_path):
    cover, secret = save(tmp_path / "c.png", natural(64, 64)), save(tmp_path / "s.png", natural(64, 64, 2))
    with pytest.raises(StegoError, match="cover_psnr is for bytes"):
        api.hide(cover, secret, tmp_path / "o.png", Auto(cover_psnr=45.0))


def test_one_low_block_of_many_shows_to_nobody():
    """A single block at 27 dB among thousands is no blemish; several are, and so is one that is far off."""
    rng = np.random.default_rng(0)
    cover = natural(1024, 1024)
    clean = np.clip(cover.astype(int) + rng.integers(-1, 2, cover.shape), 0, 255).astype(np.uint8)

    def look(blocks: int, error: int) -> auto._Look:
        stego = clean.copy()
        for i in range(blocks):
            stego[:16, 16 * i : 16 * (i + 1)] ^= error
        secret = natural(32, 32)
        return auto._Look.at(auto.Cover(None, files.Picture(cover)), auto.Hiding(stego, None, secret, secret))

    assert look(0, 8).passes and look(1, 8).passes and look(4, 8).passes
    assert not look(6, 16).passes and not look(1, 64).passes
    assert look(1, 8).margin > 0 > look(6, 16).margin
