"""Forged stegos: nothing but success or a `StegoError`, in bounded memory and time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

pytest.importorskip("resource")
# STEGO_FORGED=2000 tries so many.
COUNT = int(os.environ.get("STEGO_FORGED", "100"))


def tried(method: str, count: int) -> dict:
    script = Path(__file__).with_name("forge.py")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, str(script), method, str(count), "0"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_forged_stegos_of_embedded_bytes():
    """In 1.5 GB of address space and 20 s of processor time each, or the process is ended."""
    outcomes = tried("exact", COUNT)
    assert outcomes["revealed"] + outcomes["refused"] == COUNT
    assert outcomes["revealed"] > COUNT / 20 and outcomes["refused"] > COUNT / 2, "the cases reach the decoders"


def test_forged_stegos_of_the_network():
    count = max(4, COUNT // 100)
    outcomes = tried("flow", count)
    assert outcomes["revealed"] + outcomes["refused"] == count
    # Torch itself takes half a gigabyte, and a secret of 16 megapixels as much again.
    assert outcomes["memory"] < 2_000_000_000
