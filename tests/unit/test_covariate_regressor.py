"""The covariate regressor: finds what is drawn, learns of known values alone, is kept and loaded whole."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from mrisynth.covariate_regressor import FACTS, WEIGHTS, LabelledSlices, Regressor, RegressorSettings, train_regressor
from mrisynth.covariate_targets import Targets
from mrisynth.covariates.kinds import Covariate
from mrisynth.errors import MrisynthError
from mrisynth.networks.covariate_regressor import CovariateRegressor, shifted

COVARIATES = [
    Covariate("left"), Covariate("right"), Covariate("bright", kind="binary"),
    Covariate("shape", kind="categorical", categories=("none", "bar", "frame")),
]  # fmt: skip
SMALL = RegressorSettings(members=2, epochs=8, batch=16, width=8)


def slices(count, *, seed, first=0) -> LabelledSlices:
    """Discs of two sizes left and right, on a bright or dark ground, with a bar, a frame or neither."""
    generator = np.random.default_rng(seed)
    y, x = np.indices((32, 32))
    left, right = generator.uniform(3, 7, (2, count))
    bright, shape = generator.integers(0, 2, count), generator.integers(0, 3, count)
    images = np.zeros((count, 32, 32))
    images += 60 + 50 * bright[:, None, None]
    for centre, radius in ((8, left), (24, right)):
        images += 90 * (np.hypot(y - 16, x - centre) < radius[:, None, None])
    images[shape == 1, 2:5] = 200
    images[shape == 2, :, 0] = images[shape == 2, :, -1] = 200
    images += generator.normal(0, 6, images.shape)
    values = np.stack([left * 1000, right * 1000, bright, shape], axis=1).astype(float)
    people = [f"sub-{first + row:03d}" for row in range(count)]
    return LabelledSlices(images=np.clip(images, 0, 255).astype(np.uint8), values=values, participants=people)


@pytest.fixture(scope="module")
def sets() -> dict[str, LabelledSlices]:
    train = slices(160, seed=0)
    train.values[:80, 1] = np.nan  # the first half does not know the right disc, the other not the brightness
    train.values[80:, 2] = np.nan
    return {"train": train, "validation": slices(40, seed=1, first=500), "test": slices(60, seed=2, first=900)}


@pytest.fixture(scope="module")
def regressor(sets) -> Regressor:
    return train_regressor(sets["train"], sets["validation"], COVARIATES, seed=3, settings=SMALL)


def test_it_measures_what_is_in_slices_of_other_participants(regressor, sets):
    test = sets["test"]
    found = regressor.predict(test.images)
    for column in (0, 1):
        assert np.corrcoef(found[:, column], test.values[:, column])[0, 1] > 0.95
        assert np.abs(found[:, column] - test.values[:, column]).mean() < 400  # of 3000 to 7000
    assert ((found[:, 2] >= 0.5) == test.values[:, 2]).mean() > 0.95 and (
        found[:, 3] == test.values[:, 3]
    ).mean() > 0.95
    assert regressor.facts["known_slices"] == [160, 80, 80, 160] and len(regressor.facts["members"]) == 2


def test_the_answer_for_a_slice_depends_on_no_other(regressor, sets):
    images = sets["test"].images
    together = regressor.predict(images)
    assert np.allclose(regressor.predict(images[7:8]), together[7:8], rtol=1e-4)
    assert regressor.predict(images[:0]).shape == (0, 4)


def test_it_is_kept_and_loaded_without_pickle(regressor, sets, tmp_path):
    regressor.save(tmp_path)
    again = Regressor.load(tmp_path)
    images = sets["test"].images[:8]
    assert np.array_equal(again.predict(images), regressor.predict(images)) and again.facts == regressor.facts
    assert again.targets == regressor.targets and sorted(path.name for path in tmp_path.iterdir()) == [FACTS, WEIGHTS]
    (tmp_path / WEIGHTS).write_bytes(b"\x80\x04other")
    with pytest.raises(MrisynthError, match="not the file"):
        Regressor.load(tmp_path)
    with pytest.raises(MrisynthError, match="train the regressor first"):
        Regressor.load(tmp_path / "nowhere")


def test_another_format_is_refused(regressor, tmp_path):
    regressor.save(tmp_path)
    facts = json.loads((tmp_path / FACTS).read_text())
    (tmp_path / FACTS).write_text(json.dumps(facts | {"format": 99}))
    with pytest.raises(MrisynthError, match="found format 99, expected 1"):
        Regressor.load(tmp_path)


def test_the_same_seed_gives_the_same_networks(sets):
    few = replace(SMALL, members=1, epochs=2)
    one, same, other = (
        train_regressor(sets["train"], sets["validation"], COVARIATES, seed=seed, settings=few).predict(
            sets["test"].images[:5]
        )
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same) and not np.allclose(one, other)


def test_missing_values_give_no_gradient():
    values = np.array([[1.0, 2.0, 0.0, 0.0], [3.0, 1.0, 1.0, 1.0], [2.0, 5.0, 0.0, 2.0]])
    targets = Targets.of(COVARIATES, values)
    assert targets.widths == [1, 1, 1, 3] and targets.middles[0] == 2.0
    known = torch.tensor(values)
    known[:, 1] = known[0, 0] = torch.nan
    known[:, 3] = torch.nan
    outputs = torch.randn(3, 6, requires_grad=True)
    targets.loss(outputs, known).backward()
    moved = outputs.grad != 0
    assert moved[1:, 0].all() and not moved[0, 0] and not moved[:, 1].any() and moved[:, 2].all()
    assert not moved[:, 3:].any()
    nothing = targets.loss(outputs, torch.full((3, 4), torch.nan, dtype=torch.float64))
    assert nothing.item() == 0.0


def test_losses_are_those_of_their_definitions():
    values = np.array([[0.0, 0.0, 0.0, 0.0], [2.0, 2.0, 1.0, 1.0], [4.0, 4.0, 1.0, 2.0], [6.0, 6.0, 1.0, 2.0]])
    targets = Targets.of(COVARIATES, values)
    outputs = torch.zeros(4, 6)
    # standardised values squared have the mean 1; of logits of 0 the losses are log 2 and log 3, however weighted
    assert float(targets.loss(outputs, torch.tensor(values))) == pytest.approx((1 + 1 + np.log(2) + np.log(3)) / 4)
    assert targets.weights[2] == pytest.approx((2.0, 2 / 3)) and targets.weights[0] == ()
    answers = targets.answers([outputs, outputs + torch.tensor([2.0, 0, 0, 0, 5, 0])])
    assert answers[0] == pytest.approx([3 + np.std([0, 2, 4, 6]), 3, 0.5, 1])


def test_shifts_move_without_mirroring_or_scaling():
    image = torch.zeros(400, 1, 16, 16)
    image[:, :, 6:9, 4:7] = 1.0
    moved = shifted(image, pixels=2.0, generator=torch.Generator().manual_seed(0))
    mass = moved.sum(dim=(1, 2, 3))
    rows, columns = ((moved * torch.arange(16.0).view(shape)).sum(dim=(1, 2, 3)) / mass for shape in ((16, 1), (1, 16)))
    assert torch.allclose(mass, torch.tensor(9.0), atol=1e-3)
    assert rows.min() > 4.99 and rows.max() < 9.01 and columns.min() > 2.99 and columns.max() < 7.01
    assert rows.std() > 0.9 and columns.std() > 0.9
    assert torch.allclose(shifted(image, pixels=0.0, generator=torch.Generator()), image, atol=1e-5)


@pytest.mark.parametrize("size", [32, 64, 100, 128])
def test_it_takes_slices_of_all_sizes(size):
    network = CovariateRegressor(3, size=size, width=4).eval()
    assert network(torch.zeros(2, 1, size, size)).shape == (2, 3)


def test_sets_that_do_not_fit_are_refused(sets, regressor):
    train, validation = sets["train"], sets["validation"]
    with pytest.raises(MrisynthError, match="split by participant"):
        train_regressor(train, train, COVARIATES, seed=0, settings=SMALL)
    with pytest.raises(MrisynthError, match="when to stop"):
        blind = replace(validation, values=np.full_like(validation.values, np.nan))
        train_regressor(train, blind, COVARIATES, seed=0, settings=SMALL)
    with pytest.raises(MrisynthError, match="left cannot be learned"):
        same = train.values.copy()
        same[:, 0] = 5000
        train_regressor(replace(train, values=same), validation, COVARIATES, seed=0, settings=SMALL)
    with pytest.raises(MrisynthError, match="uint8 grey"):
        regressor.predict(np.zeros((2, 16, 16), np.uint8))
    with pytest.raises(MrisynthError, match="3 participants"):
        train_regressor(replace(train, participants=["a", "b", "c"]), validation, COVARIATES, seed=0, settings=SMALL)
