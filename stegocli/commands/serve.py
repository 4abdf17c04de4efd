"""`stego serve`: a page in the browser for hiding and revealing."""

import importlib.util
from typing import Annotated

import typer

from ..errors import StegoError
from .common import FLAG, console

NEEDED = ("starlette", "uvicorn")


def serve(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; by default nobody else can reach it.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", show_default="a free one", help="Its port.")
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", metavar=FLAG, help="Print the address, and open no browser.")
    ] = False,
) -> None:
    """Open a page in the browser, for hiding and revealing by hand. Nothing leaves this machine.

    Examples:

      stego serve

      stego serve --port 8000 --no-browser
    """
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise StegoError(f"The page needs {' and '.join(missing)}, not installed here: pip install 'stegocli[web]'.")
    from ..web.server import serve as run

    show = console()
    run(host, port, not no_browser, lambda line: show.print(line, soft_wrap=True))
