"""Fault 23: files that would run code when they are read, or that lie about their size, at every door they can enter."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mrisynth.arrays import open_array
from mrisynth.cohorts.bids_levels import read_levels
from mrisynth.embedding.encoder_files import load_encoder
from mrisynth.embedding.weights import convert_weights
from mrisynth.embeddings import Embeddings, load_embeddings, save_embeddings
from mrisynth.errors import MrisynthError, ScanError
from mrisynth.files import read_json, sha256_of, write_json
from mrisynth.imaging.volume import read_volume
from mrisynth.recipes import ModelRecipe
from mrisynth.sampling import Sampler
from mrisynth.score_files import load_replicates
from mrisynth.store import open_pyramid
from mrisynth.training.chunk import ChunkFiles, train_chunk
from mrisynth.training.export import export_model
from mrisynth.training.state import read_state
from mrisynth.weights_file import read_weights

pytestmark = pytest.mark.fault(23)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder with ``state.pt`` and ``model/`` of a training of two updates."""
    folder = tmp_path_factory.mktemp("trained")
    recipe = ModelRecipe(
        name="model", family="hagan", condition="none", size=32, images_total=4, images_per_chunk=4, batch_size=2,
        ema_half_life_images=4, family_recipe={"width": 8, "latent": 8},
    )  # fmt: skip
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 32), dtype=np.uint8)
    state = train_chunk(
        recipe, images=images, rows=np.arange(4), labels=np.full(4, -1), columns={}, classes=[], chunk=0, seed=1,
        files=ChunkFiles(state=folder / "state.pt", curve=folder / "curve.tsv"), device="cpu", threads=1,
    )  # fmt: skip
    where = {"affine": np.eye(4).tolist(), "field_mm": 224.0, "seed": 1}
    export_model(state, folder=folder / "model", classes=[], columns={}, label_counts=[], **where)
    return folder


class Hostile:
    """Makes a canary when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return Path.touch, (self.canary,)


def _object_array(path: Path, canary: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, np.array([Hostile(canary)], dtype=object), allow_pickle=True)


def _object_archive(path: Path, canary: Path) -> None:
    everything = ("features", "ids", "meta", "image_sha256", "names", "values0")
    with path.open("wb") as stream:
        np.savez(stream, **dict.fromkeys(everything, np.array([Hostile(canary)], dtype=object)))


def _long_header(path: Path, _: Path) -> None:
    path.write_bytes(struct.pack("<Q", 2**62) + b"{}")


def _huge_tensor(path: Path, _: Path) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 2**62]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)


def _huge_array(path: Path, _: Path) -> None:
    text = "{'descr': '|u1', 'fortran_order': False, 'shape': (32000, 32000, 32000), }".ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode())


FILES: dict[str, Callable[[Path, Path], None]] = {
    "pickle": lambda path, canary: path.write_bytes(pickle.dumps(Hostile(canary))),
    "old pickle": lambda path, canary: path.write_bytes(pickle.dumps({"state_dict": Hostile(canary)}, protocol=0)),
    "torch": lambda path, canary: torch.save({"format": 2, "state_dict": {}, "x": Hostile(canary)}, path),
    "torch of old": lambda path, canary: torch.save(Hostile(canary), path, _use_new_zipfile_serialization=False),
    "objects": _object_array,
    "archive of objects": _object_archive,
    "long header": _long_header,
    "huge tensor": _huge_tensor,
    "huge array": _huge_array,
    "text": lambda path, _: path.write_text("cos\nsystem\n(S'true'\ntR."),
    "nothing": lambda path, _: path.write_bytes(b""),
}
DOORS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "weights": ("generator.safetensors", read_weights),
    "published weights": (
        "weights.pth",
        lambda path: convert_weights(path, path.with_name("c"), network="inception", sha256=sha256_of(path)),
    ),
    "published weights, safetensors": (
        "own.safetensors",
        lambda path: convert_weights(path, path.with_name("c"), network="inception", sha256=sha256_of(path)),
    ),
    "cohort encoder": ("encoder.safetensors", lambda path: load_encoder(path, name="mine")),
    "training state": ("kept-0.pt", read_state),
    "embeddings": ("real.npz", load_embeddings),
    "resampled scores": ("model.npz", load_replicates),
    "packed array": ("000.npy", open_array),
    "scan": ("sub-1_T1w.nii.gz", read_volume),
    "plain scan": ("sub-1_T1w.nii", read_volume),
    "another scan": ("sub-1_T1w.mgz", read_volume),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", FILES)
def test_a_hostile_file_is_refused_in_a_sentence_and_runs_nothing(door: str, kind: str, tmp_path: Path) -> None:
    name, read = DOORS[door]
    canary, path = tmp_path / "canary", tmp_path / name
    FILES[kind](path, canary)
    with pytest.raises((MrisynthError, ScanError), match=name.replace(".", r"\.")) as refused:
        read(path)
    assert not canary.exists()
    assert len(str(refused.value)) < 600


def test_the_hostile_files_would_have_run_elsewhere(tmp_path: Path) -> None:
    """The canary works: without the restrictions each of these is one."""
    for kind in ("pickle", "old pickle", "torch", "torch of old", "objects"):
        canary, path = tmp_path / kind, tmp_path / f"{kind}.bin"
        FILES[kind](path, canary)
        if kind == "objects":
            np.load(path, allow_pickle=True)
        elif "torch" in kind:
            torch.load(path, weights_only=False)
        else:
            pickle.loads(path.read_bytes())  # noqa: S301 (made above)
        assert canary.exists(), kind


def test_a_pyramid_of_objects_is_refused(tmp_path: Path) -> None:
    _object_array(tmp_path / "32.npy", tmp_path / "canary")
    (tmp_path / "index.tsv").write_text("row\tscan\tsha256_32\n0\ta\tb\n")
    with pytest.raises(MrisynthError, match=r"32\.npy is no plain array"):
        open_pyramid(tmp_path, 32)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    "content",
    [
        b'{"sex": {"Levels": "!!python/object/apply:os.system [touch canary]"}}',
        b"[" * 100_000,
        b'{"sex": {"Levels": {"1": {"Description": {"$ref": "x"}}}}}',
        b'{"sex": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
        b"\xff\xfe\x00",
        b"null",
        pickle.dumps({"sex": 1}),
    ],
)
def test_a_hostile_sidecar_is_words_or_a_sentence(content: bytes, tmp_path: Path) -> None:
    table = tmp_path / "participants.tsv"
    table.with_suffix(".json").write_bytes(content)
    try:
        levels = read_levels(table, "sex")
    except MrisynthError as error:
        assert "participants.json" in str(error)
    else:
        assert all(isinstance(word, str) for word in levels.values())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model": {"family": "../../x"}}, "no recipe of this version"),
        ({"weights_sha256": "0" * 64}, "is not the file that recipe.json names"),
        ({"weights_sha256": None}, "is not a whole file of weights|not a whole file of weights"),
    ],
)
def test_a_hostile_model_folder_is_refused(change: dict, sentence: str, tmp_path: Path, trained: Path) -> None:
    folder = shutil.copytree(trained / "model", tmp_path / "model")
    weights = folder / "generator.safetensors"
    if change.get("weights_sha256", "") is None:  # swapped together with its checksum
        _huge_tensor(weights, tmp_path)
        change = {"weights_sha256": sha256_of(weights)}
    write_json(read_json(folder / "recipe.json") | change, folder / "recipe.json")
    with pytest.raises(MrisynthError, match=sentence):
        Sampler.load(folder)


def test_weights_of_another_network_do_not_fit(tmp_path: Path, trained: Path) -> None:
    folder = shutil.copytree(trained / "model", tmp_path / "model")
    save_file({"w": torch.zeros(3)}, folder / "generator.safetensors")
    facts = read_json(folder / "recipe.json") | {"weights_sha256": sha256_of(folder / "generator.safetensors")}
    write_json(facts, folder / "recipe.json")
    with pytest.raises(MrisynthError, match="these are not the weights of this network"):
        Sampler.load(folder)


_WATCH = """
import sys
from pathlib import Path
import torch, numpy, pandas, nibabel
from mrisynth.recipes import ModelRecipe
from mrisynth.sampling import Sampler
from mrisynth.training.state import read_state
from mrisynth.embeddings import Embeddings, load_embeddings, save_embeddings
Sampler.load(sys.argv[1]).draw(1)  # everything that is imported late
found = []
sys.addaudithook(lambda event, words: found.append((event, words)) if event in ("pickle.find_class", "exec") else None)
Sampler.load(sys.argv[1]).draw(1)
load_embeddings(sys.argv[3])
assert not [event for event in found if event[0] == "pickle.find_class"], found
read_state(Path(sys.argv[2]))
assert not [event for event in found if event[0] == "pickle.find_class"], found
"""


def test_own_models_and_embeddings_load_without_pickle_and_states_restricted(
    tmp_path: Path, repository: Path, trained: Path
) -> None:
    found = sorted(path.suffix for path in (trained / "model").iterdir())
    assert found == [".json", ".safetensors"]
    save_embeddings(Embeddings(features=np.zeros((2, 3), np.float32), ids=["a", "b"], meta={}), tmp_path / "real.npz")
    words = [trained / "model", trained / "state.pt", tmp_path / "real.npz"]
    command = [sys.executable, "-c", _WATCH, *map(str, words)]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=repository / "workflow")
    assert finished.returncode == 0, finished.stderr[-2000:]
