"""The two stages: a bad scan is a row, a done scan is kept, a killed bundle loses nothing."""

from __future__ import annotations

import faulthandler
import json
import os
from collections.abc import Mapping
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import write_json
from mrisynth.imaging import brain_extraction, registration_stage
from mrisynth.imaging.extraction_stage import extract_bundle
from mrisynth.imaging.grid import grid_affine
from mrisynth.imaging.limits import judge, limits_of_study
from mrisynth.imaging.quality import measure_extraction
from mrisynth.imaging.recipes import ExtractionRecipe, RegistrationRecipe
from mrisynth.imaging.registration_stage import register_bundle
from mrisynth.imaging.template import Template, load_template
from mrisynth.imaging.volume import write_volume

VOXEL_MM = 5.0
EXTRACTION = ExtractionRecipe(already_extracted=True, voxel_mm=VOXEL_MM)
SETTINGS = {"already_extracted": True, "voxel_mm": VOXEL_MM, "size": 32, "seed": 11}
REGISTRATION = RegistrationRecipe(**SETTINGS, bias_correction=False)
LIMITS = limits_of_study(pd.DataFrame(), configured={}, learn=False, transform="affine")


@pytest.fixture(scope="module")
def template() -> Template:
    return load_template("icbm152_2009a", voxel_mm=VOXEL_MM)


@pytest.fixture(scope="module")
def brain(template: Template) -> nib.Nifti1Image:
    """A person's brain: the template a little smaller, turned, noisy, on its own grid."""
    turn = np.deg2rad(6.0)
    rotation = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    affine = nib.affines.from_matvec(rotation * 0.92, [5.0, 10.0, -7.0]) @ template.image.affine
    inside = np.asarray(template.mask.dataobj) > 0
    noise = np.random.default_rng(4).normal(0, 0.02, size=inside.shape)
    data = np.where(inside, np.clip(np.asarray(template.image.dataobj) + noise, 0.02, None) * 800, 0)
    return nib.Nifti1Image(data.astype(np.float32), affine)


@pytest.fixture
def scans(brain: nib.Nifti1Image, tmp_path: Path) -> dict[str, Path]:
    folder = tmp_path / "raw"
    folder.mkdir()
    data = np.asarray(brain.dataobj)
    good = folder / "good_T1w.nii.gz"
    nib.save(brain, good)
    contents: Mapping[str, np.ndarray] = {
        "nan": np.where(data > 700, np.nan, data),
        "constant": np.full_like(data, 3),
        "volumes": np.stack([data, data], axis=-1),
    }
    paths = {"good": good}
    for name, content in contents.items():
        paths[name] = folder / f"{name}_T1w.nii.gz"
        nib.save(nib.Nifti1Image(content, brain.affine), paths[name])
    for name, raw in {"truncated": good.read_bytes()[:3000], "zero": b"", "text": b"not gzip" * 99}.items():
        paths[name] = folder / f"{name}_T1w.nii.gz"
        paths[name].write_bytes(raw)
    paths["huge"] = folder / "huge_T1w.nii.gz"
    nib.save(nib.Nifti1Image(data, np.diag([20.0, 20, 20, 1]) @ brain.affine), paths["huge"])
    paths["gone"] = folder / "gone_T1w.nii.gz"
    paths["also-good"] = folder / "also-good_T1w.nii.gz"
    nib.save(nib.Nifti1Image(data * 3, brain.affine), paths["also-good"])
    return paths


REASONS = {
    "good": "",
    "nan": "not_finite",
    "constant": "constant",
    "volumes": "not_3d",
    "truncated": "truncated",
    "zero": "empty_file",
    "text": "unreadable",
    "huge": "voxel_size",
    "gone": "missing",
    "also-good": "",
}


def changes(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.fault(11)
def test_bad_scans_become_rows_through_both_stages(scans: dict[str, Path], template: Template, tmp_path: Path):
    table = extract_bundle(scans, tmp_path / "ex", recipe=EXTRACTION)
    assert dict(zip(table["scan"], table["reason"], strict=True)) == REASONS
    assert list(table.columns[:4]) == ["scan", "status", "reason", "message"]
    bad = table[table["status"] == "excluded"]
    for row in bad.itertuples():
        assert str(scans[row.scan]) in row.message and "\n" not in row.message

    quality = register_bundle(
        scans | {"never-extracted": scans["good"]},
        tmp_path / "ex",
        tmp_path / "pp",
        template=template,
        recipe=REGISTRATION,
    )
    expected = REASONS | {"never-extracted": "missing"}
    assert dict(zip(quality["scan"], quality["reason"], strict=True)) == expected
    for scan, reason in expected.items():
        record = json.loads((tmp_path / "pp" / scan / "quality.json").read_text())
        assert record["reason"] == reason
        assert record["status"] == ("excluded" if reason else "measured")


def test_a_good_scan_lands_on_the_cube(scans: dict[str, Path], template: Template, tmp_path: Path):
    extract_bundle({"good": scans["good"]}, tmp_path / "ex", recipe=EXTRACTION)
    good = {"good": scans["good"]}
    row = register_bundle(good, tmp_path / "ex", tmp_path / "pp", template=template, recipe=REGISTRATION).iloc[0]
    assert row["status"] == "measured" and judge(row, LIMITS) == ("", "")
    assert row["rotation_deg"] == pytest.approx(6.0, abs=1.5)
    assert row["overlap"] > 0.95 and row["correlation"] > 0.9
    assert row["volume_ratio"] == pytest.approx(0.92**3, rel=0.05)
    folder = tmp_path / "pp" / "good"
    cube, mask = nib.load(folder / "T1w_brain.nii.gz"), nib.load(folder / "brain_mask.nii.gz")
    np.testing.assert_allclose(cube.affine, grid_affine(32), atol=1e-4)
    data = cube.get_fdata(dtype=np.float32)
    assert data.min() == 0 and data.max() == pytest.approx(1.0)
    np.testing.assert_array_equal(data > 0, np.asarray(mask.dataobj) > 0)
    record = json.loads((folder / "quality.json").read_text())
    assert set(record) == {
        "scan",
        "status",
        "reason",
        "message",
        "measures",
        "fingerprint",
    }  # nothing of this run alone
    assert (folder / "quality.png").stat().st_size > 10_000
    assert (folder / "template_to_scan.mat").is_file()


def test_a_deformation_is_watched_for_folds(scans: dict[str, Path], template: Template, tmp_path: Path):
    good = {"good": scans["good"]}
    extract_bundle(good, tmp_path / "ex", recipe=EXTRACTION)
    recipe = RegistrationRecipe(**SETTINGS, bias_correction=False, transform="greedy")
    row = register_bundle(good, tmp_path / "ex", tmp_path / "pp", template=template, recipe=recipe).iloc[0]
    assert row["status"] == "measured" and row["folds"] == 0.0 and row["overlap"] > 0.95
    assert (tmp_path / "pp" / "good" / "template_to_scan_warp.nii.gz").is_file()


def test_both_stages_repeat_bit_for_bit(scans: dict[str, Path], template: Template, tmp_path: Path):
    recipe, good = RegistrationRecipe(**SETTINGS, bias_correction=True), {"good": scans["good"]}
    for run in ("1", "2"):
        extract_bundle(good, tmp_path / run / "ex", recipe=EXTRACTION)
        register_bundle(good, tmp_path / run / "ex", tmp_path / run / "pp", template=template, recipe=recipe)
    for name in ("T1w_brain.nii.gz", "brain_mask.nii.gz", "template_to_scan.mat", "quality.png"):
        one, two = (tmp_path / run / "pp" / "good" / name for run in ("1", "2"))
        assert one.read_bytes() == two.read_bytes(), name


def test_done_scans_are_left_alone(scans: dict[str, Path], template: Template, tmp_path: Path):
    def both() -> tuple[pd.DataFrame, pd.DataFrame]:
        chosen = {name: scans[name] for name in ("good", "nan", "zero")}
        found = extract_bundle(chosen, tmp_path / "ex", recipe=EXTRACTION)
        return found, register_bundle(chosen, tmp_path / "ex", tmp_path / "pp", template=template, recipe=REGISTRATION)

    first = both()
    before = changes(tmp_path / "ex") | changes(tmp_path / "pp")
    second = both()
    assert changes(tmp_path / "ex") | changes(tmp_path / "pp") == before
    for one, two in zip(first, second, strict=True):
        pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize("change", ["bytes", "recipe", "output", "record"])
def test_what_changed_is_done_again(change: str, scans: dict[str, Path], brain: nib.Nifti1Image, tmp_path: Path):
    chosen, recipe = {name: scans[name] for name in ("good", "also-good")}, EXTRACTION
    extract_bundle(chosen, tmp_path / "ex", recipe=recipe)
    before = changes(tmp_path / "ex" / "good")
    other = changes(tmp_path / "ex" / "also-good")
    if change == "bytes":
        nib.save(nib.Nifti1Image(np.asarray(brain.dataobj) * 2, brain.affine), scans["good"])
    elif change == "recipe":
        recipe = ExtractionRecipe(already_extracted=True, voxel_mm=4.0)
    elif change == "output":
        (tmp_path / "ex" / "good" / "mask.nii.gz").unlink()
    else:
        (tmp_path / "ex" / "good" / "extraction.json").write_text('{"fingerprint": ')
    extract_bundle(chosen, tmp_path / "ex", recipe=recipe)
    assert changes(tmp_path / "ex" / "good") != before
    assert (changes(tmp_path / "ex" / "also-good") != other) == (change == "recipe")


def test_a_scan_that_comes_back_is_taken(scans: dict[str, Path], tmp_path: Path):
    kept = scans["good"].read_bytes()
    scans["good"].unlink()
    chosen = {"good": scans["good"]}
    assert extract_bundle(chosen, tmp_path / "ex", recipe=EXTRACTION).iloc[0]["reason"] == "missing"
    assert not (tmp_path / "ex" / "good" / "mask.nii.gz").exists()
    scans["good"].write_bytes(kept)
    assert extract_bundle(chosen, tmp_path / "ex", recipe=EXTRACTION).iloc[0]["status"] == "measured"


def test_intermediates_are_kept_only_when_asked_for(scans: dict[str, Path], template: Template, tmp_path: Path):
    good = {"good": scans["good"]}
    for keep in (False, True):
        extract_bundle(good, tmp_path / "ex", recipe=EXTRACTION, keep_intermediate=keep)
        register_bundle(
            good, tmp_path / "ex", tmp_path / "pp", template=template, recipe=REGISTRATION, keep_intermediate=keep
        )
        assert (tmp_path / "ex" / "good" / "T1w.nii.gz").exists() == keep
        assert (tmp_path / "pp" / "good" / "T1w_corrected.nii.gz").exists() == keep


class Killed(BaseException):
    """Stands for SIGTERM."""


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException, *, at: str) -> None:
    real = brain_extraction._AlreadyExtracted.mask

    def mask(self, head: nib.Nifti1Image, path: Path) -> np.ndarray:
        if path.parent.name == at:
            raise error
        return real(self, head, path)

    monkeypatch.setattr(brain_extraction._AlreadyExtracted, "mask", mask)


@pytest.mark.parametrize(
    "error", [Killed(), MemoryError(), OSError(28, "No space left on device")], ids=["killed", "memory", "disk"]
)
def test_a_stopped_bundle_keeps_what_was_done(
    error: BaseException, scans: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    chosen = {name: scans[name] for name in ("good", "also-good")}
    with monkeypatch.context() as patch:
        failing(patch, error, at="also-good")
        with pytest.raises(type(error)):
            extract_bundle(chosen, tmp_path / "ex", recipe=EXTRACTION)
    done = changes(tmp_path / "ex" / "good")
    assert not (tmp_path / "ex" / "also-good" / "extraction.json").exists()
    table = extract_bundle(chosen, tmp_path / "ex", recipe=EXTRACTION)
    assert list(table["status"]) == ["measured", "measured"]
    assert changes(tmp_path / "ex" / "good") == done


def test_an_unexpected_error_excludes_its_scan_and_is_tried_again(
    scans: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    chosen = {name: scans[name] for name in ("good", "also-good")}
    with monkeypatch.context() as patch:
        failing(patch, RuntimeError("a bug"), at="good")
        table = extract_bundle(chosen, tmp_path / "ex", recipe=EXTRACTION)
    assert list(table["reason"]) == ["unexpected", ""]
    assert "good: RuntimeError: a bug" in table.iloc[0]["message"]
    assert list(extract_bundle(chosen, tmp_path / "ex", recipe=EXTRACTION)["reason"]) == ["", ""]


@pytest.mark.fault(11)
def test_a_crash_loses_one_scan(scans: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    chosen = {name: scans[name] for name in ("also-good", "good", "nan")}
    real = brain_extraction._AlreadyExtracted.mask

    def mask(self, head: nib.Nifti1Image, path: Path) -> np.ndarray:
        if path.parent.name == "good":
            os.abort()
        return real(self, head, path)

    with monkeypatch.context() as patch:
        patch.setattr(brain_extraction._AlreadyExtracted, "mask", mask)
        faulthandler.disable()
        table = extract_bundle(chosen, tmp_path / "ex", recipe=EXTRACTION)
        faulthandler.enable()
    assert list(table["reason"]) == ["", "crashed", "not_finite"]
    assert "SIGABRT" in table.iloc[1]["message"]
    assert json.loads((tmp_path / "ex" / "good" / "extraction.json").read_text())["reason"] == "crashed"
    assert list(extract_bundle(chosen, tmp_path / "ex", recipe=EXTRACTION)["reason"]) == ["", "", "not_finite"]


def planted(folder: Path, scan: str, image: nib.Nifti1Image, mask: np.ndarray) -> Path:
    """The image of a scan, and an extraction that found this mask in it."""
    path = folder / f"{scan}.nii.gz"
    write_volume(image, path)
    write_volume(nib.Nifti1Image(mask.astype(np.uint8), image.affine), folder / scan / "mask.nii.gz", dtype="uint8")
    record = {"scan": scan, "status": "measured", "reason": "", "message": "", "fingerprint": scan}
    measures = measure_extraction(mask, voxel_mm=float(nib.affines.voxel_sizes(image.affine)[0]))
    write_json(record | {"measures": measures}, folder / scan / "extraction.json")
    return path


@pytest.mark.fault(15)
def test_planted_failures_are_caught(brain: nib.Nifti1Image, template: Template, tmp_path: Path):
    data = np.asarray(brain.dataobj)
    mask = data > 0
    axes = np.indices(mask.shape)
    half = mask & (axes[0] < np.median(np.argwhere(mask)[:, 0]))
    no_top = mask & (axes[2] < np.percentile(np.argwhere(mask)[:, 2], 75))
    failures = {
        "good": (data, mask),
        "upside-down": (data[:, :, ::-1], mask[:, :, ::-1]),
        "back-to-front": (data[:, ::-1], mask[:, ::-1]),
        "rolled-over": (data[:, ::-1, ::-1], mask[:, ::-1, ::-1]),
        "half": (data, half),
        "no-top": (data, no_top),
        "small": (data, shrunk(mask, 0.6)),
    }
    recipe = RegistrationRecipe(**SETTINGS | {"voxel_mm": VOXEL_MM * 0.92}, bias_correction=False)
    paths = {
        scan: planted(tmp_path / "ex", scan, nib.Nifti1Image(volume.copy(), brain.affine), where.copy())
        for scan, (volume, where) in failures.items()
    }
    table = register_bundle(paths, tmp_path / "ex", tmp_path / "pp", template=template, recipe=recipe)
    verdicts = {row["scan"]: judge(row, LIMITS) for row in table.to_dict("records")}
    assert verdicts.pop("good") == ("", "")
    assert all(reason for reason, _ in verdicts.values()), verdicts
    assert verdicts["small"][0] == "brain_ml"
    for scan in ("upside-down", "back-to-front", "rolled-over"):
        assert verdicts[scan][0] == "orientation_margin", (scan, verdicts[scan])
        assert (tmp_path / "pp" / scan / "quality.png").is_file()  # kept, to be looked at


@pytest.mark.fault(15)
def test_a_failed_registration_keeps_what_was_measured_before(
    scans: dict[str, Path], template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def give_up(*_: object, **__: object) -> None:
        raise ScanError("registration_failed", "ANTs gave up.")

    monkeypatch.setattr(registration_stage, "register_to_template", give_up)
    good, recipe = {"good": scans["good"]}, RegistrationRecipe(**SETTINGS, bias_correction=True)
    extract_bundle(good, tmp_path / "ex", recipe=EXTRACTION)
    row = register_bundle(good, tmp_path / "ex", tmp_path / "pp", template=template, recipe=recipe).iloc[0]
    assert row["reason"] == "registration_failed"
    assert row["brain_ml"] > 0 and row["bias"] > 0
    assert (tmp_path / "pp" / "good" / "quality.png").is_file()


def shrunk(mask: np.ndarray, scale: float) -> np.ndarray:
    """The same shape about its centre, each edge times ``scale``."""
    centre = np.argwhere(mask).mean(axis=0)
    source = np.rint((np.moveaxis(np.indices(mask.shape), 0, -1) - centre) / scale + centre).astype(int)
    inside = ((source >= 0) & (source < mask.shape)).all(axis=-1)
    small = np.zeros_like(mask)
    small[inside] = mask[tuple(source[inside].T)]
    return small


def test_a_recipe_that_cannot_work_is_one_sentence(scans: dict[str, Path], tmp_path: Path):
    with pytest.raises(MrisynthError, match="'bet' is not known; expected one of deepbet, hd_bet, atlas, none") as e:
        extract_bundle(scans, tmp_path / "ex", recipe=ExtractionRecipe(method="bet"))
    assert not isinstance(e.value, ScanError)


@pytest.mark.fault(15)
def test_heads_are_not_taken_for_brains(tmp_path: Path, scans: dict[str, Path], brain: nib.Nifti1Image):
    head = nib.Nifti1Image(np.asarray(brain.dataobj) + 5, brain.affine)
    nib.save(head, scans["good"])
    table = extract_bundle({"good": scans["good"]}, tmp_path / "ex", recipe=EXTRACTION)
    assert table.iloc[0]["reason"] == "not_extracted"
    assert "good" in table.iloc[0]["message"]
