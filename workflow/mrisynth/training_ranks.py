"""One of several processes that train a chunk together: ``python -m mrisynth.training_ranks JOB.json`` by torchrun."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

from lightning_fabric import Fabric

from mrisynth.orphans import die_with_parent
from mrisynth.training.device import prepare_device
from mrisynth.training.team import FabricTeam
from mrisynth.training_job import TrainingJob


def main(file: Path) -> None:
    """Join the other processes and train the chunk that the file describes."""
    die_with_parent(os.getppid())
    job = TrainingJob(**json.loads(file.read_text(encoding="utf-8")))
    accelerator = prepare_device()
    fabric = Fabric(accelerator=accelerator, devices=job.recipe["devices"], strategy="ddp")
    fabric.launch()
    logging.basicConfig(level=logging.INFO if fabric.global_rank == 0 else logging.ERROR)
    job.run_as(FabricTeam(fabric), device=str(fabric.device))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
