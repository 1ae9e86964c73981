"""The small network: learns what is in the volumes, the same way twice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from mrisynth.conditions import build_condition
from mrisynth.embeddings import Embeddings
from mrisynth.store import Pyramid
from mrisynth.utility_cnn import network_table
from mrisynth.utility_study import utility_of_model

SETTINGS = {"targets": ["sex", "age", "diagnosis"], "repeats": 2, "equal_numbers": True, "epochs": 8}


def _volumes(sex: np.ndarray, age: np.ndarray, *, edge: int = 32) -> np.ndarray:
    """Return uint8 volumes with a ball for the brain, larger in men, and a hole that grows with age."""
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, edge)] * 3, indexing="ij"))
    radius = np.sqrt((grid**2).sum(axis=0))
    generator = np.random.default_rng(len(sex))
    outer, inner = np.where(sex == "m", 0.85, 0.7), 0.1 + (age - 20) / 150
    brains = (radius < outer[:, None, None, None]) & (radius > inner[:, None, None, None])
    return np.clip(160 * brains + generator.normal(0, 15, brains.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def study() -> dict[str, object]:
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    names = [f"scan-{n:02d}" for n in range(56)]
    scans = pd.DataFrame({"scan": names, "participant_id": names, "split": ["train", "train", "test", "train"] * 14})
    scans["sex"], scans["age"] = generator.choice(["f", "m"], 56), generator.uniform(20, 80, 56)
    scans["age_tercile"] = [["low", "middle", "high"][n] for n in np.digitize(scans["age"], [40, 60])]
    condition = build_condition("demographics", scans, kind="categorical", columns=["sex", "age_tercile"])
    images = _volumes(scans["sex"].to_numpy(), scans["age"].to_numpy())
    training = scans[scans["split"] == "train"]
    drawn = _volumes(training["sex"].to_numpy(), training["age"].to_numpy(), edge=64)  # of a model of another size
    return {
        "packed": Pyramid(images=images, scans=names, path=None),
        "drawn": drawn,
        "scans": scans,
        "condition": condition,
        "asked": condition.labels(training["scan"].tolist()).tolist(),
        "seed": 0,
    }


def test_the_network_learns_from_real_scans_and_from_samples_and_its_table_is_scored(study: dict) -> None:
    given = dict(study)
    packed, drawn = given.pop("packed"), given.pop("drawn")
    table = network_table(packed, drawn, settings=SETTINGS, device="cpu", **given)
    assert set(table["target"]) == {"sex", "age"}
    assert set(table["arm"]) == {"real", "synthetic", "both"}
    assert set(table["scan"]) == set(given["scans"].query("split == 'test'")["scan"])

    meta = {"features": "blind", "weights_sha256": "none", "trained": False, "view": 32}
    noise = np.random.default_rng(1)
    real, samples = (
        Embeddings(noise.normal(size=(len(ids), 4)).astype(np.float32), ids, meta)
        for ids in (packed.scans, [f"s{n}" for n in range(len(drawn))])
    )
    found = {("blind", "real"): real, ("blind", "m"): samples}
    scores = utility_of_model(found, model="m", settings=SETTINGS, network=table, **given)
    rows = scores[scores["features"] == "small_network"].set_index("metric")
    assert rows["features_trained"].all()
    for arm in ("real", "synthetic", "both"):
        assert rows.loc[f"utility_sex_{arm}", "value"] > 0.85
        assert rows.loc[f"utility_age_{arm}", "value"] < 11  # guessing the mean age is off by 15 years
    blind = scores[scores["features"] == "blind"].set_index("metric")
    assert blind.loc["utility_sex_real", "value"] < 0.8
    assert "untrained random network" in blind.loc["utility_sex_real", "warning"]


def test_the_same_seed_gives_the_same_predictions_and_another_others(study: dict) -> None:
    given = dict(study)
    packed, drawn = given.pop("packed"), given.pop("drawn")
    settings = SETTINGS | {"targets": ["sex"], "epochs": 1}
    seed = given.pop("seed")
    tables = [
        network_table(packed, drawn, settings=settings, device="cpu", seed=one, **given)
        for one in (seed, seed, seed + 1)
    ]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert not np.allclose(tables[0]["value"], tables[2]["value"])


def test_no_network_is_trained_for_what_the_samples_do_not_know(study: dict) -> None:
    given = dict(study)
    packed, drawn = given.pop("packed"), given.pop("drawn")
    given |= {"condition": build_condition("none", given["scans"], kind="none"), "asked": [-1] * len(drawn)}
    table = network_table(packed, drawn, settings=SETTINGS, device="cpu", **given)
    assert table.empty
    assert list(table.columns) == ["target", "arm", "repeat", "scan", "output", "value"]
