"""Words for scores whose names hold a class or a condition."""

import pytest

from mrisynth.reporting.catalogue import words


@pytest.mark.parametrize(
    ("metric", "title", "group"),
    [
        ("classifier_auc", "critic's AUC", "Condition"),
        ("classifier_balanced_accuracy", "critic's balanced accuracy", "Condition"),
        ("classifier_calibrated_accuracy", "critic's accuracy, calibrated", "Condition"),
        ("separability_diagnosis_auc", "diagnosis, probe's AUC", "Condition"),
        ("separability_age_tercile_brier", "age tercile, probe's Brier score", "Condition"),
        ("slice_ssim_fake_fake", "SSIM of two samples", "Variety"),
        ("slice_ssim_fake_fake_sd", "SSIM of two samples, spread", "Variety"),
        ("slice_ssim_real_fake_AD", "SSIM of a real slice and a sample, AD", "Variety"),
        ("slice_ssim_real_fake_sd_AD", "SSIM of a real slice and a sample, AD, spread", "Variety"),
        ("slice_ssim_gap", "gap of SSIM", "Variety"),
        ("fid", "FID", "Fidelity"),
        ("fid_fake_fake", "FID within samples", "Variety"),
        ("kid_fake_fake_sd", "spread of KID within samples", "Variety"),
        ("fid_fake_fake_by_class_sex:f", "FID within samples, sex: f", "Condition"),
        (
            "kid_fake_fake_sd_by_class_clusters.0:cluster-1",
            "spread of KID within samples, clusters.0: cluster-1",
            "Condition",
        ),
        ("slice_thickness", "slice_thickness", "Other"),
    ],
)
def test_scores_of_slices_have_words(metric, title, group):
    assert (words(metric).title, words(metric).group) == (title, group)
