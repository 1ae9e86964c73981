"""Training: exact resume, the curve, what is refused, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mrisynth.errors import MrisynthError
from mrisynth.files import read_table, sha256_of
from mrisynth.models import family as family_named
from mrisynth.models.interface import Stage, State
from mrisynth.training.batches import Batches
from mrisynth.training.loop import run_updates
from mrisynth.training.schedule import Schedule

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 32), dtype=np.uint8)
COLUMNS = {"sex": ["m", "f"], "age": ["low", "high"]}
LABELS = np.array([0, 3, -1 - 1, 2])  # the third: sex missing, age low
ALL_AT_ONCE = {
    "augmentation": "adaptive",
    "augmentation_images": 4,
    "augmentation_strength": 1.0,
    "balance_classes": True,
    "settings": {
        "encoders": "attached",
        "condition_input": "embedding_per_column",
        "penalty_every": 2,
        "learning_rate_critic": 5e-3,
    },
}


@pytest.fixture(scope="module")
def chain(tmp_path_factory, small_recipe, train) -> list[Path]:
    folder = tmp_path_factory.mktemp("chain")
    train(folder, small_recipe(), chunk=0)
    train(folder, small_recipe(), chunk=1, previous=folder / "state-0.pt")
    return [folder / "state-0.pt", folder / "state-1.pt"]


@pytest.mark.fault(4)
@pytest.mark.parametrize(
    ("family", "changes", "data"),
    [
        ("wgp_hagan", {}, {}),
        ("hagan", {}, {}),
        ("hagan", ALL_AT_ONCE, {"columns": COLUMNS, "labels": LABELS}),
        ("wgp_hagan", {"settings": {"spectral_norm": "all", "critic_steps": 2}, "augmentation": "ramp"}, {}),
    ],
    ids=["wgp_hagan", "hagan", "everything that could be forgotten", "spectral norm"],
)
def test_an_interrupted_chain_ends_in_the_same_bits(family, changes, data, tmp_path, small_recipe, train, digest):
    recipe = small_recipe(family, **changes)
    cut = tmp_path / "cut"
    half = train(cut, recipe, chunk=0, **data)
    train(cut, recipe, chunk=1, previous=cut / "state-0.pt", **data)
    torch.manual_seed(99)  # nothing may come from torch's own random state
    train(tmp_path / "whole", replace(recipe, images_per_chunk=12), chunk=0, **data)
    assert digest(cut / "state-1.pt") == digest(tmp_path / "whole" / "state-0.pt")
    if recipe.augmentation == "adaptive":
        assert half.augmentation > 0  # there was something to forget


@pytest.mark.fault(4)
def test_a_chunk_that_was_killed_gives_the_same_bits_when_run_again(chain, tmp_path, small_recipe, train, digest):
    train(tmp_path, small_recipe(), chunk=1, previous=chain[0])
    assert digest(tmp_path / "state-1.pt") == digest(chain[1])


def test_another_seed_gives_other_weights(chain, tmp_path, small_recipe, train, digest):
    train(tmp_path, small_recipe(), seed=2)
    assert digest(tmp_path / "state-0.pt") != digest(chain[0])


def test_a_longer_training_goes_on_from_the_same_states(chain, tmp_path, small_recipe, train):
    longer = small_recipe(images_total=16)
    assert train(tmp_path, longer, chunk=2, previous=chain[1]).step == 8
    assert torch.load(tmp_path / "state-2.pt", weights_only=True)["step"] == 8


def test_where_and_how_long_a_model_trains_is_no_other_recipe(chain, tmp_path, small_recipe, train, digest):
    elsewhere = {"devices": 2, "compiled": False, "allow_cpu": True, "rollback_after": 5, "most_rollbacks": 1}
    train(tmp_path, small_recipe(watch_every_images=4, **elsewhere), chunk=1, previous=chain[0])
    assert digest(tmp_path / "state-1.pt") == digest(chain[1])


def test_the_curve_of_a_chunk(chain):
    curve = read_table(chain[1].parent / "curve-1.tsv")
    assert curve["step"].tolist() == [4, 5, 6]
    assert curve["images_seen"].tolist() == [8, 10, 12]
    expected = {f"{kind}_{branch}" for kind in ("critic", "generator", "right", "class") for branch in ("high", "low")}
    expected |= {"skipped", "rollbacks", "augmentation", "consistency"}
    assert expected <= set(curve)
    assert not {"seconds", "waited_seconds", "images_per_second", "memory_gb"} & set(curve)  # they differ in every run
    assert not [name for name in curve if name.startswith("sign_")]
    assert np.isfinite(curve.to_numpy()).all()
    assert curve["skipped"].tolist() == curve["rollbacks"].tolist() == [0, 0, 0]


def test_how_fast_it_went_stands_beside_what_was_watched(tmp_path, small_recipe, train):
    train(tmp_path, small_recipe(), watch=tmp_path / "watch")
    speed = read_table(tmp_path / "watch" / "speed.tsv")
    assert list(speed)[:2] == ["step", "images_seen"]
    assert (speed[["seconds", "images_per_second", "memory_gb"]] > 0).all(axis=None)
    assert len(speed) == len(read_table(tmp_path / "curve-0.tsv"))


def test_a_state_is_the_same_file_wherever_it_is_written(tmp_path, small_recipe, train):
    for name in ("one", "another"):
        train(tmp_path / name, small_recipe())
    assert sha256_of(tmp_path / "one" / "state-0.pt") == sha256_of(tmp_path / "another" / "state-0.pt")


@pytest.mark.fault(23)
def test_states_that_do_not_fit_are_refused(chain, tmp_path, small_recipe, train):
    with pytest.raises(MrisynthError, match=r"state-0\.pt: this training state was made by another recipe"):
        train(tmp_path, small_recipe(settings={"high_weight": 2.0}), chunk=1, previous=chain[0])
    with pytest.raises(MrisynthError, match="begins after 3"):
        train(tmp_path, small_recipe(), chunk=1, previous=chain[1])
    with pytest.raises(MrisynthError, match="every later chunk needs one"):
        train(tmp_path, small_recipe(), chunk=1)
    with pytest.raises(MrisynthError, match="the training state is missing"):
        train(tmp_path, small_recipe(), chunk=1, previous=tmp_path / "nowhere.pt")
    torn = tmp_path / "torn.pt"
    torn.write_bytes(chain[0].read_bytes()[:2000])
    with pytest.raises(MrisynthError, match=r"torn\.pt: not a whole training state"):
        train(tmp_path, small_recipe(), chunk=1, previous=torn)
    torch.save({"format": 1}, torn)
    with pytest.raises(MrisynthError, match=r"torn\.pt: not a training state of this version"):
        train(tmp_path, small_recipe(), chunk=1, previous=torn)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["torn.pt"]


@pytest.mark.fault(18)
def test_images_and_labels_that_do_not_fit_are_refused(tmp_path, small_recipe, train):
    with pytest.raises(MrisynthError, match="give it the packed images of size 64"):
        train(tmp_path, small_recipe(size=64))
    with pytest.raises(MrisynthError, match=r"found labels -1 \.\. 2, expected at most 1 \(below 0 is missing\)"):
        train(tmp_path, small_recipe(), labels=np.array([0, 1, 2, -1]))
    with pytest.raises(MrisynthError, match="found no training image"):
        train(tmp_path, small_recipe(), rows=np.array([], dtype=int), labels=np.array([], dtype=int))


def _batches(batch_size: int) -> Batches:
    labels = np.array([0, 1, -1, 1])
    return Batches(IMAGES, rows=np.arange(4), labels=labels, batch_size=batch_size, seed=1, model="model", device="cpu")


def _shown(batch) -> list[int]:
    real = [torch.from_numpy(image) / 127.5 - 1 for image in IMAGES]
    return [next(place for place, image in enumerate(real) if torch.equal(image, shown[0])) for shown in batch.images]


@pytest.mark.fault(4)
def test_batches_show_every_scan_once_an_epoch_with_its_label():
    batches = _batches(2)
    first, second = batches[0], batches[1]
    assert sorted(_shown(first) + _shown(second)) == [0, 1, 2, 3]
    assert first.labels.tolist() == [[0, 1, -1, 1][place] for place in _shown(first)]
    assert first.images.shape == (2, 1, 32, 32, 32)


def test_batches_are_functions_of_their_number():
    assert _shown(_batches(2)[7]) == _shown([_batches(2)[number] for number in (3, 9, 7)][-1])
    assert len({tuple(_shown(_batches(4)[epoch])) for epoch in range(6)}) > 1


@pytest.mark.fault(18)
def test_a_batch_larger_than_the_cohort_shows_scans_again():
    assert sorted(_shown(_batches(8)[0])) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_chunks_cover_all_updates_without_gap(small_recipe):
    recipe = small_recipe(images_total=101, images_per_chunk=17, batch_size=4)
    hagan = family_named("hagan")
    schedule = Schedule(recipe, hagan)
    steps = [schedule.first_step(chunk) for chunk in range(recipe.chunks + 1)]
    assert steps == [0, 5, 9, 13, 17, 22, 26]
    assert recipe.chunks == 6


class Staged:
    """A family without networks that notes its stages."""

    name = "staged"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def stages(self, recipe):
        return [Stage(name="coarse", share=1.0), Stage(name="fine", share=3.0)]

    def batches_per_update(self, recipe, stage):
        return 1

    def update(self, state, batches, *, stage, step, progress, generator):
        self.seen.append(stage.name)
        return {"generator": torch.tensor(1.0), "skipped": torch.tensor(0.0)}


def test_stages_follow_one_another_by_their_shares(small_recipe):
    family, recipe = Staged(), small_recipe(images_total=16)
    state = State(recipe=recipe, classes=0, networks={}, averages={}, optimisers={})
    list(run_updates(state, family, _batches(2), schedule=Schedule(recipe, family), last_step=8, seed=1))
    assert family.seen == ["coarse"] * 2 + ["fine"] * 6


@pytest.mark.parametrize("family", ["wgp_hagan", "hagan"])
def test_samples_move_towards_the_data(family, tmp_path, small_recipe, train):
    """A few updates bring the average sample much nearer to the average scan than the untrained generator's."""
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 32)] * 3, indexing="ij"))
    radii = np.linspace(0.5, 0.7, 6)[:, None, None, None]
    images = np.where((grid**2).sum(axis=0) < radii**2, 160, 0).astype(np.uint8)
    quick = {"learning_rate_generator": 2e-3, "learning_rate_critic": 2e-3, "betas": [0.0, 0.9]}
    recipe = small_recipe(family, images_total=40, images_per_chunk=40, settings=quick)
    data = {"images": images, "rows": np.arange(6), "labels": np.full(6, -1), "columns": {}}
    untrained = family_named(family).network("generator", recipe, columns=[], seed=1)
    trained = train(tmp_path, recipe, **data).averages["generator"]
    assert _distance(trained, images) < 0.5 * _distance(untrained, images)


def _distance(generator: torch.nn.Module, images: np.ndarray) -> float:
    with torch.no_grad():
        volumes, _ = generator(torch.randn(4, 8, generator=torch.Generator().manual_seed(0)), torch.full((4,), -1))
    return float((volumes[:, 0].mean(dim=0) - torch.from_numpy(images / 127.5 - 1).mean(dim=0)).square().mean())
