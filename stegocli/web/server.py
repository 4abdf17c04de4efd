"""The server itself: where it listens, what it prints, and that nothing of it is left at the end."""

import ipaddress
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import uvicorn

from ..errors import StegoError, speak_of_fields
from ..picture.inputs import reason
from . import folder
from .app import create
from .security import Hosts, Sessions
from .store import Store

# Requests at a time: a page needs a few, and more than so many are no page's.
MOST_AT_ONCE = 64


class _Server(uvicorn.Server):
    """Ends at SIGHUP as at SIGINT and SIGTERM: after the request at hand, then by the handler from before.

    An exception out of a handler, as `__main__` has it, would be taken for that request's own, and nothing would end.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        number = getattr(signal, "SIGHUP", None)
        if number is None or signal.getsignal(number) == signal.SIG_IGN:  # so under nohup
            with super().capture_signals():
                yield
            return
        before = signal.signal(number, self.handle_exit)
        with super().capture_signals():
            try:
                yield
            finally:
                signal.signal(number, before)


def serve(host: str, port: int, browse: bool, say: Callable[[str], None]) -> None:
    """Serve the page until a signal ends it.

    Args:
        host: where to listen, a name or an address.
        port: 0 takes a free one.
        browse: whether to open the address in the user's browser.
        say: called with a line for the user.

    Raises:
        StegoError: when it can't listen there.
    """
    speak_of_fields()
    with closing(_listening(host, port)) as listener, folder.private() as place:
        hosts = Hosts(host, listener.getsockname()[1])
        address = f"http://{f'[{host}]' if ':' in host else host}:{hosts.port}/"
        sessions = Sessions(lambda code: say(f"For another browser: {address}#{code}"))
        with Store(place).running() as store:
            config = uvicorn.Config(
                create(store, sessions, hosts), loop="asyncio", http="h11", ws="none", lifespan="off", log_config=None,
                log_level="critical", access_log=False, server_header=False, limit_concurrency=MOST_AT_ONCE,
                timeout_graceful_shutdown=1,
            )  # fmt: skip
            say(f"The page is at {address}#{sessions.code}")
            say("What is sent to it is deleted when it ends: Ctrl-C.")
            if not ipaddress.ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback:
                say("note: Others in your network can reach it and read what is sent, passwords too.")
            if browse and _has_windows():
                # Of a browser on the terminal the server would have to wait for the end.
                threading.Thread(target=webbrowser.open, args=(f"{address}#{sessions.code}",), daemon=True).start()
            _Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise StegoError(
            f"The page can't be served at {host}, port {port} ({reason(error)}): name another --host or --port."
        ) from None


def _has_windows() -> bool:
    """Whether a browser with windows can be expected."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
