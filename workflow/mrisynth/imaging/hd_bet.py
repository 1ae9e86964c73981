"""HD-BET 2: its nnU-Net predictor, loaded once, run in this process."""

from __future__ import annotations

import json
import logging
import os
import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path

import nibabel as nib
import numpy as np

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import sha256_of
from mrisynth.imaging.device import usable_device

CHECKPOINT = Path("fold_all") / "checkpoint_final.pth"
NEEDED = (Path("plans.json"), Path("dataset.json"), CHECKPOINT)


class HdBet:
    """Brain masks by HD-BET 2 (Isensee et al. 2019) without its start-up per call, worker processes or downloads.

    The predictor is made by HD-BET's own ``get_hdbet_predictor``; each head is then read by nnU-Net's reader and
    predicted alone, so that a broken head stops nothing and nothing is written beside the mask.

    Args:
        weights: folder with ``plans.json``, ``dataset.json`` and ``fold_all/checkpoint_final.pth``
            (``release_2.0.0`` as unpacked from Zenodo record 14445620). nnU-Net would unpickle whatever the checkpoint
            holds; here only tensors, plain values and NumPy numbers are, and a file with more is refused.
        device: ``cpu``, ``cuda``, ``cuda:0`` or ``mps``.
        test_time_augmentation: mirror along all axes.

    Raises:
        MrisynthError: a file is not there or is no JSON, or (at the first head) the checkpoint holds more than weights.
    """

    def __init__(self, weights: str | Path | None, *, device: str, test_time_augmentation: bool) -> None:
        self._weights = _checked_weights(weights)
        self._device = device
        self._mirror = test_time_augmentation
        self._predictor = None
        self.identity = {"weights": sha256_of(self._weights / CHECKPOINT), "mirror": str(test_time_augmentation)}

    def mask(self, head: nib.Nifti1Image, path: Path) -> np.ndarray:
        """Return the brain mask of one head, bool [x, y, z] in the RAS+ axes of ``head``, read from ``path``."""
        from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

        predictor = self._loaded()
        try:
            image_zyx, properties = SimpleITKIO().read_images([str(path)])
        except RuntimeError as error:
            raise ScanError("unreadable", f"{path} cannot be read by SimpleITK: {error}") from error
        with redirect_stdout(StringIO()):
            labels_zyx = predictor.predict_single_npy_array(image_zyx, properties)
        labels = np.asarray(labels_zyx, dtype=np.uint8).transpose(2, 1, 0)
        turned = nib.as_closest_canonical(nib.Nifti1Image(labels, nib.load(path).affine))
        return np.asarray(turned.dataobj) > 0

    def _loaded(self):  # noqa: ANN202 (a class of a library that is imported here)
        if self._predictor is None:
            import torch
            from HD_BET import hd_bet_prediction

            device = torch.device(usable_device(self._device))
            log = logging.getLogger(__name__)
            if self._mirror and device.type == "cpu":
                log.warning("HD-BET mirrors each head eight times: on a CPU that is about half an hour a head at 1 mm.")
            threads = torch.get_num_threads()
            before = hd_bet_prediction.folder_with_parameter_files
            hd_bet_prediction.folder_with_parameter_files = str(self._weights)
            try:
                with _only_weights(self._weights / CHECKPOINT):
                    self._predictor = hd_bet_prediction.get_hdbet_predictor(self._mirror, device)
            finally:
                hd_bet_prediction.folder_with_parameter_files = before
                torch.set_num_threads(threads)  # HD-BET takes every core of the machine, also on a cluster
            self._predictor.allow_tqdm = False
            log.info("HD-BET from %s on %s", self._weights, device)
        return self._predictor


@contextmanager
def _only_weights(checkpoint: Path) -> Iterator[None]:
    """Let ``torch.load`` read nothing but tensors, plain values and NumPy numbers, also where it is asked for more."""
    import torch

    number = np.float64(0).__reduce__()[0]
    numbers = [np.dtype, *{type(np.dtype(name)) for name in ("f4", "f8", "i4", "i8", "?")}]
    under_both_names = [(number, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        with torch.serialization.safe_globals([*numbers, *under_both_names]):
            yield
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        raise MrisynthError(
            f"{checkpoint} holds {found[1] if found else 'something'} beside weights, which could run a stranger's "
            "code when it is read; nothing of it was run. Delete it and download the weights again."
        ) from None
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


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
    for path in (folder / name for name in NEEDED if name.suffix == ".json"):
        try:
            json.loads(path.read_bytes())
        except ValueError as error:
            raise MrisynthError(f"The HD-BET file {path} is no JSON ({error}); download the weights again.") from error
    return folder
