"""Which device and which number type the subnets run in: decided here, nowhere else."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

# Of inference's time: for less nothing is computed in bfloat16.
LEAST_GAIN = 0.1


@dataclass(frozen=True)
class Precision:
    """A device and the type in which the coupling subnets run there; all other arithmetic stays float32."""

    device: torch.device
    dtype: torch.dtype

    @property
    def needs_scaler(self) -> bool:
        """float16 gradients underflow without loss scaling (Micikevicius et al., "Mixed precision training", 2018)."""
        return self.dtype == torch.float16

    @property
    def is_mixed(self) -> bool:
        return self.dtype != torch.float32

    def autocast(self) -> AbstractContextManager[None]:
        """A context for the subnets alone."""
        if not self.is_mixed:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    def __str__(self) -> str:
        return f"{self.device.type} {str(self.dtype).removeprefix('torch.')}"


def is_out_of_memory(error: BaseException) -> bool:
    """CUDA says it with a class of its own, CPUs with a RuntimeError."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and ("can't allocate memory" in str(error) or "out of memory" in str(error))


def _cpu_has_bfloat16() -> bool:
    # Emulated bfloat16 is several times slower than float32, so the instruction itself is needed.
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    if capabilities:
        return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(probe and probe())


def _cpu_has_float16() -> bool:
    # oneDNN computes convolutions in it with either of these; elsewhere PyTorch only emulates them.
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("avx512_fp16") or capabilities.get("amx_fp16"))


def for_inference(device: str | None = None, amp: bool | None = None, tolerant: float = 0.0) -> Precision:
    """Pick the device, and the type of the subnets where nothing is trained.

    float16 costs a secret at 47 dB a tenth of a decibel on each side, its cover nothing. bfloat16 has three bits less,
    and only some subnets stand it.

    Args:
        device: ``cuda``, ``cpu``, or None for the best one present.
        amp: False keeps float32; True takes a half precision wherever the device computes one; None where it gains.
        tolerant: share of the multiplications in subnets that stand bfloat16. It is taken to compute them in half the
            time.

    Returns:
        float16 on CUDA cards with tensor cores and on CPUs that compute it; else bfloat16 on CPUs that have it, where
        it gains a tenth or is asked for; else float32.
    """
    where = choose(device, amp=False).device
    if amp is False:
        return Precision(where, torch.float32)
    if where.type == "cuda":
        # Older cards have float16 for storage: it computes at a small part of float32's speed.
        fast = torch.cuda.get_device_capability(where) >= (7, 0)
        return Precision(where, torch.float16 if fast else torch.float32)
    if where.type == "cpu" and _cpu_has_float16():
        return Precision(where, torch.float16)
    gains = tolerant / 2 >= LEAST_GAIN or (amp is True and tolerant > 0)
    if where.type == "cpu" and gains and _cpu_has_bfloat16():
        return Precision(where, torch.bfloat16)
    return Precision(where, torch.float32)


def choose(device: str | None = None, amp: bool = True) -> Precision:
    """Pick the device, and the type of the subnets in training.

    Args:
        device: ``cuda``, ``cpu``, or None for the best one present.
        amp: False keeps float32 everywhere.

    Returns:
        bfloat16 on CUDA cards that have it, else float16 on CUDA; bfloat16 on CPUs with the instruction;
        else float32.
    """
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if where.type == "cuda":
        # Convolutions in float32 would take TensorFloat-32, which has no more digits than float16.
        torch.backends.cudnn.allow_tf32 = False
    if not amp:
        return Precision(where, torch.float32)
    if where.type == "cuda":
        return Precision(
            where, torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
        )
    if where.type == "cpu" and _cpu_has_bfloat16():
        return Precision(where, torch.bfloat16)
    return Precision(where, torch.float32)
