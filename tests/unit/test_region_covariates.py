"""Region covariates as configured: which labels are which structure, whose maps, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from mrisynth.cohorts.simulated_labels import LABELS
from mrisynth.configuration import complete, load_schema
from mrisynth.errors import ConfigError
from mrisynth.region_covariate_checks import region_plan
from mrisynth.region_covariates import OF_TISSUES
from mrisynth.region_numberings import NUMBERINGS, SIDES, STRUCTURES, ordered, recognised, structures_of

SCHEMA = load_schema(Path(__file__).resolve().parents[2] / "workflow" / "schemas" / "config.schema.yaml")
MEMBERS = {
    "name": "several",
    "members": {
        "adni": {"name": "bids", "folder": "a"},
        "made": {"name": "simulated"},
        "ukb": {"name": "bids", "folder": "u"},
    },
}


def plan(cohort=None, label_maps=None, **regions):
    config = {
        "cohort": cohort or {"name": "simulated"},
        "models": {"model": {"family": "wgp_hagan"}},
        "features": {"random": {"network": "random"}},
        "evaluation": {"features": ["random"], "label_maps": label_maps},
        "clustering": {"features": "random", "feedback": ["model"]},
    }
    if regions:
        config["covariates"] = {"regions": regions}
    return region_plan(complete(config, SCHEMA, source="mine.yaml"), source="mine.yaml")


def test_structures_of_one_numbering_do_not_overlap_but_where_they_are_part_of_one_another():
    for numbering in ("simulated", "dlmuse", "freesurfer", "synthseg"):
        labels = {name: set(parts) for name, parts in NUMBERINGS[numbering].items()}
        assert set(labels) <= set(STRUCTURES) and set(SIDES) <= set(labels)
        assert not labels["ventricles"] & labels["brain"], numbering
        assert not labels["hippocampus_left"] & labels["hippocampus_right"]
        assert labels["grey_matter"] | labels["hippocampus_left"] | labels["hippocampus_right"] <= labels["brain"]
        if "intracranial" in labels:
            assert labels["brain"] | labels["ventricles"] < labels["intracranial"]
        is_whole = labels["hippocampus_left"] <= labels["grey_matter"]
        assert is_whole is (numbering != "simulated"), "the knob of simulated heads is the cortex alone"


def test_the_muse_atlas_is_as_its_makers_group_it():
    muse = {name: set(parts) for name, parts in NUMBERINGS["dlmuse"].items()}
    assert muse["ventricles"] == {4, 11, 49, 50, 51, 52}
    assert len(muse["grey_matter"]) == 21 + 98, "119 regions of its composite 601, 98 of them cortex in pairs"
    assert {23, 38, 39, 47, 48, 59, 71, 75, 100, 207} <= muse["grey_matter"]
    assert not {1, 4, 11, 35, 40, 41, 46, 61, 62, 69, 81, 95, 110, 126, 130, 158, 188} & muse["grey_matter"]
    assert (muse["hippocampus_left"], muse["hippocampus_right"]) == ({48}, {47})


def test_freesurfer_and_synthseg_know_cortex_whole_and_in_parcels():
    free = {name: set(parts) for name, parts in NUMBERINGS["freesurfer"].items()}
    assert NUMBERINGS["synthseg"] == NUMBERINGS["freesurfer"]
    assert {3, 42, 1001, 1035, 2001, 2035, 11101, 12175} <= free["grey_matter"]
    assert not {0, 2, 41, 4, 43, 24, 28, 60, 16, 502, 530} & free["grey_matter"]
    assert {4, 5, 14, 15, 43, 44} < free["ventricles"] and 24 not in free["ventricles"]
    assert (free["hippocampus_left"], free["hippocampus_right"]) == ({17}, {53})


@pytest.mark.parametrize(
    ("labels", "numbering"),
    [
        (LABELS.values(), "simulated"),
        ([0, *LABELS.values()], "simulated"),
        (NUMBERINGS["dlmuse"]["intracranial"], "dlmuse"),
        ([2, 3, 4, 10, 17, 41, 42, 43, 47, 48, 49, 51, 52, 53, 502], "freesurfer"),
        ([1, 2, 3], None),
        ([], None),
    ],
)
def test_a_numbering_is_told_by_the_labels_of_a_map(labels, numbering):
    assert recognised(labels) == numbering


def test_own_structures_stand_beside_the_known_ones_or_in_their_place():
    found = structures_of("freesurfer", {"amygdala_left": [18], "ventricles": [4, 43]})
    assert found["amygdala_left"] == (18,) and found["ventricles"] == (4, 43) and found["hippocampus_left"] == (17,)
    assert structures_of("custom", {"lesions": [3]}) == {"lesions": (3,)}
    assert ordered({"lesions", "brain", "ventricles", "amygdala_left"}) == [
        "ventricles", "brain", "amygdala_left", "lesions",
    ]  # fmt: skip


def test_nothing_is_measured_unless_it_is_asked_for():
    found = plan()
    assert (found.origin, found.folders, found.columns) == ("none", {}, [])
    assert plan(cohort={"name": "ixi"}).origin == "none", "a cohort without label maps is whole"


@pytest.mark.parametrize(
    ("asked", "folders"),
    [
        ({}, {"": None}),
        ({"label_maps": "maps"}, {"": "maps"}),
        ({"label_maps": "maps", "folder": "others"}, {"": "others"}),
        ({"cohort": {"name": "ixi"}, "folder": "maps"}, {"": "maps"}),
        ({"cohort": MEMBERS}, {"made": None}),
        ({"cohort": MEMBERS, "folder": "maps"}, {"adni": "maps", "made": None, "ukb": "maps"}),
        ({"cohort": MEMBERS, "folder": {"ukb": "maps"}}, {"made": None, "ukb": "maps"}),
        ({"cohort": MEMBERS, "folder": {"made": "maps"}}, {"made": "maps"}),
    ],
)
def test_whose_maps_are_measured(asked, folders):
    found = plan(**({"from": "label_maps"} | asked))
    assert found.folders == folders
    assert found.named_by_member is isinstance(asked.get("folder"), dict)


def test_the_columns_are_known_before_anything_is_measured():
    everything = [f"{name}_ml" for name in STRUCTURES]
    assert plan(**{"from": "label_maps"}).columns == everything
    assert plan(**{"from": "label_maps", "numbering": "synthseg", "structures": {"amygdala_left": [18]}}).columns == [
        *everything[:-1], "amygdala_left_ml",
    ]  # fmt: skip
    assert plan(**{"from": "tissue"}).columns == ["ventricles_ml", "grey_matter_ml", "brain_ml"]
    assert list(OF_TISSUES) == ["ventricles", "grey_matter", "brain"]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"from": "label_map"}, r"covariates\.regions\.from is 'label_map'; expected one of none, label_maps, tissue"),
        ({"from": "label_maps", "cohort": {"name": "ixi"}}, r"a cohort ixi has none of its own; give their folder"),
        ({"from": "tissue", "folder": "maps"}, r"regions\.folder is given, but .*from is tissue; write label_maps"),
        ({"structures": {"lesions": [3]}}, r"regions\.structures is given, but covariates\.regions\.from is none"),
        ({"from": "label_maps", "numbering": "custom"}, r"custom, but covariates\.regions\.structures names no"),
        ({"from": "label_maps", "structures": {"Lesions": [3]}}, "Lower-case letters, digits and underscores"),
        ({"from": "label_maps", "structures": {"lesions": [0]}}, r"structures\.lesions\.0"),
        ({"from": "label_maps", "structures": {"lesions": []}}, r"structures\.lesions"),
        ({"from": "label_maps", "folder": {"ukb": "maps"}}, "names ukb, but the cohort has no members; give one"),
        (
            {"from": "label_maps", "cohort": MEMBERS, "folder": {"ukbb": "maps"}},
            "names ukbb, but the cohort has the members adni, made, ukb",
        ),
        ({"from": "label_maps", "folder": "maps<x"}, "brace or `<`"),
        ({"from": "tissue", "cohort": {"name": "images", "folder": "x"}}, "images have no volumes to measure"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(asked, sentence):
    with pytest.raises(ConfigError, match=sentence) as refused:
        plan(**asked)
    assert str(refused.value).startswith("mine.yaml: ")
