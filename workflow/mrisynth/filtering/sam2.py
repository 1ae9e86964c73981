"""A scorer by SAM 2 (Ravi et al. 2024), from a folder on this machine; nothing is ever downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional

from mrisynth.errors import MrisynthError
from mrisynth.filtering.scorers import StructureScores, check_asked, overlap
from mrisynth.transformers_bridge import transformers

FILES = ("config.json", "model.safetensors")

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the images that SAM 2 was trained on
_LOGIT = 20.0  # a mask as the model writes it: sure inside, sure outside
_PROMPT_EDGE = 256


@dataclass(frozen=True, kw_only=True)
class Sam2Scorer:
    """SAM 2, asked for each structure of a slice by its mask and box; a :class:`mrisynth.filtering.scorers.Scorer`.

    The mask of a structure goes in as logits of +-20 at 256 x 256 with the box around it; of the masks that come back
    the one that the model itself thinks best is compared, and what it thinks of it is the confidence. The model sees
    where the structure was asked for, so its overlaps are high where a border is near; only thresholds that were
    calibrated with the same scorer on real slices say what is high enough.

    Attributes:
        model: of :func:`load_sam2`.
        structures: names of the classes of the masks, class 1 first.
        device: where it runs.
        name: of the scorer.
    """

    model: nn.Module
    structures: tuple[str, ...]
    device: str = "cpu"
    name: str = "sam2"

    @classmethod
    def load(cls, folder: str | Path, structures: tuple[str, ...], *, device: str = "cpu") -> Sam2Scorer:
        """Return the scorer of a model in a folder; errors as :func:`load_sam2`."""
        return cls(model=load_sam2(folder).to(device), structures=tuple(structures), device=device)

    @torch.inference_mode()
    def score(self, images: np.ndarray, asked: np.ndarray) -> StructureScores:
        """Return overlaps with what SAM 2 draws, and its own estimate of them as confidence."""
        check_asked(images, asked, self.structures)
        if images.ndim != 3:
            raise MrisynthError(f"Found images {images.shape}; SAM 2 takes slices, [n, row, column].")
        iou = np.full((len(images), len(self.structures)), np.nan)
        sure = iou.copy()
        for row, (image, mask) in enumerate(zip(images, asked, strict=True)):
            present = [number for number in range(1, len(self.structures) + 1) if (mask == number).any()]
            if not present:
                continue
            embeddings = self.model.get_image_embeddings(_pixels(image, edge=self._edge).to(self.device))
            for number in present:
                found, confidence = self._found(embeddings, mask == number)
                iou[row, number - 1] = overlap(found, mask == number)
                sure[row, number - 1] = confidence if found.any() else 0.0
        return StructureScores(iou, sure)

    @property
    def _edge(self) -> int:
        return int(self.model.config.prompt_encoder_config.image_size)

    def _found(self, embeddings: list[Tensor], wanted: np.ndarray) -> tuple[np.ndarray, float]:
        said = self.model(
            image_embeddings=embeddings, input_masks=mask_prompt(wanted).to(self.device),
            input_boxes=box_prompt(wanted, edge=self._edge).to(self.device), multimask_output=True,
        )  # fmt: skip
        scores = said.iou_scores[0, 0].float()
        best = int(scores.argmax())
        logits = said.pred_masks[0, 0, best].float()[None, None]
        at_size = functional.interpolate(logits, size=wanted.shape, mode="bilinear", align_corners=False)[0, 0]
        return (at_size > 0).cpu().numpy(), float(scores[best].clamp(0.0, 1.0))


def load_sam2(folder: str | Path) -> nn.Module:
    """Return the model in a folder as it is published: ``config.json`` and ``model.safetensors``, no pickle.

    Raises:
        MrisynthError: a file is missing, or they are no SAM 2.
    """
    folder = Path(folder)
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        raise MrisynthError(
            f"{folder} has no {' and no '.join(missing)}; put a published SAM 2 there (such as sam2.1-hiera-large), or "
            "choose the scorer segmenter."
        )
    try:
        model, told = transformers.Sam2Model.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    except (SafetensorError, OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise MrisynthError(f"{folder} holds no whole SAM 2 ({error}); copy it again.") from error
    if told["missing_keys"]:
        raise MrisynthError(
            f"{folder / FILES[1]} has not all weights of SAM 2 ({sorted(told['missing_keys'])[0]} is missing); copy it "
            "again."
        )
    return model.eval().requires_grad_(requires_grad=False)


def mask_prompt(mask: np.ndarray) -> Tensor:
    """Return a mask, bool [row, column], as SAM 2 takes one: logits, float32 [1, 1, 256, 256]."""
    wanted = torch.from_numpy(np.ascontiguousarray(mask))[None, None].float()
    at_edge = functional.interpolate(wanted, size=(_PROMPT_EDGE, _PROMPT_EDGE), mode="nearest-exact")
    return _LOGIT * (2.0 * at_edge - 1.0)


def box_prompt(mask: np.ndarray, *, edge: int) -> Tensor:
    """Return the box around a mask that is not empty, float32 [1, 1, 4]: left, top, right, bottom.

    In pixels of the square image of that edge which the model sees, borders included.
    """
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    down, right = edge / mask.shape[0], edge / mask.shape[1]
    box = [columns[0] * right, rows[0] * down, (columns[-1] + 1) * right, (rows[-1] + 1) * down]
    return torch.tensor(box, dtype=torch.float32).view(1, 1, 4)


def _pixels(image: np.ndarray, *, edge: int) -> Tensor:
    """Return a slice as SAM 2 takes one: float32 [1, 3, edge, edge], of the mean and spread of its training images."""
    grey = (torch.from_numpy(np.array(image, dtype=np.float32)).clamp(-1, 1) + 1) / 2
    at_edge = functional.interpolate(
        grey[None, None], size=(edge, edge), mode="bilinear", align_corners=False, antialias=True
    )
    middle, spread = (torch.tensor(one).view(1, 3, 1, 1) for one in (_MEAN, _DEVIATION))
    return (at_edge.expand(1, 3, edge, edge) - middle) / spread
