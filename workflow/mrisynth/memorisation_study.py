"""Everything that speaks for or against a model having memorised its training scans, in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mrisynth.copy_study import PackedScans, study_copies
from mrisynth.embeddings import Embeddings, feature_spaces
from mrisynth.metrics.memorisation_scores import memorisation_scores
from mrisynth.metrics.origin import Origin
from mrisynth.metrics.release import release_verdict
from mrisynth.metrics.scoring import Reals, Source
from mrisynth.metrics.table import Score, score_table
from mrisynth.scans_table import text_of_scans
from mrisynth.store import Pyramid


@dataclass(frozen=True)
class MemorisationStudy:
    """Scores in the form of :func:`mrisynth.metrics.table.score_table`, and the table of suspects.

    The columns of ``suspects`` are described in ``docs/output.md``; samples come first, the most similar first.
    """

    scores: pd.DataFrame
    suspects: pd.DataFrame


def study_memorisation(
    found: Mapping[tuple[str, str], Embeddings], pyramid: Pyramid, samples: Sequence[np.ndarray], *, model: str,
    scans: pd.DataFrame, field_mm: float, seed: int, permutations: int, planted: int, replicates: int, draws: int,
) -> MemorisationStudy:  # fmt: skip
    """Score memorisation of one model in every feature space and in voxels, and say what that means for a release.

    A feature space whose network learned from the training scans is scored and does not count for the release: there,
    training scans are far from everything because they are known.

    Args:
        found: (features, source) -> embeddings; ``real``, the model's name and ``{model}.untrained`` are used.
        pyramid: the packed real scans at the model's size.
        samples: uint8 [n, x, y, z] each, the model's samples in their order.
        model: name of the model.
        scans: the scans table, with ``scan``, ``participant_id`` and ``split``.
        field_mm: edge of the field of view.
        seed: the study's seed.
        permutations: exchanges of participants behind the p value of the nearest-neighbour ratio.
        planted: training scans that are planted as copies.
        replicates: halves behind the intervals.
        draws: draws behind the floors.

    Raises:
        MrisynthError: a packed or embedded scan is not in the table of scans.
    """
    rows: list[Score] = []
    spaces = feature_spaces(found)
    biased = {space for space in spaces if found[space, "real"].knows_training_scans}
    for space in spaces:
        real = found[space, "real"]
        sources = [
            Source(model, kind, found[space, name])
            for name, kind in ((model, "model"), (f"{model}.untrained", "untrained"))
            if (space, name) in found
        ]
        rows += memorisation_scores(
            Reals.of(real, scans), sources, view=str(real.meta["view"]), seed=seed, permutations=permutations,
            replicates=replicates, draws=draws,
        )  # fmt: skip
    volumes = PackedScans(
        pyramid.images, pyramid.scans, *text_of_scans(scans, pyramid.scans, "participant_id", "split"),
        voxel_mm=field_mm / pyramid.size,
    )  # fmt: skip
    copies = study_copies(volumes, samples, model=model, seed=seed, planted=planted, draws=draws)
    rows += copies.scores
    value, sentence = release_verdict([row for row in rows if row.features not in biased])
    origin = Origin("all", "none: all of the above", True, str(pyramid.size), seed)
    count = sum(len(part) for part in samples)
    rows.append(origin.row("release", (model, "model"), better="higher", n=count, value=value, sentence=sentence))
    return MemorisationStudy(score_table(rows), copies.suspects)
