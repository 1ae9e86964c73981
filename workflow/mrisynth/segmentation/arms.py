"""The data sets of the arms of a study: real scans, synthetic images, or both, and the scans that all are tested on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from mrisynth.arrays import open_array
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.imaging.brightness_matching import BrightnessCurve
from mrisynth.imaging.grid import grid_affine
from mrisynth.segmentation.cases import Case, slice_affine
from mrisynth.segmentation.layout import FIRST_NUMBER, Dataset, Layout
from mrisynth.segmentation.nnunet_dataset import write_dataset, write_test_set
from mrisynth.segmentation.packed_cases import TOP, PackedCases
from mrisynth.segmentation.plan import MATCHED, OF_SYNTHESIS
from mrisynth.segmentation.structures import Structures

ANNOTATED, UNANNOTATED = "annotated", "unannotated"


@dataclass(frozen=True)
class Synthesis:
    """Synthetic images with the masks that they were made for.

    Attributes:
        images: uint8 [image, ...].
        masks: uint8 of the same shape.
        kept: one row an image; ``participant_id``: whose mask it was made for.
    """

    images: np.ndarray
    masks: np.ndarray
    kept: pd.DataFrame

    @classmethod
    def read(cls, images: Path, masks: Path, kept: Path) -> Synthesis:
        """Open the three files of a synthesis.

        Raises:
            MrisynthError: they do not belong together, or no image was kept.
        """
        found = cls(open_array(images), open_array(masks), read_table(kept))
        if found.images.shape != found.masks.shape or len(found.kept) != len(found.images):
            raise MrisynthError(
                f"{images} holds {list(found.images.shape)}, {masks} {list(found.masks.shape)} and {kept} "
                f"{len(found.kept)} images; delete the three and rerun."
            )
        if found.kept.empty:
            raise MrisynthError(f"{kept} has no image: the filter refused all; see acceptance.tsv beside it.")
        return found

    def cases(self, *, field_mm: float) -> Iterator[Case]:
        """Yield the images as cases."""
        size, flat = self.images.shape[1], self.images.ndim == 3
        affine = slice_affine(pixel_mm=field_mm / size) if flat else grid_affine(size, field_mm=field_mm)
        people = self.kept["participant_id"].fillna("")
        for number, person in enumerate(people):
            image = self.images[number].astype(np.float32) / TOP
            yield Case(
                name=f"made{number:06d}", participant_id=str(person), image=image, affine=affine, synthetic=True,
                labels=np.asarray(self.masks[number]),
            )  # fmt: skip


def dataset_of(arm: str, folder: Path) -> Dataset:
    """Return the data set of an arm in its own folder of nnU-Net's files."""
    return Layout(folder).dataset(arm, FIRST_NUMBER)


def write_arm(
    arm: str,
    folder: Path,
    packed: PackedCases,
    *,
    structures: Structures,
    synthesis: Synthesis | None,
    seed: int,
    domain: Collection[str] = (),
) -> pd.DataFrame:
    """Write what one arm is trained on and return its cases.

    Args:
        arm: one of :data:`mrisynth.segmentation.plan.ARMS`.
        folder: of the arm; nnU-Net's files stand in it.
        packed: images with the masks that the arm may see: all that are known for ``ceiling``, else those shown.
        structures: to be segmented.
        synthesis: for the arms that are trained on it.
        seed: the study's seed.
        domain: scans of the unannotated domain, whose training images say how bright those of the arms that are matched
            are to be; of their masks nothing is read.

    Raises:
        MrisynthError: there is nothing to train on, a structure is in none of it, a synthetic image was made for the
            mask of a test participant, or the domain has no training image.
    """
    if arm in OF_SYNTHESIS and synthesis is None:
        raise MrisynthError(f"The arm {arm} is trained on synthetic images, and none were given.")
    parts: list[Iterator[Case]] = []
    if arm != "synthetic":
        real = packed.training(mask=UNANNOTATED if arm == "ceiling" else ANNOTATED)
        parts.append(_as_bright(real, packed, domain) if arm in MATCHED else real)
    if arm in OF_SYNTHESIS:
        _check_people(synthesis.kept, packed)
        parts.append(synthesis.cases(field_mm=packed.field_mm))
    return write_dataset(dataset_of(arm, folder), chain(*parts), structures=structures, seed=seed)


def write_held_out(folder: Path, packed: PackedCases, *, structures: Structures, domain: str | None) -> pd.DataFrame:
    """Write the scans that all arms are tested on, with their true masks, and return their cases.

    Args:
        folder: receives them.
        packed: images with all masks that are known.
        structures: to be segmented.
        domain: words for the unannotated domain, of which they then are; None where all test scans are taken.

    Raises:
        MrisynthError: there are none.
    """
    kind = ANNOTATED if domain is None else UNANNOTATED
    if not packed.number(split="test", mask=kind):
        raise MrisynthError(
            f"Found no {domain or 'test scans'} with a usable label map, of which arms could be tested; see the table "
            "of the masks for reasons, and masks.unannotated and cohort.test_fraction in the configuration."
        )
    return write_test_set(folder, packed.held_out(mask=kind), structures=structures)


def structures_of(numbers: Mapping[str, int], *, classes: int) -> Structures:
    """Return the structures of masks; classes that are none of them count as background.

    Args:
        numbers: structure -> its number in the masks.
        classes: of the masks.
    """
    others = [number for number in range(1, classes + 1) if number not in numbers.values()]
    return Structures({name: [number] for name, number in numbers.items()}, background=[0, *others])


def _as_bright(cases: Iterator[Case], packed: PackedCases, domain: Collection[str]) -> Iterator[Case]:
    """Yield annotated cases, their images with the brightness of the training images of a domain."""
    annotated = set(packed.rows.loc[packed.rows["mask"] == ANNOTATED, "scan"])
    curve = BrightnessCurve.between(packed.training_images(annotated), packed.training_images(domain))
    for case in cases:
        greys = np.rint(case.image * TOP).astype(np.uint8)
        yield replace(case, image=curve.apply(greys).astype(np.float32) / TOP)


def _check_people(kept: pd.DataFrame, packed: PackedCases) -> None:
    strangers = packed.people(split="test") & set(kept["participant_id"].dropna().astype(str))
    if strangers:
        raise MrisynthError(
            f"A synthetic image was made for a mask of {min(strangers)}, who is a test participant; draw the images "
            "from masks of training participants."
        )
