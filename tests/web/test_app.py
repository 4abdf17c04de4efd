"""What the server answers: what it takes, what comes of it, and what is left."""

import json
import struct
import time
import zlib

import pytest
import serving
from serving import png

from stegocli.picture import claims

NOTE = b"Meet me at noon."


def sent(client, content: bytes, name: str = "picture.png") -> str:
    answer = client.post("/api/files", content=content, headers={"x-name": name})
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def done(client, **task) -> dict:
    """A job's last state."""
    answer = client.post("/api/jobs", json=task)
    assert answer.status_code == 200, answer.text
    for _ in range(1200):
        state = client.get(f"/api/jobs/{answer.json()['id']}").json()
        if state["state"] in ("done", "failed"):
            return state
        time.sleep(0.05)
    raise AssertionError(state)


def hidden(client, secret=NOTE, name="note.txt", cover=None, **choice) -> dict:
    files = {"cover": sent(client, cover or png(96, 128)), "secret": sent(client, secret, name)}
    return done(client, kind="hide", **files, **choice)


def part(client, job: dict, name: str):
    return client.get(f"/api/jobs/{job['id']}/{name}")


def test_a_file_goes_in_and_comes_out(client):
    job = hidden(client, way="exact")
    assert job["state"] == "done", job
    assert job["result"]["cover"]["psnr"] > 40 and job["parts"]["stego"] == "picture-stego.png"
    assert {"cover-shown", "stego-shown", "residual-shown"} <= job["parts"].keys()
    stego = part(client, job, "stego")
    assert 'filename="picture-stego.png"' in stego.headers["content-disposition"]
    found = done(client, kind="reveal", stego=sent(client, stego.content))
    assert found["result"]["name"] == "note.txt" and found["result"]["text"] == NOTE.decode()
    secret = part(client, found, "secret")
    assert secret.content == NOTE
    # What anyone may have made is saved, never shown or run.
    assert secret.headers["content-type"] == "application/octet-stream"
    assert secret.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "way, choice",
    [
        pytest.param("auto", {}, marks=[pytest.mark.network, pytest.mark.slow]),
        ("fit", {"cover_psnr": 44}),
        ("exact", {"password": "five words or more here"}),
        ("survive", {"survive": "75"}),
    ],
)
def test_a_picture_comes_back_by_every_way(client, way, choice):
    job = hidden(client, png(32, 40, 2), "s.png", png(160, 200), way=way, **choice)
    assert job["state"] == "done" and {"secret-shown", "revealed-shown"} <= job["parts"].keys(), job
    assert part(client, job, "residual-shown").headers["content-type"] == "image/png"
    stego = sent(client, part(client, job, "stego").content, job["parts"]["stego"])
    found = done(client, kind="reveal", stego=stego, password=choice.get("password"))
    assert found["state"] == "done" and found["result"]["size"] == [40, 32], found
    assert found["result"]["authenticated"] == ("password" in choice)
    assert part(client, found, "secret-shown").content[:4] == b"\x89PNG"


def test_what_a_cover_holds_is_told_by_method(client):
    job = done(client, kind="look", cover=sent(client, png(160, 200)))
    assert job["state"] == "done" and not job["result"]["holds"]
    held = {capacity["method"]: capacity["holds"] for capacity in job["result"]["capacities"]}
    assert held.keys() >= {"flow", "exact", "robust", "discreet"} and held["exact"] > held["robust"] > 0


def test_a_cover_that_holds_something_is_told(client):
    stego = part(client, hidden(client, way="exact"), "stego").content
    assert done(client, kind="look", cover=sent(client, stego))["result"]["holds"]


# -- what fails -------------------------------------------------------------------------------------------------------


def test_nothing_hidden_asks_for_a_password_once(client):
    stego = sent(client, png(96, 128), "mine.png")
    job = done(client, kind="reveal", stego=stego)
    assert job["state"] == "failed" and job["asked"] and job["error"].startswith("mine.png holds no hidden picture")
    job = done(client, kind="reveal", stego=stego, password="wrong")
    assert job["state"] == "failed" and "mine.png can't be opened: the password is wrong" in job["error"]


def test_a_message_speaks_of_what_the_page_has(client):
    job = hidden(client, png(200, 200), "s.png", png(40, 40), way="exact")
    assert job["state"] == "failed" and "s.png needs" in job["error"]
    assert "cover quality" in job["error"] and "“As fine as fits”" in job["error"]
    assert "--" not in job["error"] and "/" not in job["error"]


@pytest.mark.parametrize("content", [b"no picture at all", png(40, 40)[:300], b"\xff\xd8\xff" + bytes(200)])
def test_a_broken_picture_is_told_by_its_name(client, content):
    for kind, role in (("look", "cover"), ("reveal", "stego")):
        job = done(client, kind=kind, **{role: sent(client, content, "broken.png")})
        assert job["state"] == "failed" and job["error"].startswith("broken.png "), job


def test_a_picture_that_claims_too_much_is_refused(client):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )
    answer = client.post("/api/files", content=bomb, headers={"x-name": "bomb.png"})
    assert answer.json()["size"] is None
    assert done(client, kind="look", cover=answer.json()["id"])["state"] == "failed"


@pytest.mark.parametrize("said", [b"", b"[]", b"nonsense", b"1", b"[" * 10_000, b'{"kind": "shell"}', b"\xff\xfe"])
def test_what_the_page_never_says_is_refused(client, said):
    answer = client.post("/api/jobs", content=said)
    assert answer.status_code == 400 and answer.json()["error"]


@pytest.mark.parametrize(
    "choice",
    [
        {"way": "exec"}, {"way": ["exact"]}, {"way": "exact", "cover_psnr": "40"}, {"way": "fit", "cover_psnr": 900},
        {"way": "survive", "survive": "101"}, {"way": "survive", "survive": {"a": 1}},
        {"way": "discreet", "size": "huge"},
        {"way": "exact", "password": 7}, {"way": "exact", "cover_psnr": True},
    ],
)  # fmt: skip
def test_a_choice_that_the_page_does_not_offer_is_refused(client, choice):
    file = sent(client, png(20, 20))
    answer = client.post("/api/jobs", json={"kind": "hide", "cover": file, "secret": file, **choice})
    assert answer.status_code == 400 and answer.json()["error"]


# -- limits -----------------------------------------------------------------------------------------------------------


def uploads(running):
    return list(running.store.place().parent.iterdir())


def test_an_upload_that_says_it_is_too_large_is_not_read(client, running):
    before = uploads(running)
    large = {"x-name": "large.tif", "content-length": str(claims.MOST_SENT + 1)}
    answer = client.post("/api/files", content=b"", headers=large)
    assert answer.status_code == 413 and "large.tif has more than 537 MB" in answer.json()["error"]
    assert uploads(running) == before


def test_an_upload_that_grows_too_large_is_deleted(client, running, monkeypatch):
    monkeypatch.setattr(claims, "MOST_SENT", 10_000)
    before = uploads(running)
    answer = client.post("/api/files", content=(bytes(4000) for _ in range(4)), headers={"x-name": "a"})
    assert answer.status_code == 413 and uploads(running) == before


def test_an_empty_upload_is_refused(client, running):
    before = uploads(running)
    answer = client.post("/api/files", content=b"", headers={"x-name": "empty.png"})
    assert answer.status_code == 400 and answer.json()["error"].startswith("empty.png is empty")
    assert uploads(running) == before


def test_a_long_request_is_refused(client):
    assert client.post("/api/jobs", content=json.dumps({"kind": "x" * 20_000})).status_code == 413


# -- whose it is, and where it is ------------------------------------------------------------------------------------


def test_a_dropped_file_and_job_are_gone(client, running):
    before = uploads(running)
    job = hidden(client, way="exact")
    files = set(uploads(running)) - set(before)
    folder = running.store.job(running.sessions.owner(client.headers["authorization"]), job["id"]).folder
    assert len(files) == 2 and folder.exists()
    assert client.delete(f"/api/jobs/{job['id']}").status_code == 204
    assert not folder.exists() and client.get(f"/api/jobs/{job['id']}").status_code == 404
    file = sent(client, NOTE)
    assert client.get(f"/api/files/{file}/content").content == NOTE
    assert client.delete(f"/api/files/{file}").status_code == 204
    assert client.get(f"/api/files/{file}").status_code == 404 == client.get(f"/api/files/{file}/content").status_code


def test_one_session_does_not_see_what_another_has(client, running):
    file, job = sent(client, NOTE), hidden(client, way="exact")
    key = client.post("/api/session", json={"code": running.sessions.code}).json()["key"]
    other = {"authorization": f"Bearer {key}"}
    for path in (
        f"/api/files/{file}",
        f"/api/files/{file}/content",
        f"/api/jobs/{job['id']}",
        f"/api/jobs/{job['id']}/stego",
    ):
        assert client.get(path).status_code == 200
        assert client.get(path, headers=other).status_code == 404
    assert client.delete(f"/api/files/{file}", headers=other).status_code == 404
    assert client.post("/api/jobs", json={"kind": "reveal", "stego": file}, headers=other).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml", "/%2e%2e/pyproject.toml", "/..%2f..%2fetc/passwd", "/app.py", "/static/main.js",
        "/main.js/",
        "/api/files/..%2f..%2flock", "/api/jobs/..%2f..", "/api/jobs/JOB/..%2flock", "/api/jobs/JOB/lock",
        "/api/jobs/JOB/%2e%2e%2f%2e%2e%2flock", "/api/jobs/JOB/stego%00.png", "//etc/passwd",
    ],
)  # fmt: skip
def test_no_path_leads_to_the_disk(client, path):
    job = client.post("/api/jobs", json={"kind": "look", "cover": sent(client, png(16, 16))}).json()["id"]
    answer = client.get(path.replace("JOB", job), follow_redirects=False)
    assert answer.status_code in (404, 307), answer.text
    assert not (answer.status_code == 307 and "//" in answer.headers["location"].removeprefix(serving.ORIGIN))
