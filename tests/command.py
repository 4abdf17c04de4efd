"""The `stego` command, in this process: what a process of its own prints, writes and returns, without its start."""

import contextlib
import io
import os
import sys
import tempfile
from dataclasses import dataclass
from typing import Any
from unittest import mock

from stegocli import cli, errors


@dataclass
class Done:
    """How a command ended; its output is text, or bytes where those were asked for."""

    returncode: int
    stdout: Any
    stderr: Any


def stego(*arguments, given=None, binary=False, encoding="utf-8", **environment) -> Done:
    """Run the command without a terminal.

    Args:
        given: what stdin holds, text or bytes; nothing by default.
        binary: return bytes.
        encoding: of stdout and stderr.
        environment: more variables; STEGO_PASSWORD is there only if it is among them.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding, errors) for errors in ("strict", "backslashreplace"))
    changed = {name: os.fsdecode(value) for name, value in environment.items()}
    with contextlib.ExitStack() as stack:
        # A file, since what is asked of stdin includes which file it is.
        stdin = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))
        stdin.buffer.write((given or "").encode() if not isinstance(given, bytes) else given)
        stdin.seek(0)
        for name, stream in (("stdin", stdin), ("stdout", out), ("stderr", err)):
            stack.enter_context(mock.patch.object(sys, name, stream))
        stack.enter_context(mock.patch.object(sys, "argv", ["stego", *map(str, arguments)]))
        stack.enter_context(mock.patch.dict(os.environ, changed))
        if "STEGO_PASSWORD" not in changed:
            os.environ.pop("STEGO_PASSWORD", None)
        stack.callback(errors.speak_of_options, False)
        try:
            cli.run()
        except SystemExit as ended:
            code = ended.code or 0
    shown = []
    for stream in (out, err):
        stream.flush()
        content = stream.buffer.getvalue()
        shown.append(content if binary else content.decode(encoding))
    return Done(code, *shown)
