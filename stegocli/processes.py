"""How processes are started that share the work: none of them is met by a signal before it knows what to do with it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def undisturbed() -> Iterator[None]:
    """Signals that end the run wait; processes started here take none of them before they unblock `stopping()`.

    So no import is interrupted with a traceback, nor is the process that keeps account of a pool's semaphores.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, stopping())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stopping() -> set[signal.Signals]:
    """The signals that end a run, of those that this system has."""
    return {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)}
