import ctypes

import pytest
import torch
from rich.console import Console

from stegocli.measure import bench, monitor


def test_ablation_changes_one_thing_a_row(monkeypatch):
    seen = []

    def measured(settings, steps, pictures=None):
        seen.append(settings)
        return {"samples_per_second": float(len(seen))}, None

    monkeypatch.setattr(bench, "_measure", measured)
    best = bench.Settings(batch_size=2, workers=4)
    table = bench._ablation(best, 3, None)
    names = ("batch_size", "workers", "amp", "non_blocking", "pin_memory")
    bare = seen[0]
    assert [getattr(bare, n) for n in names] == [1, 0, False, False, False]
    for row, settings in enumerate(seen[1:6]):
        assert [n for n in names if getattr(settings, n) != getattr(bare, n)] == [names[row]]
    assert seen[6] == best
    assert table[0]["speedup"] == 1 and table[6]["speedup"] == 7


def test_it_says_when_there_is_no_gpu(monkeypatch, capsys):
    row = {"component": "none", "samples_per_second": 1.0, "speedup": 1.0, "seed_claim": 1.0}
    numbers = ("samples_per_second", "epoch_seconds", "seconds_for_50_epochs", "utilisation_mean", "memory_mib")
    training = {
        "device": "cpu",
        "fallbacks": [],
        "utilisation_quartiles": None,
        "temperature_c": None,
        "peak_memory_mib": 1.0,
        **dict.fromkeys(numbers, 1.0),
    }
    inference = {
        "weights": "default",
        "hide_seconds_per_megapixel": 1.0,
        "reveal_seconds_per_megapixel": 1.0,
        "teraflops_per_megapixel": 0.3,
    }
    figures = {
        "gpu": False, "precision": "cpu float32", "cores": 2, "batch_size": 2, "crop": 32, "pictures": 4,
        "training": training, "ablation": [row], "inference": inference,
    }  # fmt: skip
    bench.show(figures, Console(width=100))
    out = capsys.readouterr().out
    assert "No GPU here" in out and "seed's claim" in out and "0.30 TFLOP" in out


class FakeLibrary:
    """NVML as the driver answers it."""

    def __init__(self, code=0):
        self.code = code

    def __getattr__(self, name):
        def call(*arguments):
            if name == "nvmlDeviceGetUtilizationRates":
                arguments[1]._obj.gpu = 87
            elif name == "nvmlDeviceGetMemoryInfo":
                arguments[1]._obj.used = 3 * 2**30
            elif name == "nvmlDeviceGetTemperature":
                arguments[2]._obj.value = 71
            return self.code

        return call


def test_nvml_figures(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: FakeLibrary())
    assert monitor.Nvml().read() == (87.0, 3072.0, 71.0)


def test_nvml_errors_are_oserrors(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: FakeLibrary(code=9))
    with pytest.raises(OSError, match="nvmlInit_v2 returned 9"):
        monitor.Nvml()


def test_cpu_share():
    with monitor.Monitor(torch.device("cpu")) as watch:
        sum(i * i for i in range(10**6))
    summary = watch.summary()
    assert summary["device"] == "cpu" and summary["utilisation_mean"] > 0 and summary["peak_memory_mib"] > 50
