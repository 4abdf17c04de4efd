"""Stegos of each version of the format, as received: half the size, JPEG 75."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stegocli.canonical import reading

FIXTURES = Path(__file__).parents[1] / "fixtures" / "canonical1"


@pytest.mark.parametrize(("name", "password"), [("open", None), ("password", "right")])
def test_stegos_of_version_1_reveal(name, password):
    with Image.open(FIXTURES / f"{name}.jpg") as received:
        assert reading.extract(np.asarray(received), password) == b"what came back"
