import sys
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

from stegocli import render
from stegocli.flow.couplings import FlowConfig
from stegocli.measure import bench, monitor
from stegocli.training import data
from stegocli.training.trainer import FIGURES


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_ablation_changes_one_thing_a_row(monkeypatch, device):
    seen, shown = [], []
    where = SimpleNamespace(device=torch.device(device))
    monkeypatch.setattr(bench.precision, "choose", lambda: where)

    def measured(settings, steps, pictures):
        seen.append(settings)
        return {"samples_per_second": float(len(seen))}

    monkeypatch.setattr(bench, "_measure", measured)
    best = bench.Settings(batch_size=2, workers=4)
    table = bench._ablation(best, 3, None, lambda section, row: shown.append((len(seen), section, row)))
    names = ("batch_size", "workers", "amp", "non_blocking", "pin_memory", "cuda_graph")
    bare = seen[0]
    assert [getattr(bare, n) for n in names] == [1, 0, False, False, False, False]
    for row, settings in enumerate(seen[1:-1]):
        assert [n for n in names if getattr(settings, n) != getattr(bare, n)] == [names[row]]
    assert seen[-1] == best and len(seen) == (8 if device == "cuda" else 7)
    assert table[0]["speedup"] == 1 and table[-1]["speedup"] == len(table)
    assert shown == [(i + 1, "ablation", row) for i, row in enumerate(table)], "each row as soon as it is measured"


@pytest.mark.network
def test_a_step_is_measured_with_its_fallbacks():
    settings = bench.Settings(crop=16, workers=0, flow=FlowConfig(levels=1, num_blocks=1, hidden_channels=4))
    row = bench._measure(settings, 2, data.ProceduralPictures())
    assert row["samples_per_second"] == pytest.approx(2 / row["seconds_per_step"])
    assert row["fallbacks"] == [] and row["device"] == "cpu" and row["pairs_per_epoch"] == 98


def test_on_a_card_steps_are_measured_for_some_seconds(monkeypatch):
    settings = bench.Settings(crop=16, workers=0, flow=FlowConfig(levels=1, num_blocks=1, hidden_channels=4))
    taken, seconds = [], iter(range(1000))
    monkeypatch.setattr(bench, "attempt", lambda *given: taken.append(given) or torch.ones(len(FIGURES)))
    monkeypatch.setattr(bench, "time", SimpleNamespace(perf_counter=lambda: next(seconds)))
    monkeypatch.setitem(bench.LEAST_SECONDS, "cpu", 5.0)
    bench._measure(settings, 2, data.ProceduralPictures())
    # Two without a look at the clock, then one for each second before the fifth.
    assert len(taken) == bench.WARMUP_STEPS["cpu"] + 2 + 4


def test_rows_are_printed_as_they_come(capsys):
    show = render.BenchPrinter(Console(width=120))
    show("machine", {
        "gpu": False, "precision": "cpu float32", "torch": "2", "threads": 2, "gigaflops_of_matrix_products": 139.0,
        "weights": "default", "inference": "cpu float32", "teraflops_per_megapixel": 0.3,
    })  # fmt: skip
    assert "No GPU here" in (out := capsys.readouterr().out) and "139 GFLOP/s" in out and "0.30 TFLOP" in out
    row = {"component": "none", "samples_per_second": 1.0, "speedup": 1.0, "baseline_claim": 1.0}
    show("ablation", row)
    assert len(capsys.readouterr().out.splitlines()) == 3
    show("ablation", row | {"baseline_claim": None})
    assert capsys.readouterr().out.split() == ["none", "1.00", "1.00x"]
    numbers = ("samples_per_second", "epoch_seconds", "seconds_for_epochs", "utilisation_mean", "memory_mib",
               "peak_memory_mib")  # fmt: skip
    show("training", {
        "device": "cpu", "precision": "cpu float32", "threads": 2, "batch_size": 2, "crop": 32, "pairs_per_epoch": 4,
        "epochs": 50, "float32_epochs": 10,
        "fallbacks": [], "utilisation_quartiles": None, "temperature_c": None, **dict.fromkeys(numbers, 1.0),
    })  # fmt: skip
    assert "2 pairs of 32x32" in capsys.readouterr().out


def test_sizes_tell_time_share_and_memory(model, monkeypatch, capsys):
    monkeypatch.setattr(bench, "MEGAPIXELS", (0.004, 0.008))
    figures = bench.run(sizes=True, on_row=render.BenchPrinter(Console(width=120)))
    assert [round(row["megapixels"], 3) for row in figures["sizes"]] == [0.004, 0.008]
    for row in figures["sizes"]:
        assert row["hide_share_of_peak"] > 0 and row["file_hide_seconds"] > 0 and row["peak_memory_mib"] > 50
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].split()[0] == "0.00" and lines[-1].split()[0] == "0.01" and "MiB" in lines[-1]


class Refused(Exception):
    """The fake driver's error."""


def driver(refuses=""):
    """pynvml as a machine with one card has it; the named call fails."""

    def answer(name, value):
        def call(*arguments):
            if name == refuses:
                raise Refused(name)
            return value

        return call

    return SimpleNamespace(
        NVMLError=Refused,
        NVML_TEMPERATURE_GPU=0,
        nvmlInit=answer("nvmlInit", None),
        nvmlDeviceGetHandleByUUID=answer("nvmlDeviceGetHandleByUUID", "card"),
        nvmlDeviceGetUtilizationRates=answer("nvmlDeviceGetUtilizationRates", SimpleNamespace(gpu=87)),
        nvmlDeviceGetMemoryInfo=answer("nvmlDeviceGetMemoryInfo", SimpleNamespace(used=3 * 2**30)),
        nvmlDeviceGetTemperature=answer("nvmlDeviceGetTemperature", 71),
    )


def test_nvml_figures(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", driver())
    assert monitor.Nvml("123").read() == (87.0, 3072.0, 71.0)


@pytest.mark.parametrize("call", ["nvmlInit", "nvmlDeviceGetHandleByUUID", "nvmlDeviceGetTemperature"])
def test_nvml_errors_are_oserrors(monkeypatch, call):
    monkeypatch.setitem(sys.modules, "pynvml", driver(refuses=call))
    with pytest.raises(OSError, match=call):
        monitor.Nvml("123").read()


def test_cpu_share():
    with monitor.Monitor(torch.device("cpu")) as watch:
        sum(i * i for i in range(10**6))
    summary = watch.summary()
    assert summary["device"] == "cpu" and summary["utilisation_mean"] > 0 and summary["peak_memory_mib"] > 50


@pytest.mark.parametrize(("system", "unit"), [("linux", 1024), ("darwin", 1)])
def test_peak_memory_knows_its_unit(monkeypatch, system, unit):
    usage = SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda who: SimpleNamespace(ru_maxrss=300 * 2**20 // unit))
    monkeypatch.setattr(monitor, "resource", usage)
    monkeypatch.setattr(monitor.sys, "platform", system)
    assert monitor.peak_memory() == 300
