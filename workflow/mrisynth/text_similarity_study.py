"""How alike a model's samples are to their prompts and to real images of such prompts: files in, tables out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mrisynth.arrays import open_array
from mrisynth.datasets import split_table
from mrisynth.embeddings import Embeddings, load_embeddings
from mrisynth.errors import MrisynthError
from mrisynth.files import MISSING, read_table
from mrisynth.labelled_sets import feature_warnings
from mrisynth.networks.text_encoder import pooled
from mrisynth.sampling import Sampler
from mrisynth.slice_tables import read_told
from mrisynth.slices.slice_set import open_slices
from mrisynth.store import open_pyramid
from mrisynth.text.biomedclip_images import NoImageTowerError, load_biomedclip_space
from mrisynth.text.common_space import CommonSpace
from mrisynth.text.encoding import PromptEncoding
from mrisynth.text.prompt_rows import PROMPT, PromptRows
from mrisynth.text.similarity_scores import EmbeddedPairs, Encoder, similarity_scores

_LOG = logging.getLogger(__name__)
_TOGETHER = 256  # prompts that are encoded at once


@dataclass(frozen=True, kw_only=True)
class SimilarityFiles:
    """What is read.

    Attributes:
        recipe: ``recipe.json`` of the model, with its weights beside it.
        condition: table of its condition.
        splits: table with the split and the participant of every real image.
        real, samples: embeddings in one feature space.
        drawn: table of the samples, with their prompts.
        shards: packed samples, in order.
        index: of the packed real images.
        biomedclip: folder of BiomedCLIP; None for the encoders of the study.
        required: whether it has to have an image tower; else the encoders of the study take its place.
    """

    recipe: Path
    condition: Path
    splits: Path
    real: Path
    samples: Path
    drawn: Path
    shards: Sequence[Path]
    index: Path
    biomedclip: Path | None = None
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class PromptedImages:
    """Images and their prompts.

    Attributes:
        table: one row an image that has a prompt: ``image``, ``participant_id``, ``split`` (``samples`` of samples),
            ``prompt``, and ``row``, its place among the embeddings and, of samples, among the packed images.
        embeddings: of all images.
    """

    table: pd.DataFrame
    embeddings: Embeddings

    def of(self, split: str) -> PromptedImages:
        """Return those of a split.

        Raises:
            MrisynthError: there are none.
        """
        found = self.table[self.table["split"] == split].reset_index(drop=True)
        if not len(found):
            raise MrisynthError(
                f"No {split} image has a prompt and an embedding, of {len(self.table)} with both; text_similarity "
                "learns from training images and is scored on test images: give both splits participants "
                "(cohort.test_fraction), or take text_similarity out of evaluation.metrics."
            )
        return PromptedImages(table=found, embeddings=self.embeddings)

    @property
    def features(self) -> np.ndarray:
        """The embeddings, row by row of the table."""
        return self.embeddings.features[self.table["row"].to_numpy(dtype=np.int64)]

    def pairs(self, *, images: np.ndarray, shown: np.ndarray, prompts: Mapping[str, np.ndarray]) -> EmbeddedPairs:
        """Return them embedded; see :class:`mrisynth.text.similarity_scores.EmbeddedPairs`."""
        return EmbeddedPairs(
            names=self.table["image"].tolist(), participants=self.table["participant_id"].tolist(), images=images,
            shown=shown, prompts=np.stack([prompts[prompt] for prompt in self.table[PROMPT]]),
        )  # fmt: skip


def text_similarity(
    files: SimilarityFiles, *, device: str, seed: int, replicates: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the scores of a model and their summary, see :func:`mrisynth.text.similarity_scores.similarity_scores`.

    Raises:
        MrisynthError: a file is missing or wrong, or no training or test image has a prompt.
    """
    sampler = Sampler.load(files.recipe.parent, device=device)
    if "text" not in sampler.facts:
        raise MrisynthError(
            f"{files.recipe} is of a model that is told no prompts; text_similarity is for such models."
        )
    is_volume = sampler.recipe.dimensions == 3
    real = real_images(files, is_volume=is_volume)
    samples = sample_images(files, model=sampler.recipe.name)
    found = _by_biomedclip(
        files, samples, real.of("test"), size=sampler.recipe.size, is_volume=is_volume, device=device
    )
    if found is None:
        found = by_own_encoders(sampler, samples, real, seed=seed)
    scored, tested, encoder = found
    _LOG.info("embedded by %s: %d samples, %d test images", encoder.name, len(scored.names), len(tested.names))
    view = str(sampler.recipe.size) if is_volume else f"slice {sampler.recipe.size}"
    return similarity_scores(
        scored, tested, encoder, model=sampler.recipe.name, view=view, seed=seed, replicates=replicates
    )


def real_images(files: SimilarityFiles, *, is_volume: bool) -> PromptedImages:
    """Return the real images that are embedded and have a prompt.

    Raises:
        MrisynthError: a table does not know an embedded image, or the condition is not of text.
    """
    embeddings = load_embeddings(files.real)
    condition = read_told(files.condition, slices=None if is_volume else files.index)
    if condition.text is None:
        raise MrisynthError(
            f"{files.condition} is of no condition of text; text_similarity is for models told prompts."
        )
    known = split_table(files.splits)
    known = known.set_index(known["scan"].astype(str))
    prompts = condition.table.set_index(condition.table["scan"].astype(str))[PROMPT]
    for name, index in ((files.splits, known.index), (files.condition, prompts.index)):
        if absent := sorted(set(embeddings.ids) - set(index)):
            raise MrisynthError(f"{name} knows no image {absent[0]} ({len(absent)} embedded images unknown in all).")
    rows = known.loc[embeddings.ids]
    table = pd.DataFrame(
        {
            "image": embeddings.ids, "participant_id": rows["participant_id"].astype(str).to_numpy(),
            "split": rows["split"].to_numpy(), PROMPT: prompts.loc[embeddings.ids].to_numpy(),
        }
    )  # fmt: skip
    return PromptedImages(table=_told(table), embeddings=embeddings)


def sample_images(files: SimilarityFiles, *, model: str) -> PromptedImages:
    """Return the samples that have a prompt.

    Raises:
        MrisynthError: samples and embeddings differ in number, or no sample has a prompt.
    """
    embeddings, drawn = load_embeddings(files.samples), read_table(files.drawn)
    if PROMPT not in drawn or len(drawn) != len(embeddings.ids):
        raise MrisynthError(
            f"{files.drawn} has {len(drawn)} samples and the columns {', '.join(drawn)}; expected a prompt for each of "
            f"{len(embeddings.ids)} embedded samples: draw the samples of {model} again."
        )
    names = [f"sample {number}" for number in range(len(drawn))]
    table = pd.DataFrame({"image": names, "participant_id": names, "split": "samples", PROMPT: drawn[PROMPT]})
    return PromptedImages(table=_told(table), embeddings=embeddings).of("samples")


def by_own_encoders(
    sampler: Sampler, samples: PromptedImages, real: PromptedImages, *, seed: int
) -> tuple[EmbeddedPairs, EmbeddedPairs, Encoder]:
    """Return samples and test images as a feature network of the study and the model's own text encoder see them.

    Both are brought into one space by linear maps that are learned from training images and their prompts alone;
    images are compared with one another by their features, in standard deviations of the training images.

    Args:
        sampler: the model.
        samples: of :func:`sample_images`.
        real: of :func:`real_images`, all splits.
        seed: the study's.

    Raises:
        MrisynthError: there are no training or no test images, or nothing varies together in the training images.
    """
    training, tested = real.of("train"), real.of("test")
    told = pd.concat([images.table[PROMPT] for images in (samples, training, tested)])
    prompts = encoded_prompts(sampler, told.unique().tolist())
    people = training.table["participant_id"].tolist()
    told_training = np.stack([prompts[prompt] for prompt in training.table[PROMPT]])
    space = CommonSpace.fit(training.features, told_training, participants=people, seed=seed)
    _LOG.info("%d components in common, of %d training images", space.components, len(people))
    placed = dict(zip(prompts, space.of_prompts(np.stack(list(prompts.values()))), strict=True))
    scored, against = (
        images.pairs(
            images=space.standardised_images(images.features), shown=space.of_images(images.features), prompts=placed
        )
        for images in (samples, tested)
    )
    model = sampler.recipe.name + ("" if sampler.facts["trained"] else " (untrained)")
    return scored, against, own_encoder(real.embeddings, model=model)


def own_encoder(embeddings: Embeddings, *, model: str) -> Encoder:
    """Return what is said of the encoders of a study; a random network is named as untrained."""
    meta = embeddings.meta
    untrained = "" if meta["trained"] else " (untrained)"
    return Encoder(
        name=f"own: {meta['features']}{untrained} + text encoder of {model}",
        features=f"own: {meta['features']} + text encoder of {model}", sha256=meta["weights_sha256"],
        trained=bool(meta["trained"]), warnings=tuple(feature_warnings(meta)),
    )  # fmt: skip


@torch.inference_mode()
def encoded_prompts(sampler: Sampler, prompts: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the mean vector of each prompt's tokens as the denoiser of a model is told it, float32 [width]."""
    rows = PromptEncoding(PromptRows.from_dict(sampler.facts["text"])).rows(prompts)
    found = [
        pooled(sampler.network.tokens(some.to(sampler.device))).float().cpu()
        for some in torch.from_numpy(rows).split(_TOGETHER)
    ]
    return dict(zip(prompts, torch.cat(found).numpy(), strict=True))


def _by_biomedclip(
    files: SimilarityFiles, samples: PromptedImages, tested: PromptedImages, *, size: int, is_volume: bool, device: str
) -> tuple[EmbeddedPairs, EmbeddedPairs, Encoder] | None:
    """Return samples and test images as BiomedCLIP sees them; None where it is not there."""
    if files.biomedclip is None:
        return None
    try:
        space = load_biomedclip_space(files.biomedclip, device=device)
    except NoImageTowerError as error:
        if files.required:
            raise
        _LOG.warning("%s The encoders of the study take its place.", error)
        return None
    told = pd.concat([images.table[PROMPT] for images in (samples, tested)]).unique().tolist()
    prompts = dict(zip(told, space.of_prompts(told), strict=True))
    shards = [open_array(path) for path in files.shards]
    drawn = [image for shard in shards for image in shard]
    folder = files.index.parent
    if is_volume:
        packed = open_pyramid(folder, size)
        images, names = packed.images, packed.scans
    else:
        slices = open_slices(folder, size)
        images, names = slices.images, slices.index["image"].astype(str).tolist()
    place = {name: row for row, name in enumerate(names)}
    seen = [
        space.of_images((drawn[row] for row in samples.table["row"]), count=len(samples.table)),
        space.of_images((images[place[name]] for name in tested.table["image"]), count=len(tested.table)),
    ]
    scored, against = (
        part.pairs(images=one, shown=one, prompts=prompts) for part, one in zip((samples, tested), seen, strict=True)
    )
    sha256 = space.text.sha256
    name = f"biomedclip {sha256[:12]}"
    lost = space.text.tokenizer.encode(told).warning()
    warnings = (lost,) if lost else ()
    return scored, against, Encoder(name=name, features=name, sha256=sha256, trained=True, warnings=warnings)


def _told(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of images that have a prompt, with their places."""
    table = table.assign(row=range(len(table)))
    words = table[PROMPT].astype("string").fillna("")
    return table[(words != "") & (words != MISSING)].reset_index(drop=True)
