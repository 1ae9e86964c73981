"""One optimiser step that is not taken when it would poison the weights."""

from __future__ import annotations

import torch
from torch import Tensor


def guarded_step(loss: Tensor, optimiser: torch.optim.Optimizer) -> bool:
    """Take the gradient of the loss and one optimiser step; return False when either was not finite.

    Then the weights and the optimiser stay as they were. Tensors on the meta device, used to count
    operations, have no values and always pass.
    """
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    gradients = [
        weight.grad for group in optimiser.param_groups for weight in group["params"] if weight.grad is not None
    ]
    good = loss.is_meta or bool(torch.isfinite(loss.detach() + torch.nn.utils.get_total_norm(gradients)))
    if good:
        optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return good
