"""What the machine does meanwhile: GPU utilisation, memory and temperature from NVML, or the CPU's share."""

import ctypes
import ctypes.util
import os
import threading
import time
from dataclasses import dataclass, field

import numpy as np
import torch

try:
    import resource
except ImportError:  # not on Windows
    resource = None

_TEMPERATURE_GPU = 0


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class Nvml:
    """The three NVML calls that are needed, without a package for them.

    Raises:
        OSError: when the driver's library or the GPU is not there.
    """

    def __init__(self, index: int = 0):
        name = "nvml.dll" if os.name == "nt" else "libnvidia-ml.so.1"
        self._library = ctypes.CDLL(name)
        self._device = ctypes.c_void_p()
        self._call("nvmlInit_v2")
        self._call("nvmlDeviceGetHandleByIndex_v2", index, ctypes.byref(self._device))

    def _call(self, function: str, *arguments) -> None:
        code = getattr(self._library, function)(*arguments)
        if code:
            raise OSError(f"{function} returned {code}")

    def read(self) -> tuple[float, float, float]:
        """Utilisation in per cent, used memory in MiB, temperature in degrees Celsius."""
        use, memory, heat = _Utilization(), _Memory(), ctypes.c_uint()
        self._call("nvmlDeviceGetUtilizationRates", self._device, ctypes.byref(use))
        self._call("nvmlDeviceGetMemoryInfo", self._device, ctypes.byref(memory))
        self._call("nvmlDeviceGetTemperature", self._device, _TEMPERATURE_GPU, ctypes.byref(heat))
        return float(use.gpu), memory.used / 2**20, float(heat.value)


@dataclass
class Monitor:
    """Samples the machine in a thread while a `with` block runs; `summary` tells the result.

    On CUDA it asks NVML ten times a second; on a CPU it takes the process's own times at the two ends.
    """

    device: torch.device
    interval: float = 0.1
    _rows: list[tuple[float, float, float]] = field(default_factory=list)

    def __enter__(self) -> "Monitor":
        self._stop = threading.Event()
        self._thread = None
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            try:
                nvml = Nvml(self.device.index or 0)
            except (OSError, AttributeError):
                nvml = None
            if nvml:
                self._thread = threading.Thread(target=self._sample, args=(nvml,), daemon=True)
                self._thread.start()
        self._began = time.perf_counter(), sum(os.times()[:4])
        return self

    def _sample(self, nvml: Nvml) -> None:
        while not self._stop.wait(self.interval):
            self._rows.append(nvml.read())

    def __exit__(self, *error) -> None:
        self._ended = time.perf_counter(), sum(os.times()[:4])
        self._stop.set()
        if self._thread:
            self._thread.join()

    def summary(self) -> dict[str, float | list[float] | str | None]:
        """utilisation (mean and quartiles, per cent), memory in MiB, temperature in degrees Celsius (None on CPUs)."""
        if self.device.type != "cuda":
            seconds, busy = (b - a for a, b in zip(self._began, self._ended, strict=True))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 if resource else None
            return {
                "device": "cpu",
                "utilisation_mean": 100 * busy / max(seconds, 1e-9) / (os.cpu_count() or 1),
                "utilisation_quartiles": None,
                "memory_mib": peak,
                "temperature_c": None,
                "peak_memory_mib": peak,
            }
        use, memory, heat = np.array(self._rows).T if self._rows else (np.empty(0),) * 3
        return {
            "device": torch.cuda.get_device_name(self.device),
            "utilisation_mean": float(use.mean()) if use.size else None,
            "utilisation_quartiles": [float(q) for q in np.percentile(use, (25, 50, 75))] if use.size else None,
            "memory_mib": float(memory.max()) if use.size else None,
            "temperature_c": float(heat.max()) if use.size else None,
            "peak_memory_mib": torch.cuda.max_memory_allocated(self.device) / 2**20,
        }
