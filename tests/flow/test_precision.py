import pytest
import torch

from stegocli.flow import precision


@pytest.mark.parametrize(
    "cuda,cuda_bf16,cpu_bf16,amp,expected",
    [
        (True, True, False, True, ("cuda", torch.bfloat16)),
        (True, False, True, True, ("cuda", torch.float16)),
        (True, True, True, False, ("cuda", torch.float32)),
        (False, False, True, True, ("cpu", torch.bfloat16)),
        (False, False, False, True, ("cpu", torch.float32)),
        (False, False, True, False, ("cpu", torch.float32)),
    ],
)
def test_policy(monkeypatch, cuda, cuda_bf16, cpu_bf16, amp, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: cuda_bf16)
    monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda: cpu_bf16)
    chosen = precision.choose(amp=amp)
    assert (chosen.device.type, chosen.dtype) == expected
    assert chosen.needs_scaler == (expected[1] == torch.float16)
    assert not (cuda and torch.backends.cudnn.allow_tf32)


def test_autocast_covers_convolutions_only_when_mixed():
    convolution, x = torch.nn.Conv2d(3, 3, 1), torch.zeros(1, 3, 2, 2)
    for dtype in (torch.bfloat16, torch.float32):
        with precision.Precision(torch.device("cpu"), dtype).autocast():
            assert convolution(x).dtype == dtype


F16, BF16, F32 = torch.float16, torch.bfloat16, torch.float32


@pytest.mark.parametrize(
    "device,capability,cpu_f16,cpu_bf16,amp,tolerant,expected",
    [
        ("cuda", (8, 0), False, False, None, 0.0, F16),
        ("cuda", (8, 0), True, True, False, 1.0, F32),
        ("cuda", (6, 1), False, False, None, 1.0, F32),  # computes float16 at a 64th of the speed
        ("cpu", None, True, True, None, 0.0, F16),
        ("cpu", None, False, True, None, 0.3, BF16),
        ("cpu", None, False, True, None, 0.1, F32),  # gains less than a tenth
        ("cpu", None, False, True, True, 0.1, BF16),
        ("cpu", None, False, True, True, 0.0, F32),  # nothing is known to stand it
        ("cpu", None, False, False, True, 1.0, F32),
        ("cpu", None, True, True, False, 1.0, F32),
    ],
)
def test_inference_policy(monkeypatch, device, capability, cpu_f16, cpu_bf16, amp, tolerant, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: device == "cuda")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda where: capability)
    monkeypatch.setattr(precision, "_cpu_has_float16", lambda: cpu_f16)
    monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda: cpu_bf16)
    chosen = precision.for_inference(None, amp, tolerant)
    assert (chosen.device.type, chosen.dtype) == (device, expected)
