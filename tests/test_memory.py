"""How much memory a process takes for large pictures: it must grow no faster than the bounds of the README allow."""

import subprocess
import sys

import pytest

resource = pytest.importorskip("resource")
SIDES = 1600, 2496
# 48 megapixels in 2.5 GB, of which half a gigabyte is torch itself.
BYTES_A_PIXEL = 2.0e9 / 48e6
# What one strip's activations and one segment's orders take, whatever the picture's size.
FIXED = 220e6

START = f"""
import resource
import numpy as np
from stegocli.payload import embedding, slots, trellis
from stegocli.picture import metrics

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * {1 if sys.platform == "darwin" else 1024}

cover = np.random.default_rng(0).integers(0, 256, {(*SIDES, 3)}, dtype=np.uint8)
"""
NETWORK = """
import torch
from stegocli.flow import couplings, network, tiles

torch.rand(64, 64) @ torch.rand(64, 64)
# Blocks come one after another and in place: one takes as much memory as eight.
one = network.StegoNetwork(couplings.FlowConfig(num_blocks=1)).eval().requires_grad_(False)
"""
STEPS = {
    "hide": "tiles.hide(one, cover, cover.astype(np.float32))",
    "reveal": "tiles.reveal(one, cover)",
    "compare": "metrics.compare(cover, cover[::-1])",
    "open": "plan = embedding.plan(embedding.capacity(cover.size, False), 3 * cover.size)\n"
    "stego = embedding.embed_open(cover, bytes(cover.size // 3), plan)\n"
    "found = embedding.PayloadDescriptor(cover.size // 3, plan)\n"
    "assert embedding.extract_open(stego, found) == bytes(cover.size // 3)",
    "private": "plan = embedding.plan(embedding.capacity(cover.size, True), 3 * cover.size)\n"
    "stego = embedding.embed_private(cover, bytes(cover.size // 3), plan, 'word')\n"
    "assert slots.extract(stego, 'word')[0] == bytes(cover.size // 3)",
    "slots": "stego = slots.embed(cover, [(bytes(cover.size // 12), 'word')], cover.size // 6)\n"
    "assert slots.extract(stego, 'word')[0] == bytes(cover.size // 12)",
}


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_memory_is_bounded(step):
    prepared = START + (NETWORK if step in ("hide", "reveal") else "")
    script = f"{prepared}\nbefore = peak()\n{STEPS[step]}\nprint(peak() - before)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) < FIXED + BYTES_A_PIXEL * SIDES[0] * SIDES[1]
