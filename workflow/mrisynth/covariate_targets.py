"""What a network that measures covariates is to say: its outputs, its losses where values are missing, its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mrisynth.covariates.kinds import Covariate
from mrisynth.errors import MrisynthError

_MOST_WEIGHT = 10.0  # of a rare category


@dataclass(frozen=True)
class Targets:
    """How covariates are told to a network: continuous ones in standard deviations, the others as logits.

    Attributes:
        covariates: in the order of the columns.
        middles, spreads: of each continuous covariate among the known training values; 0 and 1 of others.
        weights: of each binary or categorical covariate the weight of every level, so that all count alike; else ().
    """

    covariates: tuple[Covariate, ...]
    middles: tuple[float, ...]
    spreads: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, covariates: Sequence[Covariate], values: np.ndarray) -> Targets:
        """Return the targets of training values [n, covariates].

        Raises:
            MrisynthError: a covariate does not vary among the known values, or a level of it has none.
        """
        middles, spreads, weights = [], [], []
        for one, column in zip(covariates, values.T, strict=True):
            known = column[np.isfinite(column)]
            counts = [int((known == level).sum()) for level in range(one.levels)]
            if not len(known) or (min(counts) == 0 if one.levels else float(np.ptp(known)) == 0.0):
                raise MrisynthError(
                    f"{one.name} cannot be learned: {len(known)} training images know it, and their values do not vary "
                    "or a level of it is missing; leave it out or give more scans."
                )
            middles.append(0.0 if one.levels else float(known.mean()))
            spreads.append(1.0 if one.levels else float(known.std()))
            even = len(known) / max(one.levels, 1)
            weights.append(tuple(min(even / count, _MOST_WEIGHT) for count in counts))
        return cls(tuple(covariates), tuple(middles), tuple(spreads), tuple(weights))

    @property
    def widths(self) -> list[int]:
        """Outputs of each covariate: one, or one a category."""
        return [one.levels if one.kind == "categorical" else 1 for one in self.covariates]

    def loss(self, outputs: Tensor, values: Tensor) -> Tensor:
        """Return the mean over covariates of the mean loss of the known values; 0 where nothing is known.

        Squared error in standard deviations, logistic loss, cross-entropy. A missing value moves nothing.

        Args:
            outputs: [n, sum of widths].
            values: float64 [n, covariates], real units, NaN where unknown.
        """
        losses = []
        for number, (one, mine) in enumerate(zip(self.covariates, outputs.split(self.widths, dim=1), strict=True)):
            rows = torch.isfinite(values[:, number])
            if not bool(rows.any()):
                continue
            found, wanted = mine[rows], values[rows, number]
            if one.kind == "continuous":
                target = ((wanted - self.middles[number]) / self.spreads[number]).float()
                losses.append(functional.mse_loss(found[:, 0], target))
                continue
            level = wanted.long()
            weight = torch.tensor(self.weights[number], device=outputs.device)
            if one.kind == "binary":
                each = functional.binary_cross_entropy_with_logits(found[:, 0], wanted.float(), reduction="none")
            else:
                each = functional.cross_entropy(found, level, reduction="none")
            losses.append((each * weight[level]).sum() / weight[level].sum())
        return torch.stack(losses).mean() if losses else outputs.sum() * 0.0

    def answers(self, outputs: Sequence[Tensor]) -> np.ndarray:
        """Return what several networks say together, float64 [n, covariates] in real units.

        The mean of their numbers; of binary covariates the mean probability, of others the category with the largest.

        Args:
            outputs: of each network, [n, sum of widths].
        """
        each = torch.stack(list(outputs)).double().cpu()
        columns = []
        for number, (one, mine) in enumerate(zip(self.covariates, each.split(self.widths, dim=2), strict=True)):
            if one.kind == "continuous":
                columns.append(mine[:, :, 0].mean(dim=0) * self.spreads[number] + self.middles[number])
            elif one.kind == "binary":
                columns.append(mine[:, :, 0].sigmoid().mean(dim=0))
            else:
                columns.append(mine.softmax(dim=2).mean(dim=0).argmax(dim=1).double())
        return torch.stack(columns, dim=1).numpy()
