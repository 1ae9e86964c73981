"""The untrained generator: what a trained model must beat, drawn exactly as its samples are."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mrisynth.files import read_json
from mrisynth.recipes import ModelRecipe
from mrisynth.sampling import Sampler, write_shard
from mrisynth.training.export import export_untrained


def draw_untrained(
    model: ModelRecipe,
    *,
    trained: Path,
    count: int,
    seed: int,
    device: str,
    path: Path,
) -> None:
    """Write samples of the model's own generator before training, uint8 [sample, x, y, z].

    Args:
        model: its recipe.
        trained: recipe.json of the trained model; the untrained one shares all of it but the weights.
        count: how many.
        seed: the study's seed, as the trained model's samples have it.
        device: ``cpu`` or ``cuda``.
        path: receives the samples.
    """
    facts = read_json(trained)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        export_untrained(
            model,
            classes=facts["classes"],
            columns={column["name"]: column["categories"] for column in facts["columns"]},
            label_counts=facts["label_counts"],
            affine=facts["affine"],
            field_mm=facts["field_mm"],
            folder=folder,
            seed=facts["seed"],
            covariates=facts.get("covariates"),
            text=facts.get("text"),
        )
        write_shard(
            Sampler.load(folder, device=device),
            first=0,
            count=count,
            seed=seed,
            volumes_path=path,
            low_path=folder / "low.npy",
            table_path=folder / "samples.tsv",
        )
