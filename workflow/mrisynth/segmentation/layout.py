"""Where nnU-Net's files of a study stand, and how the data sets of its arms are called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mrisynth.errors import MrisynthError

FIRST_NUMBER = 501
"""Of the data sets of a study; smaller ones are often those of published sets."""

ENDING = ".nii.gz"
CASES, STRUCTURES, SPLITS = "cases.tsv", "structures.tsv", "splits_final.json"


@dataclass(frozen=True)
class Layout:
    """The three folders that nnU-Net wants, inside one folder of the study."""

    root: Path

    @property
    def raw(self) -> Path:
        """Data sets as written: ``nnUNet_raw``."""
        return self.root / "raw"

    @property
    def preprocessed(self) -> Path:
        """Plans and resampled cases: ``nnUNet_preprocessed``."""
        return self.root / "preprocessed"

    @property
    def results(self) -> Path:
        """Trained networks: ``nnUNet_results``."""
        return self.root / "results"

    def dataset(self, arm: str, number: int) -> Dataset:
        """Return the data set of an arm.

        Args:
            arm: letters, digits and underscores, such as ``source_only``.
            number: 1 to 999, another one for each arm.

        Raises:
            MrisynthError: the arm or the number cannot be one of nnU-Net's, or another arm has the number.
        """
        if not re.fullmatch(r"[A-Za-z0-9]\w*", arm, flags=re.ASCII) or not 1 <= number <= 999:
            raise MrisynthError(
                f"Found the arm {arm!r} with the number {number}; expected a name of letters, digits and underscores "
                "and a number from 1 to 999."
            )
        name = f"Dataset{number:03d}_{arm}"
        others = {path.name for folder in (self.raw, self.preprocessed, self.results) for path in folder.glob("*")}
        same = sorted(other for other in others if other.startswith(name[:11]) and other != name)
        if same:
            raise MrisynthError(
                f"{self.root}: the number {number} is taken by {same[0]}; give the arm {arm} another one."
            )
        return Dataset(self, name)


@dataclass(frozen=True)
class Dataset:
    """One data set of nnU-Net, of one arm.

    Attributes:
        layout: the folders that it is part of.
        name: ``Dataset501_source_only``.
    """

    layout: Layout
    name: str

    @property
    def number(self) -> int:
        """Return what nnU-Net's commands call it."""
        return int(self.name[7:10])

    @property
    def folder(self) -> Path:
        """Return the folder of its raw files."""
        return self.layout.raw / self.name

    @property
    def test_images(self) -> Path:
        """Return the folder of the images to predict."""
        return self.folder / "imagesTs"

    def model_folder(self, trainer: str, configuration: str) -> Path:
        """Return where nnU-Net puts the networks of one trainer and configuration."""
        return self.layout.results / self.name / f"{trainer}__nnUNetPlans__{configuration}"
