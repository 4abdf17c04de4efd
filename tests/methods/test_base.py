"""A secret is read and decoded once, whatever is asked of it."""

import numpy as np
import pytest
from pictures import natural
from PIL import Image, ImageCms

from stegocli.methods.base import Secret
from stegocli.picture import files
from stegocli.picture.inputs import Source

RGB = natural(20, 30)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
CLEAR = np.dstack([RGB, np.tile(np.arange(30, dtype=np.uint8), (20, 1)) * 8])


@pytest.mark.parametrize(
    ("name", "picture", "options"),
    [
        ("plain.png", Image.fromarray(RGB), {}),
        ("clear.png", Image.fromarray(CLEAR), {}),
        ("grey.png", Image.fromarray(RGB).convert("L"), {"icc_profile": PROFILE}),
        ("inks.tif", Image.fromarray(RGB).convert("CMYK"), {"icc_profile": PROFILE}),
        ("photo.jpg", Image.fromarray(RGB), {"icc_profile": PROFILE}),
        ("all.png", Image.fromarray(CLEAR), {"icc_profile": PROFILE}),
    ],
)
def test_what_is_seen_of_a_secret(tmp_path, monkeypatch, name, picture, options):
    path = tmp_path / name
    picture.save(path, **options)
    expected = files.as_srgb(files.read(path))
    decode, contents = files._decode, []
    monkeypatch.setattr(files, "_decode", lambda path, *rest: contents.append(rest[0]) or decode(path, *rest))
    secret = Secret(Source.read(path))
    for _ in range(2):
        assert np.array_equal(secret.seen.rgb, files.over_white(expected)) and secret.seen.grey == expected.grey
        assert secret.picture.rgb.shape == RGB.shape and secret.seen.alpha is secret.seen.icc is None
    assert len(contents) == 1 and contents[0] is secret.content
