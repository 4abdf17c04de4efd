"""Muon: momentum whose every update is made orthogonal, for the kernels of convolutions.

Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024, with the step size of Liu et al.,
"Muon is scalable for LLM training", 2025. `torch.optim.Muon` (torch 2.9) takes matrices only; here a kernel counts
as the matrix of its output channels against all else, and kernels of one shape are treated together.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

# A quintic polynomial that, iterated five times, sends singular values from 0.001 to 1 to about 1 (Jordan et al.).
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


def orthogonalise(matrices: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """The nearest semi-orthogonal matrices, roughly: most singular values between 0.6 and 1.3.

    Args:
        matrices: (count, rows, columns).
        dtype: of the matrix products; bfloat16 is precise enough.
    """
    x = matrices.to(dtype)
    wide = x.shape[1] <= x.shape[2]
    x = x if wide else x.mT
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    found: Tensor = x if wide else x.mT
    return found.to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Muon for parameters of two and more dimensions; a learning rate that suits Adam suits it.

    Args:
        params: kernels, the output channels first.
        lr: the root mean square of an update is a fifth of it, as is usual of Adam's.
        momentum: decay of the running sum of gradients; used in Nesterov's form.
        dtype: of the matrix products.

    Attributes:
        found_inf: a tensor on the device; 1 makes a step leave everything as it is, as in PyTorch's fused optimisers.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, dtype: torch.dtype = torch.float32):
        super().__init__(params, {"lr": lr, "momentum": momentum})
        self.dtype = dtype
        self.found_inf: Tensor | None = None

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        # 1 or 0, without a look at it: that would wait for the device.
        good = 1.0 if self.found_inf is None else 1 - self.found_inf
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    shapes.setdefault(p.shape, []).append(p)
            for shape, params in shapes.items():
                for p in params:
                    if not self.state[p]:
                        self.state[p]["momentum"] = torch.zeros_like(p)
                running = [self.state[p]["momentum"] for p in params]
                gradients = torch.stack([p.grad for p in params])  # type: ignore[misc]
                if self.found_inf is not None:
                    gradients = torch.where(self.found_inf == 0, gradients, 0)
                torch._foreach_mul_(running, 1 - (1 - group["momentum"]) * good)
                torch._foreach_add_(running, list(gradients))
                ahead = gradients + group["momentum"] * torch.stack(running)
                matrices = orthogonalise(ahead.flatten(2), self.dtype)
                rate = group["lr"] * 0.2 * max(matrices.shape[1:]) ** 0.5
                torch._foreach_sub_(params, list((rate * good * matrices).view(-1, *shape)))
