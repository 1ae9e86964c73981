from __future__ import annotations

import nibabel as nib
import numpy as np

from mrisynth.imaging.bias import correct_bias
from mrisynth.imaging.template import load_template


def test_a_known_bias_field_is_divided_out_and_the_result_repeats():
    template = load_template("icbm152_2009a", voxel_mm=5.0)
    data, inside = np.asarray(template.image.dataobj), np.asarray(template.mask.dataobj) > 0
    x, y, z = (np.linspace(-1, 1, length) for length in data.shape)
    field = np.exp(0.5 * x[:, None, None] - 0.4 * y[None, :, None] ** 2 + 0.3 * z[None, None, :])
    biased = nib.Nifti1Image((data * field * 500).astype(np.float32), template.image.affine)
    corrected = correct_bias(biased, template.mask, shrink_factor=2)
    left = np.log(np.asarray(corrected.dataobj)[inside] / (data[inside] * 500))
    before = np.log(field[inside])
    assert left.std() < 0.4 * before.std(), (left.std(), before.std())
    np.testing.assert_array_equal(corrected.affine, biased.affine)
    again = correct_bias(biased, template.mask, shrink_factor=2)
    np.testing.assert_array_equal(np.asarray(again.dataobj), np.asarray(corrected.dataobj))
