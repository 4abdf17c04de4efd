"""The ways to hide, one file each behind one protocol; `Auto` chooses among them."""

from typing import TYPE_CHECKING

from .auto import Auto
from .base import Method, Reader
from .exact import Exact
from .flow import Flow
from .robust import Robust

if TYPE_CHECKING:
    from pathlib import Path

    from ..flow.model import Model

__all__ = ["Auto", "Exact", "Flow", "Method", "Reader", "Robust", "readers"]


def readers(model: "Model | str | Path | None" = None) -> tuple[Reader, ...]:
    """All ways back, in the order in which a picture is searched; `model` as `Flow` takes it."""
    return Flow(model), Exact(), Robust()
