"""The guard: updates that are not finite are skipped, then older weights come back, then the training stops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.models import family as family_named
from mrisynth.models import hagan
from mrisynth.training import guard
from mrisynth.training.batches import Batches
from mrisynth.training.loop import run_updates
from mrisynth.training.schedule import Schedule
from mrisynth.training.state import save_state

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 32), dtype=np.uint8)


@pytest.fixture
def broken_in(monkeypatch):
    """Makes the critics' loss not finite in some updates, counted from 0."""

    def inject(bad: set[int]) -> None:
        numbers = iter(range(1000))
        plain = hagan.critic_loss

        def loss(step, piece):
            return plain(step, piece) * (float("nan") if next(numbers) in bad else 1.0)

        monkeypatch.setattr(hagan, "critic_loss", loss)

    return inject


def _run(recipe, steps: int, *, watch=None):
    member = family_named(recipe.family)
    state = member.build(recipe, columns=[2], seed=1, device="cpu")
    batches = Batches(
        IMAGES, rows=np.arange(4), labels=np.array([0, 1, -1, 1]), batch_size=2, seed=1, model="model", device="cpu"
    )
    recipe = replace(recipe, images_total=2 * steps)
    state.recipe = recipe
    rows = []
    schedule = Schedule(recipe, member)
    for row in run_updates(state, member, batches, schedule=schedule, last_step=steps, seed=1):
        rows.append(row)
        if watch is not None:
            watch(state)
    return state, rows


def _everything(state) -> dict[str, torch.Tensor]:
    """Weights, averages and moments."""
    found = {}
    for kind in ("networks", "averages", "optimisers"):
        for name, part in getattr(state, kind).items():
            _flatten(f"{kind}.{name}", part.state_dict(), found)
    return found


def _flatten(path: str, value, found: dict) -> None:
    if isinstance(value, torch.Tensor):
        found[path] = value.detach().clone()
    elif isinstance(value, dict):
        for key, entry in value.items():
            _flatten(f"{path}.{key}", entry, found)


def _equal(one: dict, two: dict) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.fault(17)
@pytest.mark.parametrize("family", ["hagan", "wgp_hagan"])
def test_a_bad_update_is_skipped_counted_and_training_goes_on(family, broken_in, small_recipe, tmp_path, train):
    broken_in({1, 2, 4})
    state = train(tmp_path, small_recipe(family, images_per_chunk=12))
    assert (state.step, state.skipped, state.skipped_in_a_row, state.rollbacks) == (6, 3, 0, 0)
    curve = read_table(tmp_path / "curve-0.tsv")
    assert curve["skipped"].tolist() == [0, 1, 2, 2, 3, 3]
    assert curve["critic_high"].notna().all()  # recorded before the injected factor
    saved = torch.load(tmp_path / "state-0.pt", weights_only=True)
    assert saved["skipped"] == 3
    assert all(torch.isfinite(weight).all() for weight in saved["networks"]["critic_high"].values())


def test_a_bad_step_of_the_critics_leaves_the_critics_as_they_were(broken_in, small_recipe):
    broken_in({1})
    seen: list[dict] = []
    _run(small_recipe(), 3, watch=lambda state: seen.append(_everything(state)))
    after_first, after_second, after_third = seen
    critics = [name for name in after_first if name.startswith(("networks.critic", "optimisers.critics"))]
    assert all(torch.equal(after_first[name], after_second[name]) for name in critics)
    assert any(not torch.equal(after_second[name], after_third[name]) for name in critics)


@pytest.mark.fault(17)
def test_a_long_run_of_bad_updates_brings_older_weights_back(broken_in, small_recipe, monkeypatch):
    monkeypatch.setattr(guard, "_UPDATES_BETWEEN", 2)
    broken_in({5, 6, 7})
    seen: list[dict] = []
    recipe = small_recipe("hagan", rollback_after=2)
    state, rows = _run(recipe, 10, watch=lambda state: seen.append(_everything(state)))
    assert [row["rollbacks"] for row in rows] == [0] * 7 + [1] * 3
    assert [row["skipped"] for row in rows] == [0] * 5 + [1, 2, 3, 3, 3]
    assert (state.step, state.skipped, state.rollbacks, state.skipped_in_a_row) == (10, 3, 1, 0)
    assert _equal(seen[7], seen[1])  # copies were made after updates 2 and 4; the older comes back
    assert not _equal(seen[6], seen[1])
    assert not _equal(seen[8], seen[7])  # and the training goes on from there


def test_the_copies_are_not_the_weights_that_train(small_recipe, monkeypatch):
    monkeypatch.setattr(guard, "_UPDATES_BETWEEN", 2)
    state = family_named("hagan").build(small_recipe("hagan"), columns=[2], seed=1, device="cpu")
    before = _everything(state)
    kept = guard.Guard(state)
    with torch.no_grad():
        for weight in state.networks["generator"].parameters():
            weight.add_(1.0)
    state.step, state.skipped_in_a_row = 100, state.recipe.rollback_after + 1
    kept.after_update(state)
    assert (state.rollbacks, state.skipped_in_a_row) == (1, 0)
    assert _equal(_everything(state), before)


@pytest.mark.fault(17)
def test_too_many_rollbacks_stop_the_training(broken_in, small_recipe, monkeypatch, tmp_path, train):
    monkeypatch.setattr(guard, "_UPDATES_BETWEEN", 2)
    broken_in(set(range(4, 100)))
    recipe = small_recipe("hagan", rollback_after=1, most_rollbacks=1, images_total=40, images_per_chunk=40)
    with pytest.raises(
        MrisynthError, match="not finite in the last 2 updates, at update 8 after 1 rollbacks; lower its"
    ):
        train(tmp_path, recipe)
    assert list(tmp_path.iterdir()) == []  # no state, no curve


@pytest.mark.fault(17)
def test_a_training_that_starts_broken_stops_at_once(broken_in, small_recipe):
    broken_in({0, 1, 2})
    with pytest.raises(MrisynthError, match="not finite in the last 3 updates, at update 3 after 0 rollbacks"):
        _run(small_recipe(), 8)


def test_as_many_bad_updates_as_allowed_bring_nothing_back(broken_in, small_recipe):
    broken_in({4, 5})
    state, _ = _run(small_recipe(rollback_after=2), 7)
    assert (state.skipped, state.rollbacks) == (2, 0)


@pytest.mark.fault(17)
@pytest.mark.parametrize("kind", ["networks", "averages"])
@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_never_saved(kind, poison, small_recipe, tmp_path):
    state = family_named("hagan").build(small_recipe("hagan"), columns=[2], seed=1, device="cpu")
    with torch.no_grad():
        getattr(state, kind)["generator"].start.bias[3] = poison
    with pytest.raises(
        MrisynthError, match=r"generator has weights that are not finite after update 0; the state is not"
    ):
        save_state(state, tmp_path / "state.pt", fingerprint="x")
    assert list(tmp_path.iterdir()) == []
