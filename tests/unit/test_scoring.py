"""The score table: equal numbers, floors, order of quality, and what happens with too few scans."""

from __future__ import annotations

import numpy as np
import pytest

from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table, write_table
from mrisynth.metrics.frechet import frechet_distance
from mrisynth.metrics.scoring import score_model
from mrisynth.metrics.summary import collect

META = {"features": "random", "weights_sha256": "untrained-random-seed-0", "trained": False, "view": 32}
CONTRACT = ["model", "features", "weights_sha256", "view", "n_real", "n_synthetic"]
CONTRACT += ["reference", "fid", "fid_floor", "seed"]


def embeddings(count, *, shift=0.0, name="s", seed=0, **meta):
    features = np.random.default_rng(seed).normal(shift, 1.0, size=(count, 6)).astype(np.float32)
    return Embeddings(features, [f"{name}{row}" for row in range(count)], META | meta)


@pytest.fixture
def real():
    return embeddings(40, name="scan", seed=1)


@pytest.fixture
def splits():
    return {f"scan{row}": "test" if row < 10 else "validation" if row < 14 else "train" for row in range(40)}


@pytest.fixture
def sources():
    return {
        "wgp_hagan": embeddings(20, shift=0.1, seed=2),
        "untrained": embeddings(20, shift=3.0, seed=3),
        "noise": embeddings(25, shift=9.0, seed=4),
    }


def scored(metric, real, splits, sources, **keys):
    return score_model(metric, real=real, splits=splits, sources=sources, view=32, seed=5, **keys)


def test_fid_table_has_the_promised_columns_numbers_and_order(real, splits, sources):
    table = scored("fid", real, splits, sources)
    assert list(table.columns[: len(CONTRACT)]) == CONTRACT
    numbers = table.drop_duplicates("reference").set_index("reference")
    assert numbers.n_real.to_dict() == {"test": 10, "train": 13}
    assert (table.n_real == table.n_synthetic).all()
    for _, part in table.groupby("reference"):
        fid = part.set_index("model").fid
        assert fid["wgp_hagan"] < fid["untrained"] < fid["noise"]
        assert part.fid_floor.nunique() == 1
        assert (part.fid_floor_low <= part.fid_floor).all() and (part.fid_floor <= part.fid_floor_high).all()
    assert not table.features_trained.any()
    assert table.warning.str.contains("untrained").all()


def test_value_is_the_mean_over_draws_of_test_scans_against_samples(real, splits, sources):
    """With as many samples as test scans nothing is drawn, and the value is the plain distance."""
    sources = {"wgp_hagan": embeddings(10, shift=0.5, seed=9)}
    table = scored("fid", real, splits, sources)
    plain = frechet_distance(real.features[:10], sources["wgp_hagan"].features)
    assert table.fid[0] == pytest.approx(plain, rel=1e-6)


def test_real_scans_from_the_same_distribution_score_like_the_floor(real, splits):
    sources = {"copy": embeddings(400, seed=11)}
    row = scored("fid", real, splits, sources).iloc[0]
    assert row.fid_floor_low * 0.5 < row.fid < row.fid_floor_high * 2


def test_other_models_and_validation_scans_change_nothing(real, splits, sources):
    together = scored("fid", real, splits, sources)
    alone = scored("fid", real, splits, {"wgp_hagan": sources["wgp_hagan"]})
    assert alone.fid.tolist() == together[together.model == "wgp_hagan"].fid.tolist()
    changed = Embeddings(real.features.copy(), real.ids, real.meta)
    changed.features[10:14] = 1e6
    assert scored("fid", changed, splits, sources).equals(together)


def test_repeat_is_equal_and_excluded_scans_are_passed_over(real, splits, sources):
    assert scored("fid", real, splits | {"excluded": "test"}, sources).equals(scored("fid", real, splits, sources))


def test_precision_recall_table(real, splits, sources):
    table = scored("precision_recall", real, splits, sources)
    best = table[(table.model == "wgp_hagan") & (table.reference == "test")].iloc[0]
    assert best.precision > 0.3 and best.recall > 0.3 and best.precision_floor > 0.5
    assert table[table.model == "noise"].precision.max() == 0.0
    assert set(table.k) == {3}


def test_too_few_scans_give_missing_values_and_say_why(real, splits, sources):
    few = {scan: "train" if scan != "scan0" else "test" for scan in splits}
    table = scored("precision_recall", real, few, sources)
    test = table[table.reference == "test"]
    assert test.precision.isna().all() and test.precision_floor.isna().all()
    assert test.warning.str.contains("Not computed: 1 scans a set").all()
    assert table[table.reference == "train"].precision.notna().all()


def test_other_features_and_unknown_scans_are_refused(real, splits, sources):
    with pytest.raises(MrisynthError, match="noise have features 'medicalnet'"):
        scored("fid", real, splits, sources | {"noise": embeddings(5, features="medicalnet")})
    with pytest.raises(MrisynthError, match="have no split"):
        scored("fid", real, {"scan1": "train"}, sources)
    with pytest.raises(MrisynthError, match="unknown"):
        scored("inception", real, splits, sources)


def test_collected_table_survives_a_file_and_holds_noise_once(real, splits, sources, tmp_path):
    tables = []
    for model in ("hagan", "wgp_hagan"):
        named = {model: sources["wgp_hagan"], "untrained": sources["untrained"], "noise": sources["noise"]}
        for metric in ("fid", "precision_recall"):
            write_table(scored(metric, real, splits, named), tmp_path / "table.tsv")
            tables.append(read_table(tmp_path / "table.tsv"))
    collected = collect(tables)
    assert len(collected) == 3 * 2 * (2 + 2 + 1)  # metrics x references x (models + their untrained + noise)
    assert set(collected[collected.source == "untrained"].model) == {"hagan", "wgp_hagan"}
    assert collected.set_index("metric").better.to_dict() == {"fid": "lower", "precision": "higher", "recall": "higher"}
