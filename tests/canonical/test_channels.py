"""What happens to shared pictures: every step does what it says."""

import numpy as np
import pytest
from pictures import natural

from stegocli.canonical import channels
from stegocli.canonical.channels import Avif, Blur, Jpeg, Resize, Sharpen, Tone, WebP, Wide, channel
from stegocli.picture import metrics


@pytest.fixture(scope="module")
def picture():
    return natural(90, 120, 1)


def test_what_is_played_is_little_and_told_apart(picture):
    assert len(channels.PLAYED) <= 6 and len(set(map(str, channels.PLAYED))) == len(channels.PLAYED)
    for played in channels.PLAYED:
        received = played(picture)
        assert received.dtype == np.uint8 and received.ndim == 3 and not np.array_equal(received, picture)


def test_channels_are_steps_in_order(picture):
    twice = channel(Resize(0.5), Jpeg(75))
    assert twice(picture).shape == (45, 60, 3) and str(twice) == "0.5 (Pillow bicubic) + JPEG 75"
    assert np.array_equal(channel()(picture), picture) and str(channel()) == "as written"
    assert Wide(200)(picture).shape == (150, 200, 3)


@pytest.mark.parametrize("codec", [Jpeg, WebP, Avif])
def test_codecs_lose_more_at_lower_quality(codec, picture):
    fine, coarse = (metrics.psnr(picture, codec(quality)(picture)) for quality in (90, 40))
    assert 20 < coarse < fine - 1


def test_kinds_of_jpeg(picture):
    plain, progressive = Jpeg(75)(picture), Jpeg(75, progressive=True)(picture)
    assert np.array_equal(plain, progressive)  # the same samples, in another order
    strong = picture[..., [0, 2, 1]].copy()
    assert metrics.psnr(strong, Jpeg(75, 0)(strong)) > metrics.psnr(strong, Jpeg(75)(strong))


def test_tone_blur_and_sharpening(picture):
    assert np.array_equal(Tone()(picture), picture)
    assert abs(int(Tone(offset=0.05)(np.full((2, 2, 3), 100, np.uint8))[0, 0, 0]) - 113) <= 1
    assert Tone(gamma=0.9)(picture).mean() > picture.mean() > Tone(gamma=1.1)(picture).mean()
    spread = [out.astype(float).std() for out in (Blur(1)(picture), picture, Sharpen(80)(picture))]
    assert spread[0] < spread[1] < spread[2]
    assert Tone(contrast=1.05)(picture).astype(float).std() > spread[1]
    assert str(Tone(0.95, 0.03, 1.1)) == "contrast -5%, brightness +3%, gamma 1.1"
