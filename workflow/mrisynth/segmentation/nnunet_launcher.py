"""Starts one tool of nnU-Net: ``python -m mrisynth.segmentation.nnunet_launcher nnUNetv2_train ...``.

To find a trainer by its name nnU-Net imports all of its own, among them one that imports timm, which imports
torchvision. A torchvision that was built for another torch (such as the one for CUDA beside a torch without it) ends
that with "operator torchvision::nms does not exist", and nnU-Net with it, though it needs nothing of it. Here the
import is made to work. Processes that nnU-Net starts import this module too.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from mrisynth.errors import MrisynthError
from mrisynth.orphans import die_with_parent

_OPERATORS = ("nms", "qnms")
_kept: list[Any] = []  # what is declared is forgotten with its library


def tool_of(name: str) -> EntryPoint:
    """Return a command line tool of the nnU-Net of this very environment, whatever ``PATH`` says.

    Raises:
        MrisynthError: there is none.
    """
    found = [tool for tool in entry_points(group="console_scripts", name=name) if tool.value.startswith("nnunetv2.")]
    if not found:
        raise MrisynthError(f"{name} is no part of the environment of {sys.executable}; install nnunetv2 there.")
    return found[0]


def declare_operators_of_torchvision() -> bool:
    """Declare what torchvision's compiled part should have brought, where that cannot be loaded; return whether.

    Its Python part then imports; an operator that is called says that it has no kernel. Nothing of nnU-Net calls one.
    """
    import torch

    found = importlib.util.find_spec("torchvision")
    compiled = list(Path(found.origin).parent.glob("_C.*")) if found is not None and found.origin else []
    if not compiled:
        return False
    try:
        torch.ops.load_library(str(compiled[0]))
    except OSError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in _OPERATORS:
            library.define(f"{operator}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
        _kept.append(library)
        return True
    return False


def tie_to_parent() -> None:
    """Let this process end with the one that started it, and those that it forks with itself.

    The processes that make nnU-Net's batches would otherwise go on for ever where a training is killed. A forked one
    looks for the number that its parent had when it forked: asked for its parent later, it may be told of whoever
    adopted it.
    """
    parent = os.getppid()
    die_with_parent(parent)

    def before() -> None:
        nonlocal parent
        parent = os.getpid()

    os.register_at_fork(before=before, after_in_child=lambda: die_with_parent(parent))


if __name__ in ("__main__", "__mp_main__"):
    declare_operators_of_torchvision()

if __name__ == "__main__":
    tie_to_parent()
    sys.argv = sys.argv[1:]
    sys.exit(tool_of(sys.argv[0]).load()())
