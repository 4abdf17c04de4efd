"""Secrets of any size in frames of any size, without a network: exactness, noise, and what shrinking costs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from stegocli.picture import layout

STRIDE = 4
PAIRS = [
    ((500, 500), (500, 500)),
    ((500, 500), (501, 499)),
    ((321, 481), (320, 480)),
    ((320, 480), (319, 481)),
    ((481, 321), (320, 480)),
    ((92, 31), (28, 91)),
    ((200, 60), (57, 180)),
    ((100, 100), (1, 10000)),
    ((16, 16), (1, 256)),
    ((1000, 16), (1, 9999)),
    ((16, 17), (1, 1)),
    ((64, 64), (2, 1)),
    ((99, 101), (170, 56)),
    ((452, 339), (478, 313)),
]


def picture(size, seed=0):
    """Noise: every frequency counts."""
    return np.random.default_rng(seed).uniform(-1, 1, (*size[::-1], 3)).astype(np.float32)


def scene(size, seed=0):
    """Noise with the spectrum of photographs, 1 / frequency**1.5, at half of the range."""
    width, height = size
    spectrum = np.fft.rfft2(picture(size, seed), axes=(0, 1))
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)
    spectrum /= (np.hypot(rows, columns)[..., None] + 1 / max(size)) ** 1.5
    seen = np.fft.irfft2(spectrum, (height, width), axes=(0, 1))
    return (seen / np.abs(seen).max() / 2).astype(np.float32)


def there_and_back(secret, cover):
    laid_out = layout.plan(cover, secret.shape[1::-1], STRIDE)
    return layout.take(layout.lay(secret, laid_out), laid_out)


def random_pairs(count):
    random = np.random.default_rng(5)
    for _ in range(count):
        cover = tuple(int(side) for side in random.integers(16, 160, 2))
        yield cover, tuple(int(side) for side in 2 ** random.uniform(0, 8, 2))


@pytest.mark.parametrize(("cover", "size"), PAIRS)
def test_a_secret_with_no_more_pixels_comes_back_exactly(cover, size):
    secret = picture(size)
    assert layout.plan(cover, size, STRIDE).kept == 1
    np.testing.assert_allclose(there_and_back(secret, cover), secret, atol=2e-5)


def test_any_sizes():
    exact = 0
    for cover, size in random_pairs(200):
        laid_out = layout.plan(cover, size, STRIDE)
        secret = picture(size)
        frame = layout.lay(secret, laid_out)
        assert frame.shape == (cover[1] // 4 * 4, cover[0] // 4 * 4, 3)
        found = layout.take(frame, laid_out)
        assert found.shape == secret.shape
        if size[0] * size[1] <= frame.shape[0] * frame.shape[1]:
            exact += 1
            assert laid_out.kept == 1
            np.testing.assert_allclose(found, secret, atol=2e-5)
        else:
            assert laid_out.kept * size[0] * size[1] <= frame.shape[0] * frame.shape[1] + 0.5
    assert 50 < exact < 190


def test_pieces_cover_the_scaled_secret_once_and_never_overlap():
    for cover, size in [*PAIRS, *random_pairs(100)]:
        laid_out = layout.plan(cover, size, STRIDE)
        source = np.zeros(laid_out.scaled[::-1], int)
        frame = np.zeros(laid_out.frame[::-1], int)
        for piece in laid_out.pieces:
            piece.source(source)[:] += 1
            piece.place(frame)[:] += 1
            assert piece.x % STRIDE == piece.y % STRIDE == 0
        assert (source == 1).all()
        assert frame.max() == 1


def test_plans_are_what_they_were():
    """Stego files depend on them."""
    known = {
        ((500, 500), (501, 500)): ((500, 500), (501, 500), (23, 22), 1),
        ((321, 481), (321, 481)): ((320, 480), (321, 481), (24, 34), 1),
        ((481, 321), (321, 481)): ((320, 480), (321, 481), (24, 34), 1),
        ((866, 866), (1492, 500)): ((1492, 500), (1492, 500), (0, 0), 9),
        ((1200, 675), (1200, 800)): ((1120, 720), (1127, 751), (245, 164), 5),
    }
    for sizes, wanted in known.items():
        found = layout.plan(*sizes, STRIDE)
        assert (found.scaled, found.band, found.corner, len(found.pieces)) == wanted


@pytest.mark.parametrize(("cover", "size"), [((120, 80), (100, 70)), ((120, 80), (38, 25)), ((80, 120), (119, 79))])
def test_noise_is_left_with_the_share_of_pixels_the_secret_has(cover, size):
    laid_out = layout.plan(cover, size, STRIDE)
    noise = np.random.default_rng(1).normal(size=(*laid_out.frame[::-1], 3)).astype(np.float32)
    share = size[0] * size[1] / (laid_out.frame[0] * laid_out.frame[1])
    assert np.mean(layout.take(noise, laid_out) ** 2) == pytest.approx(share, rel=0.05)


def test_constants_stay():
    for cover, size in [*PAIRS, *random_pairs(20)]:
        secret = np.full((*size[::-1], 3), 0.5, np.float32)
        frame = layout.lay(secret, layout.plan(cover, size, STRIDE))
        # Cut into ribbons and mirrored or not, grey is grey.
        np.testing.assert_allclose(frame, 0.5, atol=1e-5)


def test_shape_of_a_photograph_in_the_frame():
    """The network sees the secret itself, not its frequencies shuffled."""
    secret = scene((121, 81))
    frame = layout.lay(secret, layout.plan((121, 81), (121, 81), STRIDE))
    planes = [Image.fromarray(secret[..., i]).resize((120, 80), Image.Resampling.BICUBIC) for i in range(3)]
    difference = frame - np.stack([np.asarray(plane) for plane in planes], -1)
    assert np.std(difference) < np.std(secret) / 10


@pytest.mark.parametrize("size", [(126, 81), (180, 120), (379, 253)])
def test_larger_secrets_lose_less_than_by_plain_shrinking(size):
    secret = scene(size)
    cover = (120, 80)
    found = there_and_back(secret, cover)
    scale = (cover[0] * cover[1] / (size[0] * size[1])) ** 0.5
    small = int(size[0] * scale), int(size[1] * scale)
    for channel in range(3):
        band = Image.fromarray(secret[..., channel])
        plain = np.asarray(band.resize(small, Image.Resampling.LANCZOS).resize(size, Image.Resampling.LANCZOS))
        ours = np.mean((found[..., channel] - secret[..., channel]) ** 2)
        assert ours < np.mean((plain - secret[..., channel]) ** 2)


def test_what_can_not_be_laid_is_refused():
    with pytest.raises(ValueError, match="no room"):
        layout.plan((3, 100), (10, 10), STRIDE)
    with pytest.raises(ValueError, match="no room"):
        layout.plan((100, 100), (0, 10), STRIDE)
    laid_out = layout.plan((100, 100), (50, 40), STRIDE)
    with pytest.raises(ValueError, match="does not take"):
        layout.lay(picture((40, 50)), laid_out)
    with pytest.raises(ValueError, match="does not take"):
        layout.take(picture((96, 100)), laid_out)


@given(*[st.integers(1, 40)] * 4, st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_any_sizes_lie_inside_and_come_back_at_their_size(width, height, across, along, channels):
    try:
        plan = layout.plan((width, height), (across, along), STRIDE)
    except ValueError:
        assert min(width, height) < STRIDE
        return
    secret = np.random.default_rng(0).uniform(0, 255, (along, across, channels)).astype(np.float32)
    frame = layout.lay(secret, plan)
    assert frame.shape[0] <= height and frame.shape[1] <= width
    back = layout.take(frame.astype(np.float32), plan)
    assert back.shape == secret.shape and np.isfinite(back).all()
    if across * along <= frame.shape[0] * frame.shape[1]:
        assert np.abs(back - secret).max() < 0.01
