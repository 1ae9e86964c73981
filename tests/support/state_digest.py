"""What a state of a training holds, in one number; its bytes also hold the name that it was written under."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch


def state_digest(path: Path) -> str:
    """The SHA-256 of every tensor and number of a state."""
    found = hashlib.sha256()

    def add(value) -> None:
        if isinstance(value, dict):
            for key in value:
                found.update(str(key).encode())
                add(value[key])
        elif isinstance(value, torch.Tensor):
            found.update(value.contiguous().numpy().tobytes())
        elif isinstance(value, list | tuple):
            for item in value:
                add(item)
        else:
            found.update(str(value).encode())

    add(torch.load(path, weights_only=True))
    return found.hexdigest()
