"""The choice of weights at the end of a stage: the best epoch's, held by what goes on from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mrisynth.errors import ConfigError
from mrisynth.models.interface import Stage, State
from mrisynth.training.batches import Batches
from mrisynth.training.loop import run_updates
from mrisynth.training.schedule import Schedule
from mrisynth.training.selection import judge_of
from mrisynth.training.state import load_state, save_state

IMAGES = np.zeros((6, 4, 4), dtype=np.uint8)


class Counting:
    """One weight that counts updates; scores by a table of epochs."""

    def stages(self, recipe):
        return [Stage(name="4", share=3.0), Stage(name="8", share=2.0)]

    def batches_per_update(self, recipe, stage):
        return 1

    def update(self, state, batches, *, stage, step, progress, generator):
        weight = state.networks["generator"].weight
        state.optimisers["generator"].zero_grad()
        (-weight.sum()).backward()
        state.optimisers["generator"].step()
        return {"generator": torch.tensor(0.0), "skipped": torch.tensor(0.0)}

    def judged_from(self, recipe):
        return 0.0

    def judge(self, state, batch, *, generator):
        scores = {2: 0.5, 4: 0.9, 6: 0.7, 8: 0.1, 10: 0.2}  # by the weight, two updates an epoch
        return scores[round(_weight(state))]


def _state(recipe):
    network, average = (torch.nn.Linear(1, 1, bias=False) for _ in range(2))
    torch.nn.init.zeros_(network.weight)
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0, momentum=0.0)
    networks, averages = {"generator": network}, {"generator": average.requires_grad_(requires_grad=False)}
    return State(recipe=recipe, classes=0, networks=networks, averages=averages, optimisers={"generator": optimiser})


@pytest.fixture
def training(small_recipe):
    """A training of five epochs of two updates, three in the first stage: (state, function that goes on to a step)."""
    recipe, family = (
        small_recipe(images_total=20, images_per_chunk=20, batch_size=2, ema_half_life_images=0),
        Counting(),
    )
    schedule = Schedule(recipe, family)
    labels = np.full(4, -1)
    judge = judge_of(
        family, recipe, images=IMAGES, validation=(np.array([4, 5]), np.array([0, 1])), epoch_images=4, device="cpu",
        seed=1,
    )  # fmt: skip

    def go_on(state, last_step):
        batches = Batches(IMAGES, rows=np.arange(4), labels=labels, batch_size=2, seed=1, model="m", device="cpu")
        return list(run_updates(state, family, batches, schedule=schedule, last_step=last_step, seed=1, judge=judge))

    return recipe, go_on


def _weight(state):
    return float(state.networks["generator"].weight.detach())


def test_a_stage_ends_with_the_weights_of_its_best_epoch_and_the_next_goes_on_from_them(training):
    recipe, go_on = training
    state = _state(recipe)
    go_on(state, 5)
    assert _weight(state) == 5.0
    go_on(state, 6)
    assert _weight(state) == 4.0, "the last update of the stage counted to 6, its best epoch ended at 4"
    assert float(state.averages["generator"].weight) == 4.0
    assert state.chosen == [{"score": 0.9, "stage": "4", "epoch": 2, "updates": 4, "images": 8}]
    go_on(state, 7)
    assert _weight(state) == 5.0


def test_the_copy_of_the_best_does_not_change_with_later_updates(training):
    recipe, go_on = training
    state = _state(recipe)
    go_on(state, 4)
    kept = state.best["networks"]["generator"]["weight"]
    go_on(state, 5)
    assert float(kept) == 4.0


def test_a_training_that_is_cut_inside_a_stage_remembers_its_best(training, tmp_path):
    recipe, go_on = training
    whole, first, second = (_state(recipe) for _ in range(3))
    go_on(whole, 10)
    go_on(first, 5)
    save_state(first, tmp_path / "state.pt", fingerprint="x")
    load_state(second, tmp_path / "state.pt", fingerprint="x", device="cpu")
    go_on(second, 10)
    assert second.chosen == whole.chosen
    assert _weight(second) == _weight(whole)


def test_the_curve_has_the_scores(training):
    recipe, go_on = training
    rows = go_on(_state(recipe), 10)
    assert [row["judged"] for row in rows if "judged" in row][:3] == pytest.approx([0.5, 0.9, 0.7])


def test_judging_without_validation_scans_is_refused_with_the_keys_to_change(small_recipe):
    with pytest.raises(ConfigError, match=r"validation_fraction.*select_from"):
        judge_of(
            Counting(), small_recipe(), images=IMAGES, validation=None, epoch_images=4, device="cpu", seed=1
        )  # fmt: skip
