"""The scorecard of a model: all that is known of it in one JSON file, and the same as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd

from mrisynth import __version__
from mrisynth.files import write_json
from mrisynth.metrics.pairs import UNDECIDED
from mrisynth.redistribution import Redistribution
from mrisynth.reporting.board import NUMBERS, standing, within_floor
from mrisynth.reporting.catalogue import GROUPS, in_order, metric_title, number, span, words
from mrisynth.reporting.results import Results
from mrisynth.reporting.score_section import warning_sentences
from mrisynth.reporting.templates import write_html

_TEMPLATE = "scorecard.html.jinja"
_COPIED = ("metric", "features", "features_sha256", "view", "reference", "better", "warning")
_SPACE = ["features", "view", "reference"]
_RECIPE = (
    "family", "condition", "only", "size", "images_total", "batch_size", "precision", "augmentation", "start_from",
)  # fmt: skip


def scorecard(
    model: str,
    results: Results,
    *,
    study: str,
    recipe: Mapping[str, Any],
    samples: int,
    terms: Redistribution,
    replicates: Sequence[str] = (),
) -> dict[str, Any]:
    """Return all that is known of a model, ready for JSON: no missing number, no type of numpy.

    Args:
        model: its name.
        results: the tables of the study.
        study: title of the study.
        recipe: what it was trained with.
        samples: how many samples were drawn of it.
        terms: what may be done with the results.
        replicates: models of the same recipe from other seeds, itself among them.

    Returns:
        ``model``, ``study``, ``mrisynth`` (version), ``seed``, ``recipe``, ``samples``, ``replicates``, ``export``,
        ``release`` (verdict and sentence), ``scores`` (group -> list of scores), ``untrained_generator`` (list of
        scores), ``feature_spaces`` with the verdict of the controls, ``memorisation`` and ``warnings`` (sentences).
    """
    mine = results.scores[results.scores["model"] == model]
    own = mine[mine["source"] == "model"]
    ordered = [own[own["metric"] == name] for name in in_order(own["metric"])]
    entries = [_entry(row, results) for part in ordered for _, row in part.iterrows()]
    privacy = own[own["metric"].map(lambda name: words(name).group == "Privacy").astype(bool)]
    released = privacy[privacy["metric"] == "release"]
    return {
        "model": model,
        "study": study,
        "mrisynth": __version__,
        "seed": int(results.scores["seed"].iloc[0]) if len(results.scores) else None,
        "recipe": {key: recipe[key] for key in _RECIPE if key in recipe} | dict(recipe.get("family_recipe", {})),
        "samples": samples,
        "replicates": list(replicates),
        "release": _release(own),
        "export": {("may_leave" if key == "allowed" else key): value for key, value in terms.record().items()},
        "scores": {
            group: found
            for group in GROUPS
            if (found := [entry for entry in entries if words(entry["metric"]).group == group])
        },
        "untrained_generator": [_entry(row, results) for _, row in mine[mine["source"] == "untrained"].iterrows()],
        "feature_spaces": _spaces(own, results),
        "memorisation": warning_sentences(privacy.drop(released.index)),
        "warnings": warning_sentences(own.drop(privacy.index)),
    }


def write_scorecard(folder: Path, card: Mapping[str, Any]) -> tuple[Path, Path]:
    """Write ``{model}.json`` and ``{model}.html`` of :func:`scorecard` and return both."""
    paths = folder / f"{card['model']}.json", folder / f"{card['model']}.html"
    write_json(card, paths[0])
    write_html(
        paths[1],
        _TEMPLATE,
        card=card,
        sections={group: _first_and_further(found) for group, found in card["scores"].items()},
        untrained_generator=[_line(entry) for entry in card["untrained_generator"]],
        untrained=sorted({space["features"] for space in card["feature_spaces"] if not space["trained"]}),
        untrusted=list(dict.fromkeys(space["sentence"] for space in card["feature_spaces"] if space["sentence"])),
    )
    return paths


def _first_and_further(entries: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return the scores at full resolution against test scans, or all where there are none; and the others."""
    first = [entry for entry in entries if entry["reference"] == "test" and not entry["view"].endswith(" low")]
    tested = {(entry["metric"], entry["features"]) for entry in first}
    first = [entry for entry in entries if entry in first or (entry["metric"], entry["features"]) not in tested]
    return [_line(entry) for entry in first], [_line(entry) for entry in entries if entry not in first]


def _entry(row: pd.Series, results: Results) -> dict[str, Any]:
    entry = {name: str(row[name]) for name in _COPIED} | {name: _known(row[name]) for name in NUMBERS}
    about = words(row["metric"])
    known = entry["value"] is not None and entry["floor_low"] is not None
    return entry | {
        "title": about.title,
        "group": about.group,
        "meaning": about.meaning,
        "features_trained": bool(row["features_trained"]),
        "n": int(row["n"]),
        "seed": int(row["seed"]),
        "within_floor": within_floor(row) if known else None,
        "standing": _standing(row, results) if row["source"] == "model" else "not tested",
    }


def _standing(row: pd.Series, results: Results) -> str:
    scores = results.scores
    board = scores[(scores[_SPACE] == row[_SPACE]).all(axis=1)]
    best = standing(board, row["metric"], results.pairs)
    if not best:
        return "not tested"
    return UNDECIDED if best == UNDECIDED else "best" if best == row["model"] else f"behind {best}"


def _release(own: pd.DataFrame) -> dict[str, str]:
    """Return what the tests of memorisation say of giving the samples away."""
    found = own[own["metric"] == "release"]
    if found.empty:
        return {"verdict": "not tested", "sentence": ""}
    value = found["value"].iloc[0]
    verdict = "cannot be told" if pd.isna(value) else "nothing found" if value else "do not release"
    return {"verdict": verdict, "sentence": str(found["warning"].iloc[0])}


def _spaces(own: pd.DataFrame, results: Results) -> list[dict[str, Any]]:
    found = []
    for (features, view), part in own.groupby(["features", "view"], sort=False):
        judged = results.verdicts["features"].eq(features) & results.verdicts["view"].eq(view.removesuffix(" low"))
        sentence = results.verdict(features, view)
        missed = results.verdicts[judged & results.verdicts["noticed"].eq(False)]
        found.append(
            {
                "features": features,
                "view": view,
                "sha256": str(part["features_sha256"].iloc[0]),
                "trained": bool(part["features_trained"].iloc[0]),
                "verdict": "not judged" if not judged.any() else "not trusted" if sentence else "trusted",
                "sentence": sentence,
                "missed": [f"{row.control} by {words(row.metric).title}" for row in missed.itertuples()],
            }
        )
    return found


def _line(entry: Mapping[str, Any]) -> dict[str, str]:
    """Return a score as words for the page."""
    metric = entry["metric"]
    numbers = {name: float("nan") if entry[name] is None else entry[name] for name in NUMBERS}
    floor = number(numbers["floor"], metric=metric)
    floor_range = span(numbers["floor_low"], numbers["floor_high"], metric=metric)
    return {
        "title": metric_title(metric, entry["better"]),
        "measured in": entry["features"] + ("" if entry["features_trained"] else " (UNTRAINED)"),
        "view": entry["view"],
        "against": f"{entry['n']} {entry['reference']}",
        "value": number(numbers["value"], metric=metric),
        "95 % interval": span(numbers["low"], numbers["high"], metric=metric) or "n/a",
        "real against real": f"{floor} ({floor_range})" if floor_range else floor,
        "standing": entry["standing"],
        "within": "yes" if entry["within_floor"] else "",
    }


def _known(value: float) -> float | None:
    return float(value) if isfinite(value) else None
