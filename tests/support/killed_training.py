"""Trains a small model in two chunks; processes are killed (SIGKILL) where a plan says so: `killed_training.py PLAN`.

The plan is JSON: ``folder``; ``kills``, one process each, in order: ``[chunk, update]`` kills after that update of the
chunk, ``[chunk, "save"]`` with half of the state written. Then both chunks are trained to their end, chunk 1 from the
state of chunk 0. ``batches.tsv`` gets a line for each batch of a process that came to its end: chunk, number, sha256.
One process imports torch and forks the others.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path

import numpy as np
import torch

from mrisynth.recipes import ModelRecipe
from mrisynth.training import loop, state
from mrisynth.training.batches import Batches
from mrisynth.training.chunk import ChunkFiles, train_chunk

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 32), dtype=np.uint8)
RECIPE = ModelRecipe(
    name="model", family="wgp_hagan", condition="none", size=32, images_total=16, images_per_chunk=8, batch_size=2,
    ema_half_life_images=8, family_recipe={"width": 8, "latent": 8},
)  # fmt: skip


def train(folder: Path, chunk: int, kill: int | str | None) -> None:
    """Train one chunk, or die in it."""
    _die_at(kill)
    seen = _note_batches()
    train_chunk(
        RECIPE, images=IMAGES, rows=np.arange(4), labels=np.full(4, -1), columns={}, classes=[], chunk=chunk, seed=1,
        device="cpu", threads=1,
        files=ChunkFiles(
            state=folder / f"state-{chunk}.pt", curve=folder / f"curve-{chunk}.tsv",
            previous=folder / f"state-{chunk - 1}.pt" if chunk else None,
        ),
    )  # fmt: skip
    with (folder / "batches.tsv").open("a") as stream:
        stream.writelines(f"{chunk}\t{number}\t{digest}\n" for number, digest in seen.items())


def _die_at(kill: int | str | None) -> None:
    if kill == "save":
        plain = torch.save

        def half(content, stream):
            plain(content, stream)
            stream.truncate(stream.tell() // 2)
            stream.flush()
            os.kill(os.getpid(), signal.SIGKILL)

        state.torch.save = half
    elif kill is not None:
        update = loop._one_update

        def counted(current, *words, **more):
            row = update(current, *words, **more)
            if current.step == kill:
                os.kill(os.getpid(), signal.SIGKILL)
            return row

        loop._one_update = counted


def _note_batches() -> dict[int, str]:
    seen: dict[int, str] = {}
    plain = Batches.__getitem__

    def noted(self, number):
        batch = plain(self, number)
        seen[number] = hashlib.sha256(batch.images.numpy().tobytes()).hexdigest()
        return batch

    Batches.__getitem__ = noted
    return seen


def main(plan: dict) -> None:
    """Kill as planned, then finish."""
    folder, ended = Path(plan["folder"]), []
    for chunk, kill in [*plan["kills"], [0, None], [1, None]]:
        if kill is None and (folder / f"state-{chunk}.pt").exists():
            continue
        if chunk == 1 and not (folder / "state-0.pt").exists():
            _fork(folder, 0, None)
        ended.append([chunk, kill, _fork(folder, chunk, kill), sorted(path.name for path in folder.glob("state-*"))])
    (folder / "ended.json").write_text(json.dumps(ended))


def _fork(folder: Path, chunk: int, kill: int | str | None) -> int:
    child = os.fork()
    if child == 0:
        try:
            train(folder, chunk, kill)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(json.loads(Path(sys.argv[1]).read_text()))
