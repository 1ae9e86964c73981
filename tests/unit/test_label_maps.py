"""Masks of few classes: which labels they are, how they are coded, resampled, cut and hidden."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mrisynth.cohorts.simulated_labels import LABELS
from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.imaging.label_maps import (
    class_map,
    even_weights,
    foreground_share,
    grey_coded,
    one_hot,
    resampled_mask,
)
from mrisynth.label_classes import label_classes
from mrisynth.networks.mask_ablation import MaskDraw, draw_masks, hide_classes
from mrisynth.planes import drawn_slice
from mrisynth.slices.positions import Cut
from mrisynth.slices.region_maps import cut_mask

GROUPS = {
    "hippocampi": ["hippocampus_left", "hippocampus_right"], "ventricles": ["ventricles"], "grey": ["grey_matter"],
    "white": ["white_matter"], "csf": ["csf"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("numbering", "labels"),
    [
        ("dlmuse", {48: 1, 47: 1, 51: 2, 100: 3, 23: 3, 40: 4, 35: 4, 1: 5, 46: 5}),
        ("freesurfer", {17: 1, 53: 1, 4: 2, 3: 3, 10: 3, 2: 4, 16: 4, 24: 5}),
        ("synthseg", {17: 1, 53: 1, 43: 2, 42: 3, 41: 4, 24: 5}),
        ("simulated", {LABELS["hippocampus_left"]: 1, LABELS["grey_matter"]: 3, LABELS["white_matter"]: 4}),
    ],
)
def test_a_group_is_the_same_tissue_in_every_numbering(numbering, labels):
    classes = label_classes(GROUPS, numbering=numbering)
    assert list(classes) == list(GROUPS)
    members = [label for group in classes.values() for label in group]
    assert len(members) == len(set(members))
    values = np.array([0, *labels, 9999])
    assert class_map(values, classes).tolist() == [0, *labels.values(), 0]


def test_the_first_group_has_a_label_that_two_name():
    first = label_classes({"left": [17], "grey": ["grey_matter"]}, numbering="freesurfer")
    assert first["left"] == (17,) and 17 not in first["grey"] and 53 in first["grey"]


@pytest.mark.parametrize(
    ("groups", "numbering", "words"),
    [
        ({f"g{n}": [n] for n in range(1, 10)}, "custom", "9 classes"),
        ({}, "custom", "0 classes"),
        ({"a": ["thalamus"]}, "dlmuse", "'thalamus'"),
        ({"a": ["grey_matter"], "b": [17]}, "freesurfer", "classes.b has no label"),
        ({"a": [0]}, "custom", "above 0"),
        ({"a": [1]}, "aal", "'aal' is unknown"),
    ],
)
def test_groups_that_cannot_be_are_refused(groups, numbering, words):
    with pytest.raises(ConfigError, match=words):
        label_classes(groups, numbering=numbering)


def test_labels_between_whole_numbers_are_refused():
    with pytest.raises(MrisynthError, match="nearest neighbour"):
        class_map(np.array([1.0, 1.5]), {"a": (1,)})


def test_channels_hold_the_mask_and_nothing_else():
    mask = np.random.default_rng(0).integers(0, 4, (5, 6, 7)).astype(np.uint8)
    channels = one_hot(mask, classes=3)
    assert channels.shape == (3, 5, 6, 7) and set(np.unique(channels)) == {0.0, 1.0}
    assert np.array_equal(channels.sum(axis=0), mask > 0)
    assert np.array_equal(channels.argmax(axis=0)[mask > 0] + 1, mask[mask > 0])
    with pytest.raises(MrisynthError, match="from 0 to 3"):
        one_hot(mask, classes=2)


def test_greys_are_the_published_ones():
    mask = np.array([[0, 1, 2], [3, 4, 0]])
    found = grey_coded(mask, weights=(0.3, 0.5, 0.4, 0.6))
    assert np.allclose(found, [[-1, -0.4, 0.0], [-0.2, 0.2, -1]]) and found.dtype == np.float32
    assert grey_coded(np.array([1]), weights=(1.0,)) == 1.0
    assert even_weights(2) == (0.5, 1.0)
    for wrong in ((0.3, 0.3, 0.1, 0.2), (0.0, 0.1, 0.2, 0.3), (1.1, 0.1, 0.2, 0.3)):
        with pytest.raises(MrisynthError, match="grey weights"):
            grey_coded(mask, weights=wrong)


def test_resampling_makes_no_label_up_and_keeps_places():
    mask = np.zeros((2, 8, 8), dtype=np.uint8)
    mask[:, :4, :] = 3
    mask[:, :, 6:] = 7
    finer = resampled_mask(mask, shape=(16, 16))
    assert np.array_equal(finer, mask.repeat(2, axis=1).repeat(2, axis=2))
    assert np.array_equal(resampled_mask(finer, shape=(8, 8)), mask)
    odd = resampled_mask(mask, shape=(5, 11))
    assert odd.shape == (2, 5, 11) and set(np.unique(odd)) <= {0, 3, 7} and odd.dtype == np.uint8
    flipped = resampled_mask(mask[:, ::-1], shape=(5, 11))[:, ::-1]
    assert (flipped != odd).mean() < 0.25  # only the row on the border may fall to either side


def test_masks_of_slices_lie_where_slices_do():
    volume = np.random.default_rng(1).integers(0, 9, (12, 12, 12))
    cuts = [Cut(plane="coronal", index=5, position_mm=0.0), Cut(plane="axial", index=2, position_mm=0.0)]
    found = cut_mask(volume, cuts, size=12)
    assert all(
        np.array_equal(one, drawn_slice(volume, cut.plane, cut.index)) for one, cut in zip(found, cuts, strict=True)
    )
    assert cut_mask(volume, cuts, size=6).shape == (2, 6, 6)


def test_the_share_of_the_foreground_is_counted_for_each_mask():
    assert foreground_share(np.array([[[0, 1], [2, 0]], [[0, 0], [0, 3]]])).tolist() == [0.5, 0.25]


def draw(batch=4000, **chances) -> MaskDraw:
    return draw_masks(
        batch, classes=3, generator=torch.Generator().manual_seed(0), **({"dropout": 0.0, "ablation": 0.0} | chances)
    )


def test_masks_are_hidden_as_often_as_told():
    assert draw().shown.all()
    whole = draw(dropout=0.2).shown
    assert torch.equal(whole.any(dim=1), whole.all(dim=1)) and abs((~whole.any(dim=1)).float().mean() - 0.2) < 0.03
    single = draw(ablation=1.0).shown.float()
    assert (single.mean(dim=0) - 0.5).abs().max() < 0.03 and abs(torch.corrcoef(single.T)[0, 1]) < 0.05
    some = draw(ablation=0.4).shown
    assert abs((~some.all(dim=1)).float().mean() - 0.4 * 7 / 8) < 0.03


def test_what_is_hidden_depends_on_no_other_probability():
    blank = ~draw(dropout=0.2).shown.any(dim=1)
    assert blank.any() and not draw(dropout=0.2, ablation=0.5).shown[blank].any()
    one, two = draw(batch=50, dropout=0.3), draw(batch=50, dropout=0.3)
    assert torch.equal(one.shown, two.shown)


def test_hidden_classes_are_background_and_the_others_stay():
    masks = torch.randint(0, 4, (6, 9, 9), generator=torch.Generator().manual_seed(1))
    channels = torch.stack([torch.from_numpy(one_hot(mask.numpy(), classes=3)) for mask in masks])
    drawn = draw(batch=6, ablation=1.0)
    hidden = hide_classes(masks, drawn)
    again = torch.stack([torch.from_numpy(one_hot(mask.numpy(), classes=3)) for mask in hidden])
    shown = torch.stack([channels[:, number] * drawn.shown[:, number, None, None] for number in range(3)], dim=1)
    assert torch.equal(shown, again)
    assert not torch.equal(hidden, masks)


def test_no_label_of_a_domain_without_annotations_gets_through():
    masks = torch.randint(1, 4, (5, 4, 4, 4))
    unannotated = torch.tensor([True, False, True, False, False])
    drawn = draw(batch=5).without(unannotated)
    assert hide_classes(masks, drawn)[unannotated].eq(0).all()
    assert torch.equal(hide_classes(masks, drawn)[~unannotated], masks[~unannotated])
