"""The report of a study: reads its tables and arrays, draws the figures and writes the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.clustering import cluster_overlap
from mrisynth.files import read_table
from mrisynth.metrics.scoring import UNTRAINED_SENTENCE
from mrisynth.reporting.board import metric_title
from mrisynth.reporting.maps import umap_figure
from mrisynth.reporting.page import Figure, Table, write_page
from mrisynth.reporting.scores import score_figure
from mrisynth.reporting.training_section import (
    loss_figure,
    preview_figures,
    recipe_table,
    seed_table,
    validation_items,
    validation_warnings,
)
from mrisynth.reporting.volumes import Volumes, gallery, mean_and_spread, real_beside_synthetic
from mrisynth.reporting.watching import health_report
from mrisynth.store import Pyramid, open_pyramid

_GALLERY_COLUMNS = 8
_VOLUMES_FOR_SPREAD = 64
_KNOWN_COLUMNS = ("site", "sex", "age_tercile", "diagnosis")


@dataclass(frozen=True, kw_only=True)
class StudyFiles:
    """Where the results of a study stand.

    Attributes:
        metrics: the long table of all scores.
        quality: one row per scan: scan, status, reason, message.
        scans: the scans table, with ``split``.
        balance: the balance of the splits.
        pyramid: folder of the packed scans.
        samples: model -> uint8 [n, x, y, z] of its samples.
        controls: ``untrained`` and ``noise`` -> uint8 [n, x, y, z], shown under the models; may be empty.
        curves: model -> loss curves of its chunks, in order.
        watches: model -> folders of the watch over its chunks, in order; may be empty.
        validation: model -> validation scores of its chunks; may be empty.
        replicates: spread of the scores between seeds.
        clusters: model of the feedback -> its table of clusters.
        projections: model of the feedback -> synthetic volumes in the same map.
    """

    metrics: Path
    quality: Path
    scans: Path
    balance: Path
    pyramid: Path
    samples: Mapping[str, Path]
    controls: Mapping[str, Path]
    curves: Mapping[str, Sequence[Path]]
    watches: Mapping[str, Sequence[Path]]
    validation: Mapping[str, Path]
    replicates: Path
    clusters: Mapping[str, Path]
    projections: Mapping[str, Path]


def write_study_report(
    page: Path,
    *,
    figures: Path,
    title: str,
    seed: int,
    files: StudyFiles,
    models: Mapping[str, Mapping[str, Any]],
    clustered_features: str,
    clustered_features_trained: bool,
    replicates: Mapping[str, Sequence[str]],
) -> None:
    """Draw every figure into the folder ``figures`` and write the page that holds them all.

    Args:
        page: the HTML file.
        figures: folder of the PNG files, also for use elsewhere.
        title: of the study.
        seed: of the study.
        files: where the results stand.
        models: model -> its recipe (family, condition, size, images_total, batch_size ...).
        clustered_features: name of the features behind the clusters.
        clustered_features_trained: false when they come from a random network.
        replicates: name of a model -> names of its replicates, itself among them; may be empty.
    """
    scores, quality, scans = (read_table(path) for path in (files.metrics, files.quality, files.scans))
    scores["warning"] = scores["warning"].fillna("")
    passed = quality[quality["status"] == "passed"]
    excluded = quality[quality["status"] != "passed"]
    drawn = [_score_figure(scores, figures, replicates), *_sample_figures(files, scans, models, figures)]
    validation = {model: read_table(path, warning="string") for model, path in files.validation.items()}
    drawn += [*validation_items(validation, models, figures, replicates=replicates)]
    drawn += [*preview_figures(files.watches, figures), loss_figure(files.curves, figures), recipe_table(models)]
    health = health_report(files.watches)
    overlaps = []
    for model, table in files.clusters.items():
        clusters, projections = read_table(table), read_table(files.projections[model])
        drawn.append(
            _umap(model, clusters, projections, figures, clustered_features, trained=clustered_features_trained)
        )
        overlaps.append(_overlap(model, clusters, scans))
    write_page(
        page,
        study=title,
        facts=_facts(scans, passed, models, scores, seed=seed),
        scores=scores,
        figures=drawn,
        exclusions=excluded[["scan", "reason", "message"]],
        quality={"scans": len(quality), "passed": len(passed), "excluded": len(excluded)},
        alarms=health.alarms,
        warnings=[*_warnings(scores, excluded), *validation_warnings(validation), *health.passed],
        tables=[*seed_table(read_table(files.replicates)), *overlaps, _balance(files)],
    )


def _score_figure(scores: pd.DataFrame, figures: Path, replicates: Mapping[str, Sequence[str]]) -> Figure:
    path = figures / "scores.png"
    score_figure(scores, path, replicates=replicates)
    seeds = " Small marks are single seeds, the bar spans them and its tick is their mean." if replicates else ""
    return Figure(
        "Every score beside its floor",
        "One line per model. The green band is what real scans score against other real scans at the same numbers; "
        "a model inside it cannot be told from real scans by this score and these numbers. FID has a logarithmic axis."
        + seeds,
        path,
        "Scores",
    )


def _sample_figures(
    files: StudyFiles, scans: pd.DataFrame, models: Mapping[str, Mapping[str, Any]], figures: Path
) -> list[Figure]:
    samples = {model: np.load(path, mmap_mode="r", allow_pickle=False) for model, path in files.samples.items()}
    controls = {name: np.load(path, mmap_mode="r", allow_pickle=False) for name, path in files.controls.items()}
    real = {size: _test_volumes(files.pyramid, size, scans) for size in {model["size"] for model in models.values()}}
    found = []
    for size, (words, volumes) in sorted(real.items()):
        mine = {name: samples[name] for name in models if models[name]["size"] == size}
        mine |= {name: volume for name, volume in controls.items() if volume.shape[1] == size}
        found += _overview({words: volumes} | mine, size, figures)
    for model, recipe in models.items():
        words, volumes = real[recipe["size"]]
        path = figures / f"samples_{model}.png"
        real_beside_synthetic(volumes, samples[model], path, titles=(words, f"samples of {model}"))
        condition = "unconditional" if recipe["condition"] == "none" else f"condition {recipe['condition']}"
        caption = (
            f"{recipe['family']}, {condition}. The first samples by number, not chosen; left of the brain is left."
        )
        found.append(Figure(f"Real scans beside samples of {model}", caption, path, "Samples"))
    return found


def _overview(sources: Mapping[str, Volumes], size: int, figures: Path) -> list[Figure]:
    real = next(iter(sources))
    rows, spread = figures / f"gallery_{size}.png", figures / f"spread_{size}.png"
    gallery(sources, rows, title=f"Axial slices at size {size}", columns=_GALLERY_COLUMNS)
    count = min(_VOLUMES_FOR_SPREAD, *(len(volumes) for volumes in sources.values()))
    mean_and_spread(
        {name: volumes[:count] for name, volumes in sources.items()}, spread,
        title=f"Mean and spread over volumes at size {size}",
    )  # fmt: skip
    return [
        Figure(
            f"{real} and samples of every model, size {size}",
            "Axial slices through the centre of the field, the first scans and samples by number, none chosen. One "
            "grey scale for all: 0 is black, the top of the brain's range white.",
            rows,
            "Samples",
        ),
        Figure(
            f"Mean and spread, size {size}",
            f"Voxel by voxel over {count} volumes of each source, two planes. Spread is the standard deviation, in one "
            "colour scale set by the real scans. A model that repeats itself has a sharp mean and a dark spread.",
            spread,
            "Samples",
        ),
    ]


def _test_volumes(folder: Path, size: int, scans: pd.DataFrame) -> tuple[str, Volumes]:
    """Return test scans, or training scans where there is no test scan, and words for which they are."""
    packed: Pyramid = open_pyramid(folder, size)
    splits = dict(zip(scans["scan"], scans["split"], strict=True))
    for split, words in (("test", "real test scans"), ("train", "real training scans")):
        names = [scan for scan in packed.scans if splits.get(scan) == split][:_VOLUMES_FOR_SPREAD]
        if names:
            return words, [packed.images[row] for row in packed.rows(names)]
    return "real scans", packed.images[:_VOLUMES_FOR_SPREAD]


def _umap(
    model: str, clusters: pd.DataFrame, projections: pd.DataFrame, figures: Path, features: str, *, trained: bool
) -> Figure:
    path = figures / f"clusters_{model}.png"
    umap_figure(clusters, projections, path, features=features, trained=trained)
    return Figure(
        f"Clusters for the feedback of {model}",
        "A map of the features of real training scans; other scans and samples were put into it afterwards. Axes have "
        "no unit. UMAP places everything beside its nearest training scan, however far away that is: also noise lands "
        "among brains, and a sample among real scans is no proof of likeness.",
        path,
        "Clusters",
    )


def _overlap(model: str, clusters: pd.DataFrame, scans: pd.DataFrame) -> Table:
    overlap = cluster_overlap(clusters, scans, columns=[name for name in _KNOWN_COLUMNS if name in scans])
    frame = overlap.rename(
        columns={"column": "known", "n": "scans", "nmi": "normalised", "ami": "adjusted for chance"}
    ).round(2)
    return Table(
        f"What the clusters of {model} share with what is known",
        "Mutual information of cluster and column: 1 when they say the same; adjusted for chance it is about 0 when "
        "they have nothing to do with each other. Clusters that follow the site show scanners, not anatomy.",
        frame,
        "Clusters",
    )


def _balance(files: StudyFiles) -> Table:
    rows: dict[tuple[str, str], dict[str, object]] = {}
    for row in read_table(files.balance).itertuples():
        value = f"{row.value:.1f}" if row.level == "mean" else f"{100 * row.value:.0f} %"
        line = rows.setdefault((row.variable, row.level), {"variable": row.variable, "level": row.level})
        line[row.split] = "none" if pd.isna(row.value) else f"{value} ({row.participants})"
        if row.split == "test":
            line["smd of test"] = None if pd.isna(row.smd) else f"{row.smd:.2f}"
    return Table(
        "Balance of the splits",
        "Share of each split, for age the mean in years, and in brackets the participants. Splits follow a hash of "
        "each participant's ID. smd: standardised difference of the test from the training split; below 0.1 is "
        "commonly called balanced, and in a small study chance alone brings more.",
        pd.DataFrame(list(rows.values())),
        "Cohort",
    )


def _facts(
    scans: pd.DataFrame,
    passed: pd.DataFrame,
    models: Mapping[str, Mapping[str, Any]],
    scores: pd.DataFrame,
    *,
    seed: int,
) -> dict[str, object]:
    used = scans[scans["scan"].isin(passed["scan"])]
    splits = used["split"].value_counts()
    sizes = sorted({int(model["size"]) for model in models.values()})
    names = scores[["features", "features_trained"]].drop_duplicates().itertuples(index=False)
    return {
        "participants": used["participant_id"].nunique(),
        "scans passed": f"{len(passed)} of {len(scans)}",
        "train / validation / test": " / ".join(str(splits.get(name, 0)) for name in ("train", "validation", "test")),
        "models": len(models),
        "voxels a side": ", ".join(map(str, sizes)),
        "features": ", ".join(row.features if row.features_trained else f"{row.features} (untrained)" for row in names),
        "seed": seed,
    }


def _warnings(scores: pd.DataFrame, excluded: pd.DataFrame) -> list[str]:
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in scores[["metric", "features", "reference", "warning"]].drop_duplicates().itertuples():
        rest = row.warning.replace(UNTRAINED_SENTENCE, "").strip()
        if rest:
            found.setdefault((row.features, row.reference, rest), []).append(metric_title(row.metric)[:-2])
    words = {"test": "test scans", "train": "training scans"}
    few = [
        f"{' and '.join(metrics)} in {features} features, against {words[reference]}: {rest[0].lower()}{rest[1:]}"
        for (features, reference, rest), metrics in found.items()
    ]
    left_out = (
        [f"{len(excluded)} scans are excluded; the reasons stand at the end of this page."] if len(excluded) else []
    )
    return left_out + [sentence[0].upper() + sentence[1:] for sentence in few]
