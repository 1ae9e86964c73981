"""One job of the chain of a training: all it reads and writes, by path, so that several processes can share it."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import mrisynth
from mrisynth.datasets import EmptySplitError, TrainingSet, load_training_set
from mrisynth.errors import MrisynthError
from mrisynth.files import read_json
from mrisynth.imaging.grid import grid_affine
from mrisynth.recipes import ModelRecipe
from mrisynth.text.encoding import PromptEncoding
from mrisynth.training.chunk import ChunkFiles, train_chunk
from mrisynth.training.device import prepare_device
from mrisynth.training.spare import is_spoilt, keep_spare, spare_path
from mrisynth.training.stopping import discard_outdated
from mrisynth.training.team import Team

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """A chunk to train.

    Attributes:
        recipe: the model, as a dictionary.
        pyramid: folder of the packed scans, or of the packed slices.
        scans: the scans table, with ``split``.
        condition: the condition's table.
        previous: state that the chunk before left; None for the first.
        start: state or weights that the first chunk starts from; None for random weights.
        state: where the new state goes.
        curve: where the loss curve goes.
        candidate: folder of the averaged model at the end of the chunk.
        watch: folder of the grids of samples, the events and the health table.
        chunk: number of the chunk, from 0.
        seed: the study's seed.
        field_mm: edge of the field of view in mm.
        threads: CPU threads of each process.
        images_planned: images of the whole training, of which the recipe holds those up to the end of the chunk.
        lengths: recipe.json of the model that has found the best lengths of the stages; None for the planned ones.
        masks: what training may see of the masks under the packed images; None for a model that is told none.
        mask_facts: JSON file that names their ``classes``.
    """

    recipe: dict[str, Any]
    pyramid: str
    scans: str
    condition: str
    previous: str | None
    start: str | None
    state: str
    curve: str
    candidate: str
    watch: str
    chunk: int
    seed: int
    field_mm: float
    threads: int
    images_planned: int | None = None
    lengths: str | None = None
    masks: str | None = None
    mask_facts: str | None = None

    def run(self) -> None:
        """Train the chunk, in this process or, with ``devices`` above 1, in that many of a Fabric.

        A state to go on from that is spoilt is made again first, by its own chunk, from the spare state before it.
        """
        previous = _path(self.previous)
        if is_spoilt(previous):
            self._make_again(previous)
        self._train()
        keep_spare(previous, chunk=self.chunk)

    def _make_again(self, state: Path) -> None:
        """Train the chunk before this one again, for its state alone."""
        chunk = self.chunk - 1
        spare = spare_path(state, chunk=chunk - 1) if chunk > 0 else None
        lost = self.recipe["start_from"] is not None if spare is None else not spare.is_file()
        if lost:
            raise MrisynthError(
                f"{state}: this training state is spoilt, and what came before it is gone; delete it and run the same "
                f"command again: model {self.recipe['name']} is then trained from its first chunk."
            )
        _log.warning("chunk %d is trained again from %s", chunk, spare or "the beginning")
        images = min(self.recipe["images_total"], self.chunk * self.recipe["images_per_chunk"])
        has_schedule = ModelRecipe(**self.recipe).has_schedule
        recipe = self.recipe if has_schedule else self.recipe | {"images_total": images}
        with tempfile.TemporaryDirectory() as scratch:
            beside = {name: str(Path(scratch, name)) for name in ("curve", "candidate", "watch")}
            again = replace(self, recipe=recipe, chunk=chunk, state=str(state), previous=spare and str(spare), **beside)
            again.run()

    def _train(self) -> None:
        devices = self.recipe["devices"]
        images = Path(self.pyramid, f"{self.recipe['size']}.npy")
        inputs = (
            images,
            Path(self.pyramid, "index.tsv"),
            self.scans,
            self.condition,
            self.previous,
            self.start,
            self.lengths,
            self.masks,
        )
        discard_outdated(self._stopped, inputs=[Path(file) for file in inputs if file])
        if devices == 1:
            self.run_as(Team(), device=prepare_device())
            return
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch, "job.json")
            file.write_text(json.dumps(asdict(self)), encoding="utf-8")
            command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={devices}"]
            library = str(Path(mrisynth.__file__).parent.parent)
            paths = os.pathsep.join([library, *filter(None, [os.environ.get("PYTHONPATH")])])
            environment = os.environ | {"OMP_NUM_THREADS": str(self.threads), "PYTHONPATH": paths}
            done = subprocess.run([*command, "-m", "mrisynth.training_ranks", str(file)], env=environment, check=False)
        if done.returncode:
            raise MrisynthError(
                f"Model {self.recipe['name']}, chunk {self.chunk}: one of {devices} processes failed with exit status "
                f"{done.returncode}; its error stands above."
            )

    @property
    def _stopped(self) -> Path:
        """Where a chunk that is told to stop keeps what it did: no output of the job, for those are deleted."""
        return Path(self.state).with_name(f"stopped-{self.chunk}.pt")

    def run_as(self, team: Team, *, device: str) -> None:
        """Train the chunk as one process of a team."""
        recipe = ModelRecipe(**self.recipe)
        load = partial(
            load_training_set, Path(self.pyramid), size=recipe.size, scans=self.scans, condition=self.condition,
            dimensions=recipe.dimensions, only=recipe.only,
        )  # fmt: skip
        data = load(splits=("train", "validation") if recipe.retrain_of else ("train",))
        _check_enough(data, recipe)
        train_chunk(
            recipe,
            images=data.images,
            rows=data.rows,
            labels=_told(data),
            weights=data.weights,
            validation=_validation(load, recipe),
            lengths=_lengths(self.lengths),
            columns=data.condition.columns,
            classes=data.condition.classes,
            covariates=data.condition.covariates,
            text=data.condition.text,
            masks=None if self.masks is None else np.load(self.masks, mmap_mode="r", allow_pickle=False),
            files=ChunkFiles(
                previous=_path(self.previous),
                start=_path(self.start),
                state=Path(self.state),
                curve=Path(self.curve),
                candidate=Path(self.candidate),
                watch=Path(self.watch),
                stopped=self._stopped,
            ),
            facts={
                "label_counts": data.label_counts,
                "affine": _affine(recipe, self.field_mm).tolist(),
                "field_mm": self.field_mm,
                "extra": _extra(data) | ({"masks": read_json(Path(self.mask_facts))} if self.mask_facts else {}),
            },
            chunk=self.chunk,
            seed=self.seed,
            device=device,
            threads=self.threads,
            images_planned=self.images_planned,
            team=team,
        )


def _extra(data: TrainingSet) -> dict[str, Any]:
    known = {"training_scans": len(data.rows), "condition_warnings": data.condition.warnings}
    return known if data.only is None else known | {"only": data.only.told()}


def _check_enough(data: TrainingSet, recipe: ModelRecipe) -> None:
    """Refuse a class of fewer images than a batch: every batch would show some of them twice."""
    if data.only is not None and len(data.rows) < recipe.batch_size:
        raise MrisynthError(
            f"Model {recipe.name} is trained on class {data.only.name} of condition {data.only.condition} alone, which "
            f"has {len(data.rows)} training images; expected at least a batch of {recipe.batch_size}. Set a smaller "
            f"models.{recipe.name}.batch_size, or train a conditional model on all classes (leave out only)."
        )


def _affine(recipe: ModelRecipe, field_mm: float) -> np.ndarray:
    """Return voxel index to world mm; of slices, whose place is not one, pixel index to mm from the first."""
    if recipe.dimensions == 3:
        return grid_affine(recipe.size, field_mm=field_mm)
    pixel_mm = field_mm / recipe.size
    return np.diag([pixel_mm, pixel_mm, 1.0, 1.0])


def _validation(load: Callable[..., TrainingSet], recipe: ModelRecipe) -> tuple[np.ndarray, np.ndarray] | None:
    """Return rows and labels of the validation images of a family of slices; None where there are none."""
    if not recipe.has_schedule or recipe.retrain_of:
        return None
    try:
        data = load(splits=("validation",))
    except EmptySplitError:
        return None  # whoever needs them says so
    return data.rows, _told(data)


def _told(data: TrainingSet) -> np.ndarray:
    """Return the labels as networks are given them: of prompts the rows of their tokens."""
    if data.prompts is None:
        return data.labels
    return PromptEncoding(data.condition.text).rows(data.prompts)


def _lengths(recipe: str | None) -> dict[str, int]:
    """Return the updates of every stage that the model of a recipe.json has found best."""
    if recipe is None:
        return {}
    chosen = read_json(Path(recipe)).get("levels", [])
    if not chosen:
        raise MrisynthError(
            f"{recipe}: this model has not found the best lengths of its levels (recipe.select_from: null); "
            "models.retrain_of needs one that has."
        )
    return {stage["stage"]: stage["updates"] for stage in chosen}


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
