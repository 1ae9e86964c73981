"""Validation: the score of a training chunk on scans that nothing else uses, and the choice of the chunk to keep."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.embedding.interface import FeatureNetwork
from mrisynth.embedding.volumes import embed_volumes, view_of
from mrisynth.embeddings import Embeddings
from mrisynth.errors import MrisynthError
from mrisynth.files import atomic, read_json, read_table, sha256_of, write_json, write_table
from mrisynth.metrics.features import standardised
from mrisynth.metrics.frechet import frechet_distance
from mrisynth.metrics.kernel import kernel_distance
from mrisynth.metrics.scoring import UNTRAINED_SENTENCE, scans_of
from mrisynth.models import family as family_named
from mrisynth.progress import track
from mrisynth.recipes import MASKED_FAMILIES, ModelRecipe
from mrisynth.sampling import Sampler
from mrisynth.seeds import derive_seed
from mrisynth.store import from_unit
from mrisynth.training.export import OTHER_FILES, RECIPE, WEIGHTS
from mrisynth.training.schedule import Schedule

SMALLEST = 2
"""Scans that a distance needs."""

_NOT_GROWN = "Not computed: the training has not yet come to its last stage."
BY_SCORE = "kid on the validation split"
_STEERED = "Not computed: the last stage teaches masks, samples here are drawn without; the last chunk is kept."
BY_AGE = "last chunk (none has a score)"

_logger = logging.getLogger(__name__)


def validate_candidate(
    sampler: Sampler,
    *,
    chunk: int,
    network: FeatureNetwork,
    real: Embeddings,
    splits: Mapping[str, str],
    samples: int,
    seed: int,
    cache: Path | None = None,
) -> pd.DataFrame:
    """Return one row: how far samples of a chunk's model are from the real scans of the validation split.

    The samples have a seed of their own, the same for every chunk: they are none of those that are scored later, and
    two chunks are compared on the same latents. Like those they pass through uint8 before they are embedded.

    Args:
        sampler: the model as it was after the chunk.
        chunk: number of the chunk.
        network: the feature network that embedded the real scans.
        real: features of all real scans at the model's size.
        splits: scan -> ``train``, ``validation`` or ``test``; features of the last are not read, of the first only
            their means and deviations.
        samples: number of samples to draw.
        seed: the study's seed.
        cache: folder of the cache of features.

    Returns:
        Columns model, chunk, images_seen, features, features_trained, n_real, n_synthetic, kid
        (:func:`~mrisynth.metrics.kernel.kernel_distance` of features standardised by the training scans: in raw ones
        its cube hears the few that are far from 0 alone), fid (its bias is the same for all chunks) and warning. With
        fewer than two validation scans, before a progressive model has reached its last level, or of a model that masks
        steer nothing is drawn, the scores are missing and the warning says so.

    Raises:
        MrisynthError: the real scans were embedded by another network or at another size, or one has no split.
    """
    recipe = sampler.recipe
    _check_same_features(real, network, view=view_of(recipe.packed_shape))
    held_out = real.rows([] if recipe.retrain_of else scans_of("validation", real, splits))
    kid = fid = float("nan")
    drawn = 0
    why_not = _why_not(recipe, images_seen=sampler.facts["images_seen"])
    if len(held_out) >= SMALLEST and not why_not:
        what = f"validation of {sampler.recipe.name}, chunk {chunk}"
        volumes = _draw(sampler, samples, seed=derive_seed(seed, "validation"), what=what)
        ids = [f"{sampler.recipe.name}-validation-{number:06d}" for number in range(samples)]
        synthetic = embed_volumes(volumes, ids, network, what=what, cache=cache).features
        training = real.rows(scans_of("train", real, splits))
        kid = kernel_distance(standardised(held_out, training), standardised(synthetic, training))
        fid = frechet_distance(held_out, synthetic)
        drawn = len(synthetic)
    row = {"model": sampler.recipe.name, "chunk": chunk, "images_seen": sampler.facts["images_seen"]}
    row |= {"features": network.name, "features_trained": network.trained}
    row |= {"n_real": len(held_out), "n_synthetic": drawn, "kid": kid, "fid": fid}
    return pd.DataFrame([row | {"warning": why_not or _warning(row, width=network.width)}])


def best_row(table: pd.DataFrame) -> int:
    """Return the position of the chunk to keep in a table of chunks in order: smallest ``kid``, the latest of equals.

    A chunk without a score is kept only where none has one; then it is the last.
    """
    kid = table["kid"].to_numpy(dtype=np.float64)
    if np.isnan(kid).all():
        return len(kid) - 1
    return int(np.flatnonzero(kid == np.nanmin(kid))[-1])


def keep_best(candidates: Sequence[Path], tables: Sequence[Path], *, folder: Path, table: Path) -> dict[str, Any]:
    """Copy the candidate with the best validation score to ``folder`` and write the scores of all.

    Args:
        candidates: model folder of every chunk.
        tables: their validation tables, in the same order.
        folder: receives every ``*.safetensors`` of the candidate and, last, its recipe.json with the key ``chosen``.
        table: the rows of all tables by chunk, with a column ``chosen``.

    Returns:
        What stands under ``chosen``: chunk, images_seen, by (the reason), kid (None where it is missing), features
        and features_trained.

    Raises:
        MrisynthError: tables and candidates do not belong together, or a candidate is not whole.
    """
    scores, paths = _joined(candidates, tables)
    best = best_row(scores)
    row = scores.iloc[best]
    scored = bool(np.isfinite(row["kid"]))
    chosen = {"chunk": int(row["chunk"]), "images_seen": int(row["images_seen"])}
    chosen |= {"by": BY_SCORE if scored else BY_AGE, "kid": float(row["kid"]) if scored else None}
    chosen |= {"features": str(row["features"]), "features_trained": bool(row["features_trained"])}
    _copy(paths[best], folder, chosen=chosen)
    write_table(scores.assign(chosen=np.arange(len(scores)) == best), table)
    _logger.info("%s", _sentence(chosen, scores))
    return chosen


def _check_same_features(real: Embeddings, network: FeatureNetwork, *, view: int | str) -> None:
    expected = network.description() | {"view": view}
    for key in ("features", "weights_sha256", "view"):
        if real.meta.get(key) != expected[key]:
            raise MrisynthError(
                f"The embeddings of the real scans have {key} {real.meta.get(key)!r} and the samples to validate "
                f"{expected[key]!r}: they cannot be compared; embed the real scans again."
            )


def _why_not(recipe: ModelRecipe, *, images_seen: int) -> str:
    """Return why samples would say nothing of the training, empty where they do.

    It has to come to the last of its stages, such as the full size of a progressive model, unless its stages are as
    long as another model found best.
    """
    if recipe.family in MASKED_FAMILIES:
        return _STEERED
    schedule = Schedule(recipe, family_named(recipe.family))
    before_last = schedule.total - schedule.lengths()[-1]
    grown = recipe.retrain_of or before_last == 0 or images_seen > schedule.images_at(before_last)
    return "" if grown else _NOT_GROWN


def _draw(sampler: Sampler, count: int, *, seed: int, what: str) -> np.ndarray:
    volumes = np.empty((count, *sampler.recipe.packed_shape), dtype=np.uint8)
    for place, (volume, *_) in enumerate(track(sampler.stream(count, seed=seed), f"{what}: samples", count)):
        volumes[place] = from_unit(volume)
    return volumes


def _warning(row: Mapping[str, Any], *, width: int) -> str:
    sentences = []
    if row["n_real"] < SMALLEST:
        sentences.append(
            f"Not computed: {row['n_real']} validation scans, {SMALLEST} or more are needed "
            f"(cohort.validation_fraction); the last chunk is kept."
        )
    elif row["n_real"] <= width:  # the fitted covariance is rank-deficient
        sentences.append(f"fid of {row['n_real']} scans and {width} features: compare it between chunks only.")
    if not row["features_trained"]:
        sentences.append(UNTRAINED_SENTENCE)
    return " ".join(sentences)


def _joined(candidates: Sequence[Path], tables: Sequence[Path]) -> tuple[pd.DataFrame, list[Path]]:
    """Return the rows of all tables by chunk, and the candidate of each."""
    if not tables or len(candidates) != len(tables):
        raise MrisynthError(
            f"There are {len(candidates)} candidates and {len(tables)} validation tables; expected one table for each."
        )
    read = [read_table(path, model="string", features="string", warning="string") for path in tables]
    for path, table, candidate in zip(tables, read, candidates, strict=True):
        seen = read_json(_whole(candidate) / RECIPE)["images_seen"]
        if len(table) != 1 or table["images_seen"].iloc[0] != seen:
            raise MrisynthError(
                f"{path} is not the validation of {candidate} ({seen} images seen); delete it and rerun."
            )
    scores = pd.concat(read, ignore_index=True)
    if scores["features"].nunique() != 1 or scores["chunk"].duplicated().any():
        raise MrisynthError(
            f"The validation tables of {Path(tables[0]).parent} mix features or repeat a chunk; delete them and rerun."
        )
    scores = scores.sort_values("chunk")
    return scores.reset_index(drop=True), [Path(candidates[place]) for place in scores.index]


def _whole(candidate: Path) -> Path:
    for name in (RECIPE, WEIGHTS):
        if not (Path(candidate) / name).is_file():
            raise MrisynthError(f"{Path(candidate) / name} is missing; delete {candidate} and train the chunk again.")
    return Path(candidate)


def _copy(candidate: Path, folder: Path, *, chosen: Mapping[str, Any]) -> None:
    facts = read_json(candidate / RECIPE)
    parts = {WEIGHTS: "weights_sha256"} | {name: f"{Path(name).stem}_sha256" for name in OTHER_FILES}
    for name, key in parts.items():
        if key in facts and (not (candidate / name).is_file() or sha256_of(candidate / name) != facts[key]):
            raise MrisynthError(f"{candidate / name} is not the file that {RECIPE} names (sha256); delete {candidate}.")
    weights = sorted(path.name for path in candidate.glob("*.safetensors"))
    (folder / RECIPE).unlink(missing_ok=True)  # while weights are replaced, no recipe stands beside them
    for stale in set(folder.glob("*.safetensors")) - {folder / name for name in weights}:
        stale.unlink()
    for name in weights:
        with atomic(folder / name) as unfinished:
            shutil.copyfile(candidate / name, unfinished)
    write_json(facts | {"chosen": dict(chosen)}, folder / RECIPE)


def _sentence(chosen: Mapping[str, Any], scores: pd.DataFrame) -> str:
    first, last = scores.iloc[0], scores.iloc[-1]
    kept = f"Kept chunk {chosen['chunk']} of {first['chunk']} to {last['chunk']} ({chosen['images_seen']} images seen)"
    if chosen["kid"] is None:
        return f"{kept}, the last: there is no validation score ({last['n_real']} validation scans)."
    against = "" if last["chunk"] == chosen["chunk"] else f"; the last chunk has {last['kid']:.6g}"
    return f"{kept}: the smallest kid to the {last['n_real']} validation scans, {chosen['kid']:.6g}{against}."
