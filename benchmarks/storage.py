"""Reading training data: a slab of the packed array against unpickling the float32 volume, on one real brain."""

from __future__ import annotations

import argparse
import pickle
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
from measure import real_data, report

from mrisynth.imaging.extraction_stage import extract_bundle
from mrisynth.imaging.recipes import ExtractionRecipe, RegistrationRecipe
from mrisynth.imaging.registration_stage import register_bundle
from mrisynth.imaging.template import load_template
from mrisynth.store import build_pyramid, open_pyramid, to_unit

SLAB = 32  # slices, an eighth of 256
BRAIN = "brain-04"


def main() -> None:
    """Preprocess one stripped brain at 256 cubed, store it both ways, and read it again and again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as scratch:
        cube = nib.load(preprocessed(Path(scratch))).get_fdata(dtype=np.float32)
        pickled = Path(scratch) / "volume.pickle"
        pickled.write_bytes(pickle.dumps({"image": cube}))
        packed = open_pyramid(Path(scratch) / "pyramid", 256)

        def slab_of_pickle() -> np.ndarray:
            return pickle.loads(pickled.read_bytes())["image"][64 : 64 + SLAB] * 2 - 1  # noqa: S301 (made above)

        def slab_of_array() -> np.ndarray:
            return to_unit(packed.images[0, 64 : 64 + SLAB])

        def volume_of_pickle() -> np.ndarray:
            return pickle.loads(pickled.read_bytes())["image"] * 2 - 1  # noqa: S301 (made above)

        def volume_of_array() -> np.ndarray:
            return to_unit(packed.images[0])

        rows = [
            row("32-slice slab", slab_of_pickle, slab_of_array, repeats),
            row("whole volume", volume_of_pickle, volume_of_array, repeats),
        ]
        error = packed.images[0].astype(np.float64) / 255 - cube
        report(
            "storage",
            rows,
            bytes_pickle=pickled.stat().st_size,
            bytes_packed=int(packed.images[0].nbytes),
            bytes_ratio=pickled.stat().st_size / packed.images[0].nbytes,
            psnr_db=float(-10 * np.log10((error**2).mean())),
        )


def preprocessed(scratch: Path) -> Path:
    """The brain on the cube of 256 voxels, and the pyramid of it beside."""
    scans = {BRAIN: real_data() / "brains" / f"{BRAIN}_T1w_brain.nii.gz"}
    settings = {"voxel_mm": 1.0, "already_extracted": True}
    extract_bundle(scans, scratch / "extraction", recipe=ExtractionRecipe(**settings))
    template = load_template("icbm152_2009a", voxel_mm=1.0)
    recipe = RegistrationRecipe(**settings, size=256)
    table = register_bundle(scans, scratch / "extraction", scratch / "brains", template=template, recipe=recipe)
    if list(table["status"]) != ["measured"]:
        raise SystemExit(f"{BRAIN} could not be preprocessed: {table.iloc[0]['message']}")
    path = scratch / "brains" / BRAIN / "T1w_brain.nii.gz"
    build_pyramid({BRAIN: path}, scratch / "pyramid", sizes=[256])
    return path


def row(
    what: str, naive: Callable[[], np.ndarray], ours: Callable[[], np.ndarray], repeats: int
) -> dict[str, float | str]:
    """Time both in turn, so that a change of the machine's speed meets both, and take medians."""
    spent: dict[str, list[float]] = {"naive": [], "ours": []}
    for _ in range(repeats + 1):  # the first round warms the page cache and is left out
        for name, read in (("naive", naive), ("ours", ours)):
            started = time.process_time()
            read()
            spent[name].append(1000 * (time.process_time() - started))
    medians = {name: statistics.median(values[1:]) for name, values in spent.items()}
    return {
        "what": what,
        "unpickled_cpu_ms": medians["naive"],
        "packed_cpu_ms": medians["ours"],
        "ratio": medians["naive"] / medians["ours"],
    }


if __name__ == "__main__":
    main()
