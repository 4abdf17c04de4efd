"""`stego serve`, as far as it needs no server."""

from importlib import util

import pytest
from command import stego


@pytest.mark.parametrize("missing", [{"starlette"}, {"uvicorn"}, {"starlette", "uvicorn"}])
def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch, missing):
    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name in missing else found(name))
    done = stego("serve")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "pip install 'stegocli[web]'" in done.stderr
    assert all(name in done.stderr for name in missing)


@pytest.mark.parametrize("wrong", [["--port", "65536"], ["--port", "-1"], ["--port", "http"], ["picture.png"]])
def test_wrong_usage_is_told(wrong):
    assert stego("serve", *wrong).returncode == 2
