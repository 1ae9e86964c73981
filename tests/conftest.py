"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import HTTPServer
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
COMPUTED = {".git", ".venv", ".snakemake", ".pytest_cache", ".ruff_cache", "__pycache__", "results", "studies"}

os.environ.setdefault("MRISYNTH_QUIET", "1")


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real scans beside the repository; the test is skipped, and says so, without it."""
    folder = Path(os.environ.get("MRISYNTH_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real scans: {folder} is not there (set MRISYNTH_REAL_DATA to the folder)")
    return folder


@pytest.fixture
def serve() -> Iterator[Callable[[HTTPServer], HTTPServer]]:
    """Start HTTP servers in threads of their own; all stop with the test."""
    started = []

    def start(server: HTTPServer) -> HTTPServer:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="session")
def clean_clone(tmp_path_factory) -> Path:
    """The files of the repository in a folder of their own, as a clone has them: nothing computed, nothing downloaded."""
    clone = tmp_path_factory.mktemp("clone") / "mrisynth"

    def computed(folder: str, names: list[str]) -> list[str]:
        if Path(folder) == REPOSITORY / "resources":
            return [name for name in names if (REPOSITORY / "resources" / name).is_dir()]
        return [name for name in names if name in COMPUTED]

    shutil.copytree(REPOSITORY, clone, symlinks=True, ignore=computed)
    return clone


@pytest.fixture
def adni_image(tmp_path: Path) -> Callable[..., Path]:
    """Writes an image where the archive would put it: subject, description, date, Image ID."""

    def write(
        subject: str, description: str, time: str, image: str, *, root: str = "ADNI", suffix: str = ".nii"
    ) -> Path:
        name = f"ADNI_{subject}_MR_{description}_br_raw_20070101120000000_1_S{image[1:]}0_{image}{suffix}"
        path = tmp_path / root / subject / description / time / image / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.encode())
        return path

    return write


@pytest.fixture
def dicom_series() -> Callable[..., Path]:
    """Writes a valid series of 20 axial slices of 24 x 24 pixels, 4 x 4 x 5 mm, of a person with a name."""

    def write(folder: Path, *, slices: int = 20, absent: tuple[int, ...] = ()) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for number in set(range(slices)) - set(absent):
            _slice(folder, number).save_as(folder / f"{folder.name}_{number + 1}.dcm", enforce_file_format=True)
        return folder

    return write


def _slice(folder: Path, number: int):
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(folder), str(number)])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.PatientName, data.PatientID, data.PatientBirthDate = "Doe^Jane", "SECRET-77", "19210101"
    data.ImageComments = "Doe Jane"
    data.StudyInstanceUID = generate_uid(entropy_srcs=["study"])
    data.SeriesInstanceUID = generate_uid(entropy_srcs=[str(folder)])
    data.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame"])
    data.Modality, data.Manufacturer, data.MRAcquisitionType = "MR", "SIEMENS", "3D"
    data.SeriesNumber, data.AcquisitionNumber, data.InstanceNumber = 2, 1, number + 1
    data.SeriesDescription = data.ProtocolName = "MP-RAGE"
    data.StudyDate = data.SeriesDate = data.AcquisitionDate = "20060418"
    data.StudyTime = data.AcquisitionTime = "082030"
    data.ImageType, data.ScanningSequence = ["ORIGINAL", "PRIMARY", "M", "ND"], "GR"
    data.EchoTime, data.RepetitionTime, data.FlipAngle = "3.0", "2300", "9"
    data.Rows = data.Columns = 24
    data.PixelSpacing, data.SliceThickness = [4.0, 4.0], "5.0"
    data.ImageOrientationPatient, data.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [-48.0, -48.0, 5.0 * number]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    pixels = 30 * number + 4 * np.arange(24)[:, None] + np.arange(24)[None, :]
    data.PixelData = pixels.astype("<u2").tobytes()
    return data
