"""Where the `stego` command starts: before anything heavy is imported, so that a Ctrl-C at any time is taken calmly."""

import os
import sys

# Idle OpenMP threads spin for milliseconds: beside another job on the same cores everything takes three times as long.
QUIET_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}


def main() -> None:
    """Run the command line."""
    try:
        for name, value in QUIET_THREADS.items():
            os.environ.setdefault(name, value)
        from .cli import run

        run()
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
