"""HAGAN told covariates: what enters its generator, and what its critics learn of scans that know only some of them."""

from __future__ import annotations

import pytest
import torch

from mrisynth.models import family
from mrisynth.models.interface import Batch
from mrisynth.networks.conditioning import EMBEDDED, EmbeddedCovariates, condition_input
from mrisynth.networks.covariate_columns import CovariateColumns
from mrisynth.recipes import ModelRecipe

COLUMNS = CovariateColumns((2, 0, 3))
NAN = float("nan")
ROWS = torch.tensor([[0.0, 1.2, NAN], [1.0, NAN, 2.0]])
WHOLE = torch.tensor([[0.0, 1.2, 1.0], [1.0, -0.4, 2.0]])


@pytest.mark.parametrize("kind", ["one_hot", "embedding", "embedding_per_column", "channel"])
def test_covariates_enter_in_one_way_whatever_the_kind(kind):
    entry = condition_input(kind, COLUMNS, edge=4)
    assert isinstance(entry, EmbeddedCovariates)
    vector, channels = entry(WHOLE)
    assert vector.shape == (2, EMBEDDED) and channels.shape == (2, 0)
    moved = WHOLE.clone()
    moved[0, 1] += 1
    assert not torch.equal(entry(moved)[0][0], vector[0]) and torch.equal(entry(moved)[0][1], vector[1])


@pytest.mark.parametrize("name", ["hagan", "wgp_hagan"])
def test_an_update_learns_from_what_is_known_and_asks_for_all(name):
    recipe = ModelRecipe(
        name="model", family=name, condition="volumes", size=32, images_total=4, images_per_chunk=4, batch_size=2,
        family_recipe={"width": 8, "latent": 8},
    )  # fmt: skip
    member = family(name)

    def updated(labels: torch.Tensor, completed: torch.Tensor):
        state = member.build(recipe, columns=COLUMNS, seed=1, device="cpu")
        images = torch.rand(2, 1, 32, 32, 32, generator=torch.Generator().manual_seed(2)) * 2 - 1
        batch = Batch(images=images, labels=labels, completed=completed)
        (stage,) = member.stages(recipe)
        batches = [batch] * member.batches_per_update(recipe, stage)
        state.optimisers["generator"].step = lambda: None
        losses = member.update(
            state, batches, stage=stage, step=0, progress=0.0, generator=torch.Generator().manual_seed(3)
        )
        return state, losses

    state, losses = updated(ROWS, WHOLE)
    assert losses["skipped"] == 0
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert (state.classes, tuple(state.columns)) == (2, (2, 0, 3))
    volumes, low = member.sample(state.networks["generator"], torch.randn(2, 8), WHOLE)
    assert volumes.shape == (2, 1, 32, 32, 32) and low.shape == (2, 1, 8, 8, 8)
    nothing = torch.full_like(ROWS, NAN)
    _, unknown = updated(nothing, WHOLE)
    assert {name: float(unknown[name]) for name in ("class_high", "class_low")} == {"class_high": 0.0, "class_low": 0.0}
    assert losses["class_high"] > 0 and losses["class_low"] > 0
