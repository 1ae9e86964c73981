"""The networks that measure covariates in slices: trained on the real slices of a study, and what they say of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mrisynth.control_set import MEASURED, TRUE, ControlSet
from mrisynth.covariate_regressor import LabelledSlices, Regressor, train_regressor
from mrisynth.files import write_table


def train_on(control: ControlSet, *, seed: int, device: str) -> Regressor:
    """Return networks trained on the real training slices, stopped by the validation slices; splits are by participant.

    Args:
        control: the real slices and what is true of them.
        seed: the study's seed.
        device: ``cpu`` or ``cuda``.
    """
    sets = [labelled(control, split) for split in ("train", "validation")]
    return train_regressor(*sets, control.covariates, seed=seed, device=device)


def write_real(control: ControlSet, regressor: Regressor, path: Path) -> None:
    """Write what is true of every real slice and what the networks measure in it: ``true_*`` and ``measured_*``."""
    measured = regressor.predict(control.images[control.table["row"].to_numpy(dtype=np.int64)])
    columns = {TRUE.format(name): control.values[:, place] for place, name in enumerate(control.names)}
    columns |= {MEASURED.format(name): measured[:, place] for place, name in enumerate(control.names)}
    write_table(pd.concat([control.table, pd.DataFrame(columns)], axis=1), path)


def labelled(control: ControlSet, split: str) -> LabelledSlices:
    """Return the real slices of a split with what is true of them."""
    places = control.of(split)
    rows = control.table["row"].to_numpy(dtype=np.int64)[places]
    people = control.table["participant_id"].astype(str).to_numpy()[places].tolist()
    return LabelledSlices(images=control.images[rows], values=control.values[places], participants=people)
