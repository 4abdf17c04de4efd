"""`python -m stegocli`, as `torchrun -m` starts it: the same as `stego`."""

from .cli import app

if __name__ == "__main__":
    app()
