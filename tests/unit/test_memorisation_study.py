"""Memorisation of a model in features and voxels: copies among its samples noticed, named, drawn; nothing silent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError
from mrisynth.files import write_table
from mrisynth.memorisation_study import study_memorisation
from mrisynth.metrics.memorisation_scores import memorisation_scores
from mrisynth.metrics.scoring import Reals, Source
from mrisynth.metrics.table import COLUMNS
from mrisynth.reporting.suspects import most_suspicious, suspects_figure
from mrisynth.store import Pyramid

SIZE, TRAIN, VALIDATION, TEST = 32, 40, 6, 20
META = {"features": "folds", "weights_sha256": "abc", "trained": True, "view": SIZE}


def brains(count, *, seed):
    generator = np.random.default_rng(seed)
    place = (np.indices((SIZE,) * 3) - (SIZE - 1) / 2) / 11.0
    inside = (place**2).sum(axis=0) < 1
    folds = np.stack([ndimage.gaussian_filter(one, 1.5) for one in generator.normal(size=(count, SIZE, SIZE, SIZE))])
    return np.clip(np.rint((150 + 25 * folds / folds.std()) * inside), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def real():
    return brains(TRAIN + VALIDATION + TEST, seed=1)


@pytest.fixture(scope="module")
def scans():
    splits = ["train"] * TRAIN + ["validation"] * VALIDATION + ["test"] * TEST
    names = [f"scan{row:02d}" for row in range(len(splits))]
    return pd.DataFrame({"scan": names, "participant_id": [f"p{name}" for name in names], "split": splits})


def embedded(volumes, names, **meta):
    features = volumes[:, 4:28:3, 4:28:3, 4:28:3].reshape(len(volumes), -1).astype(np.float32)
    return Embeddings(features, list(names), META | meta)


def studied(real, scans, samples, **meta):
    found = {
        ("folds", "real"): embedded(real, scans["scan"], **meta),
        ("folds", "real.low"): embedded(real, scans["scan"], **meta),
        ("folds", "model"): embedded(samples, range(len(samples)), **meta),
        ("folds", "model.untrained"): embedded(255 - samples, range(len(samples)), **meta),
    }
    pyramid = Pyramid(images=real, scans=list(scans["scan"]), path=Path("32.npy"))
    parts = [samples[:20], samples[20:]]
    study = study_memorisation(
        found, pyramid, parts, model="model", scans=scans, field_mm=224, seed=3, permutations=99, planted=12,
        replicates=30, draws=5,
    )  # fmt: skip
    return study, pyramid, parts


@pytest.fixture(scope="module")
def honest(real, scans):
    return studied(real, scans, brains(48, seed=2))


@pytest.fixture(scope="module")
def copying(real, scans):
    samples = brains(48, seed=2)
    samples[[3, 25]] = real[[7, 8]]
    samples[30] = real[9, ::-1]
    samples[31:41] = real[20:30]
    return studied(real, scans, samples)


def values(study, *, source="model", features=None):
    rows = study.scores[study.scores.source == source]
    rows = rows if features is None else rows[rows.features == features]
    return rows.set_index("metric")


def test_rows_have_the_form_of_all_scores(honest, tmp_path):
    scores = honest[0].scores
    assert list(scores.columns) == COLUMNS
    assert not scores.duplicated(["metric", "model", "source", "features", "view"]).any()
    assert set(scores.metric) == {
        "nn_ratio", "nn_ratio_p_value", "authenticity", "membership_auc", "membership_rate", "copies", "copies_found",
        "release",
    }  # fmt: skip
    assert (scores[scores.value.isna()].warning.str.startswith("Not computed")).all()
    assert (scores.low.isna() | ((scores.low <= scores.value) & (scores.value <= scores.high))).all()
    write_table(scores, tmp_path / "model.tsv")


def test_an_honest_model_passes(honest):
    found = values(honest[0], features="folds")
    assert found.low["nn_ratio"] < 1 < found.high["nn_ratio"]
    assert found.value["nn_ratio_p_value"] > 0.05
    assert found.low["membership_auc"] < 0.5 < found.high["membership_auc"]
    assert abs(found.value["authenticity"] - found.floor["authenticity"]) < 0.25
    voxels = values(honest[0], features="voxels")
    assert voxels.value["copies"] == 0 and voxels.low["membership_auc"] < 0.5 < voxels.high["membership_auc"]
    release = values(honest[0], features="all").loc["release"]
    assert release.value == 1 and release.warning.startswith("Nothing found")


def test_the_control_of_training_scans_is_noticed_by_every_score(honest):
    control = values(honest[0], source="control", features="folds")
    assert set(control.model) == {"training_copies"}
    assert control.high["nn_ratio"] < 1 and control.high["nn_ratio"] < control.floor_low["nn_ratio"]
    assert control.high["authenticity"] < control.floor_low["authenticity"]
    assert control.low["membership_auc"] > 0.5


@pytest.mark.fault(21)
def test_planted_copies_are_found_and_held_out_scans_let_pass(honest):
    rows = honest[0].scores[honest[0].scores.source == "control"]
    planted = rows[rows.metric == "copies_found"].set_index("model")
    assert set(planted.index) == {f"planted_{kind}" for kind in ("exact", "noise", "shift", "mirror")}
    assert (planted.value >= 0.95).all() and (planted.n == 12).all()
    held_out = rows[rows.metric == "copies"].iloc[0]
    assert (held_out.model, held_out.value, held_out.n) == ("held_out", 0, VALIDATION + TEST)


@pytest.mark.fault(21)
def test_copies_among_samples_are_flagged_and_named(copying):
    study = copying[0]
    flagged = study.suspects[study.suspects.flagged]
    named = dict(zip(flagged.name, flagged.closest_scan, strict=True))
    expected = {"3": "scan07", "25": "scan08", "30": "scan09"}
    assert named == expected | {str(31 + row): f"scan{20 + row}" for row in range(10)}
    assert flagged.set_index("name").mirrored.to_dict() == {name: name == "30" for name in named}
    assert values(study, features="voxels").value["copies"] == pytest.approx(13 / 48)
    release = values(study, features="all").loc["release"]
    assert release.value == 0 and "27.1% of the samples look like copies" in release.warning
    ratio = values(study, features="folds")
    assert ratio.value["nn_ratio_p_value"] <= 0.02 and "closer to training" in ratio.warning["nn_ratio"]
    assert values(study, features="voxels").low["membership_auc"] > 0.5


def test_suspects_are_drawn_beside_their_scans(copying, real, tmp_path):
    study, pyramid, parts = copying
    shown = most_suspicious(study.suspects, parts, pyramid, count=14)
    assert [suspect.flagged for suspect in shown] == [True] * 13 + [False]
    for suspect in shown[:13]:
        assert np.abs(suspect.sample.astype(int) - suspect.scan).max() == 0
    suspects_figure(shown[:2], tmp_path / "two.png", model="model")
    suspects_figure([], tmp_path / "none.png", model="model")
    assert matplotlib.image.imread(tmp_path / "two.png").shape[0] > 200
    assert (tmp_path / "none.png").stat().st_size > 0


def test_a_seed_decides_everything(honest, real, scans):
    again = studied(real, scans, brains(48, seed=2))[0]
    pd.testing.assert_frame_equal(honest[0].scores, again.scores)
    pd.testing.assert_frame_equal(honest[0].suspects, again.suspects)


def test_too_few_held_out_scans_give_missing_values_and_words(real, scans):
    kept = [*range(TRAIN), TRAIN, TRAIN + VALIDATION]
    study, *_ = studied(real[kept], scans.iloc[kept], brains(24, seed=2))
    found = study.scores[(study.scores.source == "model") & (study.scores.metric != "authenticity")]
    assert found.value.isna().all()
    assert found[found.metric == "copies"].warning.iloc[0].endswith("found 2.")
    assert found[found.metric == "release"].warning.iloc[0].startswith("Whether these samples may be released")
    assert study.suspects.empty and "name" in study.suspects


def test_packed_scans_that_the_table_does_not_know_are_named(real, scans):
    pyramid = Pyramid(images=real, scans=[*scans["scan"][:-1], "stranger"], path=Path("32.npy"))
    samples = brains(2, seed=2)
    found = {("folds", "real"): embedded(real, scans["scan"]), ("folds", "model"): embedded(samples, range(2))}
    with pytest.raises(MrisynthError, match="knows no scan stranger"):
        study_memorisation(
            found, pyramid, [samples], model="model", scans=scans, field_mm=224, seed=3, permutations=0, planted=1,
            replicates=2, draws=1,
        )  # fmt: skip


def test_features_that_are_one_for_all_have_words_and_no_suspicion(real, scans):
    same = {name: replace(embedded(part, ids), features=np.ones((len(part), 3), np.float32)) for name, part, ids in (
        ("real", real, scans["scan"]), ("model", real[:9], range(9)))}  # fmt: skip
    reals = Reals.of(same["real"], scans)
    rows = memorisation_scores(
        reals, [Source("model", "model", same["model"])], view="32", seed=1, permutations=19, replicates=4, draws=2
    )
    ratios = [row for row in rows if row.metric.startswith("nn_ratio")]
    assert np.isnan([row.value for row in ratios]).all()
    assert all(row.warning.startswith("Not computed: all samples are copies") for row in ratios)


def test_random_features_are_named_and_decide_nothing(real, scans):
    study, *_ = studied(real, scans, brains(24, seed=2), trained=False)
    found = values(study, features="folds")
    assert found.warning.str.contains("untrained random network").all()
    assert "folds" not in values(study, features="all").warning["release"]


def test_features_that_know_the_training_scans_are_named_and_decide_nothing(real, scans):
    study, *_ = studied(real, scans, brains(48, seed=2), network="cohort_encoder")
    features = values(study, features="folds")
    assert features.warning.str.contains("knows them").all()
    assert "folds" not in values(study, features="all").warning["release"]
