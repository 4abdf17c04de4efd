"""Who is let in: the code, the key, Host, Origin, and what every answer tells the browser."""

import re
from importlib import resources

import pytest
import serving

pytest.importorskip("starlette", reason="the extra `web` is not installed")

from stegocli.web.security import Hosts, Sessions

STATIC = list(resources.files("stegocli.web").joinpath("static").iterdir())


def test_a_code_opens_the_page_once(visitor, running):
    code = running.sessions.code
    assert visitor.post("/api/session", json={"code": code + "x"}).status_code == 401
    first = visitor.post("/api/session", json={"code": code})
    assert visitor.get("/api/about", headers={"authorization": f"Bearer {first.json()['key']}"}).status_code == 200
    again = visitor.post("/api/session", json={"code": code})
    assert again.status_code == 401 and "used already" in again.json()["error"]
    # The next browser has a code of its own, which is told where the first was.
    assert running.codes[-1] == running.sessions.code != code


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic KEY", "KEY", "Bearer KEYx", "bearer\tKEY"]
)
@pytest.mark.parametrize("path", ["/api/about", "/api/files/x", "/api/jobs/x", "/api/jobs/x/stego", "/api/nothing"])
def test_without_the_key_nothing_is_told(client, header, path):
    key = client.headers.pop("authorization").removeprefix("Bearer ")
    answer = client.get(path, headers={"authorization": header.replace("KEY", key)})
    assert answer.status_code == 401 and set(answer.json()) == {"error"}


def test_the_key_is_taken_from_nowhere_but_its_header(client):
    key = client.headers.pop("authorization").removeprefix("Bearer ")
    assert client.get(f"/api/about?key={key}&token={key}").status_code == 401
    assert client.get("/api/about", headers={"cookie": f"key={key}; authorization=Bearer {key}"}).status_code == 401


def test_no_cookie_is_set(client):
    assert not client.cookies and "set-cookie" not in client.get("/").headers


FOREIGN_HOSTS = [
    "evil.example:8000", "evil.example", "127.0.0.1", "127.0.0.1:8001", "127.0.0.1.evil.example:8000",
    "localhost.:8000", "localhost", "192.168.1.7:8000", "[::ffff:1.2.3.4]:8000", "", ":8000", "127.0.0.1:8000:8000",
    "2130706433:8000",
]  # fmt: skip


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
@pytest.mark.parametrize("path", ["/", "/main.js", "/api/about"])
def test_a_name_that_others_let_point_here_is_not_answered(client, host, path):
    answer = client.get(path, headers={"host": host})
    assert answer.status_code == 421 and set(answer.json()) == {"error"}


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LocalHost:8000", "[::1]:8000", "127.0.0.2:8000"])
def test_its_own_names_are_answered(client, host):
    assert client.get("/api/about", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host, known, foreign",
    [
        ("0.0.0.0", ["192.168.1.7:80", "10.0.0.1:80", "localhost:80"], ["evil.example:80", "192.168.1.7:81"]),
        ("::", ["[fe80::1]:80", "192.168.1.7:80"], ["evil.example:80"]),
        ("my.machine", ["my.machine:80", "MY.machine:80"], ["my.machine.evil.example:80", "192.168.1.7:80"]),
        ("192.168.1.7", ["192.168.1.7:80"], ["192.168.1.8:80"]),
    ],
)
def test_where_others_may_reach_it_names_are_still_checked(host, known, foreign):
    hosts = Hosts(host, 80)
    assert all(map(hosts.knows, known)) and not any(map(hosts.knows, foreign))


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "http://evil.example",
        "https://127.0.0.1:8000",
        "http://127.0.0.1:8001",
        "http://127.0.0.1",
        serving.ORIGIN + "/",
    ],
)
def test_what_another_site_sends_is_refused(client, origin):
    file = client.post("/api/files", content=b"x", headers={"x-name": "a"}).json()["id"]
    client.headers.pop("origin")
    headers = {} if origin is None else {"origin": origin}
    assert client.post("/api/files", content=b"x", headers=headers).status_code == 403
    assert client.post("/api/session", json={"code": ""}, headers=headers).status_code == 403
    assert client.delete(f"/api/files/{file}", headers=headers).status_code == 403
    assert client.get(f"/api/files/{file}").status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_what_another_site_asks_for_is_refused(client, site):
    assert client.get("/api/about", headers={"sec-fetch-site": site}).status_code == 403


def test_every_answer_tells_the_browser_what_is_allowed(client):
    refused = client.get("/", headers={"host": "evil.example"})
    answers = [client.get(path) for path in ("/", "/main.js", "/api/about", "/nothing", "/api/files/x")]
    for answer in [*answers, refused, client.post("/api/session", json={}), client.put("/")]:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none';") and "unsafe" not in policy and "*" not in policy
        assert "frame-ancestors 'none'" in policy and "http" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["cache-control"] == "no-store"
        assert (
            answer.headers["referrer-policy"] == "no-referrer" and "access-control-allow-origin" not in answer.headers
        )


@pytest.mark.parametrize("file", STATIC, ids=lambda file: file.name)
def test_the_page_takes_nothing_from_elsewhere_and_needs_nothing_inline(file):
    text = file.read_text("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=\"|javascript:|<script(?![^>]* src=)", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text)
    assert "font-face" not in text and "@import" not in text


def test_what_breaks_is_told_without_what_was_sent(client, running, monkeypatch, capfd):
    def breaks(*arguments):
        raise RuntimeError("my secret password")

    monkeypatch.setattr(running.store, "begin", breaks)
    file = client.post("/api/files", content=b"x", headers={"x-name": "a"}).json()["id"]
    answer = client.post("/api/jobs", json={"kind": "reveal", "stego": file, "password": "my secret password"})
    assert answer.status_code == 500 and "should not have happened" in answer.json()["error"]
    shown = capfd.readouterr()
    assert "RuntimeError" in shown.err and "my secret password" not in answer.text + shown.out + shown.err


def test_keys_are_each_their_own():
    sessions = Sessions()
    keys = [sessions.exchange(sessions.code) for _ in range(3)]
    owners = {sessions.owner(f"Bearer {key}") for key in keys}
    assert len(set(keys)) == len(owners) == 3 and None not in owners
    assert sessions.exchange("") is None and sessions.owner("") is None
