"""HD-BET 2: its nnU-Net predictor, loaded once, run in this process."""

from __future__ import annotations

import logging
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import nibabel as nib
import numpy as np

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import sha256_of

CHECKPOINT = Path("fold_all") / "checkpoint_final.pth"
NEEDED = (Path("plans.json"), Path("dataset.json"), CHECKPOINT)


class HdBet:
    """Brain masks by HD-BET 2 (Isensee et al. 2019) without its start-up per call, worker processes or downloads.

    The predictor is made by HD-BET's own ``get_hdbet_predictor``; each head is then read by nnU-Net's reader and
    predicted alone, so that a broken head stops nothing and nothing is written beside the mask.

    Args:
        weights: folder with ``plans.json``, ``dataset.json`` and ``fold_all/checkpoint_final.pth``
            (``release_2.0.0`` as unpacked from Zenodo record 14445620). nnU-Net unpickles the checkpoint: use one whose
            checksum is known.
        device: ``cpu``, ``cuda``, ``cuda:0`` or ``mps``.
        test_time_augmentation: mirror along all axes.
    """

    def __init__(self, weights: str | Path | None, *, device: str, test_time_augmentation: bool) -> None:
        self._weights = _checked_weights(weights)
        self._device = device
        self._mirror = test_time_augmentation
        self._predictor = None
        self.identity = {"weights": sha256_of(self._weights / CHECKPOINT), "mirror": str(test_time_augmentation)}

    def mask(self, head: nib.Nifti1Image, path: Path) -> np.ndarray:
        """Return the brain mask of one head, bool [x, y, z]; ``head`` is what ``path`` holds, in RAS+ axes."""
        from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

        predictor = self._loaded()
        try:
            image_zyx, properties = SimpleITKIO().read_images([str(path)])
        except RuntimeError as error:
            raise ScanError("unreadable", f"{path} cannot be read by SimpleITK: {error}") from error
        with redirect_stdout(StringIO()):
            labels_zyx = predictor.predict_single_npy_array(image_zyx, properties)
        return np.asarray(labels_zyx).transpose(2, 1, 0) > 0

    def _loaded(self):  # noqa: ANN202 (a class of a library that is imported here)
        if self._predictor is None:
            import torch
            from HD_BET import hd_bet_prediction

            threads = torch.get_num_threads()
            before = hd_bet_prediction.folder_with_parameter_files
            hd_bet_prediction.folder_with_parameter_files = str(self._weights)
            try:
                self._predictor = hd_bet_prediction.get_hdbet_predictor(self._mirror, torch.device(self._device))
            finally:
                hd_bet_prediction.folder_with_parameter_files = before
                torch.set_num_threads(threads)  # HD-BET takes every core of the machine, also on a cluster
            self._predictor.allow_tqdm = False
            logging.getLogger(__name__).info("HD-BET from %s on %s", self._weights, self._device)
        return self._predictor


def _checked_weights(weights: str | Path | None) -> Path:
    if weights is None:
        raise MrisynthError("Brain extraction `hd_bet` needs the folder of its weights; set the key `weights`.")
    folder = Path(weights)
    nested = sorted(path.parent for path in folder.glob("*/plans.json"))
    folder = nested[0] if len(nested) == 1 and not (folder / "plans.json").exists() else folder
    missing = [str(name) for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise MrisynthError(
            f"The HD-BET weights folder {folder} lacks {', '.join(missing)}; let the download rule fetch it, or unpack "
            "Zenodo record 14445620 there."
        )
    return folder
