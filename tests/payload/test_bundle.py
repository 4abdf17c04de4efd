"""Several secrets share a budget: all within it, files whole, and pictures about equally fine."""

import numpy as np
import pytest
from pictures import natural, photograph
from PIL import Image

from stegocli.errors import StegoError
from stegocli.payload import bundle, codings, sharing
from stegocli.payload.container import APPROXIMATE, SAME_FILE, Payload, TooLarge
from stegocli.payload.gathering import Gathered
from stegocli.picture import files, metrics


@pytest.fixture
def three(tmp_path):
    """A busy and a calm picture, and a text, gathered."""
    Image.fromarray(photograph(48, 64, 1)).save(tmp_path / "busy.png")
    Image.fromarray(natural(60, 45, 2)).save(tmp_path / "calm.png")
    (tmp_path / "note.txt").write_text("a note that must come back whole")
    return Gathered.of([tmp_path / name for name in ("busy.png", "note.txt", "calm.png")]).read()


def qualities(made: Payload, secrets: bundle.Bundle) -> list[float]:
    """PSNR of each picture out of the content itself."""
    found = codings.unpack(made.content).secret
    assert isinstance(found, codings.Several)
    back = [part.found.secret for part in found.parts()]
    assert back[1] == secrets.files[1][1].content
    return [
        metrics.psnr(files.seen(back[i]).rgb, secrets.files[i][1].seen.rgb)
        for i in (0, 2)
        if isinstance(back[i], files.Picture)
    ]


@pytest.mark.parametrize("budget", [3_000, 4_500])
def test_pictures_share_evenly_within_a_budget(three, budget):
    made = three.encoder.within(budget, 100_000)
    assert 0.8 * budget < len(made.content) <= budget and made.fidelity == APPROXIMATE
    one, other = qualities(made, three)
    assert abs(one - other) < 3, "the steps of near-lossless coding are up to 2.5 dB apart"


@pytest.mark.parametrize("budget", [400, 1200])
def test_pictures_share_few_bytes_evenly(three, budget):
    made = three.encoder.fit_lossy(budget, 100_000)
    assert 0.8 * budget < len(made.content) <= budget
    one, other = qualities(made, three)
    assert abs(one - other) < 1.5


def test_all_come_back_whole_where_that_fits(three):
    whole = three.encoder.exact(100_000)
    assert three.encoder.within(len(whole.content), 100_000).content == whole.content
    assert {part.fidelity for part in whole.parts} == {SAME_FILE} and whole.fidelity == SAME_FILE
    assert [part.found.secret for part in codings.unpack(whole.content).secret.parts()] == three.contents


def test_what_does_not_fit_says_how_much_would(three):
    with pytest.raises(TooLarge) as failed:
        three.encoder.within(120, 100_000)
    assert failed.value.fewest > 120
    with pytest.raises(StegoError, match="larger cover"):
        three.encoder.fit_lossy(60, 100_000)


def test_more_pixels_than_come_back_go_as_files_or_are_refused(tmp_path, monkeypatch):
    for i in range(3):
        Image.fromarray(natural(100, 100, i)).save(tmp_path / f"{i}.png")
    gathered = Gathered.of([tmp_path / f"{i}.png" for i in range(3)])
    monkeypatch.setattr(bundle.claims, "FREE_REVEALED", 20_000)
    made = gathered.read().encoder.exact(100)
    assert [part.content[0] for part in made.parts].count(0) == 1, "two as samples, one as its own bytes"
    back = list(codings.unpack(made.content, 100).secret.parts())
    assert all(part.found and isinstance(part.found.secret, bytes) for part in back)
    with pytest.raises(StegoError, match="million pixels"):
        gathered.read().encoder.within(30_000, 100)


@pytest.mark.parametrize("seed", range(4))
def test_shares_are_even_whatever_the_pictures_take(seed):
    """Coders that are known: PSNR in a straight line over the logarithm of the bytes, each another."""
    rng = np.random.default_rng(seed)
    slopes, heights = rng.uniform(2, 12, 4), rng.uniform(-60, 20, 4)

    def wanted(slope: float, height: float) -> sharing.Wanted:
        def code(budget: int) -> Payload:
            if budget < 40:
                raise TooLarge(40)
            return Payload(bytes(budget), None, f"{height + slope * np.log2(budget)}", APPROXIMATE)

        return sharing.Wanted(code, lambda made: float(made.coding), 10**9, int(rng.integers(1, 1000)))

    made = sharing.evenly([wanted(*line) for line in zip(slopes, heights, strict=True)], 100_000)
    found = [float(one.coding) for one in made]
    assert sum(len(one.content) for one in made) <= 100_000
    assert max(found) - min(found) < 1 or min(len(one.content) for one in made) <= 80
