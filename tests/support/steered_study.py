"""A tiny study with masks in memory: shapes of two sites, one of which shows no masks, and an untrained model of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from support.annotated_shapes import STRUCTURES, annotated_shapes

from mrisynth.filtering.segmenter_training import SegmenterSettings
from mrisynth.mask_stage import UNKNOWN
from mrisynth.models.mrgen import Mrgen
from mrisynth.recipes import ModelRecipe
from mrisynth.sampling import Sampler
from mrisynth.store import from_unit
from mrisynth.synthesis.annotated import ShownImages
from mrisynth.synthesis.plan import SynthesisPlan

SIZE = 16
QUICK = SegmenterSettings(width=4, steps=20, batch=8, learning_rate=8e-3)
RECIPE = {
    "autoencoder": "none", "patch": 2, "denoiser_width": 16, "denoiser_factors": [1, 2], "attention_from": 1,
    "head_width": 16, "token_width": 8, "steps": 3, "guidance": 2.0, "classes": len(STRUCTURES),
}  # fmt: skip


def shown_shapes(people: int = 40, *, seed: int = 0) -> tuple[ShownImages, pd.DataFrame]:
    """Return two images of each person, the masks of site south (the odd people) hidden, and what sites they are of."""
    images, masks = annotated_shapes(2 * people, seed=seed, size=SIZE)
    person = np.arange(2 * people) // 2
    masks[person % 2 == 1] = UNKNOWN
    split = np.array(["train", "train", "train", "validation", "test"])[(person // 2) % 5]
    table = pd.DataFrame({"participant_id": [f"sub-{number:02d}" for number in person], "split": split})
    table["scan"] = table["participant_id"] + "_ses-1"
    table["image"] = [f"{scan}_axial-{place % 2}" for place, scan in enumerate(table["scan"])]
    told = pd.DataFrame({"scan": [f"sub-{number:02d}_ses-1" for number in range(people)]})
    told["site"] = ["south" if number % 2 else "north" for number in range(people)]
    shown = ShownImages(
        images=from_unit(images), masks=masks, table=table.astype("string"), structures=STRUCTURES
    )  # fmt: skip
    return shown, told


def plan(**changes: object) -> SynthesisPlan:
    """Return a plan for site south."""
    entries = {"name": "target", "model": "ldm", "condition": {"site": "south"}, "masks": 6, "tries": 3, "kept": 1}
    entries |= {
        "best": 5,
        "guidance": None,
        "lowered_by": 0.1,
        "smallest_share": 0.005,
        "per_shard": 4,
        "scorer": "segmenter",
        "thresholds": "calibrated",
    }
    return SynthesisPlan(**entries | {"percentile": 5.0, "tissues": {}, "sam2_folder": None} | changes)


def steered_sampler(family: str = "mrgen") -> Sampler:
    """Return a model whose weights are noise, so that all that it is told changes what it draws."""
    recipe = ModelRecipe(
        name="ldm", family=family, condition="site", size=SIZE, dimensions=2, images_total=64, images_per_chunk=64,
        batch_size=4, precision="fp32", augmentation="none", family_recipe=RECIPE,
    )  # fmt: skip
    network = Mrgen().network("generator", recipe, columns=(2,), seed=1)
    for number, weight in enumerate(network.parameters()):
        torch.nn.init.normal_(weight, std=0.1, generator=torch.Generator().manual_seed(number))
    network.denoises.fill_(1)
    facts = {
        "model": {name: getattr(recipe, name) for name in recipe.__dataclass_fields__}, "classes": ["north", "south"],
        "columns": [{"name": "site", "categories": ["north", "south"]}], "label_counts": [3, 1], "seed": 1,
        "affine": np.eye(4).tolist(),
    }  # fmt: skip
    return Sampler(network, Mrgen(), facts, device="cpu")
