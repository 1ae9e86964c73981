"""Whether anything speaks against giving samples away: one sentence from the scores of memorisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mrisynth.metrics.table import Score

LEAST_FOUND = 0.95
"""Share of planted copies of each kind that the detector must find."""

MOST_FLAGGED = 0.02
"""Share of samples that may be flagged by chance; a share that is surely larger speaks of copies."""


def release_verdict(scores: Sequence[Score]) -> tuple[float, str]:
    """Return 1 (nothing found), 0 (something found) or missing (cannot be told), and the reasons as a sentence.

    Nothing is found when the intervals of all membership attacks (in voxels and in trained features) cover 0.5, the
    detector finds 95 % of the planted copies of each kind, and no more samples are flagged than strangers would be. It
    is the least that must hold, not a proof of privacy.

    Args:
        scores: all memorisation scores of one model.
    """
    attacks = [
        score
        for score in scores
        if score.metric == "membership_auc" and score.source == "model" and score.features_trained
    ]
    planted = [score for score in scores if score.metric == "copies_found"]
    flagged = [score for score in scores if score.metric == "copies" and score.source == "model"]
    against, unknown = [], []
    for attack in attacks:
        if np.isnan(attack.value):
            unknown.append(f"membership in {attack.features} is not known")
        elif not attack.low <= 0.5 <= attack.high:
            against.append(f"membership can be guessed in {attack.features} (AUC {_range(attack)})")
    for found in planted:
        if not np.isnan(found.value) and found.value < LEAST_FOUND:
            against.append(f"the copy detector finds only {found.value:.0%} of {found.model}")
    if not attacks:
        unknown.append("no membership attack was made")
    if not planted or any(np.isnan(found.value) for found in planted):
        unknown.append("the copy detector could not be tried on planted copies")
    against += [
        f"{copies.value:.1%} of the samples look like copies of training scans"
        for copies in flagged
        if copies.low > MOST_FLAGGED
    ]
    looked_at = "".join(
        f" Look at the {round(copies.value * copies.n)} flagged samples first."
        for copies in flagged
        if copies.value > 0
    )
    if against:
        return 0.0, f"Do not release these samples: {'; '.join([*against, *unknown])}.{looked_at}"
    if unknown:
        return np.nan, f"Whether these samples may be released cannot be told: {'; '.join(unknown)}.{looked_at}"
    areas = ", ".join(f"{_range(attack)} in {attack.features}" for attack in attacks)
    least = min(found.value for found in planted)
    return 1.0, (
        f"Nothing found against a release: membership AUC {areas}; the copy detector finds {least:.0%} of the planted "
        f"copies of the kind that it finds least.{looked_at}"
    )


def _range(attack: Score) -> str:
    return f"{attack.value:.2f}, {attack.low:.2f} to {attack.high:.2f}"
