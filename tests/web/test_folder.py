"""The private folder: whose it is, and that it goes."""

import pytest
from systems import posix

from stegocli.web import folder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setattr(folder.tempfile, "tempdir", str(tmp_path))
    return tmp_path


@posix
def test_only_its_user_can_read_it(here):
    with folder.private() as place:
        assert place.parent == here and place.stat().st_mode & 0o777 == 0o700


def test_it_goes_at_the_end_however_that_comes():
    with pytest.raises(ZeroDivisionError), folder.private() as place:
        (place / "uploads").mkdir()
        (place / "uploads" / "secret").write_text("secret")
        raise ZeroDivisionError
    assert not place.exists()


def test_what_a_killed_server_left_goes_and_what_a_running_one_has_stays(here):
    (here / "stego-serve-left").mkdir()
    (here / "stego-serve-left" / "lock").touch()
    (here / "stego-serve-left" / "secret").write_text("secret")
    (here / "stego-serve-new").mkdir()  # being made: it has no lock yet
    with folder.private() as one, folder.private() as other:
        assert sorted(p.name for p in here.iterdir()) == sorted([one.name, other.name, "stego-serve-new"])


@posix
def test_a_link_is_not_followed(here, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "lock").touch()
    (here / "stego-serve-link").symlink_to(other)
    with folder.private():
        pass
    assert (other / "lock").exists()
