"""Condition fidelity: planted conditions are found, meaningless ones read at chance, and gaps are said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mrisynth.conditions import build_condition
from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError
from mrisynth.fidelity_study import UNCONDITIONAL, fidelity_of_model
from mrisynth.labels import label_of
from mrisynth.metrics.condition_fidelity import condition_fidelity
from mrisynth.metrics.labelled import LabelledSet
from mrisynth.metrics.readings import Fidelity, Reading

TERCILES = ["low", "middle", "high"]
META = {"features": "planted", "weights_sha256": "none", "trained": True, "view": 32}


def _set(generator: np.random.Generator, count: int, *, effect: float = 4.0, shuffled: bool = False) -> LabelledSet:
    """Return scans whose first feature tells sex and whose second tells age; shuffled: labels of one another."""
    sex, age = generator.choice(["f", "m"], count), generator.uniform(20, 80, count)
    features = generator.normal(size=(count, 12))
    features[:, 0] += effect * (sex == "m")
    features[:, 1] += effect * (age - 50) / 20
    order = generator.permutation(count) if shuffled else np.arange(count)
    sex, third = sex[order], np.digitize(age[order], [40, 60])
    return LabelledSet(
        features=features,
        words={"sex": sex.tolist(), "age_tercile": [TERCILES[n] for n in third]},
        age=age,
        class_age=np.array([30.0, 50.0, 70.0])[third],
        groups=[f"p{n}" for n in range(count)],
    )


def _of(fidelity: Fidelity, metric: str) -> Reading:
    return next(reading for reading in fidelity.readings if reading.metric == metric)


@pytest.fixture(scope="module")
def readings() -> dict[bool, Fidelity]:
    generator = np.random.default_rng(0)
    learned, unseen = _set(generator, 60), _set(generator, 60)
    columns = ["sex", "age_tercile"]
    return {
        shuffled: condition_fidelity(
            learned=learned, unseen=unseen, samples=_set(generator, 90, shuffled=shuffled), columns=columns, seed=0
        )
        for shuffled in (False, True)
    }


def test_samples_that_are_new_scans_of_their_class_reach_the_ceiling(readings: dict[bool, Fidelity]) -> None:
    for metric in ("condition_accuracy", "condition_accuracy_sex", "condition_accuracy_age_tercile"):
        reading = _of(readings[False], metric)
        low, high = reading.samples.ends()
        assert low <= reading.real.value + 0.05, metric
        assert high >= reading.real.value - 0.05, metric
        assert low > reading.chance
        assert reading.warning == ""
    assert _of(readings[False], "condition_accuracy_sex").samples.value > 0.92
    slope = _of(readings[False], "condition_age_slope")
    assert slope.samples.value == pytest.approx(slope.real.value, abs=0.15)
    assert slope.samples.value > 0.7
    error = _of(readings[False], "condition_age_error")
    assert error.samples.ends()[1] < error.chance


def test_samples_with_the_labels_of_others_are_read_at_chance(readings: dict[bool, Fidelity]) -> None:
    for metric in ("condition_accuracy", "condition_accuracy_sex", "condition_accuracy_age_tercile"):
        reading = _of(readings[True], metric)
        low, high = reading.samples.ends()
        assert low <= reading.chance <= high
        assert high < reading.real.value
    slope = _of(readings[True], "condition_age_slope").samples.ends()
    assert slope[0] < 0 < slope[1]
    assert _of(readings[True], "condition_age_error").samples.value > 15


def test_confusions_count_every_sample_once(readings: dict[bool, Fidelity]) -> None:
    table = readings[False].confusion_table()
    counts = table.groupby(["column", "source"])["count"].sum()
    assert set(counts) == {60, 90}
    shares = table.groupby(["column", "source", "asked"])["share"].sum()
    assert shares.to_numpy() == pytest.approx(1.0)
    sex = table[(table["column"] == "sex") & (table["source"] == "samples")]
    right = sex[sex["asked"] == sex["read"]]
    assert right["share"].mean() == pytest.approx(_of(readings[False], "condition_accuracy_sex").samples.value)


def test_the_order_of_the_samples_changes_nothing() -> None:
    generator = np.random.default_rng(0)
    sets = {"learned": _set(generator, 40), "unseen": _set(generator, 40)}
    samples, order = _set(generator, 50), generator.permutation(50)
    turned = LabelledSet(
        features=samples.features[order],
        words={name: [words[n] for n in order] for name, words in samples.words.items()},
        age=samples.age[order], class_age=samples.class_age[order], groups=samples.groups,
    )  # fmt: skip
    found = [condition_fidelity(**sets, samples=part, columns=["sex"], seed=0) for part in (samples, turned)]
    for metric in ("condition_accuracy", "condition_age_error"):
        one, other = (_of(fidelity, metric).samples for fidelity in found)
        assert (one.value, one.error) == pytest.approx((other.value, other.error))


def _study(seed: int) -> tuple[pd.DataFrame, Embeddings, np.ndarray]:
    """Return 80 scans without any signal; half are trained on."""
    generator = np.random.default_rng(seed)
    names = [f"scan-{n:03d}" for n in range(80)]
    scans = pd.DataFrame({"scan": names, "participant_id": names, "split": ["train", "test"] * 40})
    scans["sex"], scans["age"] = generator.choice(["f", "m"], 80), generator.uniform(20, 80, 80)
    features = generator.normal(size=(80, 60)).astype(np.float32)
    return scans, Embeddings(features, names, META), features


def _remembered(scans: pd.DataFrame, features: np.ndarray, labels: np.ndarray) -> tuple[Embeddings, list[int]]:
    """Return what a model draws that has learnt its training scans by heart, with their labels."""
    rows = np.flatnonzero(scans["split"] == "train")
    noise = np.random.default_rng(1).normal(0, 0.2, (len(rows), features.shape[1]))
    return Embeddings((features[rows] + noise).astype(np.float32), [f"s{n}" for n in rows], META), labels[rows].tolist()


def test_a_random_condition_reads_at_chance_by_who_has_not_seen_the_training_scans() -> None:
    """... and only by them: the reader of training scans recognises scans that the model repeats."""
    values = []
    for seed in range(4):
        scans, real, features = _study(seed)
        condition = build_condition("random", scans, kind="random", classes=2, seed=seed)
        samples, asked = _remembered(scans, features, condition.labels(real.ids))
        scores, _ = fidelity_of_model(
            {("planted", "real"): real, ("planted", "m"): samples}, model="m", scans=scans, condition=condition,
            asked=asked, seed=seed,
        )  # fmt: skip
        table = scores.set_index(["model", "reference"])
        values.append(table.loc[[("m", "test"), ("m", "train")], "value"].to_numpy())
        low, high = table.loc[("m", "test"), ["low", "high"]]
        assert low <= 0.5 <= high
        assert table.loc[("m", "train"), "value"] > 0.8
        assert "does not read real scans better than chance" in table.loc[("m", "test"), "warning"]
        assert table.loc[("m.chance", "test"), "value"] == 0.5
    assert np.mean(values, axis=0)[0] == pytest.approx(0.5, abs=0.12)


def test_an_unconditional_model_has_a_row_that_says_so() -> None:
    scans, real, features = _study(0)
    condition = build_condition("none", scans, kind="none")
    samples = Embeddings(features, [f"s{n}" for n in range(80)], META)
    scores, confusion = fidelity_of_model(
        {("planted", "real"): real, ("planted", "m"): samples}, model="m", scans=scans, condition=condition,
        asked=[-1] * 80, seed=0,
    )  # fmt: skip
    assert scores["metric"].tolist() == ["condition_accuracy"] * 2
    assert scores["value"].isna().all()
    assert set(scores["warning"]) == {UNCONDITIONAL}
    assert confusion.empty
    assert list(confusion.columns[:2]) == ["features", "reference"]


def test_gaps_rare_classes_and_single_classes_are_said() -> None:
    scans, real, features = _study(0)
    scans["group"] = ["rare"] * 4 + [None] * 6 + ["usual", "other"] * 35
    condition = build_condition("c", scans, kind="categorical", columns=["sex", "group"])
    sizes = [len(words) for words in condition.columns.values()]
    asked = [label_of([0, None], sizes)] * 10 + [label_of([1, 0], sizes)] * 30 + condition.table["label"].tolist()[40:]
    samples = Embeddings(features, [f"s{n}" for n in range(80)], META)
    scores, _ = fidelity_of_model(
        {("planted", "real"): real, ("planted", "m"): samples}, model="m", scans=scans, condition=condition,
        asked=asked, seed=0,
    )  # fmt: skip
    rows = scores[(scores["model"] == "m") & (scores["reference"] == "train")].set_index("metric")
    assert "rare" in rows.loc["condition_accuracy_group", "warning"]
    assert rows.loc["condition_accuracy_sex", "n"] == 80  # samples asked for a sex alone are read for their sex
    assert rows.loc["condition_accuracy", "n"] < 71
    with pytest.raises(MrisynthError, match=r"79 labels .* 80 samples"):
        fidelity_of_model(
            {("planted", "real"): real, ("planted", "m"): samples}, model="m", scans=scans, condition=condition,
            asked=asked[1:], seed=0,
        )  # fmt: skip
