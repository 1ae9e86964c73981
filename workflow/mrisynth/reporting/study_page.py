"""The report of a study: reads its tables and arrays, draws the figures and writes the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from mrisynth.arrays import open_array
from mrisynth.files import read_table
from mrisynth.redistribution import Redistribution
from mrisynth.reporting.catalogue import MAIN
from mrisynth.reporting.citation_section import citation_tables
from mrisynth.reporting.cluster_section import ClusterFiles, cluster_figures, cluster_tables, cluster_warnings
from mrisynth.reporting.page import Figure, Table, write_page
from mrisynth.reporting.results import read_results
from mrisynth.reporting.score_section import alarm_boxes, score_figure_item, warning_sentences
from mrisynth.reporting.segmentation_section import acceptance_tables, arm_tables
from mrisynth.reporting.shown_images import shown_slices, shown_volumes
from mrisynth.reporting.slice_section import slice_figures
from mrisynth.reporting.training_section import (
    loss_figure,
    preview_figures,
    recipe_table,
    seed_table,
    validation_items,
    validation_warnings,
)
from mrisynth.reporting.volumes import Volumes, gallery, mean_and_spread, real_beside_synthetic, scale_words
from mrisynth.reporting.watching import health_report

_GALLERY_COLUMNS = 8
_VOLUMES_FOR_SPREAD = 64
_LINKS = {
    "every score of every model, with intervals and paired differences": "comparison.html",
    "the same as CSV": "tables/metrics.csv",
}


@dataclass(frozen=True, kw_only=True)
class StudyFiles:
    """Where the results of a study stand.

    Attributes:
        metrics: the long table of all scores.
        comparison: every two models, paired.
        verdicts: which score noticed which control.
        quality: one row per scan: scan, status, reason, message.
        scans: the scans table, with ``split``.
        balance: the balance of the splits.
        pyramid: folder of the packed scans.
        slices: folder of the packed slices; None where no model is of slices.
        slice_pictures: ``{metric}/{model}.png`` of models of slices, and ``matching/balance.png``.
        acceptance: name of a synthesis -> what its filter let through; may be empty.
        arms: ``arms.tsv`` and ``differences.tsv`` of the segmentation; empty for none.
        samples: model -> uint8 [n, x, y, z] of its samples.
        controls: ``untrained`` and ``noise`` -> uint8 [n, x, y, z], shown under the models; may be empty.
        curves: model -> loss curves of its chunks, in order.
        watches: model -> folders of the watch over its chunks, in order; may be empty.
        validation: model -> validation scores of its chunks; may be empty.
        replicates: spread of the scores between seeds.
        clusters: model of the feedback -> what its round of clusters left; may be empty.
        citations: what the study used of others, with licences and works to cite; None for no such section.
    """

    metrics: Path
    comparison: Path
    verdicts: Path
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
    clusters: Mapping[str, ClusterFiles]
    citations: Path | None = None
    slices: Path | None = None
    slice_pictures: Sequence[Path] = ()
    acceptance: Mapping[str, Path] = field(default_factory=dict)
    arms: Sequence[Path] = ()


def write_study_report(
    page: Path,
    *,
    figures: Path,
    title: str,
    seed: int,
    files: StudyFiles,
    models: Mapping[str, Mapping[str, Any]],
    replicates: Mapping[str, Sequence[str]],
    terms: Redistribution,
    kept: Path | None = None,
    inputs: str = "scans",
) -> None:
    """Draw every figure into the folder ``figures`` and write the page that holds them all.

    Where results may not be passed on, pictures of brains and maps of participants go to the folder ``kept`` instead,
    and the page shows them from there without holding them.

    Args:
        page: the HTML file.
        figures: folder of the PNG files, also for use elsewhere.
        title: of the study.
        seed: of the study.
        files: where the results stand.
        models: model -> its recipe (family, condition, size, images_total, batch_size ...).
        replicates: name of a model -> names of its replicates, itself among them; may be empty.
        terms: what may be done with the results.
        kept: folder of the pictures that stay in the study; needed where results may not be passed on.
        inputs: word for the rows of the scans table; ``images`` where these are the input, of whose sides nothing is
            known.
    """
    brains = figures if terms.allowed or kept is None else kept
    results = read_results(
        metrics=files.metrics, comparison=files.comparison, verdicts=files.verdicts, replicates=files.replicates
    )
    scores, quality, scans = results.scores, read_table(files.quality), read_table(files.scans)
    passed = quality[quality["status"] == "passed"]
    excluded = quality[quality["status"] != "passed"]
    drawn = [score_figure_item(scores, figures, replicates), *_sample_figures(files, scans, models, brains, inputs)]
    validation = {model: read_table(path, warning="string") for model, path in files.validation.items()}
    drawn += [*validation_items(validation, models, figures, replicates=replicates)]
    slice_models = {name for name, recipe in models.items() if _kind(recipe)[0] == 2}
    drawn += [*preview_figures(files.watches, brains, slice_models=slice_models), loss_figure(files.curves, figures)]
    drawn += [recipe_table(models), *slice_figures(files.slice_pictures), *cluster_figures(files.clusters)]
    if not terms.allowed:
        drawn = _kept(drawn, {brains, *(rounds.picture.parent for rounds in files.clusters.values())})
    health = health_report(files.watches)
    warnings = [*_warnings(scores, excluded, inputs), *validation_warnings(validation), *health.passed]
    write_page(
        page,
        study=title,
        facts=_facts(scans, passed, models, scores, seed=seed, inputs=inputs),
        scores=scores,
        figures=drawn,
        exclusions=excluded["reason"].value_counts().rename_axis("reason").reset_index(name="scans"),
        quality={"scans": len(quality), "passed": len(passed), "excluded": len(excluded)},
        alarms=health.alarms,
        warnings=[*warnings, *cluster_warnings(files.clusters)],
        tables=[
            *seed_table(results.spread),
            *cluster_tables(files.clusters),
            *acceptance_tables(files.acceptance),
            *(arm_tables(*files.arms) if files.arms else []),
            _balance(files),
            *citation_tables(files.citations),
        ],
        pairs=results.pairs,
        boxes=alarm_boxes(results),
        export_words=terms.words,
        inputs=inputs,
        links=_LINKS | {f"scorecard of {model}": f"scorecards/{model}.html" for model in models},
    )


def _kept(items: Sequence[Figure | Table], folders: Set[Path]) -> list[Figure | Table]:
    """Return the items with the pictures in these folders marked as kept in the study."""
    at_home = [isinstance(item, Figure) and item.path.parent in folders for item in items]
    return [replace(item, kept=True) if stays else item for item, stays in zip(items, at_home, strict=True)]


def _sample_figures(
    files: StudyFiles, scans: pd.DataFrame, models: Mapping[str, Mapping[str, Any]], figures: Path, inputs: str
) -> list[Figure]:
    samples = {model: open_array(path) for model, path in files.samples.items()}
    controls = {name: open_array(path) for name, path in files.controls.items()}
    splits = dict(zip(scans["scan"], scans["split"], strict=True))
    real = {
        (dimensions, size): shown_slices(files.slices, size, most=_VOLUMES_FOR_SPREAD)
        if dimensions == 2
        else shown_volumes(files.pyramid, size, splits, most=_VOLUMES_FOR_SPREAD)
        for dimensions, size in {_kind(recipe) for recipe in models.values()}
    }
    found = []
    for (dimensions, size), (words, volumes) in sorted(real.items(), reverse=True):
        shown = [(name, recipe) for name, recipe in models.items() if _kind(recipe) == (dimensions, size)]
        mine = {_with_class(name, recipe): samples[name] for name, recipe in shown}
        mine |= {name: drawn for name, drawn in controls.items() if drawn.shape[1:] == volumes[0].shape}
        found += _overview({words: volumes} | mine, figures, dimensions=dimensions, size=size)
    for model, recipe in models.items():
        words, volumes = real[_kind(recipe)]
        path = figures / f"samples_{model}.png"
        real_beside_synthetic(volumes, samples[model], path, titles=(words, f"samples of {_with_class(model, recipe)}"))
        condition = "unconditional" if recipe["condition"] == "none" else f"condition {recipe['condition']}"
        if recipe.get("only"):
            condition = f"of class {recipe['only']} of {condition} alone (the real {inputs} are of all classes)"
        sides = "; left of the brain is left" if inputs == "scans" else ""
        caption = f"{recipe['family']}, {condition}. The first samples by number, not chosen{sides}."
        found.append(Figure(f"Real {inputs} beside samples of {model}", caption, path, "Samples"))
    return found


def _kind(recipe: Mapping[str, Any]) -> tuple[int, int]:
    """Return dimensions and size of what a model draws."""
    return recipe.get("dimensions", 3), recipe["size"]


def _with_class(model: str, recipe: Mapping[str, Any]) -> str:
    """Return the name of a model, and the class if it is of one alone."""
    return f"{model} ({recipe['only']} alone)" if recipe.get("only") else model


def _overview(sources: Mapping[str, Volumes], figures: Path, *, dimensions: int, size: int) -> list[Figure]:
    real, view = next(iter(sources)), f"{'' if dimensions == 3 else 'slice'}{size}"
    rows, spread = figures / f"gallery_{view}.png", figures / f"spread_{view}.png"
    title = "Axial slices" if dimensions == 3 else "Slices"
    scale, measure = scale_words(sources[real])
    gallery(sources, rows, title=f"{title} at size {size}", columns=_GALLERY_COLUMNS)
    count = min(_VOLUMES_FOR_SPREAD, *(len(volumes) for volumes in sources.values()))
    mean_and_spread(
        {name: volumes[:count] for name, volumes in sources.items()}, spread,
        title=f"Mean and spread over {'volumes' if dimensions == 3 else 'slices'} at size {size}",
    )  # fmt: skip
    return [
        Figure(
            f"{real[0].upper()}{real[1:]} and samples of every model, size {size}",
            f"{'Axial slices through the centre of the field, the' if dimensions == 3 else 'The'} first scans and "
            "samples by number, none chosen; below them, where this size has them, noise and what the first model's "
            f"generator drew untrained. {scale}",
            rows,
            "Samples",
        ),
        Figure(
            f"Mean and spread, size {size}",
            f"Voxel by voxel over {count} images of each source. Spread is {measure}, in one "
            "colour scale set by the real scans. A model that repeats itself has a sharp mean and a dark spread.",
            spread,
            "Samples",
        ),
    ]


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
        "each participant's ID, but for those that images came in. smd: standardised difference of the test from the "
        "training split; below 0.1 is commonly called balanced, and in a small study chance alone brings more.",
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
    inputs: str,
) -> dict[str, object]:
    used = scans[scans["scan"].isin(passed["scan"])]
    splits = used["split"].value_counts()
    sizes = sorted({int(model["size"]) for model in models.values()})
    shown = scores[scores["metric"].isin(MAIN)]
    names = shown[["features", "features_trained"]].drop_duplicates().itertuples(index=False)
    return {
        "participants": used["participant_id"].nunique(),
        f"{inputs} passed": f"{len(passed)} of {len(scans)}",
        "train / validation / test": " / ".join(str(splits.get(name, 0)) for name in ("train", "validation", "test")),
        "models": len(models),
        "voxels or pixels a side": ", ".join(map(str, sizes)),
        "features": ", ".join(row.features if row.features_trained else f"{row.features} (untrained)" for row in names),
        "seed": seed,
    }


def _warnings(scores: pd.DataFrame, excluded: pd.DataFrame, inputs: str) -> list[str]:
    sentence = f"{len(excluded)} {inputs} are excluded; the reasons stand at the end of this page."
    left_out = [sentence] if len(excluded) else []
    return left_out + warning_sentences(scores, every_metric=False)
