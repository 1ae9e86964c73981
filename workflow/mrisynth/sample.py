"""``python -m mrisynth.sample MODEL``: synthetic scans of a trained model as NIfTI files with a table."""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import torch

from mrisynth.covariates.rows import CovariateRows
from mrisynth.errors import MrisynthError
from mrisynth.files import MISSING, write_table
from mrisynth.imaging.volume import write_volume
from mrisynth.progress import track
from mrisynth.sample_slices import save_slices
from mrisynth.sampling import Sampler, table_row, unit_image
from mrisynth.terms import TERMS
from mrisynth.text.prompt_rows import PromptRows
from mrisynth.text_wishes import drawn_prompts
from mrisynth.training.device import prepare_device
from mrisynth.wishes import Condition

TABLE = "samples.tsv"
_PROMPTS_SHOWN = 3
_EXAMPLE = (
    "example: python -m mrisynth.sample results/models/hagan_demographics --count 8 --output brains/ --condition sex=f"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return 0, or 1 with one sentence on the standard error."""
    try:
        wanted = _parser().parse_args(arguments)
        sampler = Sampler.load(wanted.model, device=_device(wanted.device))
        if wanted.list:
            sys.stdout.write(describe(sampler))
            return 0
        if wanted.output is None:
            raise MrisynthError("--output is missing; name a folder for the scans, or --list what the model knows.")
        condition = read_condition_words(wanted.condition, classes=sampler.classes)
        whatever = {"seed": wanted.seed, "first": wanted.first, "condition": condition}
        if sampler.recipe.dimensions == 2:
            counts = wanted.per_class or [wanted.count]
            save_slices(
                sampler, wanted.output, table=_new_table(wanted.output), counts=counts, size=wanted.size, **whatever
            )
        elif wanted.per_class or wanted.size:
            raise MrisynthError("--per-class and --size are for models of slices; this one draws volumes.")
        else:
            save_samples(sampler, wanted.output, count=wanted.count, **whatever)
        if (terms := wanted.model / TERMS).is_file():
            shutil.copyfile(terms, wanted.output / TERMS)
    except (MrisynthError, OSError) as error:
        sys.stderr.write(f"mrisynth: {error}\n")
        return 1
    return 0


def save_samples(
    sampler: Sampler, folder: Path, *, count: int, seed: int | None = None, first: int = 0, condition: Condition = None
) -> None:
    """Write ``sample-{number}_T1w.nii.gz`` (float32, 0 to 1, true affine) and, last, ``samples.tsv``.

    Args:
        sampler: the model.
        folder: is made where it is not there.
        count: number of samples; this and the others as in :meth:`mrisynth.sampling.Sampler.draw`.

    Raises:
        MrisynthError: the folder has a table already, or the wish is not one of the model's.
    """
    table = _new_table(folder)
    if count < 1 or first < 0:
        raise MrisynthError(f"Found count {count} and first {first}; expected a count from 1 and a first from 0.")
    rows: list[dict[str, Any]] = []
    drawn = sampler.stream(count, seed=seed, first=first, condition=condition)
    for number, (volume, _, label, sample_seed) in enumerate(track(drawn, sampler.recipe.name, count), start=first):
        write_volume(unit_image(volume, sampler.affine), folder / f"sample-{number:06d}_T1w.nii.gz")
        rows.append(table_row(sampler, number, seed=sample_seed, label=label))
    write_table(pd.DataFrame(rows), table)


def _new_table(folder: Path) -> Path:
    table = folder / TABLE
    if table.exists():
        raise MrisynthError(f"{table} is there already; choose another folder, or delete it with its scans.")
    return table


def read_condition_words(words: Sequence[str], *, classes: Sequence[str]) -> Condition:
    """Return the wish in words of the command line: ``sex=f age_tercile=high``, or the name of a class.

    Raises:
        MrisynthError: words of both kinds, or a column twice.
    """
    if not words:
        return None
    name = " ".join(words)
    if name in classes or not any("=" in word for word in words):
        return name
    pairs = [word.partition("=") for word in words]
    wrong = [column for column, equals, value in pairs if not (column and equals and value)]
    columns = [column for column, _, _ in pairs]
    if wrong or len(set(columns)) < len(columns):
        raise MrisynthError(
            f"--condition {name}: expected COLUMN=VALUE for one or more columns, each once, or the name of a class."
        )
    return {column: value for column, _, value in pairs}


def describe(sampler: Sampler) -> str:
    """Return what a model can be asked for: its columns with their values, and its classes with their numbers."""
    facts, recipe = sampler.facts, sampler.recipe
    trained = f"{facts['images_seen']} images seen" if facts["trained"] else "not trained"
    lines = [f"{recipe.name}: {recipe.family}, {recipe.size} voxels a side, {trained}"]
    if sampler.only is not None:
        return lines[0] + f"; of class {sampler.only.name} of condition {sampler.only.condition} alone\n"
    if "covariates" in facts:
        return "\n".join([*lines, "", *_covariates(CovariateRows.from_dict(facts["covariates"]))]) + "\n"
    if "text" in facts:
        return "\n".join([*lines, "", *_prompts(PromptRows.from_dict(facts["text"]), seed=facts["seed"])]) + "\n"
    if not sampler.classes:
        return lines[0] + "; unconditional\n"
    lines += ["", "columns, for --condition COLUMN=VALUE:"]
    lines += [f"  {name}: {', '.join(values)}" for name, values in sampler.columns.items()]
    lines += ["", 'classes, for --condition "CLASS", and their training scans:']
    lines += [f"  {name}: {count}" for name, count in zip(sampler.classes, facts["label_counts"], strict=True)]
    return "\n".join(lines) + "\n"


def _covariates(told: CovariateRows) -> list[str]:
    """Return lines on the sources of a model and on its covariates, with the middle and the spread of numbers."""
    lines = ["covariates, for --condition NAME=VALUE; what is not asked for is drawn beside what is:"]
    lines.append(f"  source: {', '.join(told.sources)}")
    for one, what in _ranges(told):
        known = ", ".join(source for source in told.sources if one in told.knows[source])
        lines.append(f"  {one}: {what} (known to {known})")
    return lines


def _ranges(told: CovariateRows) -> Iterator[tuple[str, str]]:
    """Yield every covariate with its categories, or with the middle and the spread of a number."""
    one_sd = np.array([-1.0, 0.0, 1.0])[:, None].repeat(len(told.covariates), axis=1)
    ends, _ = told.values(np.column_stack([np.zeros(3), one_sd]))
    for place, one in enumerate(told.covariates):
        if one.levels:
            yield one.name, ", ".join(one.categories or ("0", "1"))
        else:
            low, middle, high = ends[:, place]
            yield one.name, f"a number, mostly {low:.4g} to {high:.4g}, in the middle {middle:.4g}"


def _prompts(told: PromptRows, *, seed: int) -> list[str]:
    """Return lines on what a model is told in words."""
    lines = ['prompts, for --condition "A PROMPT", such as:']
    lines += [f"  {words}" for words in drawn_prompts(told, _PROMPTS_SHOWN, seed=seed)]
    lines += ["", "columns, for --condition NAME=VALUE; what is not asked for is drawn beside what is:"]
    return lines + [f"  {one}: {what}" for one, what in _ranges(told.covariates)]


class _OneSentence(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise MrisynthError(f"{message}; see --help.")


def _parser() -> argparse.ArgumentParser:
    parser = _OneSentence(
        prog="python -m mrisynth.sample", description="Draw synthetic scans from a trained model.", epilog=_EXAMPLE
    )
    parser.add_argument("model", type=Path, help="folder with generator.safetensors and recipe.json")
    parser.add_argument("--output", type=Path, help=f"folder for the NIfTI files (slices: PNG, too) and {TABLE}")
    parser.add_argument("--count", type=int, default=1, help="number of scans; default 1")
    parser.add_argument(
        "--condition",
        nargs="+",
        default=[],
        metavar="COLUMN=VALUE",
        help=f"values of some columns (the others are drawn; {MISSING} asks for a missing value), a class or a prompt",
    )
    parser.add_argument(
        "--per-class",
        nargs="+",
        type=int,
        metavar="N",
        help="of slices: so many of each class in turn, such as 200 800",
    )
    parser.add_argument("--size", type=int, help="of slices: pixels a side, a divisor of the model's own")
    parser.add_argument("--seed", type=int, help="default: the seed of the study that trained the model")
    parser.add_argument("--first", type=int, default=0, help="number of the first scan; default 0")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where there is a GPU")
    parser.add_argument("--list", action="store_true", help="list what the model can be asked for, and draw nothing")
    return parser


def _device(wanted: str | None) -> str:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise MrisynthError("--device cuda: no GPU can be used here; leave it out to draw on the CPU.")
    return wanted or prepare_device()


if __name__ == "__main__":
    logging.captureWarnings(capture=True)
    sys.exit(main())
