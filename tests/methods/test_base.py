"""A secret is read once, and decoded again only where a profile changes what is seen."""

import numpy as np
import pytest
from conftest import natural
from PIL import Image, ImageCms

from stegocli.methods.base import Secret
from stegocli.picture import files
from stegocli.picture.inputs import Source

RGB = natural(20, 30)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
CLEAR = np.dstack([RGB, np.tile(np.arange(30, dtype=np.uint8), (20, 1)) * 8])


@pytest.mark.parametrize(
    ("name", "picture", "options", "decoded"),
    [
        ("plain.png", Image.fromarray(RGB), {}, 1),
        ("clear.png", Image.fromarray(CLEAR), {}, 1),
        ("grey.png", Image.fromarray(RGB).convert("L"), {"icc_profile": PROFILE}, 1),
        ("inks.tif", Image.fromarray(RGB).convert("CMYK"), {"icc_profile": PROFILE}, 1),
        ("photo.jpg", Image.fromarray(RGB), {"icc_profile": PROFILE}, 2),
        ("all.png", Image.fromarray(CLEAR), {"icc_profile": PROFILE}, 2),
    ],
)
def test_what_is_seen_of_a_secret(tmp_path, monkeypatch, name, picture, options, decoded):
    path = tmp_path / name
    picture.save(path, **options)
    expected = files.read(path, srgb=True)
    decode, contents = files._decode, []
    monkeypatch.setattr(files, "_decode", lambda path, content: contents.append(content) or decode(path, content))
    secret = Secret(Source.read(path))
    for _ in range(2):
        assert np.array_equal(secret.seen.rgb, files.over_white(expected)) and secret.seen.grey == expected.grey
        assert secret.picture.rgb.shape == RGB.shape and secret.seen.alpha is secret.seen.icc is None
    assert len(contents) == decoded and all(content is secret.content for content in contents)
