"""BIDS data sets of empty images, for studies of several cohorts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


def write_bids(folder: Path, known: Mapping[str, Sequence[object]]) -> Path:
    """Write ``sub-00``, ``sub-01`` ... with one T1 image each, empty, and ``participants.tsv`` with these columns."""
    lines = ["\t".join(["participant_id", *known])]
    for number, values in enumerate(zip(*known.values(), strict=True)):
        name = f"sub-{number:02d}"
        image = folder / name / "anat" / f"{name}_T1w.nii.gz"
        image.parent.mkdir(parents=True)
        image.touch()
        lines.append("\t".join([name, *map(str, values)]))
    (folder / "participants.tsv").write_text("\n".join(lines) + "\n")
    return folder
