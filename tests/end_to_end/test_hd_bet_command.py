"""HD-BET run in this process gives the mask of its real command line, voxel for voxel, with weights made up here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mrisynth.cohorts.simulated import simulate_head, simulate_participants
from mrisynth.imaging.brain_extraction import make_extractor
from mrisynth.imaging.volume import write_volume

pytestmark = [pytest.mark.end_to_end, pytest.mark.long]

VOXEL_MM = 5.0
STAGES = 3


def write_weights(folder: Path) -> None:
    """A folder as nnU-Net 2 leaves it after training: a U-Net of three stages with random weights for 5 mm voxels."""
    import torch
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    network = {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": {
            "n_stages": STAGES,
            "features_per_stage": [6, 8, 10],
            "conv_op": "torch.nn.modules.conv.Conv3d",
            "kernel_sizes": [[3] * 3] * STAGES,
            "strides": [[1] * 3] + [[2] * 3] * (STAGES - 1),
            "n_conv_per_stage": [1] * STAGES,
            "n_conv_per_stage_decoder": [1] * (STAGES - 1),
            "conv_bias": True,
            "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
            "norm_op_kwargs": {"eps": 1e-5, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }
    resampling = {}
    for what, is_seg, order in (("data", False, 3), ("seg", True, 1), ("probabilities", False, 1)):
        resampling[f"resampling_fn_{what}"] = "resample_data_or_seg_to_shape"
        resampling[f"resampling_fn_{what}_kwargs"] = {
            "is_seg": is_seg,
            "order": order,
            "order_z": 0,
            "force_separate_z": None,
        }
    plans = {
        "dataset_name": "Dataset001_heads",
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [VOXEL_MM] * 3,
        "original_median_shape_after_transp": [40] * 3,
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": {"mean": 1.0, "std": 1.0}},
        "configurations": {
            "3d_fullres": {
                "data_identifier": "heads",
                "preprocessor_name": "DefaultPreprocessor",
                "batch_size": 2,
                "patch_size": [32, 32, 32],
                "median_image_size_in_voxels": [40.0] * 3,
                "spacing": [VOXEL_MM] * 3,
                "normalization_schemes": ["ZScoreNormalization"],
                "use_mask_for_norm": [False],
                "batch_dice": False,
                "architecture": network,
                **resampling,
            }
        },
    }
    dataset = {
        "channel_names": {"0": "T1w"},
        "labels": {"background": 0, "brain": 1},
        "numTraining": 1,
        "file_ending": ".nii.gz",
    }
    torch.manual_seed(4)
    net = get_network_from_plans(*network.values(), 1, 2, deep_supervision=False)
    checkpoint = {
        "network_weights": net.state_dict(),
        "optimizer_state": torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.99).state_dict(),
        "grad_scaler_state": None,
        "logging": {"mean_fg_dice": [np.float64(0.5), np.float32(0.75)], "train_losses": [np.float32(-0.5)]},
        "_best_ema": np.float64(0.7),
        "current_epoch": 1,
        "init_args": {
            "plans": plans,
            "configuration": "3d_fullres",
            "fold": "all",
            "dataset_json": dataset,
            "device": torch.device("cuda"),
        },
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 1, 2),
    }
    (folder / "fold_all").mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(plans))
    (folder / "dataset.json").write_text(json.dumps(dataset))
    torch.save(checkpoint, folder / "fold_all" / "checkpoint_final.pth")


def test_same_mask_as_the_command_line(tmp_path: Path):
    weights = tmp_path / "home" / "hd-bet_params" / "release_2.0.0"
    write_weights(weights)
    head = tmp_path / "head" / "T1w.nii.gz"
    person = simulate_participants(1, seed=2).iloc[0].to_dict()
    image = simulate_head(person, seed=2, voxel_mm=4.0).image  # not the voxels of the weights
    axes = nib.orientations.axcodes2ornt(("P", "S", "R"))  # nor the axes of our masks
    turn = nib.orientations.ornt_transform(nib.io_orientation(image.affine), axes)
    write_volume(image.as_reoriented(turn), head)

    found = make_extractor("hd_bet", weights=weights).extract({"one": head}, tmp_path / "ours")["one"]

    command = [Path(sys.executable).with_name("hd-bet"), "-device", "cpu", "--disable_tta", "--save_bet_mask"]
    (tmp_path / "theirs").mkdir()
    finished = subprocess.run(
        [*command, "-i", head, "-o", tmp_path / "theirs" / "one.nii.gz"],
        env=os.environ | {"HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    ours = nib.load(found)
    theirs = nib.as_closest_canonical(nib.load(tmp_path / "theirs" / "one_bet.nii.gz"))
    np.testing.assert_allclose(ours.affine, theirs.affine, atol=1e-4)
    mask = np.asarray(ours.dataobj)
    assert 0.02 < mask.mean() < 0.98, "the made-up weights mark nothing or everything: nothing would be compared"
    np.testing.assert_array_equal(mask, np.asarray(theirs.dataobj))
