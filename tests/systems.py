"""What not every system has, and how it is used where it is there."""

import os
import select
import signal
import sys
import threading
from contextlib import contextmanager

import pytest

fifos = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
posix = pytest.mark.skipif(os.name != "posix", reason="signals, modes and shells of POSIX")


def terminal(test):
    """Mark a test that types at a terminal of its own."""
    lacks = pytest.mark.skipif(os.name != "posix", reason="this system gives no terminals")
    return pytest.mark.terminal(lacks(test))


@contextmanager
def fifo(path, content: bytes):
    """A FIFO that gives its content to the first who opens it, and nothing to whoever comes next."""
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(content,), daemon=True)
    writer.start()
    yield path
    writer.join(timeout=20)
    assert not writer.is_alive(), "nobody read it"


def at_a_terminal(answers, *arguments) -> tuple[int, str]:
    """Run the command on a terminal of its own and type the answers: exit code and what was shown.

    An answer that is a control character is typed alone, and again where it was lost: the terminal's mode may change
    under it.
    """
    import pty

    child, there = pty.fork()
    if child == 0:
        os.environ.pop("STEGO_PASSWORD", None)
        os.execl(sys.executable, sys.executable, "-m", "stegocli", *map(str, arguments))
    shown, answers, typed = b"", list(answers), b""
    try:
        for _ in range(60):
            ready = select.select([there], [], [], 2)[0]
            shown += os.read(there, 1024) if ready else b""
            # The space comes last, when the terminal has stopped showing what is typed.
            if answers and shown.endswith(b": "):
                answer = answers.pop(0)
                typed = answer.encode() if answer < " " else b""
                os.write(there, typed or answer.encode() + b"\n")
            elif typed and not ready:
                os.write(there, typed)
    except OSError:  # how Linux says that the other end is closed
        pass
    else:
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()
