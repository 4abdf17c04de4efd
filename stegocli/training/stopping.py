"""Ctrl-C and SIGTERM while a run goes on: the first waits for the step under way, so that nothing of it is lost."""

import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType
from typing import Any, TypeVar

from .process_group import ProcessGroup

Item = TypeVar("Item")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """The run was asked to stop, and may save what it has now."""


class StopRequests:
    """Notes the first signal while a `with` block runs; a second one does at once what it would do elsewhere.

    Signals that are ignored outside stay ignored. Python delivers signals to the main thread alone: in any other
    nothing is changed.

    Args:
        group: all processes stop after the same step, whichever of them was asked to.
    """

    def __init__(self, group: ProcessGroup):
        self.group = group
        self.number: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopRequests":
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._before:
            signal.signal(*self._before.popitem())

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        self.__exit__(None, None, None)

    def check(self) -> None:
        """Between two steps, in all processes.

        Raises:
            Stopped: when one of them was asked to stop.
        """
        if self.group.any(self.number is not None):
            raise Stopped

    def between(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, with a look at the signals before each; of several processes each goes to the end."""
        for item in items:
            if self.group.size == 1:
                self.check()
            yield item

    def obey(self) -> None:
        """End as an unheeded signal would, once all is saved.

        Raises:
            KeyboardInterrupt: after Ctrl-C.
            SystemExit: after SIGTERM, with the exit code that shells give it.
        """
        if self.number in (signal.SIGINT, None):  # None: another process got the signal
            raise KeyboardInterrupt
        raise SystemExit(128 + self.number)
