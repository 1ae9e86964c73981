"""Distances class by class: each class by itself, with its own floor, number and name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError
from mrisynth.labels import label_of
from mrisynth.metrics.class_scores import class_metric, score_classes
from mrisynth.metrics.features import standardised
from mrisynth.metrics.frechet import frechet_distance
from mrisynth.metrics.kernel import kernel_distance
from mrisynth.metrics.pairs import compare_models
from mrisynth.metrics.scoring import Reals, Source, score_sources

META = {"features": "planted", "weights_sha256": "none", "trained": True, "view": 32}
CLASSES = ["f", "m"]
SETTINGS = {"model": "m", "condition": "sex", "classes": CLASSES, "seed": 3, "draws": 3, "replicates": 20}


def drawn(labels, means, *, name, seed, width=1):
    """Features of unit spread around the mean of each class."""
    features = np.random.default_rng(seed).normal(size=(len(labels), width)).astype(np.float32)
    features[:, 0] += np.array([means[label] for label in labels], dtype=np.float32)
    return Embeddings(features, [f"{name}{row}" for row in range(len(labels))], META)


def study(count=2000, *, means=(0.0, 5.0), drawn_means=(1.0, 5.0), width=1, test_share=0.25):
    """Real scans of two classes, training scans first, and as many samples of each class as test scans."""
    labels = np.arange(2 * count) % 2
    real = drawn(labels, means, name="scan", seed=1, width=width)
    tests = round(2 * count * test_share)
    split = ["train"] * (2 * count - tests) + ["test"] * tests
    scans = pd.DataFrame({"scan": real.ids, "participant_id": real.ids, "split": split})
    asked = labels[-tests:]
    found = {
        ("planted", "real"): real,
        ("planted", "m"): drawn(asked, drawn_means, name="sample", seed=2, width=width),
        ("planted", "m.untrained"): drawn(asked, (9.0, 9.0), name="blank", seed=3, width=width),
    }
    return found, {"scans": scans, "labels": dict(zip(real.ids, labels.tolist(), strict=True)), "asked": asked.tolist()}


def by_metric(table, reference="test", source="model"):
    return table[(table["reference"] == reference) & (table["source"] == source)].set_index("metric")


def test_each_class_has_the_distance_that_was_planted_in_it():
    """Women were drawn 1 to the side, men where they are; the whole sets would say neither."""
    found, given = study()
    fid = by_metric(score_classes("fid_by_class", found, **SETTINGS, **given).table)
    assert list(fid.index) == ["fid_by_class_sex:f", "fid_by_class_sex:m"]
    assert fid["value"].tolist() == pytest.approx([1.0, 0.0], abs=0.15)
    assert fid["floor"].tolist() == pytest.approx([0.0, 0.0], abs=0.05)
    assert fid["low"].iloc[0] > fid["floor_high"].iloc[0] and fid["n"].tolist() == [500, 500]
    kid = by_metric(score_classes("kid_by_class", found, **SETTINGS, **given).table)["value"]
    # the cubic kernel in one dimension: differences of the first three moments, (3 + 1)^2 + 3 (2 - 1)^2 + 3 (1 - 0)^2
    assert kid.tolist() == pytest.approx([22.0, 0.0], abs=4.0)


def test_a_class_is_scored_as_if_it_were_all_there_is():
    found, given = study(60, width=4)
    mine = {"f": 0, "m": 1}
    real, samples = found["planted", "real"], found["planted", "m"]
    for name, direct in (("fid", frechet_distance), ("kid", kernel_distance)):
        scored = score_classes(f"{name}_by_class", found, **SETTINGS, **given)
        for label, number in mine.items():
            rows = [row for row, scan in enumerate(real.ids) if given["labels"][scan] == number]
            own = [row for row, one in enumerate(given["asked"]) if one == number]
            tests = [row for row in rows if given["scans"]["split"][row] == "test"]
            training = real.features[[row for row in rows if row not in tests]]
            sets = [real.features[tests], samples.features[own]]
            sets = [standardised(part, training) for part in sets] if name == "kid" else sets
            row = by_metric(scored.table).loc[class_metric(name, condition="sex", label=label)]
            assert row["value"] == pytest.approx(direct(*sets), rel=1e-5)

            only = Reals.of(real.taken(rows), given["scans"])
            sources = [
                Source("m", kind, found["planted", key].taken(own))
                for kind, key in (("model", "m"), ("untrained", "m.untrained"))
            ]
            alone = score_sources(name, real=only, sources=sources, view="32", seed=3, draws=3, replicates=20)
            theirs = scored.table[scored.table["metric"] == row.name].assign(metric=name).reset_index(drop=True)
            pd.testing.assert_frame_equal(theirs, alone.table)
            for key, values in alone.replicates.items():
                np.testing.assert_array_equal(scored.replicates[*key[:-1], row.name], values)


def test_classes_of_too_few_scans_or_samples_are_missing_and_say_why():
    found, given = study(40)
    of_men = [scan for scan, label in given["labels"].items() if label == 1]
    tests = set(given["scans"]["scan"][given["scans"]["split"] == "test"])
    few = dict.fromkeys([scan for scan in of_men if scan in tests][1:], -1)
    one = score_classes("fid_by_class", found, **SETTINGS, **given | {"labels": given["labels"] | few}).table
    test = by_metric(one)
    assert np.isfinite(test.loc["fid_by_class_sex:f", "value"]) and np.isnan(test.loc["fid_by_class_sex:m", "value"])
    assert test.loc["fid_by_class_sex:m", "warning"].startswith("Not computed: 1 scans a set (test 1")
    assert np.isfinite(by_metric(one, "train")["value"]).all()

    classes = ["f", "m", "x"]  # of the third there is nothing at all
    asked = [0 if label == 0 else label_of([None], [3]) for label in given["asked"]]
    for name in ("fid", "kid"):
        table = score_classes(f"{name}_by_class", found, **SETTINGS | {"classes": classes}, **given | {"asked": asked})
        gaps = table.table[~table.table["metric"].str.endswith(":f")]
        assert len(gaps) == 8 and gaps["value"].isna().all() and (gaps["n"] == 0).all()
        assert gaps["warning"].str.contains("Not computed: 0 scans a set").all()
        assert {key[-1] for key in table.replicates} == {f"{name}_by_class_sex:f"}


def test_models_are_compared_class_by_class():
    found, given = study(60)
    tables, replicates = [], {}
    for model, mean in (("near", 0.0), ("far", 3.0)):
        samples = drawn(given["asked"], (mean, 5.0), name="sample", seed=7)
        own = {("planted", "real"): found["planted", "real"], ("planted", model): samples}
        own["planted", f"{model}.untrained"] = found["planted", "m.untrained"]
        scored = score_classes("fid_by_class", own, **SETTINGS | {"model": model}, **given)
        tables.append(scored.table)
        replicates |= scored.replicates
    table = pd.concat(tables, ignore_index=True)
    assert not table.duplicated(["model", "source", "features", "view", "reference", "metric"]).any()
    pairs = compare_models(table, replicates).set_index("metric")
    assert pairs["ahead"].to_dict() == {"fid_by_class_sex:f": "near", "fid_by_class_sex:m": "undecided"}


def test_low_resolution_is_scored_by_class_too():
    found, given = study(40)
    found |= {("planted", "real.low"): found["planted", "real"], ("planted", "m.low"): found["planted", "m"]}
    table = score_classes("fid_by_class", found, **SETTINGS, **given).table
    values = table[table["source"] == "model"].pivot(index=["metric", "reference"], columns="view", values="value")
    assert list(values) == ["32", "32 low"] and (values["32"] == values["32 low"]).all()


def test_models_without_classes_and_tables_that_do_not_fit_are_refused():
    found, given = study(40)
    with pytest.raises(MrisynthError, match="model m is unconditional"):
        score_classes("fid_by_class", found, **SETTINGS | {"classes": []}, **given)
    with pytest.raises(MrisynthError, match="knows no scan scan0"):
        labels = {scan: label for scan, label in given["labels"].items() if scan != "scan0"}
        score_classes("fid_by_class", found, **SETTINGS, **given | {"labels": labels})
    with pytest.raises(MrisynthError, match=r"There are 19 labels in samples\.tsv and features of 20 samples of m"):
        score_classes("fid_by_class", found, **SETTINGS, **given | {"asked": given["asked"][1:]})
