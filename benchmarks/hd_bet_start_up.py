"""HD-BET: scans in one process against its command line once a scan, with made-up weights.

The small network costs next to nothing, as a network on a GPU costs the CPU next to nothing: what is compared is
start-up, reading, resampling and writing. The made-up weights are those of ``tests/end_to_end/test_hd_bet_command.py``.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
from measure import REPOSITORY, cpu_seconds, real_data, report

ONE_PROCESS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from mrisynth.imaging.brain_extraction import make_extractor
heads = {Path(head).name[:14]: Path(head) for head in sys.argv[4:]}
make_extractor("hd_bet", weights=sys.argv[2]).extract(heads, sys.argv[3])
"""
COMMAND = [str(Path(sys.executable).with_name("hd-bet")), "-device", "cpu", "--disable_tta", "--save_bet_mask"]


def main() -> None:
    """Measure, print the table and store it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=int, default=8)
    wanted = parser.parse_args()
    heads = sorted((real_data() / "heads_ixi_2mm").glob("*.nii.gz"))[: wanted.heads]
    with tempfile.TemporaryDirectory() as folder:
        home, ours, theirs = (Path(folder) / name for name in ("home", "ours", "theirs"))
        weights = home / "hd-bet_params" / "release_2.0.0"
        write_weights(weights)
        theirs.mkdir()
        each = [
            run([*COMMAND, "-i", str(head), "-o", str(theirs / f"{head.name[:14]}.nii.gz")], home=home)
            for head in heads
        ]
        script = [sys.executable, "-c", ONE_PROCESS, str(REPOSITORY / "workflow"), str(weights), str(ours)]
        together = run([*script, *map(str, heads)], home=home)
        same = [equal(ours / head.name[:14] / "mask.nii.gz", theirs / f"{head.name[:14]}_bet.nii.gz") for head in heads]
    rows = [
        {"form": "hd-bet command, once a scan", "scans": len(heads), "cpu_s": sum(each)},
        {"form": "one process", "scans": len(heads), "cpu_s": together},
    ]
    report("hd_bet_start_up", rows, ratio=sum(each) / together, masks_equal=all(same))


def run(command: list[str], *, home: Path) -> float:
    """Run one command on one thread; return its CPU seconds, those of its own processes included."""
    before = cpu_seconds()
    subprocess.run(
        command, check=True, capture_output=True, env=os.environ | {"HOME": str(home), "OMP_NUM_THREADS": "1"}
    )
    return cpu_seconds() - before


def equal(ours: Path, theirs: Path) -> bool:
    """Return whether two mask files hold the same voxels, whatever their axes."""
    one, other = (nib.as_closest_canonical(nib.load(path)) for path in (ours, theirs))
    return np.array_equal(np.asarray(one.dataobj) > 0, np.asarray(other.dataobj) > 0)


def write_weights(folder: Path) -> None:
    """Write the made-up weights of the test."""
    sys.path.insert(0, str(REPOSITORY / "workflow"))
    path = REPOSITORY / "tests" / "end_to_end" / "test_hd_bet_command.py"
    spec = importlib.util.spec_from_file_location("test_hd_bet_command", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.write_weights(folder)


if __name__ == "__main__":
    main()
