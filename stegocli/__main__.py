"""Where the `stego` command starts: before anything heavy is imported, so that a Ctrl-C at any time is taken calmly."""

import gc
import os
import signal
import sys
from types import FrameType

# Idle OpenMP threads spin for milliseconds: beside another job on the same cores everything takes three times as long.
# PyTorch warns on stderr where it can't use NNPACK, which is no matter for the user (`flow.convolution`).
QUIET = {"OMP_WAIT_POLICY": "PASSIVE", "TORCH_CPP_LOG_LEVEL": "ERROR"}
# Importing PyTorch makes some 600,000 objects that stay. To look for garbage as often as Python does by default, and
# through all of them at the end, takes a third of the time of the import.
OBJECTS_PER_COLLECTION = 100_000


def _open_standard_streams() -> None:
    """Where a shell closed stdin, stdout or stderr, the next file that is opened would take its place."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            while os.open(os.devnull, os.O_RDWR) < number:
                pass
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False, encoding="utf-8"))  # noqa: SIM115


def _stopped(number: int, frame: FrameType | None) -> None:
    """End as after Ctrl-C: what was begun is taken away."""
    sys.exit(128 + number)


def main() -> None:
    """Run the command line."""
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    try:
        _open_standard_streams()
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # nohup has it ignored
                signal.signal(number, _stopped)
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        from .cli import run

        run()
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        sys.exit(130)
    finally:
        # What is left goes with the process.
        gc.freeze()


if __name__ == "__main__":
    main()
