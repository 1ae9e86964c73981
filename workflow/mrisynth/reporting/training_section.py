"""The section of the page about training: validation scores, samples over time, losses, recipes, seeds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mrisynth.files import read_table
from mrisynth.metrics.scoring import UNTRAINED_SENTENCE
from mrisynth.reporting.board import REFERENCES
from mrisynth.reporting.catalogue import MAIN, metric_title, number
from mrisynth.reporting.curves import loss_curves
from mrisynth.reporting.page import Figure, Table
from mrisynth.reporting.validation import kept_states, validation_figure
from mrisynth.reporting.watching import grids_over_time

_SECTION = "Training"
_SHOWN_OF_A_RECIPE = ("family", "condition", "only", "size", "images_total", "batch_size", "precision")
_SHOWN_OF_A_RECIPE += ("ema_half_life_images", "augmentation", "augmentation_strength", "augmentation_flip")
_SHOWN_OF_A_RECIPE += ("balance_classes", "start_from")


def validation_items(
    tables: Mapping[str, pd.DataFrame],
    models: Mapping[str, Mapping[str, Any]],
    figures: Path,
    *,
    replicates: Mapping[str, Sequence[str]],
) -> list[Figure | Table]:
    """Return the figure of the validation scores and the table of kept states; nothing without a table."""
    if not tables:
        return []
    path = figures / "validation.png"
    sizes = {model: int(models[model]["size"]) for model in tables}
    validation_figure(tables, path, sizes=sizes, replicates=replicates)
    caption = (
        "Score of each model after every chunk, against the validation scans; no test scan is looked at. The ring "
        "marks the state that was kept, exported and sampled: the smallest KID. Every point is drawn from the same "
        "latents. With few validation scans the points are noisy and FID is biased: compare models by the scores above."
    )
    return [
        Figure("Score against images seen", caption, path, _SECTION),
        Table("Which state was kept", "The chunk with the smallest KID.", kept_states(tables), _SECTION),
    ]


def preview_figures(
    watches: Mapping[str, Sequence[Path]], figures: Path, *, slice_models: Collection[str] = ()
) -> list[Figure]:
    """Return for each model its grid of samples at the first, a middle and the last interval.

    Args:
        watches: model -> folders of the watch over its chunks, in order.
        figures: folder of the pictures.
        slice_models: those of these models that draw slices.
    """
    found = []
    for model, folders in watches.items():
        path = figures / f"preview_{model}.png"
        images = grids_over_time(folders, path)
        if images:
            shown = (
                "slices: samples of the moving average."
                if model in slice_models
                else "scans: sagittal, coronal and axial slices of the moving average's samples. Left of the brain is "
                "left."
            )
            numbers = ", ".join(f"{number:,}" for number in images)
            caption = f"The same latents after {numbers} training images, beside two training {shown}"
            found.append(Figure(f"Samples of {model} during training", caption, path, _SECTION))
    return found


def loss_figure(curves: Mapping[str, Sequence[Path]], figures: Path) -> Figure:
    """Return the figure of losses and health of all models."""
    path = figures / "losses.png"
    loss_curves({model: [read_table(chunk) for chunk in chunks] for model, chunks in curves.items()}, path)
    return Figure(
        "Losses and health",
        "Thin: as recorded; thick: running mean over a thirtieth of the training. A dotted line is where one chunk "
        "ended and the next resumed. The losses of a generator and its critics pull against each other: they show that "
        "a training is steady, not that its samples are good. The lowest and highest 1 % may lie outside a panel. "
        "Health: the share of real and synthetic pairs that each critic ranks right, and how much the fixed samples "
        "differ among themselves compared with real scans (noise, as at the start, differs more than brains do), and "
        "the strength of the augmentation where there is one.",
        path,
        _SECTION,
    )


def recipe_table(models: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return what each model was trained with, one column a model."""
    columns = {
        name: {key: recipe[key] for key in _SHOWN_OF_A_RECIPE if key in recipe} | dict(recipe.get("family_recipe", {}))
        for name, recipe in models.items()
    }
    settings = dict.fromkeys(key for column in columns.values() for key in column)
    rows = [
        {"setting": key.replace("_", " ")} | {name: str(column.get(key, "")) for name, column in columns.items()}
        for key in settings
    ]
    return Table("Recipes", "What each model was trained with.", pd.DataFrame(rows), _SECTION)


def seed_table(spread: pd.DataFrame) -> list[Table]:
    """Return the main values of :func:`mrisynth.metrics.replicates.seed_spread` for people; nothing without any."""
    if spread.empty:
        return []
    rows = []
    for row in spread[spread["metric"].isin(MAIN) & ~spread["view"].astype(str).str.endswith(" low")].itertuples():
        mean, sd, least, largest = (
            number(value, metric=row.metric) for value in (row.mean, row.standard_deviation, row.least, row.largest)
        )
        rows.append(
            {
                "model": row.model,
                "score": metric_title(row.metric, row.better),
                "features": row.features if row.features_trained else f"{row.features} (untrained)",
                "against": REFERENCES.get(row.reference, row.reference),
                "seeds": str(row.n),
                "mean ± standard deviation": f"{mean} ± {sd}",
                "least to largest": f"{least} to {largest}",
            }
        )
    if not rows:
        return []
    caption = (
        "The same recipe trained from several seeds. Two models whose scores differ by less than this cannot be told "
        "apart by one training of each."
    )
    return [Table("Spread between seeds", caption, pd.DataFrame(rows), "Scores")]


def validation_warnings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what the validation tables warn of, besides untrained features: each sentence once, with its models."""
    found: dict[str, list[str]] = {}
    for model, table in tables.items():
        for warning in table["warning"].dropna().unique():
            rest = warning.replace(UNTRAINED_SENTENCE, "").strip()
            if rest:
                found.setdefault(rest, []).append(model)
    return [f"Validation of {', '.join(models)}: {words[0].lower()}{words[1:]}" for words, models in found.items()]
