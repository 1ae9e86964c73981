"""Images in colour: read, packed, embedded and drawn with red, green and blue in their places."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from matplotlib.image import imread
from PIL import Image
from scipy import ndimage
from support.blobs import slice_recipe
from support.class_images import CLASSES, EDGE, PAINTS, write_class_folder
from torch import nn

from mrisynth import embedding
from mrisynth.colour import in_colour
from mrisynth.embedding import FeatureSpec, load_network
from mrisynth.embedding.embed import embed
from mrisynth.embedding.volumes import view_of
from mrisynth.errors import ConfigError, MrisynthError, ScanError
from mrisynth.image_study import pack_cohort
from mrisynth.imaging.grey_image import read_colour
from mrisynth.models import family
from mrisynth.reporting.volumes import gallery, mean_and_spread, real_beside_synthetic
from mrisynth.reporting.watching import grids_over_time
from mrisynth.slices.exchange import write_exchange
from mrisynth.slices.slice_set import open_slices
from mrisynth.slices.stacks import open_stack, write_stack
from mrisynth.study import Study
from mrisynth.training.events import Events
from mrisynth.training.preview import preview_grid, preview_samples
from mrisynth.training.watch import Watch

ROOT = Path(__file__).resolve().parents[2]
ORANGE, BLUE = ((200 * np.array(PAINTS[label])).astype(np.uint8) for label in CLASSES)
FLAT = {"orange": np.tile(ORANGE, (4, 16, 16, 1)), "blue": np.tile(BLUE, (4, 16, 16, 1))}
SPEC = FeatureSpec("random", "random", seed=3, width=32)


def cohort(folder: Path, name: str = "images", **changes) -> dict:
    shares = {"test_fraction": 0.25, "validation_fraction": 0.25, "stratify": ["diagnosis"]}
    return {"name": name, "folder": str(folder), **shares, **changes}


def study_of(**of_cohort) -> Study:
    config = yaml.safe_load((ROOT / "tests" / "config" / "images.yaml").read_text(encoding="utf-8"))
    config["cohort"] |= of_cohort
    return Study.read(config, schema=ROOT / "workflow" / "schemas" / "config.schema.yaml", source="mine.yaml")


def share_of(colour: np.ndarray, picture: Path) -> float:
    """The share of a picture's pixels that have this colour."""
    pixels = np.rint(imread(picture)[..., :3] * 255)
    return float((np.abs(pixels - colour) <= 1).all(axis=-1).mean())


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Path:
    return write_class_folder(tmp_path_factory.mktemp("given") / "classes", people=8, colour=True)


def test_models_draw_three_channels_where_the_configuration_says_so(tmp_path):
    for name in ("images", "exchange"):
        (model,) = study_of(name=name, folder=str(tmp_path), colour=True).models.values()
        assert model.image_shape == (3, 16, 16) and model.packed_shape == (16, 16, 3)
        (model,) = study_of(name=name, folder=str(tmp_path)).models.values()
        assert model.image_shape == (1, 16, 16) and model.packed_shape == (16, 16)
    assert in_colour((4, 4, 3)) and not in_colour((16, 16)) and not in_colour((16, 16, 16))
    assert view_of((16, 16, 3)) == "slice 16" and view_of((16, 16, 16)) == 16


def test_scans_have_no_colours(tmp_path):
    with pytest.raises(ConfigError, match=r"mine\.yaml: cohort\.colour is true, but cohort\.name is simulated: scans"):
        study_of(name="simulated", folder=None, colour=True)


def test_a_folder_is_packed_in_its_colours(given, tmp_path):
    pack_cohort(cohort(given, colour=True), tmp_path, sizes=[8, 12], seed=3)
    slices = open_slices(tmp_path, 12)
    assert slices.images.shape == (32, 12, 12, 3) and slices.channels == 3
    first = np.asarray(Image.open(given / slices.index["image"][0]).convert("RGB"), dtype=float)
    averaged = first.reshape(12, EDGE // 12, 12, EDGE // 12, 3).mean(axis=(1, 3))
    assert np.abs(slices.images[0] - averaged).max() <= 0.5 + 1e-6
    for label in CLASSES:
        means = slices.images[slices.rows(label=label)].mean(axis=(0, 1, 2))
        assert np.argmax(means) == np.argmax(PAINTS[label]), "red and blue are swapped"
    pack_cohort(cohort(given), tmp_path / "grey", sizes=[12], seed=3)
    assert open_slices(tmp_path / "grey", 12).images.shape == (32, 12, 12)


def test_one_colour_all_over_is_no_picture(tmp_path):
    flat = tmp_path / "flat.png"
    Image.fromarray(FLAT["orange"][0]).save(flat)
    with pytest.raises(ScanError, match=r"has the value \[200  60   0\] everywhere"):
        read_colour(flat)
    write_stack((FLAT[name][0] / 127.5 - 1 for name in FLAT), tmp_path / "x.nii.gz", count=2, size=16, channels=3)
    found = list(open_stack(tmp_path / "x.nii.gz").images("unit"))
    assert [image.reason for image in found] == ["constant", "constant"]


def test_stacks_are_what_the_configuration_says_or_are_refused(given, tmp_path):
    for colour, words in ((True, "are in colour, and cohort.colour is false"), (False, "are grey, and cohort.colour")):
        here = tmp_path / words[4:8]
        pack_cohort(cohort(given, colour=colour), here / "first", sizes=[16], seed=3)
        write_exchange(here / "first", here / "stacks", classes=list(CLASSES))
        asked = cohort(here / "stacks", "exchange")
        pack_cohort(asked | {"colour": colour}, here / "second", sizes=[16], seed=9)
        first, second = open_slices(here / "first", 16), open_slices(here / "second", 16)
        images = dict(zip(second.index["image"], second.images, strict=True))
        for name, image in zip(first.index["image"], first.images, strict=True):
            assert np.array_equal(images[name], image)
        with pytest.raises(MrisynthError, match=words):
            pack_cohort(asked | {"colour": not colour}, here / "third", sizes=[16], seed=9)


def test_random_features_see_every_channel():
    network = load_network(SPEC, dimensions=2, channels=3)
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    found = embed(images, network, what="colours")
    filters = network.module.get_buffer("filters0")[0].double().numpy()
    offset = float(network.module.get_buffer("offsets0")[0])
    for row, image in enumerate(images / 255.0):
        parts = [ndimage.correlate(image[..., part], filters[part], mode="constant") for part in range(3)]
        answer = np.sum(parts, axis=0) + offset
        assert found[row, 0] == pytest.approx(100 * np.where(answer > 0, answer, 0.2 * answer).mean(), rel=1e-4)
    swapped = embed(images[..., ::-1].copy(), network, what="swapped")
    assert np.linalg.norm(swapped - found, axis=1).min() > 1


def test_features_say_what_they_saw(monkeypatch, tmp_path):
    monkeypatch.setattr(embedding, "load_weights", lambda *_, **__: nn.Identity())
    inception = FeatureSpec("inception", "inception", weights=tmp_path / "x")
    for spec, grey in ((SPEC, "no normalisation"), (inception, "three equal channels")):
        told = [load_network(spec, dimensions=2, channels=channels) for channels in (1, 3)]
        assert told[0].input_treatment.endswith(grey) and told[1].input_treatment.endswith("red, green and blue")
        assert told[0].sha256() != told[1].sha256(), "the cache must keep them apart"


def test_the_grid_of_a_training_is_in_colour_and_its_words_are_grey(tmp_path):
    signed = {name: images / 127.5 - 1 for name, images in FLAT.items()}
    samples = np.concatenate([signed["orange"], signed["orange"]])
    picture = preview_grid(samples, signed["blue"], title="model", labels=[0, 1] * 4)
    pixels = np.asarray(picture)
    assert picture.mode == "RGB"
    assert np.array_equal(pixels[100, 5], ORANGE) and np.array_equal(pixels[100, -5], BLUE)
    words = pixels[:48]
    assert words.min() < 100 and (words[..., 0] == words[..., 1]).all() and (words[..., 0] == words[..., 2]).all()
    (tmp_path / "watch").mkdir()
    picture.save(tmp_path / "watch" / "grid-000000010.png")
    assert grids_over_time([tmp_path / "watch"], tmp_path / "stack.png") == [10]
    assert np.array_equal(np.rint(imread(tmp_path / "stack.png")[..., :3] * 255), pixels)


@pytest.mark.parametrize("name", ["pacgan", "stylegan", "r3gan"])
def test_previews_keep_the_channels_of_what_the_generator_drew(name):
    recipe = replace(slice_recipe(name), channels=3)
    member = family(name)
    network = member.build(recipe, columns=(2,), seed=1, device="cpu").networks["generator"]
    drawn: list[torch.Tensor] = []
    sample = type(member).sample

    class Listening:
        latent_shape = staticmethod(member.latent_shape)

        @staticmethod
        def sample(*words):
            drawn.append(sample(member, *words)[0])
            return drawn[-1], drawn[-1]

    found, labels = preview_samples(network, Listening(), recipe, classes=2, seed=1)
    assert found.shape == (8, 8, 8, 3) and labels == [0, 1] * 4
    assert np.array_equal(found[..., 2], torch.cat(drawn)[:, 2].numpy())


def test_a_watch_compares_and_shows_colours(tmp_path, monkeypatch):
    shapes: list[tuple[int, int, int]] = []
    monkeypatch.setattr(Events, "picture", lambda *_, shape, **__: shapes.append(shape))
    recipe = replace(slice_recipe("stylegan", size=16), channels=3)
    state = family("stylegan").build(recipe, columns=(2,), seed=1, device="cpu")
    reals = np.concatenate([FLAT["orange"], FLAT["blue"]])
    watch = Watch(
        recipe, family=family("stylegan"), classes=2, reals=reals, folder=tmp_path, seed=1, updates_total=16,
        every_images=4,
    )  # fmt: skip
    columns = watch.row(state, {"step": 1, "images_seen": 4, "seconds": 1.0, "skipped": 0})
    watch.close()
    with Image.open(tmp_path / "grid-000000004.png") as grid:
        assert grid.mode == "RGB" and shapes == [(grid.height, grid.width, 3)]
    samples, _ = preview_samples(state.averages["generator"], family("stylegan"), recipe, classes=2, seed=1)
    apart = np.sqrt(((ORANGE.astype(float) - BLUE) ** 2).mean()) / 127.5  # two of one colour do not differ
    pairs = [np.sqrt(((samples[one] - samples[other]) ** 2).mean()) for one in range(8) for other in range(one)]
    assert columns["diversity"] == pytest.approx(np.mean(pairs) / (apart * 16 / 28), rel=1e-4)


def test_figures_have_the_colours_of_the_images(tmp_path):
    gallery(FLAT, tmp_path / "gallery.png", title="t")
    real_beside_synthetic(FLAT["orange"], FLAT["blue"], tmp_path / "beside.png", titles=("a", "b"))
    for name in ("gallery", "beside"):
        for colour in (ORANGE, BLUE):
            assert 0.1 < share_of(colour, tmp_path / f"{name}.png") < 0.5, name


def test_the_mean_is_in_colour_and_the_spread_is_that_of_the_channels(tmp_path):
    mixed = np.concatenate([FLAT["orange"], FLAT["blue"]])
    mean_and_spread({"mixed": mixed, "alike": FLAT["blue"]}, tmp_path / "spread.png", title="t")
    between = np.rint((ORANGE.astype(float) + BLUE) / 2)
    for colour in (between, BLUE):
        assert share_of(colour, tmp_path / "spread.png") > 0.05
    pixels = imread(tmp_path / "spread.png")[..., :3].sum(axis=-1)
    below = pixels[int(pixels.shape[0] * 0.7) : int(pixels.shape[0] * 0.9)]
    assert below[:, -20].max() < 0.2 < 2 < below[:, pixels.shape[1] // 4].min(), (
        "nothing varies in images that are alike"
    )
