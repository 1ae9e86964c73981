"""What a small pacgan learns, and its critic as a classifier."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from support.blobs import blobs, middle_rows, slice_recipe, trained_on_blobs

from mrisynth.errors import MrisynthError
from mrisynth.models.interface import State
from mrisynth.models.pacgan import Pacgan, _area

SMALL = {"width": 8, "latent": 6, "class_width": 5}


def test_images_of_the_model_or_of_the_level_are_classified_one_by_one():
    critic = Pacgan().network("critic", slice_recipe("pacgan", settings=SMALL, size=16), columns=(2,), seed=1)
    critic.set_level(8, 0.5)
    images = torch.rand(3, 1, 16, 16)
    with torch.no_grad():
        logits = Pacgan().classify(critic, images)
        torch.testing.assert_close(Pacgan().classify(critic, torch.nn.functional.avg_pool2d(images, 2)), logits)
        torch.testing.assert_close(Pacgan().classify(critic, images[2:]), logits[2:])
    for wrong in (torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 12, 12)):
        with pytest.raises(MrisynthError, match=r"takes squares of 8 to 16 pixels"):
            Pacgan().classify(critic, wrong)


def test_areas_under_curves_are_shares_of_ordered_pairs():
    chances = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5], [0.5, 0.5]])
    assert _area(chances, torch.tensor([0, 1, 0, 1])) == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    assert _area(chances, torch.tensor([1, 1, 1, 1])) == 0.5
    three = torch.eye(3)[[0, 1, 2, 2]]
    assert _area(three, torch.tensor([0, 1, 2, 2])) == 1.0
    assert _area(three, torch.tensor([0, 1, 2, 0])) == pytest.approx((3 / 4 + 1.0 + (1 + 1 + 0.5) / 3) / 3)


@pytest.fixture(scope="module")
def taught() -> State:
    fast = {"learning_rate_generator": 3e-3, "learning_rate_critic": 3e-3, "first_level": 8, "class_width": 16}
    recipe = slice_recipe("pacgan", settings={"width": 16, "latent": 16} | fast, batch_size=16)
    return trained_on_blobs(recipe, updates=120)


def test_samples_of_two_classes_part_as_the_images_do(taught):
    labels = torch.arange(64) % 2
    latents = torch.randn(64, 16, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        images, _ = Pacgan().sample(taught.averages["generator"], latents, labels)
    rows, reals = middle_rows(images), blobs(200, size=8, generator=torch.Generator().manual_seed(12))
    assert float(((rows > 0.5) == (labels == 1)).float().mean()) > 0.95
    for number in (0, 1):
        expected = middle_rows(reals.images[reals.labels == number]).mean()
        assert float(rows[labels == number].mean()) == pytest.approx(float(expected), abs=0.08)
    assert images[labels == 0].std(dim=0).mean() > 0.03


def test_its_critic_tells_new_images_and_its_fakes_apart(taught):
    member, images = Pacgan(), blobs(50, size=8, generator=torch.Generator().manual_seed(11))
    right = member.classify(taught.networks["critic"], images.images).argmax(dim=1) == images.labels
    assert float(right.float().mean()) > 0.95
    some = replace(images, labels=torch.where(torch.arange(50) < 4, -1, images.labels))
    score = member.judge(taught, some, generator=torch.Generator().manual_seed(1))
    assert 1.9 < score <= 2.0
    turned = replace(some, labels=torch.where(some.labels >= 0, 1 - some.labels, -1))
    assert 0.9 < member.judge(taught, turned, generator=torch.Generator().manual_seed(1)) < 1.1  # the fakes turn, too
