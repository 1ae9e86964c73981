"""Trainers of nnU-Net for small machines: as short as asked for, seeded, one with strong intensity augmentation.

nnU-Net 2.8 looks for a trainer named with ``-tr`` in its own package first. It then goes through the folders of the
environment variable ``nnUNet_extTrainer`` (separated like those of ``PATH``): each is put on ``sys.path`` for that
time, every module in it is imported under its bare name, in alphabetical order, until one has the class, and what was
imported is forgotten again. So this module imports nothing of its own package, and stands in a folder of its own. The
name of the class is kept in the checkpoint and predicting looks for it in the same way; only
``build_network_architecture`` is then called, so that a prediction needs the folder but no settings.

``nnUNetTrainer.__init__`` reads the arguments that it keeps for the checkpoint from the signature of the class: it must
name them (``*args`` ends in a KeyError).
"""

from __future__ import annotations

import json
import os
import random
from typing import Any

import numpy as np
import torch
from batchgeneratorsv2.helpers.scalar_type import sample_scalar
from batchgeneratorsv2.transforms.base.basic_transform import BasicTransform, ImageOnlyTransform
from batchgeneratorsv2.transforms.intensity.brightness import BrightnessAdditiveTransform
from batchgeneratorsv2.transforms.intensity.contrast import ContrastTransform
from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
from batchgeneratorsv2.transforms.utils.random import RandomTransform
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

SETTINGS = "MRISYNTH_NNUNET"
"""Environment variable with the settings as JSON: ``epochs``, ``iterations``, ``validation_iterations``,
``initial_learning_rate``, ``batch_size`` (null for nnU-Net's own), ``seed``, ``threads``, ``save_every`` (epochs) and
``final_validation``."""

_EDGE = 1e-3  # of the range of an image: what lies nearer to its lowest value is background


class MrisynthTrainer(nnUNetTrainer):
    """nnU-Net's default trainer, of a length of choice, with fixed seeds and as many threads as it is given.

    Two runs of one data set on one machine without a GPU, with one worker and the same number of threads, end with
    equal weights. On a GPU, rounding differs from run to run even with cuDNN held to its repeatable algorithms; with
    several workers it is chance which of them delivers the next batch. A training that is continued draws other
    batches than one that never stopped.
    """

    def __init__(
        self,
        plans: dict,
        configuration: str,
        fold: int | str,
        dataset_json: dict,
        device: torch.device = torch.device("cuda"),  # noqa: B008 (nnU-Net's own signature)
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        self._wanted = _settings()
        self.num_epochs = int(self._wanted["epochs"])
        self.num_iterations_per_epoch = int(self._wanted["iterations"])
        self.num_val_iterations_per_epoch = int(self._wanted["validation_iterations"])
        self.initial_lr = float(self._wanted["initial_learning_rate"])
        self.save_every = int(self._wanted["save_every"])
        torch.set_num_threads(int(self._wanted["threads"]))  # nnU-Net has taken every core of the machine

    def initialize(self) -> None:
        """Build network and optimiser from the seed."""
        seed = self._seed_of("network")
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (nnU-Net draws from the global generators)
        torch.manual_seed(seed)
        super().initialize()

    def on_train_start(self) -> None:
        """Hold cuDNN to algorithms that repeat; nnU-Net has just let it choose the fastest."""
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        super().on_train_start()

    def get_dataloaders(self) -> tuple[Any, Any]:
        """Return the loaders of batches, started again with seeds: nnU-Net starts theirs with none."""
        loaders = super().get_dataloaders()
        for stream, loader in zip(("training", "validation"), loaders, strict=True):
            if hasattr(loader, "seeds"):
                loader._finish()
                loader.seeds = [self._seed_of(stream, worker) for worker in range(loader.num_processes)]
        return loaders

    @staticmethod
    def get_training_transforms(*args: Any, **kwargs: Any) -> BasicTransform:
        """Return nnU-Net's augmentation, with blurs of one kind: theirs time two and take the one that was faster."""
        transforms = nnUNetTrainer.get_training_transforms(*args, **kwargs)
        for transform in transforms.transforms:
            inner = getattr(transform, "transform", transform)
            if isinstance(inner, GaussianBlurTransform):
                inner.benchmark = False
        return transforms

    def perform_actual_validation(self, save_probabilities: bool = False) -> None:
        """Predict the validation cases, as nnU-Net does after each training, only where that is asked for."""
        if self._wanted["final_validation"]:
            super().perform_actual_validation(save_probabilities)

    def _set_batch_size_and_oversample(self) -> None:
        super()._set_batch_size_and_oversample()
        if self._wanted["batch_size"] is not None:
            self.batch_size = int(self._wanted["batch_size"])

    def _seed_of(self, stream: str, worker: int = 0) -> int:
        words = [int(self._wanted["seed"]), self.current_epoch, worker, *stream.encode()]
        return int(np.random.SeedSequence(words).generate_state(1)[0])


class MrisynthTrainerStrongIntensity(MrisynthTrainer):
    """The same with strong changes of intensity, so that a network learns shapes and not one contrast.

    Before nnU-Net's own augmentation: tissue inverted (half of the patches), gamma from 0.4 to 2.5, contrast from 0.5
    to 2, brightness shifted, blurred and noised. A class of its own, as nnU-Net keeps the networks of a class and a
    data set in one folder: two arms with the same cases need not share it.
    """

    @staticmethod
    def get_training_transforms(*args: Any, **kwargs: Any) -> BasicTransform:
        """Return the augmentation, the strong changes after the spatial ones."""
        transforms = MrisynthTrainer.get_training_transforms(*args, **kwargs).transforms
        first = next(at for at, transform in enumerate(transforms) if isinstance(transform, RandomTransform))
        return ComposeTransforms([*transforms[:first], *strong_intensity(), *transforms[first:]])


def strong_intensity() -> list[BasicTransform]:
    """Return random changes of an image whose values have mean 0 and standard deviation 1."""
    each = {"synchronize_channels": False, "p_per_channel": 1.0}
    gamma = {"gamma": _log_uniform(0.4, 2.5), "p_retain_stats": 1.0, **each}
    contrast = ContrastTransform(contrast_range=_log_uniform(0.5, 2.0), preserve_range=True, **each)
    return [
        RandomTransform(InvertTissue(), apply_probability=0.5),
        RandomTransform(GammaTransform(p_invert_image=0.5, **gamma), apply_probability=0.7),
        RandomTransform(contrast, apply_probability=0.5),
        RandomTransform(BrightnessAdditiveTransform(0.0, 0.4, **each), apply_probability=0.5),
        RandomTransform(GaussianBlurTransform(blur_sigma=(0.5, 1.5), **each), apply_probability=0.3),
        RandomTransform(GaussianNoiseTransform(noise_variance=(0.0, 0.2), **each), apply_probability=0.4),
    ]


class InvertTissue(ImageOnlyTransform):
    """Turns dark tissue bright and bright tissue dark; a background of the lowest value stays as it is.

    As from T1 to T2, where fluid is bright and air as dark as before. In heads whose background is noise few voxels
    have the lowest value: all of the image is then inverted.
    """

    def get_parameters(self, **_: Any) -> dict:
        """Return nothing: nothing is drawn."""
        return {}

    def _apply_to_image(self, img: torch.Tensor, **_: Any) -> torch.Tensor:
        for channel in img:
            low, high = channel.aminmax()
            tissue = channel > low + _EDGE * (high - low)
            if tissue.any():
                values = channel[tissue]
                channel[tissue] = values.min() + values.max() - values
        return img


class _log_uniform:  # noqa: N801 (a function that can be sent to a worker)
    """Draws numbers whose logarithm is uniform: halving is as likely as doubling."""

    def __init__(self, low: float, high: float) -> None:
        self._ends = (float(np.log(low)), float(np.log(high)))

    def __call__(self, *_: Any, **__: Any) -> float:
        return float(np.exp(sample_scalar(self._ends)))


def _settings() -> dict[str, Any]:
    text = os.environ.get(SETTINGS)
    if text is None:
        raise RuntimeError(
            f"The environment variable {SETTINGS} with the settings of this trainer is not set; start the training "
            "with mrisynth.segmentation.nnunet_run.train."
        )
    return json.loads(text)
