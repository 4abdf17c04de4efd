"""The ways to hide, one file each behind one protocol; `Auto` chooses among them."""

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .base import Method, ModelLike, Reader
from .decoys import Decoy

if TYPE_CHECKING:
    from .auto import Auto
    from .discreet import Discreet
    from .exact import Exact
    from .flow import Flow
    from .robust import Robust

__all__ = ["Auto", "Decoy", "Discreet", "Exact", "Flow", "Method", "Reader", "Robust", "readers", "searchers"]


def __getattr__(name: str) -> Any:
    # Looked up on first use: what one method needs is not imported for another.
    if name in ("Auto", "Discreet", "Exact", "Flow", "Robust"):
        return getattr(importlib.import_module(f".{name.lower()}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def readers(model: ModelLike = None, amp: bool | None = None) -> Iterator[Reader]:
    """All ways back, in the order in which a picture is searched; `model` and `amp` as `Flow` takes them."""
    from .exact import Exact
    from .flow import Flow

    yield Flow(model, amp)
    yield Exact()
    from .discreet import Discreet
    from .robust import Robust

    yield Robust()
    yield Discreet()


def searchers() -> Iterator[Reader]:
    """Ways back that take seconds, for when no other finds anything."""
    from .anything import Search

    yield Search()
