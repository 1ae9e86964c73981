"""The figure of the validation scores over the training, and the table of the states that were kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from mrisynth.reporting.catalogue import number
from mrisynth.reporting.style import (
    ALARM,
    INK,
    colours_of,
    empty_panel,
    features_label,
    house_style,
    new_figure,
    save,
)

_METRICS = {"kid": "KID ↓", "fid": "FID ↓"}
_LOGARITHMIC_FROM = 5.0  # times the least value


def validation_figure(
    tables: Mapping[str, pd.DataFrame],
    path: str | Path,
    *,
    sizes: Mapping[str, int],
    replicates: Mapping[str, Sequence[str]],
) -> None:
    """Draw the validation scores of each model after every chunk against the training images shown.

    A ring marks the state that was kept. Scores in other features or at another size stand in a row of their own,
    since they cannot be compared. Replicates of a model share its colour.

    Args:
        tables: model -> its validation table: images_seen, features, features_trained, kid, fid, chosen.
        path: the PNG.
        sizes: model -> edge of its volumes, voxels.
        replicates: name of a model -> names of its replicates; may be empty.
    """
    joined = pd.concat([table.assign(line=model, size=sizes[model]) for model, table in tables.items()])
    spaces = list(joined[["features", "features_trained", "size"]].drop_duplicates().itertuples(index=False))
    bases = {model: next((base for base, names in replicates.items() if model in names), model) for model in tables}
    base_colours = colours_of(list(dict.fromkeys(bases.values())))
    colours = {model: base_colours[base] for model, base in bases.items()}
    with house_style():
        figure = new_figure(9.6, 3.1 * len(spaces))
        for row, space in zip(figure.subfigures(len(spaces), 1, squeeze=False)[:, 0], spaces, strict=True):
            here = joined[(joined["features"] == space.features) & (joined["size"] == space.size)]
            _title(row, space.features, trained=bool(space.features_trained), size=space.size)
            for axes, metric in zip(row.subplots(1, len(_METRICS)), _METRICS, strict=True):
                _panel(axes, here, metric, colours)
            _legend(row, {model: colours[model] for model in tables if model in set(here["line"])})
        save(figure, path)


def kept_states(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return for each model the state that was kept and, beside it, the score of the last one."""
    rows = []
    for model, table in tables.items():
        kept, last = table[table["chosen"].astype(bool)].iloc[0], table.iloc[-1]
        scored = {
            f"{words[:-2]}{which}": number(row[name], metric=name)
            for name, words in _METRICS.items()
            for which, row in (("", kept), (" of the last", last))
        }
        rows.append(
            {"model": model, "kept after images": f"{kept['images_seen']:,}", "of": f"{last['images_seen']:,}"}
            | scored
            | {
                "validation scans": str(kept["n_real"]),
                "features": kept["features"] if kept["features_trained"] else f"{kept['features']} (untrained)",
            }
        )
    return pd.DataFrame(rows)


def _title(row: SubFigure, features: str, *, trained: bool, size: int) -> None:
    words = f"Validation scores in {features_label(features, trained=trained)}, size {size}"
    row.suptitle(words, x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK if trained else ALARM)


def _panel(axes: Axes, scores: pd.DataFrame, metric: str, colours: Mapping[str, str]) -> None:
    axes.set_title(_METRICS[metric])
    axes.set_xlabel("training images shown")
    values = scores[metric].dropna()
    if values.empty:
        empty_panel(axes, "no scores")
        return
    for model, part in scores.sort_values("images_seen").groupby("line", sort=False):
        look = {"color": colours[model], "markeredgecolor": colours[model]}
        axes.plot(part["images_seen"], part[metric], marker="o", markersize=3.5, linewidth=1.4, **look)
        kept = part[part["chosen"].astype(bool)]
        axes.plot(
            kept["images_seen"], kept[metric], marker="o", markersize=9, markerfacecolor="none", markeredgewidth=1.6,
            linestyle="none", **look,
        )  # fmt: skip
    thousands = FuncFormatter(lambda value, _: f"{value:,.6g}")
    if values.min() > 0 and values.max() > _LOGARITHMIC_FROM * values.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(thousands)
    axes.set_xlim(0, 1.04 * scores["images_seen"].max())
    axes.locator_params(axis="x", nbins=5)


def _legend(row: SubFigure, colours: Mapping[str, str]) -> None:
    lines = [Line2D([], [], color=colour, marker="o", markersize=3.5, label=model) for model, colour in colours.items()]
    ring = {"marker": "o", "markersize": 9, "markerfacecolor": "none", "markeredgewidth": 1.6}
    lines.append(Line2D([], [], color=INK, linestyle="none", label="the state that was kept", **ring))
    row.legend(handles=lines, loc="outside lower center", ncols=4, handletextpad=0.5, columnspacing=1.4)
