"""Where the `stego` command starts: before anything heavy is imported, so that a Ctrl-C at any time is taken calmly."""

import os
import signal
import sys
from types import FrameType

# Idle OpenMP threads spin for milliseconds: beside another job on the same cores everything takes three times as long.
QUIET_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}


def _stopped(number: int, frame: FrameType | None) -> None:
    """End as after Ctrl-C: what was begun is taken away."""
    sys.exit(128 + number)


def main() -> None:
    """Run the command line."""
    try:
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # nohup has it ignored
                signal.signal(number, _stopped)
        for name, value in QUIET_THREADS.items():
            os.environ.setdefault(name, value)
        from .cli import run

        run()
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
