"""What a step keeps of itself for the loss curve, piece by piece of its batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(kw_only=True)
class Recorded:
    """The base of the steps of families.

    Attributes:
        labels: of the batch, first axis [batch].
        recorded: (name, first image of the piece) -> that piece's part of the mean over the batch.
    """

    labels: Tensor
    recorded: dict[tuple[str, int], Tensor] = field(default_factory=dict)

    def record(self, piece: slice, **values: Tensor) -> None:
        """Keep a piece's values for the curve."""
        share = (piece.stop - piece.start) / len(self.labels)
        self.recorded |= {(name, piece.start): value.detach().float() * share for name, value in values.items()}

    def means(self) -> dict[str, Tensor]:
        """Return this process's part of the means over the batch."""
        found: dict[str, Tensor] = {}
        for (name, _), part in self.recorded.items():
            found[name] = found[name] + part if name in found else part
        return found
