"""Files that lie about their size, and files with names in their headers."""

from __future__ import annotations

import gzip
import json
import logging
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mrisynth.errors import ScanError
from mrisynth.imaging.nifti_stream import open_nifti
from mrisynth.imaging.volume import read_volume, write_volume

NAME = b"Jane Doe"
_READ = """
import json, re, sys
from pathlib import Path
from mrisynth.errors import ScanError
from mrisynth.imaging.volume import read_volume

def peak_kib():  # of this program alone: ru_maxrss counts the process that started it, too
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

before = peak_kib()
try:
    reason = str(read_volume(sys.argv[1]).shape)
except ScanError as error:
    reason = error.reason
after = peak_kib()
print(json.dumps([reason, after / 2**20, (after - before) / 2**20]))
"""


def header(shape: tuple[int, ...], kind: str, header_class: type = nib.Nifti1Header) -> bytes:
    made = header_class()
    made.set_data_dtype(kind)
    made["dim"] = [len(shape), *shape, *[1] * (7 - len(shape))]
    made["pixdim"][1:4] = 1.0
    made["srow_x"], made["srow_y"], made["srow_z"] = np.eye(4)[:3]
    made["sform_code"] = 1
    made["vox_offset"] = made.single_vox_offset
    made["magic"] = made.single_magic
    return made.binaryblock + bytes(4)


def packed(start: bytes, *, zeros_mib: int) -> bytes:
    """Gzip a start and so many MiB of zeros; gzip files may be put one after the other."""
    unit = 16
    return gzip.compress(start) + gzip.compress(bytes(unit * 2**20)) * (zeros_mib // unit)


BOMBS = {
    "claims 32000 cubed": ("a.nii.gz", lambda: packed(header((32000,) * 3, "i2"), zeros_mib=16), "too_large"),
    "claims 2**40 cubed": (
        "a.nii.gz",
        lambda: gzip.compress(header((2**40,) * 3, "u1", nib.Nifti2Header)),
        "too_large",
    ),
    "unpacks to 512 MiB as it says": ("a.nii.gz", lambda: packed(header((512,) * 3, "i4"), zeros_mib=512), "expansion"),
    "unpacks to 4 GiB, says 8 MiB": ("a.nii.gz", lambda: packed(header((200,) * 3, "u1"), zeros_mib=4096), "overlong"),
    "claims more than gzip can hold": ("a.nii.gz", lambda: packed(header((480,) * 3, "i2"), zeros_mib=0), "truncated"),
    "claims more than the file": ("a.nii", lambda: header((480,) * 3, "i2") + bytes(1000), "truncated"),
    "ends early": ("a.nii.gz", lambda: packed(header((500,) * 3, "u1"), zeros_mib=112), "truncated"),
    "the largest volume there is": ("a.nii.gz", lambda: packed(header((512,) * 3, "u1"), zeros_mib=128), "constant"),
}


@pytest.mark.fault(12)
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_within_2_gib_of_memory(bomb: str, tmp_path: Path, repository: Path) -> None:
    name, make, reason = BOMBS[bomb]
    path = tmp_path / name
    path.write_bytes(make())
    assert path.stat().st_size < 6 * 2**20
    if reason == "constant":  # all its bytes are read and kept
        command = [sys.executable, "-c", _READ, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=repository / "workflow", check=True)
        found, whole_gib, _ = json.loads(done.stdout)
        assert found == reason
        assert whole_gib < 2
        return
    started = time.process_time()
    with pytest.raises(ScanError) as caught:
        read_volume(path)
    assert caught.value.reason == reason
    assert time.process_time() - started < 2  # nobody unpacked it to find out


@pytest.mark.fault(12)
def test_bombs_take_no_memory(tmp_path: Path, repository: Path) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(BOMBS["unpacks to 4 GiB, says 8 MiB"][1]())
    command = [sys.executable, "-c", _READ, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=repository / "workflow", check=True)
    found, _, grown_gib = json.loads(done.stdout)
    assert found == "overlong"
    assert grown_gib < 0.1


def test_extensions_are_never_read(tmp_path: Path) -> None:
    start = bytearray(header((40, 44, 36), "i2"))
    made = nib.Nifti1Header(bytes(start[:348]), check=False)
    made["vox_offset"] = 2**20
    lie = made.binaryblock + b"\x01\0\0\0" + (2**31 - 16).to_bytes(4, "little") + (6).to_bytes(4, "little")
    path = tmp_path / "a.nii.gz"
    voxels = np.arange(40 * 44 * 36, dtype="<i2").tobytes()
    path.write_bytes(gzip.compress(lie + bytes(2**20 - len(lie)) + voxels, compresslevel=1))
    np.testing.assert_array_equal(open_nifti(path).read().ravel(order="F")[:3], [0, 1, 2])


def _named(path: Path, **fields: object) -> Path:
    """A head whose header holds a name in every free text and in an extension."""
    data = np.random.default_rng(0).normal(size=(40, 44, 36)).astype(np.float32)
    image = nib.Nifti1Image(data, np.diag([4.0, 4, 4, 1]))
    for field in ("descrip", "db_name", "aux_file", "intent_name"):
        image.header[field] = NAME
    for kind in ("comment", "dicom", "afni"):
        text = NAME if kind != "dicom" else b"\x10\x00\x10\x00PN\x08\x00" + NAME
        image.header.extensions.append(nib.nifti1.Nifti1Extension(kind, text))
    nib.save(image, path)
    raw = gzip.decompress(path.read_bytes())
    assert raw.count(NAME) == 7
    made = nib.Nifti1Header(raw[:348], check=False)
    for field, value in fields.items():
        made[field] = value
    path.write_bytes(gzip.compress(made.binaryblock + raw[348:], compresslevel=1))
    return path


def test_names_in_a_header_reach_no_written_file(tmp_path: Path) -> None:
    read = read_volume(_named(tmp_path / "in.nii.gz"))
    assert NAME not in read.header.binaryblock
    assert not read.header.extensions
    for name in ("out.nii.gz", "out.nii"):
        write_volume(read, tmp_path / name)
    raw = gzip.decompress((tmp_path / "out.nii.gz").read_bytes())
    assert raw == (tmp_path / "out.nii").read_bytes()
    assert b"Jane" not in raw
    assert nib.load(tmp_path / "out.nii").header["vox_offset"] == 0  # as nibabel shows 352: no extension
    assert len(raw) == 352 + 40 * 44 * 36 * 4
    write_volume(nib.load(tmp_path / "in.nii.gz"), tmp_path / "again.nii")  # with its header and extensions
    assert b"Jane" not in (tmp_path / "again.nii").read_bytes()


@pytest.mark.parametrize(
    "fields",
    [
        {"magic": b"Jan"},
        {"datatype": 9999},
        {"dim": [3, 40, 44, 90, 1, 1, 1, 1]},
        {"sform_code": 0, "qform_code": 0},
        {"sform_code": 1, "qform_code": 1, "quatern_b": 0.5},
        {"scl_slope": np.inf},
        {"xyzt_units": 255, "bitpix": 7, "sizeof_hdr": 348, "pixdim": [5, 40, 40, 40, 0, 0, 0, 0], "sform_code": 0},
    ],
)
def test_no_sentence_and_no_log_repeats_a_name(fields: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = _named(tmp_path / "sub-01_T1w.nii.gz", **fields)
    with caplog.at_level(logging.DEBUG), pytest.raises(ScanError) as caught:
        read_volume(path)
    assert "Jane" not in str(caught.value) + caplog.text
    assert "Jane" not in str(caught.value.__cause__)
