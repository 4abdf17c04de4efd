"""The ways to hide, one file each behind one protocol; `Auto` chooses among them."""

from .auto import Auto
from .base import Method, ModelLike, Reader
from .exact import Exact
from .flow import Flow
from .robust import Robust

__all__ = ["Auto", "Exact", "Flow", "Method", "Reader", "Robust", "readers"]


def readers(model: ModelLike = None, amp: bool | None = None) -> tuple[Reader, ...]:
    """All ways back, in the order in which a picture is searched; `model` and `amp` as `Flow` takes them."""
    return Flow(model, amp), Exact(), Robust()
