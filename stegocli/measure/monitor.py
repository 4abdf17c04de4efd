"""What the machine does meanwhile: GPU utilisation, memory and temperature from NVML, or the CPU's share."""

import os
import sys
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType

import numpy as np
import torch

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

Summary = dict[str, float | list[float] | str | None]


class Nvml:
    """One card as the driver sees it, asked through nvidia-ml-py.

    Args:
        uuid: as PyTorch tells it, without ``GPU-``: its numbering differs from the driver's where
            CUDA_VISIBLE_DEVICES hides cards.

    Raises:
        OSError: when the driver's library or the card is not there.
    """

    def __init__(self, uuid: str):
        # Imported here: only machines with a card have something to ask.
        import pynvml

        self._nvml = pynvml
        try:
            pynvml.nvmlInit()
            self._card = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
        except pynvml.NVMLError as error:
            raise OSError(f"no figures from the driver: {error}") from None

    def read(self) -> tuple[float, float, float]:
        """Utilisation in per cent, used memory in MiB, temperature in degrees Celsius.

        Raises:
            OSError: when the driver doesn't tell.
        """
        nvml = self._nvml
        try:
            use = nvml.nvmlDeviceGetUtilizationRates(self._card).gpu
            memory = nvml.nvmlDeviceGetMemoryInfo(self._card).used
            heat = nvml.nvmlDeviceGetTemperature(self._card, nvml.NVML_TEMPERATURE_GPU)
        except nvml.NVMLError as error:
            raise OSError(f"no figures from the driver: {error}") from None
        return float(use), memory / 2**20, float(heat)


def peak_memory() -> float | None:
    """The most memory that this process has had so far, in MiB; None where the system doesn't tell."""
    if resource is None:
        return None
    # In kibibytes, but on macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 2**10
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20)


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
        self._thread: threading.Thread | None = None
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            self._thread = threading.Thread(target=self._sample, daemon=True)
            self._thread.start()
        self._began = time.perf_counter(), sum(os.times()[:4])
        return self

    def _sample(self) -> None:
        try:
            card = Nvml(str(torch.cuda.get_device_properties(self.device).uuid))
            while not self._stop.wait(self.interval):
                self._rows.append(card.read())
        except OSError:
            pass  # `summary` says None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = time.perf_counter(), sum(os.times()[:4])
        self._stop.set()
        if self._thread:
            self._thread.join()

    def summary(self) -> Summary:
        """utilisation (mean and quartiles, per cent), memory in MiB, temperature in degrees Celsius (None on CPUs)."""
        if self.device.type != "cuda":
            seconds, busy = (b - a for a, b in zip(self._began, self._ended, strict=True))
            peak = peak_memory()
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
