"""Fast deformable registration with greedy."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
import picsl_greedy

from mrisynth.errors import ScanError
from mrisynth.imaging.ants_bridge import write_linear
from mrisynth.imaging.centres import between_centres
from mrisynth.imaging.sitk_bridge import sitk, to_sitk

# Steps at a quarter of the resolution, at half of it and at all of it.
AFFINE = "-a -dof 12 -m NCC 2x2x2 -n 40x20x0"
DEFORMATION = "-m NCC 2x2x2 -n 30x15x3"


def register_with_greedy(
    brain: nib.Nifti1Image, template: nib.Nifti1Image, *, seed: int, folder: Path
) -> tuple[Path, ...]:
    """Find an affine transform and a deformation with greedy (Yushkevich et al. 2016).

    Both by normalised cross-correlation in blocks of 5 x 5 x 5 voxels, coarse to fine, from the centres of mass. With
    one thread and a seed above 0 the result is the same bit for bit.

    Args:
        brain: float32 [x, y, z], 0 outside the brain.
        template: the template's brain, likewise.
        seed: of the noise and the jitter that greedy adds.
        folder: receives the files.

    Returns:
        The deformation (displacements in mm on the template's grid) and the affine transform, both as ANTs reads them.

    Raises:
        ScanError: reason ``registration_failed`` when greedy gives up.
    """
    shift = between_centres(template, brain)
    near = nib.Nifti1Image(np.asarray(brain.dataobj), np.linalg.inv(shift) @ brain.affine)
    common = f"-i fixed moving -threads 1 -seed {seed % (2**31 - 2) + 1} -V 0"
    greedy = picsl_greedy.GreedyFloat3D()
    try:
        with Path(os.devnull).open("w") as nowhere, _quiet():
            greedy.execute(
                f"{common} {AFFINE} -o affine",
                out=nowhere,
                err=nowhere,
                fixed=to_sitk(template),
                moving=to_sitk(near),
                affine=None,
            )
            greedy.execute(f"{common} {DEFORMATION} -it affine -o warp -wp 0", out=nowhere, err=nowhere, warp=None)
    except RuntimeError as error:
        raise ScanError("registration_failed", f"greedy could not register the brain: {error}") from error
    sitk.WriteImage(sitk.Cast(greedy["warp"], sitk.sitkVectorFloat32), str(folder / "warp.nii.gz"))
    write_linear(shift @ np.asarray(greedy["affine"]), folder / "affine.mat")
    return folder / "warp.nii.gz", folder / "affine.mat"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what greedy's optimiser prints past its own switch (lines about its line search) out of the log."""
    sys.stdout.flush()
    kept = os.dup(1)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
