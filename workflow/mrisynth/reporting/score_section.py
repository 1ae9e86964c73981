"""What the pages say of scores beside the boards: the figure, the warnings, the feature spaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mrisynth.metrics.scoring import UNTRAINED_SENTENCE
from mrisynth.reporting.board import REFERENCES
from mrisynth.reporting.catalogue import MAIN, in_order, words
from mrisynth.reporting.page import Figure
from mrisynth.reporting.results import Results
from mrisynth.reporting.scores import score_figure

_COMPARING = ("Fidelity", "Variety", "Anatomy")


def score_figure_item(scores: pd.DataFrame, figures: Path, replicates: Mapping[str, Sequence[str]]) -> Figure:
    """Draw ``scores.png`` and return it with its caption."""
    path = figures / "scores.png"
    score_figure(scores, path, replicates=replicates)
    seeds = " Small marks are single seeds, the bar spans them and its tick is their mean." if replicates else ""
    return Figure(
        "Every score beside its floor",
        "One line per model and control, with 95 % intervals. The green band is what real scans score against other "
        "real scans at the same numbers; a model inside it cannot be told from real scans by this score and these "
        "numbers. FID and KID have axes that shrink large values; arrows stand for values beyond an axis." + seeds,
        path,
        "Scores",
    )


def warning_sentences(scores: pd.DataFrame, *, every_metric: bool = True) -> list[str]:
    """Return what the scores warn of: each sentence once, with what it is about.

    Untrained features and verdicts on a release are said elsewhere, but for those that cannot be told.

    Args:
        scores: of :func:`mrisynth.metrics.summary.collect`.
        every_metric: false leaves out all but the main values against test scans and those of privacy.
    """
    if not every_metric:
        private = scores["metric"].map(lambda name: words(name).group == "Privacy")
        scores = scores[(scores["metric"].isin(MAIN) & (scores["reference"] == "test")) | private.astype(bool)]
    scores = scores[(scores["metric"] != "release") | scores["value"].isna()]
    found: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for row in scores[["metric", "model", "features", "reference", "warning"]].drop_duplicates().itertuples():
        rest = row.warning.replace(UNTRAINED_SENTENCE, "").strip()
        if rest:
            by_metric = found.setdefault((row.features, row.reference, rest), {})
            by_metric.setdefault(row.metric, []).append(row.model)
    return [_sentence(scores, key, by_metric) for key, by_metric in found.items()]


def alarm_boxes(results: Results) -> dict[str, list[str]]:
    """Return what must stand above the scores: a title -> its sentences; titles without any are left out."""
    scores = results.scores
    forbidden = scores[(scores["metric"] == "release") & (scores["value"] == 0) & (scores["source"] == "model")]
    found = {
        "Scores that cannot be trusted: sets of scans that were spoilt on purpose must score worse than real scans.": (
            results.untrusted
        ),
        "Samples that must not be given away.": [f"{row.model}: {row.warning}" for row in forbidden.itertuples()],
    }
    return {title: sentences for title, sentences in found.items() if sentences}


def spaces_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Return one row per feature space: its network's checksum, whether it was trained, views, N and seed.

    N is that of the comparisons of samples with scans; conditions, privacy and utility count other things.
    """
    compared = scores[scores["metric"].map(lambda name: words(name).group in _COMPARING).astype(bool)]
    compared = compared[(compared["n"] > 0) & (compared["metric"] != "regions_measured")]
    rows = []
    for (features, checksum), part in scores.groupby(["features", "features_sha256"], sort=False, dropna=False):
        mine = compared[(compared["features"] == features) & (compared["features_sha256"] == checksum)]
        counts = {
            f"N, {words_of}": ", ".join(
                map(str, sorted({int(n) for n in mine.loc[mine["reference"] == reference, "n"]}))
            )
            for reference, words_of in REFERENCES.items()
            if (compared["reference"] == reference).any()
        }
        rows.append(
            {
                "features": features,
                "network trained": _trained_words(str(checksum), trained=bool(part["features_trained"].iloc[0])),
                "checksum of the network": checksum,
                "views": ", ".join(dict.fromkeys(part["view"].astype(str))),
                **counts,
                "seed": ", ".join(map(str, dict.fromkeys(part["seed"]))),
            }
        )
    return pd.DataFrame(rows)


def _trained_words(checksum: str, *, trained: bool) -> str:
    if checksum.startswith("none"):
        return "no network"
    return "yes" if trained else "NO, random weights"


def _sentence(scores: pd.DataFrame, key: tuple[str, str, str], by_metric: Mapping[str, Sequence[str]]) -> str:
    features, reference, rest = key
    concerned = {model for models in by_metric.values() for model in models}
    same = (scores["features"] == features) & (scores["reference"] == reference) & scores["metric"].isin(by_metric)
    everyone = set(scores.loc[same, "model"])
    titles = [words(name).title for name in in_order(by_metric)]
    named = f"{', '.join(titles[:-1])} and {titles[-1]}" if len(titles) > 1 else titles[0]
    who = "" if concerned == everyone else f" of {', '.join(sorted(concerned))}"
    sentence = (
        f"{named}{who} in {features}, against {REFERENCES.get(reference, reference)}: {rest[0].lower()}{rest[1:]}"
    )
    return sentence[0].upper() + sentence[1:]
