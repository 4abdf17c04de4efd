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
