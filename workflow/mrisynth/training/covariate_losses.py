"""The loss of a critic's heads on covariates, where each image knows only some of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from mrisynth.networks.covariate_columns import CovariateColumns, places
from mrisynth.training.losses import class_loss


def told_loss(
    heads: Tensor | None, labels: Tensor, *, columns: Sequence[int], batch_labels: Tensor | None = None
) -> Tensor:
    """Return how far the heads of a critic are from what is known of the images.

    Of covariates: the sum over the columns of the mean squared error of a number, and of the cross-entropy of the
    source and of categories, each a mean over the images of the batch that know it: a head gets no gradient from an
    image whose value is missing, and a covariate that few images know counts as much as one that all know. Of a
    categorical condition: :func:`mrisynth.training.losses.class_loss`.

    Args:
        heads: [images, outputs] in the order of :func:`mrisynth.networks.covariate_columns.places`, or None.
        labels: rows [images, columns] with NaN for missing; of a categorical condition int64 [images].
        columns: of the condition.
        batch_labels: of the whole batch, when the images are a piece of it.
    """
    if heads is None or not isinstance(columns, CovariateColumns):
        return class_loss(heads, labels, batch_labels=batch_labels)
    batch = labels if batch_labels is None else batch_labels
    total = torch.zeros((), device=labels.device)
    for place, where in enumerate(places(columns)):
        if where.stop == where.start:
            continue
        number = place > 0 and columns[place] == 0
        known, asked = _known(labels[:, place], number=number), labels[:, place].nan_to_num()
        said = heads[:, where].float()
        if number:
            apart = (said[:, 0] - asked).square()
        else:
            apart = functional.cross_entropy(said, asked.long().clamp(min=0), reduction="none")
        share = len(batch) / len(labels) / _known(batch[:, place], number=number).sum().clamp(min=1)
        total = total + torch.where(known, apart, 0.0).sum() * share
    return total


def _known(values: Tensor, *, number: bool) -> Tensor:
    return ~values.isnan() if number else values >= 0
