"""Where the networks of preprocessing run, decided as late as possible."""

from __future__ import annotations


def usable_device(device: str) -> str:
    """Return ``device``, or for ``auto`` ``cuda`` where a GPU can be used and ``cpu`` elsewhere.

    Asked in the process that uses the GPU: a process that has touched CUDA cannot be forked.
    """
    if device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
