"""The precision that networks compute in, for a block of code."""

from __future__ import annotations

import torch
from torch import Tensor


def computing_in(precision: str, like: Tensor) -> torch.autocast:
    """Return a context in which the networks compute in ``fp32`` or ``bf16``, on the device of a tensor.

    Weights stay in 32 bits. Tensors on the meta device, used to count operations, count as on a CPU.
    """
    device = "cpu" if like.is_meta else like.device.type
    return torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bf16")
