"""What happened in a run beside its steps: each fallback taken is an event, kept, logged and shown."""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from .conform import conform

log = logging.getLogger(__name__)
# Callers decide whether the log is seen; the display shows every event anyway.
log.addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Event:
    """One fallback taken.

    Attributes:
        kind: ``memory``, ``worker``, ``skipped step``, ``precision``, ``graph``, ``picture`` or ``validation``.
        action: what is done from now on.
        reason: the error's first line, or the loss.
        step: optimiser steps done when it happened.
        time: seconds since the epoch.
    """

    kind: str
    action: str
    reason: str
    step: int
    time: float = field(default_factory=time.time)

    def __str__(self) -> str:
        return f"step {self.step}: {self.reason}; {self.action}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def _nobody(event: Event) -> None:
    """Shows nothing."""


class EventLog:
    """The events of a run, and how many optimiser steps it has taken.

    Args:
        on_event: called with each event as it happens.
    """

    def __init__(self, on_event: Callable[[Event], None] = _nobody):
        self.on_event = on_event
        self.events: list[Event] = []
        self.step = 0

    def record(self, kind: str, action: str, reason: str) -> None:
        event = Event(kind, action, reason, self.step)
        self.events.append(event)
        log.warning("%s", event)
        self.on_event(event)

    def state(self) -> dict[str, Any]:
        return {"step": self.step, "events": [event.as_dict() for event in self.events]}

    def load(self, state: dict[str, Any]) -> None:
        """Undo `state`; raises ValueError for what can't be."""
        self.step = conform(state.get("step"), int)
        self.events = conform(state.get("events"), list[Event])
