"""What can't be written back as it was is refused with the reason."""

import io

import pytest
from pictures import jpeg, photograph
from PIL import Image

from stegocli.discreet.segments import Unsuitable, split


def test_what_can_not_be_kept_is_refused():
    picture = photograph(40, 40, 2)
    content = jpeg(picture)
    with pytest.raises(Unsuitable, match="coding is unusual"):
        split(content.replace(b"\xff\xc0", b"\xff\xc9"))
    cmyk = io.BytesIO()
    Image.fromarray(picture).convert("CMYK").save(cmyk, "JPEG")
    with pytest.raises(Unsuitable, match="neither grey nor colour"):
        split(cmyk.getvalue())
    progressive = jpeg(picture, progressive=True)
    with pytest.raises(Unsuitable, match="leave out"):
        split(progressive[: progressive.rindex(b"\xff\xc4")] + b"\xff\xd9")
    with pytest.raises(Unsuitable, match="no JPEG"):
        split(b"\x89PNG" + bytes(100))
    for cut in range(2, len(content) - 2, 37):
        with pytest.raises(Unsuitable):
            split(content[:cut])
