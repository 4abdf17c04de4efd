"""How many threads this process may keep busy; asked by whatever shares its work among threads."""

import os

_share: int | None = None


def count() -> int:
    """This process's share of the cores, at least 1: OMP_NUM_THREADS where it is set, or the cores it may run on."""
    if _share is not None:
        return _share
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    # Containers and `taskset` give fewer cores than the machine has; not every system can tell.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit(threads: int) -> None:
    """Keep this process to so many threads from now on: one of several that share a machine."""
    global _share
    _share = threads
    # For torch, should it be imported later.
    os.environ["OMP_NUM_THREADS"] = str(threads)
