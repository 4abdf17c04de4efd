"""stego hides one whole picture inside another and brings it back.

from stegocli import hide, reveal, load_model

model = load_model()
hidden = hide("cover.png", "secret.png", "stego.png", model=model)
print(hidden.score.hide_psnr, hidden.score.reveal_psnr)
reveal("stego.png", "revealed.png", model=model)
"""

import importlib
from typing import Any

__version__ = "1.0.0"
__all__ = ["Auto", "Exact", "Flow", "Robust", "StegoError", "__version__", "hide", "info", "load_model", "reveal"]

_HOMES = {
    "hide": ".api",
    "reveal": ".api",
    "info": ".inspection",
    "load_model": ".methods.arrays",
    "StegoError": ".errors",
}


def __getattr__(name: str) -> Any:
    # Looked up on first use: importing torch takes over a second, which `stego --help` must not pay.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
