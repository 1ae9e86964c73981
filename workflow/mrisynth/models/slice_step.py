"""One step of a progressive model on one batch of slices: all that was drawn for it, and what the networks say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mrisynth.models.interface import State
from mrisynth.models.progressive_settings import ProgressiveSettings
from mrisynth.models.recorded import Recorded
from mrisynth.training.augmentation import AugmentationDraw
from mrisynth.training.precision import computing_in
from mrisynth.training.slice_augmentation import augment_slices


@dataclass(kw_only=True)
class SliceStep(Recorded):
    """One optimiser step, drawn before it is taken, so that it can be taken piece by piece, and again if need be.

    The critic's channel of the spread looks at the images that it sees together: those of a piece, where the batch is
    taken in pieces.

    Attributes:
        images: reals [batch, channels, level, level] in [-1, 1].
        labels: [batch], of the reals and of the fakes; below 0 is missing.
        inputs: what the generator is given beside the labels, by the names of its arguments, first axis [batch].
        mix: [batch], where between reals and fakes the slope is held to one.
        draw: augmentation, the same for a real and its fake; None for none.
        kept: fakes of the whole batch with what their gradient needs, from the critic's step for the generator's.
        keeps: whether the critic's step is to keep its fakes.
    """

    state: State
    settings: ProgressiveSettings
    images: Tensor
    inputs: Mapping[str, Tensor]
    mix: Tensor
    draw: AugmentationDraw | None = None
    kept: Tensor | None = None
    keeps: bool = False

    def fakes_for_critic(self, piece: slice) -> Tensor:
        """Return fakes without their gradient; keep them with it if asked to, and if the piece is the batch."""
        self.kept = None
        keep = self.keeps and piece == slice(0, len(self.labels))
        with torch.set_grad_enabled(keep):
            fakes = self._fakes(piece)
        self.kept = fakes if keep else None
        return fakes.detach()

    def fakes_for_generator(self, piece: slice) -> Tensor:
        """Return fakes with their gradient: those that were kept, or the same ones made again."""
        kept, self.kept = self.kept, None
        return kept if kept is not None and piece == slice(0, len(self.labels)) else self._fakes(piece)

    def _fakes(self, piece: slice) -> Tensor:
        given = {name: value[piece] for name, value in self.inputs.items()}
        with computing_in(self.state.recipe.precision, self.images):
            return self.state.networks["generator"](labels=self.labels[piece], **given).float()

    def seen(self, images: Tensor, piece: slice) -> Tensor:
        """Return images as the critic sees them: augmented."""
        return images if self.draw is None else augment_slices(images, self.draw.part(piece))

    def heads(self, seen: Tensor, *, classify: bool) -> tuple[Tensor, Tensor | None]:
        """Return the scores [piece] and, if asked, the class logits that the critic gives, in 32 bits."""
        with computing_in(self.state.recipe.precision, seen):
            scores, logits = self.state.networks["critic"](seen, classify=classify)
        return scores.float(), None if logits is None else logits.float()

    def scores_for_slope(self, seen: Tensor) -> Tensor:
        """Return the scores [piece], computed in 32 bits, for a penalty of their slope."""
        with computing_in("fp32", seen):
            return self.state.networks["critic"](seen, classify=False, for_slope=True)[0]


class Taken:
    """The steps of one update: takes them and keeps their values; of steps of one kind, the last's."""

    def __init__(self, state: State) -> None:
        self._state, self._skipped = state, 0
        self._values: dict[str, Tensor] = {}

    def step(self, loss: Callable[[SliceStep, slice], Tensor], step: SliceStep, optimisers: Sequence[str]) -> None:
        """Take one step of some optimisers."""
        chosen = [self._state.optimisers[name] for name in optimisers]
        good = self._state.stepper.step(lambda piece: loss(step, piece), chosen, images=len(step.labels))
        self._skipped += not good
        self._values |= step.means()

    def losses(self) -> dict[str, Tensor]:
        """Return the means over the batch of all processes, and how many steps were ``skipped``."""
        names = list(self._values)
        packed = torch.stack([self._values[name] for name in names])
        self._state.stepper.team.add_up([packed])
        return dict(zip(names, packed.unbind(), strict=True)) | {"skipped": torch.tensor(float(self._skipped))}
