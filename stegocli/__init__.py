"""stego hides one whole picture inside another and brings it back.

from stegocli import Exact, hide, reveal

hidden = hide("cover.png", "secret.png", "stego.png")
print(hidden.method, hidden.cover.psnr)
reveal("stego.png", "revealed.png")
hide("cover.png", "report.pdf", "private.png", Exact(password="correct horse battery staple"))
"""

import importlib
from typing import Any

__version__ = "1.0.0"
__all__ = [
    "Auto",
    "Discreet",
    "Exact",
    "Flow",
    "Robust",
    "StegoError",
    "__version__",
    "hide",
    "info",
    "load_model",
    "reveal",
]

_HOMES = {
    "hide": ".api",
    "reveal": ".api",
    "info": ".inspection",
    "load_model": ".methods.arrays",
    "StegoError": ".errors",
    **dict.fromkeys(("Auto", "Discreet", "Exact", "Flow", "Robust"), ".methods"),
}


def __getattr__(name: str) -> Any:
    # Looked up on first use: importing torch takes over a second, which `stego --help` must not pay.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
