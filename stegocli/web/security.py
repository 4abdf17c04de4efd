"""Who may use the page, on a machine that others use too, from a browser that shows other sites too.

The address that `stego serve` prints has a code behind its #, which browsers send to nobody. The page exchanges it,
once, for a key of its own, and sends that in a header: another site can't make a browser add it, as it could with a
cookie, and other servers on the same host don't get to see it. What one key uploads or makes no other key sees.
"""

import hashlib
import ipaddress
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
BROKEN = "This should not have happened: please report it."
_READING = ("GET", "HEAD")


def _digest(word: str) -> bytes:
    """What is compared in place of a code or key, so that the time it takes tells nothing of it."""
    return hashlib.sha256(word.encode(errors="replace")).digest()


class Sessions:
    """The code that opens the page once, and the keys that it was exchanged for.

    Args:
        told: called with a new code whenever one was used, for the next browser.
    """

    def __init__(self, told: Callable[[str], None] = lambda code: None) -> None:
        self.code = secrets.token_urlsafe(24)
        self._told = told
        self._keys: dict[bytes, str] = {}

    def exchange(self, code: str) -> str | None:
        """A key for the code; None for a wrong or a used one."""
        if _digest(code) != _digest(self.code):
            return None
        key, self.code = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self._keys[_digest(key)] = secrets.token_urlsafe(12)
        self._told(self.code)
        return key

    def owner(self, authorization: str) -> str | None:
        """What a session is called, by the header that it sends; None for nobody's."""
        kind, _, key = authorization.partition(" ")
        return self._keys.get(_digest(key)) if kind == "Bearer" else None


@dataclass(frozen=True)
class Hosts:
    """The names under which the page answers.

    Attributes:
        host: where the server listens.
        port: its own.
    """

    host: str
    port: int

    def knows(self, header: str) -> bool:
        """Whether a Host header names this server, and no name that somebody else lets point here (DNS rebinding)."""
        name, _, port = header.rpartition(":")
        if port != str(self.port):
            return False
        name = name.strip("[]").lower()
        if name == "localhost" or name == self.host.lower():
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        # An address can't be rebound. Where the server listens on all of the machine's, any of them may be meant.
        return address.is_loopback or self.host in ("0.0.0.0", "::")


class Guard:
    """Lets through what comes from the page itself, and sends what browsers must know with every answer.

    Args:
        app: behind it; it finds the session in the scope's `state` as `owner`.
        hosts: the names of this server.
        sessions: the keys.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts, sessions: Sessions) -> None:
        self._app, self._hosts, self._sessions = app, hosts, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refused = self._refused(scope)
        try:
            await (refused or self._app)(scope, receive, sent)
        except Exception as error:
            # Not its words, which may hold what was sent.
            print(f"stego: This should not have happened ({type(error).__name__}): please report it.", file=sys.stderr)
            if not begun:
                await _refusal(500, BROKEN)(scope, receive, sent)

    def _refused(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        host = headers.getlist("host")
        if len(host) != 1 or not self._hosts.knows(host[0]):
            return _refusal(421, "This server answers only to the address that `stego serve` printed.")
        if scope["method"] not in _READING and headers.get("origin") != f"http://{host[0]}":
            return _refusal(403, "This did not come from the page.")
        if scope["path"].startswith("/api/"):
            if headers.get("sec-fetch-site", "same-origin") != "same-origin":
                return _refusal(403, "This did not come from the page.")
            owner = self._sessions.owner(headers.get("authorization", ""))
            if owner is None and scope["path"] != "/api/session":
                return _refusal(401, "The page needs the address that `stego serve` printed.")
            scope.setdefault("state", {})["owner"] = owner
        return None


def _refusal(status: int, why: str) -> JSONResponse:
    return JSONResponse({"error": why}, status)
