"""MSSG on digits whose covariates are known and can be measured in pixels: masked, imputed, and each alone.

Two sources of digits after the structural equations of Morpho-MNIST: the first knows thickness, intensity and digit,
the second thickness, slant and digit. Every model is then asked for the thickness, intensity and slant of digits that
follow drawings it never saw, and what it draws is measured by moments and distances, without any network.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from measure import report
from trial import SCRATCH, in_child

if TYPE_CHECKING:
    from mrisynth.metrics.control import ControlValues

MODELS = {  # missing, sources that it is trained on
    "masked": ("masked", ("first", "second")),
    "imputed": ("imputed", ("first", "second")),
    "first alone": ("masked", ("first",)),
    "second alone": ("masked", ("second",)),
}
SOURCES = {"first": ["thickness", "intensity", "digit"], "second": ["thickness", "slant", "digit"]}
MEASURED = ["thickness", "intensity", "slant"]
RECIPE = {"width": 64, "full_to": 8, "latent": 32, "style": 64, "gamma": 0.1, "penalty_every": 4}
RATES = {"learning_rate_generator": 6e-3, "learning_rate_critic": 4e-3}
_SEED = 7


def main() -> None:
    """Train every model in a process of its own, or do one task that the main process set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--digits", type=int, default=4000, help="of both sources together, for training")
    parser.add_argument("--tests", type=int, default=500, help="digits that are asked for")
    parser.add_argument("--images", type=int, default=40000, help="training images shown")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        print(json.dumps(trained_and_asked(json.loads(arguments.task))))
        return
    task = {"digits": arguments.digits, "tests": arguments.tests, "images": arguments.images}
    found = {model: in_child(__file__, task | {"model": model}) for model in MODELS}
    report("digits", rows_of(found, task), **task, batch_size=8, recipe=RECIPE | RATES)


def rows_of(found: dict[str, Any], task: dict[str, Any]) -> list[dict[str, Any]]:
    """Return r of every model and covariate with its interval, and how far it is from that of the masked model."""
    from mrisynth.metrics.control import score_control
    from mrisynth.metrics.control_pairs import compare_control

    values = {model: control_values(one, task) for model, one in found.items()}
    apart = compare_control(values, seed=_SEED)
    apart = apart[(apart["one"] == "masked") & (apart["measure"] == "r") & (apart["source"] == "all")]
    apart = apart[apart["comparison"] == "requested"].set_index(["other", "covariate"])
    rows = []
    for model, one in values.items():
        summary = score_control(one, model=model, measured_by="pixels", view="slice 32", seed=_SEED).summary
        r = summary[(summary["measure"] == "r") & (summary["comparison"] == "requested")]
        for line in r.to_dict("records"):
            row = {"model": model, "source": line["source"], "covariate": line["covariate"], "told": line["told"]}
            row |= {"r": line["value"], "low": line["low"], "high": line["high"], "cpu_s": found[model]["cpu_s"]}
            gaps = apart.loc[(model, line["covariate"])] if line["source"] == "all" and model != "masked" else {}
            row |= {"masked_minus_it": gaps.get("difference"), "gap_low": gaps.get("low"), "gap_high": gaps.get("high")}
            rows.append(row)
    return rows


def control_values(found: dict[str, Any], task: dict[str, Any]) -> ControlValues:
    """Return what was asked for and measured as the scores take it; every test digit is a participant."""
    from mrisynth.cohorts.digits import measure_digits
    from mrisynth.metrics.control import ControlValues

    images, table, sources = tests(task)
    wanted = table[MEASURED].to_numpy()
    real = measure_digits(images)[MEASURED].to_numpy()
    return ControlValues(
        requested=wanted, measured=np.array(found["measured"], dtype=np.float64), real_measured=real, truth=wanted,
        names=MEASURED, kinds=["continuous"] * 3, participants=[str(number) for number in range(len(wanted))],
        sources=sources, told={name: SOURCES[name] if name in found["sources"] else [] for name in SOURCES},
    )  # fmt: skip


def tests(task: dict[str, Any]) -> tuple[np.ndarray, pd.DataFrame, list[str]]:
    """Return digits that follow other drawings than those of the training, and the source that each is asked for as."""
    images, table = digits(task["digits"] + 4 * task["tests"])
    mine = np.flatnonzero(table["drawing"].to_numpy() % 5 == 0)[: task["tests"]]
    return images[mine], table.iloc[mine].reset_index(drop=True), [list(SOURCES)[k % 2] for k in range(len(mine))]


def digits(count: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Return digits, drawn once for all processes."""
    from mrisynth.cohorts.digits import make_digits
    from mrisynth.files import read_table, write_table

    path = SCRATCH / f"digits_{count}"
    if not path.with_suffix(".npy").is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        images, table = make_digits(count, seed=_SEED)
        write_table(table, path.with_suffix(".tsv"))
        np.save(path.with_suffix(".npy"), images, allow_pickle=False)
    return np.load(path.with_suffix(".npy"), allow_pickle=False), read_table(path.with_suffix(".tsv"))


def trained_and_asked(task: dict[str, Any]) -> dict[str, Any]:
    """Train one model, ask it for the test digits, and return what was measured in its drawings."""
    import tempfile
    import time

    from mrisynth.cohorts.digits import measure_digits
    from mrisynth.conditions import Condition
    from mrisynth.controlled import draw_rows
    from mrisynth.covariate_condition import build_covariate_condition, covariate_rows, covariate_values
    from mrisynth.recipes import ModelRecipe
    from mrisynth.sampling import Sampler
    from mrisynth.training.chunk import ChunkFiles, train_chunk
    from mrisynth.training.freed_memory import keep_freed_memory

    keep_freed_memory()
    missing, sources = MODELS[task["model"]]
    images, table = digits(task["digits"] + 4 * task["tests"])
    scans = table.assign(
        scan=[f"digit-{number}" for number in range(len(table))],
        participant_id=table["drawing"].map("drawing-{}".format), split="train",
        cohort=[list(SOURCES)[number % 2] for number in range(len(table))], digit=table["digit"].map("digit {}".format),
    )  # fmt: skip
    train = scans[scans["drawing"] % 5 != 0].head(task["digits"])
    wanted = {name: {"where": {"cohort": [name]}, "covariates": SOURCES[name]} for name in sources}
    condition: Condition = build_covariate_condition("morpho", train, sources=wanted, seed=_SEED)
    shown = train[train["cohort"].isin(sources)]
    recipe = ModelRecipe(
        name=task["model"].replace(" ", "_"), family="mssg", condition="morpho", size=32, images_total=task["images"],
        images_per_chunk=task["images"], batch_size=8, ema_half_life_images=2000, balance_classes=True, dimensions=2,
        allow_cpu=True, family_recipe=RECIPE | RATES | {"missing": missing},
    )  # fmt: skip
    started = time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        train_chunk(
            recipe, images=images, rows=shown.index.to_numpy(), labels=covariate_rows(condition, shown["scan"]),
            columns=condition.columns, classes=condition.classes, covariates=condition.covariates,
            files=ChunkFiles(state=folder / "state.pt", curve=folder / "curve.tsv", candidate=folder / "model"),
            chunk=0, seed=_SEED, device="cpu", threads=1,
            facts={"label_counts": [], "affine": np.eye(4).tolist(), "field_mm": 32.0},
        )  # fmt: skip
        seconds = time.process_time() - started
        sampler = Sampler.load(folder / "model")
        told, (_, asked, as_source) = condition.covariates, tests(task)
        asked = asked.assign(digit=asked["digit"].map("digit {}".format))
        values = covariate_values(asked, told.covariates)
        numbers = np.array([sources.index(name) if name in sources else 0 for name in as_source])
        fakes = draw_rows(sampler, told.rows(values, numbers), list(range(len(asked))), quiet=True)
    kept = SCRATCH / f"digits_{recipe.name}.npy"
    np.save(kept, fakes, allow_pickle=False)
    return {"measured": measure_digits(fakes)[MEASURED].to_numpy().tolist(), "sources": sources, "cpu_s": seconds}


if __name__ == "__main__":
    main()
