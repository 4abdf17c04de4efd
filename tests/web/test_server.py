"""The server as a process: what it prints, how it ends, and that nothing of it stays."""

import contextlib
import json
import os
import re
import signal
import socket
import sys
import time
import urllib.request

import pytest
from command import stego
from serving import Server, png
from systems import posix

from stegocli import errors

uvicorn = pytest.importorskip("uvicorn", reason="the extra `web` is not installed")

WORDS = "correct horse battery staple"


class Visitor:
    """A page, without a browser."""

    def __init__(self, address):
        self.base, code = address.split("/#")
        self.key = ""
        self.key = self.post("/api/session", json.dumps({"code": code}).encode())["key"]

    def post(self, path, content, name="file"):
        headers = {"origin": self.base, "authorization": f"Bearer {self.key}", "x-name": name}
        request = urllib.request.Request(self.base + path, content, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def get(self, path):
        request = urllib.request.Request(self.base + path, headers={"authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def done(self, **task):
        job = self.post("/api/jobs", json.dumps(task).encode())
        for _ in range(1200):
            state = self.get(f"/api/jobs/{job['id']}")
            if state["state"] in ("done", "failed"):
                return state
            time.sleep(0.05)
        raise AssertionError(state)


def gone(server):
    """Wait until there is no folder of it."""
    for _ in range(400):
        if not server.folders():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def served(monkeypatch):
    """Serves for no time: what is said, and what is opened in the browser."""
    from stegocli.web import server

    def done(host, browse=True, windows=True):
        said, opened = [], []
        monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: None)
        monkeypatch.setattr(server, "_has_windows", lambda: windows)
        monkeypatch.setattr(server.webbrowser, "open", opened.append)
        monkeypatch.setattr(server.Store, "running", lambda self: contextlib.nullcontext(self))
        try:
            server.serve(host, 0, browse, said.append)
        finally:
            errors.speak_of_fields(False)
        return said, opened

    return done


def test_the_address_is_printed_and_opened(served):
    said, opened = served("127.0.0.1")
    assert re.fullmatch(r"The page is at http://127\.0\.0\.1:\d+/#\S{32}", said[0])
    assert opened == [said[0].split()[-1]] and not [line for line in said if line.startswith("note:")]


@pytest.mark.parametrize("browse, windows", [(False, True), (True, False)])
def test_no_browser_is_opened_unasked_or_on_a_terminal(served, browse, windows):
    assert served("127.0.0.1", browse, windows)[1] == []


@pytest.mark.parametrize("host, told", [("0.0.0.0", 1), ("127.0.0.1", 0), ("localhost", 0)])
def test_whoever_lets_others_in_is_told(served, host, told):
    said, _ = served(host, False)
    assert len([line for line in said if line.startswith("note:") and "passwords" in line]) == told


@pytest.mark.slow
@posix
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_and_its_files(tmp_path, number, code):
    server = Server(place=tmp_path)
    visitor = Visitor(server.address())
    visitor.post("/api/files", b"content")
    assert len(server.folders()) == 1
    said = server.end(number)
    assert server.process.returncode == code and not server.folders(), said
    assert "Traceback" not in said


MEETS_A_SIGNAL = """
import os
import sys
from stegocli import __main__
from stegocli.web import server

create = server.create

def meeting(*given):
    page = create(*given)

    async def app(scope, receive, send):
        await page(scope, receive, send)
        os.kill(os.getpid(), {number})

    return app

server.create = meeting
sys.argv = ["stego", "serve", "--no-browser"]
__main__.main()
"""


@pytest.mark.slow
@posix
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_amid_a_request_ends_it_too(tmp_path, number, code):
    server = Server(place=tmp_path, command=[sys.executable, "-c", MEETS_A_SIGNAL.format(number=int(number))])
    with urllib.request.urlopen(server.address().partition("#")[0], timeout=60) as answer:
        assert answer.status == 200
    said = server.end()
    assert server.process.returncode == code and not server.folders(), said
    assert "Traceback" not in said


@pytest.mark.slow
@posix
def test_killed_it_leaves_no_files(tmp_path):
    server = Server(place=tmp_path)
    visitor = Visitor(server.address())
    files = {role: visitor.post("/api/files", png(400, 400), "a.png")["id"] for role in ("cover", "secret")}
    visitor.post("/api/jobs", json.dumps({"kind": "hide", "way": "fit", **files}).encode())
    server.process.kill()
    server.process.wait()
    assert gone(server)


@pytest.mark.slow
@posix
def test_killed_with_all_its_processes_the_next_start_takes_its_files_away(tmp_path):
    first = Server(place=tmp_path)
    Visitor(first.address()).post("/api/files", b"content")
    os.killpg(first.process.pid, signal.SIGKILL)
    first.process.wait()
    (left,) = first.folders()
    second = Server(place=tmp_path)
    second.address()
    assert left not in second.folders() and len(second.folders()) == 1
    second.end(signal.SIGTERM)


@pytest.mark.slow
def test_nothing_that_is_sent_is_printed_and_no_password(tmp_path):
    server = Server(place=tmp_path)
    address = server.address()
    visitor = Visitor(address)
    files = {role: visitor.post("/api/files", png(96, 96), f"my-{role}.png")["id"] for role in ("cover", "secret")}
    job = visitor.done(kind="hide", way="fit", password=WORDS, **files)
    assert job["state"] == "done", job
    assert visitor.done(kind="reveal", stego=files["cover"], password=WORDS)["state"] == "failed"
    said = server.end(signal.SIGTERM)
    assert WORDS not in said and "my-" not in said and visitor.key not in said and "/api" not in said
    # Where to go, how it ends, and where to go with the next browser.
    assert len(said.splitlines()) == 3 and address in said.splitlines()[0]


def test_a_port_that_is_taken_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = stego("serve", "--port", taken.getsockname()[1], "--no-browser")
    assert done.returncode == 1 and "name another --host or --port" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["no.such.host.invalid", "999.1.1.1", "not a host", ""])
def test_a_host_that_can_not_be_is_told(host):
    done = stego("serve", "--host", host, "--no-browser")
    assert done.returncode in (1, 2) and done.stderr and "Traceback" not in done.stderr
