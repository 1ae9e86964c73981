"""One step of HAGAN on one batch: all that was drawn for it, and what the networks see of a piece of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.models.hagan_settings import HaganSettings
from mrisynth.models.interface import Batch, State
from mrisynth.training.augmentation import AugmentationDraw, augment
from mrisynth.training.covariate_losses import told_loss
from mrisynth.training.precision import computing_in

BRANCHES = ("high", "low")
Heads = tuple[Tensor, Tensor | None]


@dataclass(kw_only=True)
class Step:
    """One optimiser step, drawn before it is taken, so that it can be taken piece by piece, and again if need be.

    Attributes:
        batch: the reals; what is asked of the fakes is known of the reals, too, as far as they have no gaps.
        starts: first voxel of each image's slab.
        latents: [batch, latent].
        mix: [batch], where between reals and fakes the slope is held to one.
        draw: augmentation of the images, the same for a real and its fake; None for none.
        penalised: whether this step of the critics carries their penalty.
        recorded: (name, first image of the piece) -> that piece's part of the mean over the batch.
    """

    state: State
    settings: HaganSettings
    batch: Batch
    starts: list[int]
    latents: Tensor
    mix: Tensor
    draw: AugmentationDraw | None = None
    penalised: bool = True
    recorded: dict[tuple[str, int], Tensor] = field(default_factory=dict)

    @property
    def generator(self) -> nn.Module:
        """The generator."""
        return self.state.networks["generator"]

    def labels(self, piece: slice) -> Tensor:
        """Return what fakes of a piece are told to be: the labels of the reals, of covariates without gaps."""
        return self.batch.asked[piece]

    def told_loss(self, heads: Tensor | None, piece: slice, *, of_fakes: bool) -> Tensor:
        """Return how far a critic's heads are from the labels of reals, or from what fakes were told to be."""
        labels = self.batch.asked if of_fakes else self.batch.labels
        return told_loss(heads, labels[piece], columns=self.state.columns, batch_labels=labels)

    def slab_features(self, piece: slice) -> list[int]:
        """Return the first slice of A of each slab; a slab that is not aligned with A begins inside that slice."""
        return [start // 4 for start in self.starts[piece]]

    def reals(self, piece: slice) -> tuple[Tensor, Tensor]:
        """Return the slabs and the low resolution of the real images, in the model's own range."""
        images, thickness = self.whole(piece), self.generator.layout.slab
        cuts = [image[:, start : start + thickness] for image, start in zip(images, self.starts[piece], strict=True)]
        strided = self.settings.low_resolution == "strided"
        return torch.stack(cuts), images[:, :, ::4, ::4, ::4] if strided else functional.avg_pool3d(images, 4)

    def whole(self, piece: slice) -> Tensor:
        """Return the real images in the model's own range: [-1, 1], or [0, 1] as in the IXI project."""
        images = self.batch.images[piece]
        return (images + 1) / 2 if self.settings.data_range == "unit" else images

    def fakes(self, piece: slice) -> tuple[Tensor, Tensor]:
        """Return new slabs and low resolution from the generator."""
        with computing_in(self.state.recipe.precision, self.batch.images):
            return self.generator(self.latents[piece], self.labels(piece), slab_starts=self.slab_features(piece))

    def seen(self, images: Tensor, piece: slice) -> Tensor:
        """Return images as the critics see them: augmented."""
        return images if self.draw is None else augment(images, self.draw.part(piece))

    def heads(self, branch: str, seen: Tensor, piece: slice, *, precision: str) -> Heads:
        """Return the scores [piece] and class logits that a critic gives to what it sees."""
        with computing_in(precision, seen):
            told = {"slab_starts": self._told(piece)} if branch == "high" else {}
            scores, logits = self.state.networks[f"critic_{branch}"](seen, **told)
        return scores.float(), None if logits is None else logits.float()

    def record(self, piece: slice, **values: Tensor) -> None:
        """Keep a piece's values for the curve."""
        share = (piece.stop - piece.start) / len(self.batch.labels)
        self.recorded |= {(name, piece.start): value.detach().float() * share for name, value in values.items()}

    def means(self) -> dict[str, Tensor]:
        """Return this process's part of the means over the batch."""
        found: dict[str, Tensor] = {}
        for (name, _), part in self.recorded.items():
            found[name] = found[name] + part if name in found else part
        return found

    def _told(self, piece: slice) -> list[float]:
        """Return the starts in slices of A; of mirrored images, as they lie in the mirrored volume."""
        starts = [start / 4 for start in self.starts[piece]]
        if self.draw is None:
            return starts
        last, mirrored = self.generator.layout.positions - 1, self.draw.part(piece).flipped.tolist()
        return [last - start if flip else start for start, flip in zip(starts, mirrored, strict=True)]
