"""`stego serve` for tests: as an application that is asked without a network, and as a process with an address."""

import io
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pictures import natural
from PIL import Image

HOST = "127.0.0.1:8000"
ORIGIN = f"http://{HOST}"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def png(height: int, width: int, seed: int = 0) -> bytes:
    content = io.BytesIO()
    Image.fromarray(natural(height, width, seed)).save(content, "PNG")
    return content.getvalue()


@dataclass(frozen=True)
class Sleep:
    """A task that takes its time, and says when it has begun."""

    began: Path
    seconds: float = 60.0
    reads: object = None

    def run(self, folder, progress, found):
        (folder / "half-done").write_text("half")
        self.began.write_text(str(os.getpid()))
        progress("sleeping", 0.5)
        time.sleep(self.seconds)
        raise AssertionError("nobody stopped it")


@dataclass(frozen=True)
class Fail:
    """A task that ends badly: with an error, or with its process."""

    error: Exception | None

    def run(self, folder, progress, found):
        if self.error is None:
            os._exit(9)
        raise self.error


COMMAND = (sys.executable, "-m", "stegocli", "serve", "--no-browser")


class Server:
    """`stego serve` as a process of its own: what it prints, and the address that opens it next."""

    def __init__(self, *, place: Path, command: Sequence[str] = COMMAND):
        env = {k: v for k, v in os.environ.items() if k != "STEGO_PASSWORD"} | {"TMPDIR": str(place)}
        self.place = place
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, start_new_session=True
        )
        self.lines: list[str] = []
        self._said = threading.Condition()
        self._used = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._said:
                self.lines.append(line)
                self._said.notify_all()

    def address(self) -> str:
        """The next one that was not used: each opens one browser."""

        def found():
            return re.findall(r"http://\S+#\S+", "".join(self.lines))[self._used :]

        with self._said:
            assert self._said.wait_for(found, 60), self.lines
            self._used += 1
            return re.findall(r"http://\S+#\S+", "".join(self.lines))[self._used - 1]

    def folders(self) -> list[Path]:
        return list(self.place.glob("stego-serve-*"))

    def end(self, number: int | None = None) -> str:
        """End it with a signal, or see it end by itself; all that it printed."""
        if number is not None:
            self.process.send_signal(number)
        self.process.wait(timeout=30)
        self._reader.join(timeout=30)
        self.process.stdout.close()
        return "".join(self.lines)
