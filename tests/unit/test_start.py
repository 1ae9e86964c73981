"""Starting from another model: the same, a larger one, one with a condition, the high branch alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mrisynth.errors import MrisynthError
from mrisynth.models import family as family_named
from mrisynth.models.interface import State
from mrisynth.recipes import ModelRecipe
from mrisynth.training.start import start_from
from mrisynth.training.state import recipe_fingerprint, save_state


def _recipe(size: int = 32, *, family: str = "hagan", **settings) -> ModelRecipe:
    return ModelRecipe(
        name="model", family=family, condition="none", size=size, images_total=8, images_per_chunk=8, batch_size=2,
        family_recipe={"width": 8, "latent": 8} | settings,
    )  # fmt: skip


def _state(recipe: ModelRecipe, *, seed: int = 1, columns: tuple[int, ...] = ()) -> State:
    return family_named(recipe.family).build(recipe, columns=columns, seed=seed, device="cpu")


def _kept(state: State, folder: Path) -> Path:
    """The state of a training whose moving average is not its weights."""
    with torch.no_grad():
        for weight in state.averages["generator"].parameters():
            weight.add_(0.01)
    save_state(state, folder / "kept-3.pt", fingerprint="of another recipe")
    return folder / "kept-3.pt"


def _weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in network.state_dict().items()}


def test_the_same_model_starts_with_the_others_weights_and_moving_average(tmp_path):
    recipe = _recipe(encoders="detached", spectral_norm="all")
    other, state = _state(recipe, seed=1), _state(recipe, seed=2)
    found = start_from(state, _kept(other, tmp_path))
    assert found.taken == found.whole
    assert set(found.taken) == {"generator", "critic_high", "critic_low", "encoder_slab", "encoder_global"}
    for name, network in other.networks.items():
        for key, weight in network.state_dict().items():
            assert torch.equal(state.networks[name].state_dict()[key], weight), key
    average = state.averages["generator"].state_dict()
    assert all(torch.equal(average[key], weight) for key, weight in other.averages["generator"].state_dict().items())
    assert not torch.equal(average["start.weight"], state.networks["generator"].state_dict()["start.weight"])
    assert all(not optimiser.state for optimiser in state.optimisers.values())
    assert state.step == 0


@pytest.mark.parametrize("spectral_norm", ["none", "all"])
@pytest.mark.parametrize(
    ("sizes", "steps", "high"),
    [((64, 128), ((0, 1), (1, 2), (2, 3), (3, 4)), (4, 6)), ((128, 256), tuple((n, n) for n in range(5)), (10, 12))],
)
def test_a_larger_model_takes_over_the_steps_that_it_shares(sizes, steps, high, spectral_norm, tmp_path):
    """Steps are counted from full resolution: what made A at 64 makes A at 128, with one more step before it."""
    small, large = (_recipe(size, spectral_norm=spectral_norm) for size in sizes)
    other, state = _state(small, seed=1), _state(large, seed=2)
    before = {name: _weights(network) for name, network in state.networks.items()}
    found = start_from(state, _kept(other, tmp_path))
    source, target = (one.networks["generator"].state_dict() for one in (other, state))
    for one, two in steps:
        assert torch.equal(target[f"features.{two}.0.weight"], source[f"features.{one}.0.weight"])
    for key in ("start.weight", "low.0.0.weight", "low.2.weight", "high.first.weight", "high.last.weight"):
        assert torch.equal(target[key], source[key])
    if sizes == (64, 128):
        assert torch.equal(target["features.0.0.weight"], before["generator"]["features.0.0.weight"])
    weight = "weight" if spectral_norm == "none" else "parametrizations.weight.original"
    source, target = (one.networks["critic_high"].state_dict() for one in (other, state))
    one, two = high
    assert torch.equal(target[f"ladder.{two}.{weight}"], source[f"ladder.{one}.{weight}"])
    assert torch.equal(target[f"hidden.0.{weight}"], source[f"hidden.0.{weight}"])
    assert found.taken["critic_high"] < found.whole["critic_high"]  # the first step of the larger one is its own
    assert torch.equal(target[f"ladder.0.{weight}"], before["critic_high"][f"ladder.0.{weight}"])


@pytest.mark.parametrize("kind", ["embedding", "one_hot", "embedding_per_column"])
def test_a_model_that_gains_a_condition_keeps_what_reads_the_latent(kind, tmp_path):
    recipe = _recipe(condition_input=kind)
    other, state = _state(recipe, seed=1), _state(recipe, seed=2, columns=(2, 3))
    before = _weights(state.networks["generator"])
    start_from(state, _kept(other, tmp_path))
    source, target = (one.networks["generator"].state_dict() for one in (other, state))
    assert target["start.weight"].shape[1] > 8
    assert torch.equal(target["start.weight"][:, :8], source["start.weight"])
    assert torch.equal(target["start.weight"][:, 8:], before["start.weight"][:, 8:])
    own = [name for name in target if name.startswith("condition.")]
    assert all(torch.equal(target[name], before[name]) for name in own)
    assert all(torch.equal(target[name], source[name]) for name in source if name != "start.weight")


def test_a_model_that_loses_its_condition_keeps_what_reads_the_latent(tmp_path):
    other, state = _state(_recipe(), seed=1, columns=(2,)), _state(_recipe(), seed=2)
    start_from(state, _kept(other, tmp_path))
    source, target = (one.networks["generator"].state_dict() for one in (other, state))
    assert torch.equal(target["start.weight"], source["start.weight"][:, :8])


def test_a_generator_alone_is_enough(tmp_path):
    other, state = _state(_recipe(), seed=1), _state(_recipe(), seed=2)
    critic = _weights(state.networks["critic_low"])
    weights = {name: weight.contiguous() for name, weight in other.averages["generator"].state_dict().items()}
    save_file(weights, tmp_path / "generator.safetensors")
    found = start_from(state, tmp_path / "generator.safetensors")
    assert found.taken["critic_high"] == 0 < found.taken["generator"] == found.whole["generator"]
    for one in (state.networks["generator"], state.averages["generator"]):
        assert all(torch.equal(one.state_dict()[key], w) for key, w in other.averages["generator"].state_dict().items())
    assert all(torch.equal(state.networks["critic_low"].state_dict()[key], weight) for key, weight in critic.items())


@pytest.mark.parametrize("columns", [(), (2,)])
def test_a_model_of_another_width_is_refused(columns, tmp_path):
    other, state = _state(_recipe(), columns=columns), _state(_recipe(width=16), columns=columns)
    with pytest.raises(MrisynthError, match=r"kept-3\.pt: no weight of this generator fits model model; start from"):
        start_from(state, _kept(other, tmp_path))


@pytest.mark.fault(23)
def test_missing_and_torn_files_are_named(tmp_path):
    state = _state(_recipe())
    with pytest.raises(MrisynthError, match=r"gone\.pt: the training state is missing"):
        start_from(state, tmp_path / "gone.pt")
    with pytest.raises(MrisynthError, match=r"gone\.safetensors: the weights are missing"):
        start_from(state, tmp_path / "gone.safetensors")
    for name in ("torn.pt", "torn.safetensors"):
        (tmp_path / name).write_bytes(b"not whole")
        with pytest.raises(MrisynthError, match=name):
            start_from(state, tmp_path / name)


def test_a_training_begins_where_the_other_ended(tmp_path, small_recipe, train):
    recipe = small_recipe("hagan", images_total=6)
    other = train(tmp_path / "other", recipe)
    started = replace(recipe, name="second", start_from="other", images_total=2)
    state = train(tmp_path / "second", started, start=tmp_path / "other" / "state-0.pt")
    alone = train(tmp_path / "alone", replace(started, start_from=None))
    near, far = (
        max(
            float((one.networks["generator"].state_dict()[key] - weight).abs().max())
            for key, weight in other.networks["generator"].state_dict().items()
        )
        for one in (state, alone)
    )
    assert near < 2e-4 < 0.05 < far  # one update of at most 1e-4 a weight, but for rounding
    assert state.step == 1


def test_later_chunks_go_on_from_their_own_state(tmp_path, small_recipe, train, digest):
    """The file to start from is read by the first chunk alone."""
    recipe = small_recipe("hagan", start_from="other")
    train(tmp_path / "other", small_recipe("hagan"), seed=3)
    train(tmp_path / "cut", recipe, start=tmp_path / "other" / "state-0.pt")
    (tmp_path / "other" / "state-0.pt").rename(tmp_path / "moved.pt")
    train(tmp_path / "cut", recipe, chunk=1, previous=tmp_path / "cut" / "state-0.pt")
    train(tmp_path / "whole", replace(recipe, images_per_chunk=12), start=tmp_path / "moved.pt")
    assert digest(tmp_path / "cut" / "state-1.pt") == digest(tmp_path / "whole" / "state-0.pt")


def test_the_high_branch_is_trained_alone_where_that_is_asked_for(tmp_path, small_recipe, train):
    recipe = small_recipe("hagan")
    other = train(tmp_path / "other", recipe)
    fine = small_recipe("hagan", settings={"trained_part": "high"}, start_from="other")
    state = train(tmp_path / "fine", fine, start=tmp_path / "other" / "state-0.pt")
    assert state.step == 3
    before, after = other.averages["generator"].state_dict(), state.networks["generator"].state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert {"high.first.weight", "high.last.weight"} <= changed
    assert all(name.startswith("high.") for name in changed)  # the rest is the other's average, and stays it
    average = state.averages["generator"].state_dict()
    assert all(torch.equal(average[name], before[name]) for name in average if not name.startswith("high."))


def test_the_fingerprint_tells_recipes_apart_and_lengths_not(small_recipe):
    recipe = small_recipe("hagan")

    def of(**changes) -> str:
        return recipe_fingerprint(replace(recipe, **changes), classes=["a"], seed=1)

    own = of()
    assert own == of(images_total=99, images_per_chunk=3, devices=4, compiled=True, allow_cpu=True)
    others = [of(start_from="other"), of(batch_size=4), of(precision="bf16"), of(augmentation="ramp"), of(size=64)]
    others += [of(balance_classes=True), of(family_recipe=recipe.family_recipe | {"trained_part": "high"})]
    others += [recipe_fingerprint(recipe, classes=["b"], seed=1), recipe_fingerprint(recipe, classes=["a"], seed=2)]
    assert len({own, *others}) == len(others) + 1
