"""Inputs: each is opened once, whatever it is, and what can be read only once is never read twice."""

import os

import pytest
from pictures import natural
from PIL import Image
from systems import fifo, fifos

from stegocli.errors import StegoError
from stegocli.picture import files, inputs
from stegocli.picture.inputs import Source


@fifos
def test_a_fifo_is_read_once_and_is_a_picture(tmp_path):
    Image.fromarray(natural(20, 30)).save(tmp_path / "a.png")
    with fifo(tmp_path / "pipe", (tmp_path / "a.png").read_bytes()) as pipe:
        source = Source.read(pipe)
    assert source.content == (tmp_path / "a.png").read_bytes()
    assert files.is_picture(source) and files.read(source).size == (30, 20)
    with fifo(tmp_path / "again", source.content) as pipe:
        assert files.read(pipe).size == (30, 20)
    # Nobody writes: it is not waited for.
    assert not files.is_picture(pipe)


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="this system has no /dev/fd")
def test_a_pipe_by_its_number(tmp_path):
    reading, writing = os.pipe()
    os.write(writing, b"dump")
    os.close(writing)
    try:
        assert Source.read(f"/dev/fd/{reading}").content == b"dump"
    finally:
        os.close(reading)


@fifos
def test_one_stream_is_not_two_inputs(tmp_path):
    pipe, link, plain = tmp_path / "pipe", tmp_path / "link", tmp_path / "plain"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    plain.write_bytes(b"content")
    with pytest.raises(StegoError, match="only once"):
        inputs.check_read_once([pipe, plain, link])
    with pytest.raises(StegoError, match="only once"):
        inputs.check_read_once([pipe, pipe])
    inputs.check_read_once([plain, plain, pipe, tmp_path / "none", tmp_path, tmp_path])
    reading, writing = os.pipe()
    try:
        with pytest.raises(StegoError, match="only once"):
            inputs.check_read_once([reading, inputs.Path(f"/dev/fd/{reading}")])
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="this system has no such devices")
def test_a_device_that_never_ends_is_refused():
    for name in ("/dev/zero", "/dev/urandom"):
        with pytest.raises(StegoError, match="device"):
            Source.read(name)
    assert Source.read(os.devnull).content == b""


def test_what_can_not_be_read_gets_a_sentence(tmp_path):
    for name, words in (("none", "does not exist"), (".", "folder"), ("a\0b", "can't be read"), ("a" * 300, "read")):
        with pytest.raises(StegoError, match=words) as caught:
            Source.read(tmp_path / name)
        assert len(str(caught.value)) < 300


def test_a_source_is_known_after_its_content_is_gone(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    source = Source.read(tmp_path / "a")
    assert source.emptied() == Source(source.path, b"", inputs.identity(tmp_path / "a"))
    assert Source.of(source) is source and Source.of(tmp_path / "a") == source
