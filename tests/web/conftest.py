"""An application and a browser that the tests share."""

import signal
from types import SimpleNamespace

import pytest
import serving


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    """The application with its processes: `app`, `store`, `sessions`, and `codes`, what was told of new codes."""
    pytest.importorskip("starlette", reason="the extra `web` is not installed")
    from stegocli import errors
    from stegocli.web import app, security, store

    codes = []
    sessions = security.Sessions(codes.append)
    with store.Store(tmp_path_factory.mktemp("serve")).running() as kept:
        made = app.create(kept, sessions, security.Hosts("127.0.0.1", 8000))
        errors.speak_of_fields()
        yield SimpleNamespace(app=made, store=kept, sessions=sessions, codes=codes)
        errors.speak_of_fields(False)


@pytest.fixture
def visitor(running):
    """Someone who has the address, but no session yet."""
    pytest.importorskip("httpx2", reason="what Starlette tests with is not installed")
    testclient = pytest.importorskip("starlette.testclient", reason="the extra `web` is not installed")
    return testclient.TestClient(running.app, base_url=serving.ORIGIN, headers={"origin": serving.ORIGIN})


@pytest.fixture
def client(running, visitor):
    """A browser with a session of its own."""
    key = visitor.post("/api/session", json={"code": running.sessions.code}).json()["key"]
    visitor.headers["authorization"] = f"Bearer {key}"
    return visitor


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """`stego serve`, for all tests in a browser."""
    started = serving.Server(place=tmp_path_factory.mktemp("serving"))
    yield started
    started.end(signal.SIGTERM)


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium, driven by Playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if serving.CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=serving.CHROMIUM, args=serving.FLAGS)
        yield browser
        browser.close()
