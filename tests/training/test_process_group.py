"""Several processes that train one network, under torchrun with gloo on the CPU."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stegocli.flow import weights
from stegocli.training.loop import train
from stegocli.training.process_group import ProcessGroup

ROOT = Path(__file__).resolve().parents[2]


def torchrun(*arguments):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, check=False, env=environment, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def values(out):
    return weights.load_model(out / "last.safetensors").network.state_dict()


@pytest.mark.slow
def test_two_processes_learn_as_one_with_twice_the_batch(settings):
    settings = replace(settings, learning_rate=1e-2, batch_size=2)
    one = replace(settings, batch_size=4, epochs=3, out=settings.out.parent / "one")
    expected = train(one)
    flow = settings.flow
    shown = torchrun(
        "-m", "stegocli", "train", "--data", settings.data, "--out", settings.out, "--epochs", 3, "--crop", 16,
        "--workers", 0, "--no-amp", "--learning-rate", 0.01, "--levels", flow.levels, "--num-blocks", flow.num_blocks,
        "--hidden-channels", flow.hidden_channels,
    )  # fmt: skip
    assert shown.count("best: epoch") == 1 and "2 processes" in shown, "one of them shows what happens"
    summary = json.loads((settings.out / "metrics.json").read_text())
    assert summary["processes"] == 2 and [row["epoch"] for row in summary["history"]] == [1, 2, 3]
    for row, wanted in zip(summary["history"], expected["history"], strict=True):
        for name in ("step", "learning_rate", "loss", "train_reveal_psnr", "val_reveal_psnr", "val_bit_accuracy"):
            assert row[name] == pytest.approx(wanted[name], rel=1e-3), name
    start = one.out.parent / "start"
    train(replace(one, out=start, epochs=1, learning_rate=1e-9))
    before, a, b = values(start), values(one.out), values(settings.out)
    moved = max(float((a[name] - before[name]).abs().max()) for name in a)
    assert moved > 1e-3
    assert max(float((a[name] - b[name]).abs().max()) for name in a) < 0.05 * moved
    # The run goes on with another number of processes.
    longer = train(replace(settings, epochs=4), resume=True, changed={"epochs"})
    assert [row["step"] for row in longer["history"]][2:] == [3, 6] and longer["processes"] == 1


FAILING = """
import json, sys
from networks import uint8_pairs
from stegocli.flow import precision
from stegocli.flow.couplings import FlowConfig
from stegocli.training import oom, losses
from stegocli.training.events import EventLog
from stegocli.training.settings import Settings
from stegocli.training.trainer import Trainer
from stegocli.training.process_group import join

with join() as group:
    log = EventLog()
    settings = Settings(crop=16, flow=FlowConfig(levels=1, num_blocks=1, hidden_channels=4))
    trainer = Trainer(settings, precision.choose(group.device, amp=False), group)
    combine, calls = losses.combine, []
    def fails_once(*arguments):
        calls.append(1)
        if group.rank == 1 and len(calls) == 1:
            raise MemoryError("full")
        return combine(*arguments)
    losses.combine = fails_once
    figures = oom.attempt(trainer, log, *uint8_pairs(), 1e-3)
    said = [[event.action for event in log.events], log.events[0].reason, figures.tolist()]
    everyone = group.gather([said])
    if group.is_main:
        print(json.dumps(everyone))
"""


@pytest.mark.slow
def test_what_fills_one_memory_makes_all_steps_smaller(tmp_path):
    script = tmp_path / "failing.py"
    script.write_text(FAILING)
    first, second = json.loads(torchrun(script))
    assert first[0] == second[0] == ["activation checkpointing"]
    assert "another process" in first[1] and second[1] == "full"
    assert first[2] == second[2], "both have the figures of the whole batch"


def test_a_team_of_one_changes_nothing():
    group, tensor = ProcessGroup(), torch.ones(3)
    group.average([tensor])
    assert group.is_main and group.any(True) and not group.any(False) and group.gather([1, 2]) == [1, 2]
    assert torch.equal(tensor, torch.ones(3))
