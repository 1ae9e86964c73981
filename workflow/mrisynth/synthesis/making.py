"""The making of candidates: images for a mask, what the scorer says of them, and what the checks find."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.disk import allocate
from mrisynth.files import MISSING, atomic, sha256_of, write_table
from mrisynth.filtering.checks import brightness_medians, coverage_faults, together
from mrisynth.filtering.copies import CopyCheck, Nearest
from mrisynth.filtering.record import Candidate, candidate_rows, columns, to_do
from mrisynth.filtering.scorers import Scorer
from mrisynth.metrics.copies import SMALLEST
from mrisynth.progress import track
from mrisynth.sampling import Sampler
from mrisynth.store import to_unit
from mrisynth.synthesis.annotated import ShownImages
from mrisynth.synthesis.parts import Parts
from mrisynth.synthesis.plan import SynthesisPlan
from mrisynth.synthesis.standards import Standards
from mrisynth.synthesis.steered import images_for_mask, seed_of_try

_HELD_OUT = ("validation", "test")


@dataclass(frozen=True, kw_only=True)
class Maker:
    """All that the making of candidates takes.

    Attributes:
        plan: of the synthesis.
        sampler: of its model.
        scorer: of the plan.
        standards: whose brightness is checked.
        copies: the check for copies of training images.
        training: one row an image of that check: ``image`` and ``participant_id``.
        seed: the study's seed.
    """

    plan: SynthesisPlan
    sampler: Sampler
    scorer: Scorer
    standards: Standards
    copies: CopyCheck
    training: pd.DataFrame
    seed: int

    @property
    def structures(self) -> tuple[str, ...]:
        """Names of the classes of the masks."""
        return self.standards.rule.structures

    def candidates(
        self, chosen: Mapping[str, Any], mask: np.ndarray, tries: Sequence[int]
    ) -> tuple[np.ndarray, pd.DataFrame]:
        """Return candidates for a mask, uint8 [tries, ...], and their rows of the record, undecided.

        Scored and checked is what is written, brightness rounded to bytes.

        Args:
            chosen: ``mask``, ``scan``, ``participant_id`` and ``coverage`` of the mask.
            mask: uint8 [...].
            tries: their numbers, from 0.
        """
        name = str(chosen["mask"])
        seeds = {number: seed_of_try(self.seed, self.plan.name, name, number) for number in tries}
        images, labels = images_for_mask(self.sampler, mask, seeds, condition=self.plan.condition or None)
        unit, asked = to_unit(images), np.repeat(mask[None], len(images), axis=0)
        medians, nearest = brightness_medians(unit, asked, structures=len(self.structures)), self.copies.nearest(images)
        faults = together(
            coverage_faults(asked, smallest=self.plan.smallest_share), self.standards.brightness.faults(medians),
            self._copied(nearest, str(chosen["participant_id"])),
        )  # fmt: skip
        made = [
            Candidate(
                mask=name, number=number, scan=str(chosen["scan"]), prompt=words(self.sampler.values(label)),
                seed=seeds[number], coverage=float(chosen["coverage"]), fault=fault,
                nearest=self.training["image"].iloc[row], similarity=float(similarity),
            )
            for number, label, fault, row, similarity in zip(
                tries, labels, faults, nearest.row, nearest.similarity, strict=True
            )
        ]  # fmt: skip
        rows = candidate_rows(
            made,
            self.scorer.score(unit, asked),
            structures=self.structures,
            scorer=self.scorer.name,
            brightness=medians,
        )
        return images, rows

    def _copied(self, nearest: Nearest, person: str) -> list[str]:
        """Return the faults of copies; being like the person whose mask it is was asked for."""
        own = self.training["participant_id"].to_numpy() == person
        return ["" if own[row] else fault for row, fault in zip(nearest.row, self.copies.faults(nearest), strict=True)]


def copies_of(shown: ShownImages, *, mirrored: bool) -> tuple[CopyCheck, pd.DataFrame]:
    """Return the check for copies of training images and whose these are.

    Where fewer people are held out than a limit needs, the closest image is told and none counts as a copy.

    Args:
        shown: images; masks are not looked at.
        mirrored: whether the training mirrored images.
    """
    rows, others = shown.rows("train"), shown.rows(*_HELD_OUT)
    training, people = shown.images[rows], shown.table["participant_id"].iloc[others].tolist()
    axis = (0 if shown.images.ndim == 4 else 1) if mirrored else None
    if len(set(people)) < SMALLEST:
        check = CopyCheck.without_limit(training, mirrored_axis=axis)
    else:
        check = CopyCheck.of_real(training, shown.images[others], participants=people, mirrored_axis=axis)
    return check, shown.table.iloc[rows].reset_index(drop=True)


def words(values: Mapping[str, Any]) -> str:
    """Return what an image was told in words, ``sex f, age 63``; what is missing is left out."""
    return ", ".join(f"{name} {value}" for name, value in values.items() if value != MISSING)


def make_shard(
    maker: Maker, chosen: pd.DataFrame, masks: np.ndarray, parts: Parts, *, images_path: Path, record_path: Path
) -> None:
    """Make the candidates of some masks and write them; what ``parts`` has already is not made again.

    Args:
        maker: what makes and judges them.
        chosen: of :func:`mrisynth.synthesis.chosen.choose_masks`, the rows of this shard.
        masks: of all packed images, uint8 [n, ...].
        parts: of this shard.
        images_path: .npy, uint8 [candidates, ...], in the order of the record.
        record_path: TSV, the record, undecided.
    """
    by_name = {str(row["mask"]): row for row in chosen.to_dict("records")}
    todo: dict[str, list[int]] = {}
    for name, number in to_do(list(by_name), tries=maker.plan.tries, done=parts.record()):
        todo.setdefault(name, []).append(number)
    place = {name: number for number, name in enumerate(by_name)}
    for name, tries in track(list(todo.items()), f"candidates of {maker.plan.name}", len(todo)):
        images, rows = maker.candidates(by_name[name], np.asarray(masks[by_name[name]["row"]]), tries)
        parts.add(f"{place[name]:06d}-{tries[0]:03d}", images, rows)
    record, images = parts.record(), parts.images()
    if record is None:
        record = pd.DataFrame(columns=columns(maker.structures))
    record = record[record["mask"].isin(list(by_name)) & (record["try"] < maker.plan.tries)]
    with atomic(images_path) as unfinished:
        shape = (len(record), *masks.shape[1:])
        written = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=shape)
        allocate(unfinished, unfinished.stat().st_size)
        for row, key in enumerate(zip(record["mask"], record["try"], strict=True)):
            written[row] = images[key[0], int(key[1])]
        written.flush()
    write_table(record, record_path)
    parts.finish(images_path, record_path)


def made_with(maker: Maker, chosen: pd.DataFrame, masks: np.ndarray, *, segmenter: Path) -> dict[str, Any]:
    """Return what decides candidates, as JSON has it; how many are made and which are kept is no part of it.

    Args:
        maker: what makes and judges them.
        chosen: the masks of a shard.
        masks: of all packed images.
        segmenter: file of its weights.
    """
    plan, content = maker.plan, hashlib.sha256()
    for row in chosen["row"]:
        content.update(np.ascontiguousarray(masks[int(row)]).tobytes())
    guided = {} if plan.guidance is None else {"guidance": plan.guidance}
    return guided | {
        "weights": maker.sampler.facts["weights_sha256"], "segmenter": sha256_of(segmenter), "seed": maker.seed,
        "masks": content.hexdigest(), "brightness": repr(maker.standards.brightness), "scorer": maker.scorer.name,
        "plan": [plan.name, plan.condition, plan.tissues, plan.sam2_folder, plan.smallest_share],
    }  # fmt: skip
