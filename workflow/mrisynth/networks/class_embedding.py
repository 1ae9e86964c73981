"""One learned vector for each class; zeros for an image whose class is not known."""

from __future__ import annotations

from torch import Tensor, nn


class ClassEmbedding(nn.Module):
    """Labels [batch], int64, to vectors [batch, length]; labels below 0 are missing and give zeros.

    Args:
        classes: number of classes; 0 gives vectors of length 0.
        length: of a vector.
    """

    def __init__(self, classes: int, *, length: int) -> None:
        super().__init__()
        self.length = length if classes else 0
        self.table = nn.Embedding(classes, length) if classes else None

    def forward(self, labels: Tensor) -> Tensor:
        """Return the vectors."""
        if self.table is None:
            return labels.new_empty(len(labels), 0).float()
        return self.table(labels.clamp(min=0)) * (labels >= 0)[:, None]
