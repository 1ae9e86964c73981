"""Training: exact resume, batches without state, the guards, and that it learns."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.models.interface import Stage, State
from mrisynth.recipes import ModelRecipe
from mrisynth.training.batches import Batches
from mrisynth.training.chunk import train_chunk
from mrisynth.training.export import initial_generator
from mrisynth.training.loop import first_step, run_updates

RECIPE = ModelRecipe(
    name="model", family="wgp_hagan", condition="diagnosis", size=32, images_total=12, images_per_chunk=6,
    batch_size=2, ema_half_life_images=8, family_recipe={"width": 8, "latent": 8},
)  # fmt: skip
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 32), dtype=np.uint8)
CLASSES = ["control", "atrophy"]
ROWS, LABELS = np.array([0, 1, 3, 4]), np.array([0, 1, -1, 1])


def _train(folder: Path, recipe: ModelRecipe = RECIPE, *, chunk: int, previous: Path | None = None, **changes) -> Path:
    state = folder / f"state-{chunk}.pt"
    settings = {"images": IMAGES, "rows": ROWS, "labels": LABELS, "classes": CLASSES, "seed": 1} | changes
    curve = folder / f"curve-{chunk}.tsv"
    train_chunk(
        recipe, previous=previous, state=state, curve=curve, chunk=chunk, device="cpu", threads=1, **settings
    )  # fmt: skip
    return state


def _digest(path: Path) -> str:
    """Return the SHA-256 of every tensor and number of a state."""
    digest = hashlib.sha256()

    def add(value) -> None:
        if isinstance(value, dict):
            for key in value:
                digest.update(str(key).encode())
                add(value[key])
        elif isinstance(value, torch.Tensor):
            digest.update(value.contiguous().numpy().tobytes())
        elif isinstance(value, list | tuple):
            for item in value:
                add(item)
        else:
            digest.update(str(value).encode())

    add(torch.load(path, weights_only=True))
    return digest.hexdigest()


@pytest.fixture(scope="module")
def chain(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("chain")
    first = _train(folder, chunk=0)
    return [first, _train(folder, chunk=1, previous=first)]


@pytest.mark.parametrize("family", ["wgp_hagan", "hagan"])
def test_an_interrupted_chain_ends_in_the_same_bits(family, tmp_path):
    recipe = replace(RECIPE, family=family)
    (tmp_path / "cut").mkdir()
    first = _train(tmp_path / "cut", recipe, chunk=0)
    cut = _train(tmp_path / "cut", recipe, chunk=1, previous=first)
    torch.manual_seed(99)  # nothing may come from torch's own random state
    whole = _train(tmp_path, replace(recipe, images_per_chunk=12), chunk=0)
    assert _digest(cut) == _digest(whole)


def test_a_chunk_that_was_killed_gives_the_same_bits_when_run_again(chain, tmp_path):
    assert _digest(_train(tmp_path, chunk=1, previous=chain[0])) == _digest(chain[1])


def test_another_seed_gives_other_weights(chain, tmp_path):
    assert _digest(_train(tmp_path, chunk=0, seed=2)) != _digest(chain[0])


def test_a_longer_training_goes_on_from_the_same_states(chain, tmp_path):
    state = _train(tmp_path, replace(RECIPE, images_total=16), chunk=2, previous=chain[1])
    assert torch.load(state, weights_only=True)["step"] == 8


def test_the_curve_of_a_chunk(chain):
    curve = read_table(chain[1].parent / "curve-1.tsv")
    assert curve["step"].tolist() == [4, 5, 6]
    assert curve["images_seen"].tolist() == [8, 10, 12]
    assert {"critic_high", "critic_low", "generator_high", "generator_low", "seconds", "skipped"} <= set(curve)
    assert np.isfinite(curve.to_numpy()).all()
    assert curve["skipped"].tolist() == [0, 0, 0]


def test_states_that_do_not_fit_are_refused(chain, tmp_path):
    changed = replace(RECIPE, family_recipe={"width": 8, "latent": 8, "high_weight": 2.0})
    with pytest.raises(MrisynthError, match=r"state-0\.pt: this training state was made by another recipe"):
        _train(tmp_path, changed, chunk=1, previous=chain[0])
    with pytest.raises(MrisynthError, match="begins after 3"):
        _train(tmp_path, chunk=1, previous=chain[1])
    with pytest.raises(MrisynthError, match="every later chunk needs one"):
        _train(tmp_path, chunk=1)
    with pytest.raises(MrisynthError, match="the training state is missing"):
        _train(tmp_path, chunk=1, previous=tmp_path / "nowhere.pt")
    torn = tmp_path / "torn.pt"
    torn.write_bytes(chain[0].read_bytes()[:2000])
    with pytest.raises(MrisynthError, match=r"torn\.pt: not a whole training state"):
        _train(tmp_path, chunk=1, previous=torn)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["torn.pt"]


def test_images_and_labels_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(MrisynthError, match="give it the pyramid of size 64"):
        _train(tmp_path, replace(RECIPE, size=64), chunk=0)
    with pytest.raises(MrisynthError, match=r"found labels -1 \.\. 2, expected -1 \(missing\) to 1"):
        _train(tmp_path, chunk=0, labels=np.array([0, 1, 2, -1]))
    with pytest.raises(MrisynthError, match="found no training image"):
        _train(tmp_path, chunk=0, rows=np.array([], dtype=int), labels=np.array([], dtype=int))


def _batches(batch_size: int) -> Batches:
    return Batches(IMAGES, rows=ROWS, labels=LABELS, batch_size=batch_size, seed=1, model="model", device="cpu")


def _shown(batch) -> list[int]:
    real = [torch.from_numpy(IMAGES[row]) / 127.5 - 1 for row in ROWS]
    return [next(place for place, image in enumerate(real) if torch.equal(image, shown[0])) for shown in batch.images]


def test_batches_show_every_scan_once_an_epoch_with_its_label():
    batches = _batches(2)
    first, second = batches[0], batches[1]
    assert sorted(_shown(first) + _shown(second)) == [0, 1, 2, 3]
    assert first.labels.tolist() == [LABELS[place] for place in _shown(first)]
    assert first.images.shape == (2, 1, 32, 32, 32)


def test_batches_are_functions_of_their_number():
    assert _shown(_batches(2)[7]) == _shown([_batches(2)[number] for number in (3, 9, 7)][-1])
    orders = {tuple(_shown(_batches(4)[epoch])) for epoch in range(6)}
    assert len(orders) > 1


def test_a_batch_larger_than_the_cohort_shows_scans_again():
    assert sorted(_shown(_batches(8)[0])) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_chunks_cover_all_updates_without_gap():
    from mrisynth.models import family

    recipe = replace(RECIPE, images_total=101, images_per_chunk=17, batch_size=4)
    steps = [first_step(recipe, family("hagan"), chunk=chunk) for chunk in range(recipe.chunks + 1)]
    assert steps == [0, 5, 9, 13, 17, 22, 26]
    assert recipe.chunks == 6


class _Toy:
    """A family with one weight that follows its step number; some updates are not finite."""

    name = "toy"

    def __init__(self, bad: set[int] = frozenset()) -> None:
        self.bad = bad
        self.stages_seen: list[str] = []

    def stages(self, recipe):
        return [Stage(name="coarse", share=1.0), Stage(name="fine", share=3.0)]

    def batches_per_update(self, recipe):
        return 1

    def update(self, state, batches, *, stage, step, generator):
        self.stages_seen.append(stage.name)
        bad = step in self.bad
        return {"generator": torch.tensor(float("nan") if bad else 1.0), "skipped": torch.tensor(float(bad))}


def _run(family: _Toy, steps: int) -> tuple[State, list[dict]]:
    recipe = replace(RECIPE, images_total=2 * steps)
    state = State(recipe=recipe, classes=0, networks={}, averages={}, optimisers={})
    return state, list(run_updates(state, family, _batches(2), last_step=steps, seed=1))


def test_bad_updates_are_counted_and_training_goes_on():
    state, rows = _run(_Toy(bad={0, 1, 5}), 8)
    assert (state.step, state.skipped, state.skipped_in_a_row) == (8, 3, 0)
    assert [row["skipped"] for row in rows] == [1, 2, 2, 2, 2, 3, 3, 3]
    assert np.isnan(rows[5]["generator"])


def test_a_training_that_starts_broken_stops():
    with pytest.raises(MrisynthError, match="not finite in the last 3 updates, at update 3; lower its learning rates"):
        _run(_Toy(bad={0, 1, 2}), 8)


def test_a_training_that_breaks_for_good_stops():
    with pytest.raises(MrisynthError, match="not finite in the last 21 updates, at update 26"):
        _run(_Toy(bad=set(range(5, 40))), 40)
    assert _run(_Toy(bad=set(range(5, 25))), 40)[0].skipped == 20


def test_stages_follow_one_another_by_their_shares():
    family = _Toy()
    _run(family, 8)
    assert family.stages_seen == ["coarse"] * 2 + ["fine"] * 6


@pytest.mark.parametrize("family", ["wgp_hagan", "hagan"])
def test_samples_move_towards_the_data(family, tmp_path):
    """A few updates bring the average sample much nearer to the average scan than the untrained generator's."""
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 32)] * 3, indexing="ij"))
    radii = np.linspace(0.5, 0.7, 6)[:, None, None, None]
    images = np.where((grid**2).sum(axis=0) < radii**2, 160, 0).astype(np.uint8)
    quick = {
        "width": 8,
        "latent": 8,
        "learning_rate_generator": 2e-3,
        "learning_rate_critic": 2e-3,
        "betas": [0.0, 0.9],
    }
    recipe = replace(RECIPE, family=family, images_total=40, images_per_chunk=40, family_recipe=quick)
    state = _train(tmp_path, recipe, chunk=0, images=images, rows=np.arange(6), labels=np.full(6, -1), classes=[])
    trained = initial_generator(recipe, classes=[], seed=1)
    untrained = _distance(trained, images)
    trained.load_state_dict(torch.load(state, weights_only=True)["averages"]["generator"])
    assert _distance(trained, images) < 0.5 * untrained


def _distance(generator: torch.nn.Module, images: np.ndarray) -> float:
    generator.eval()
    with torch.no_grad():
        volumes, _ = generator(torch.randn(4, 8, generator=torch.Generator().manual_seed(0)), torch.full((4,), -1))
    return float((volumes[:, 0].mean(dim=0) - torch.from_numpy(images / 127.5 - 1).mean(dim=0)).square().mean())
