"""How well the latents of a model hold the real scans: reconstructions beside the mean scan, and directions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mrisynth.conditions import Condition
from mrisynth.embeddings import Embeddings, save_embeddings
from mrisynth.errors import MrisynthError
from mrisynth.files import atomic, write_table
from mrisynth.latent_directions import Direction, find_directions, numbers_of
from mrisynth.latents import LatentSpace
from mrisynth.progress import track
from mrisynth.store import Pyramid, from_unit

SHOWN, STEPS, WALKED = 6, 7, 6
AMOUNTS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""How far a scan is moved along a direction, in standard deviations of the training scans."""

_WALK = "walk:"
_NO_COVARIATES = ("scan", "participant_id", "visit", "split", "t1w", "sha256", "image", "description")
_DIRECTION_COLUMNS = ("covariate", "towards", "n", "r2", "r2_chance", "n_test", "r2_test", "change", "spread", "moved")


@dataclass(frozen=True, kw_only=True)
class LatentFiles:
    """What :func:`latent_study` writes; see docs/output.md.

    Attributes:
        latents: .npz of :mod:`mrisynth.embeddings`, one row a scan.
        reconstructions: TSV, one row a scan.
        directions: TSV, one row a covariate.
        units: .npz of :mod:`mrisynth.embeddings`, one row a direction.
        volumes: .npz of the volumes that figures show.
    """

    latents: Path
    reconstructions: Path
    directions: Path
    units: Path
    volumes: Path


def latent_study(
    space: LatentSpace, *, pyramid: Pyramid, scans: pd.DataFrame, condition: Condition, files: LatentFiles, seed: int
) -> None:
    """Encode and reconstruct every scan, find directions in the training split, and write it all.

    Args:
        space: encoders and generator.
        pyramid: the packed scans at the model's size.
        scans: the scans table, with ``split`` and covariates.
        condition: the labels that the generator is told.
        files: where everything goes.
        seed: the study's seed.

    Raises:
        MrisynthError: without training scans.
    """
    rows = scans.set_index("scan").loc[pyramid.scans].reset_index()
    labels, splits = condition.labels(pyramid.scans), rows["split"].to_numpy(dtype=object)
    if not (splits == "train").any():
        raise MrisynthError(f"Model {space.sampler.recipe.name}: no scan is in the training split; nothing to compare.")
    latents, table = _reconstruct_all(space, pyramid=pyramid, labels=labels, splits=splits)
    found = find_directions(
        latents[splits == "train"],
        rows[splits == "train"].drop(columns=list(_NO_COVARIATES), errors="ignore"),
        groups=rows["participant_id"][splits == "train"].tolist(),
        seed=seed,
    )
    directions = pd.DataFrame([_row(one, latents, rows, splits) for one in found], columns=list(_DIRECTION_COLUMNS))
    shown, first = _shown(space, pyramid=pyramid, latents=latents, labels=labels, splits=splits)
    walks = _walks(space, found, directions, latent=latents[first], label=int(labels[first]))
    directions["moved"] = [_moved(walks.get(_WALK + one.covariate)) for one in found]
    write_table(table, files.reconstructions)
    write_table(directions, files.directions)
    _write_arrays(space, files, scans=pyramid.scans, latents=latents, found=found, volumes=shown | walks)


def reconstruction_scores(real: np.ndarray, made: np.ndarray) -> dict[str, float]:
    """Return how far a volume is from a real scan.

    Args:
        real: uint8 [x, y, z], background 0.
        made: float [x, y, z] in [0, 1].

    Returns:
        ``l1``: mean absolute difference over all voxels, scans in [0, 1]; ``psnr``: peak signal-to-noise ratio in dB
        inside the brain (where the scan is above 0), peak 1.
    """
    apart = made - real / np.float32(255)
    inside = apart[real > 0]
    error = float((inside.astype(np.float64) ** 2).mean()) if inside.size else 0.0
    return {"l1": float(np.abs(apart).mean()), "psnr": -10 * np.log10(error) if error else float("inf")}


def _reconstruct_all(
    space: LatentSpace, *, pyramid: Pyramid, labels: np.ndarray, splits: np.ndarray
) -> tuple[np.ndarray, pd.DataFrame]:
    training = np.flatnonzero(splits == "train")
    mean = sum(pyramid.images[row].astype(np.float32) for row in training) / np.float32(255 * len(training))
    latents: list[np.ndarray] = []
    rows: list[dict[str, Any]] = []
    everything = enumerate(zip(pyramid.scans, splits, strict=True))
    for row, (scan, split) in track(everything, f"latents of {space.sampler.recipe.name}", len(pyramid.scans)):
        real = pyramid.images[row]
        latent = space.encode(real[None])
        made = (space.decode(latent, int(labels[row]))[0] + 1) / 2
        own, floor = reconstruction_scores(real, np.clip(made, 0, 1)), reconstruction_scores(real, mean)
        entry = {"scan": scan, "split": split, "l1": own["l1"], "psnr": own["psnr"]}
        entry |= {"l1_mean_scan": floor["l1"], "psnr_mean_scan": floor["psnr"]}
        rows.append(entry | {"latent_rms": float(np.sqrt((latent**2).mean()))})
        latents.append(latent[0])
    return np.stack(latents), pd.DataFrame(rows)


def _row(direction: Direction, latents: np.ndarray, rows: pd.DataFrame, splits: np.ndarray) -> dict[str, Any]:
    """Return a direction's row; test scans are read as the training scans were."""
    test = splits == "test"
    values = _numbers(rows[direction.covariate], direction.towards)[test]
    return {
        "covariate": direction.covariate,
        "towards": direction.towards,
        "n": direction.n,
        "r2": direction.r2,
        "r2_chance": direction.r2_chance,
        "n_test": int(np.isfinite(values).sum()),
        "r2_test": direction.score(latents[test], values),
        "change": direction.change,
        "spread": float((latents[splits == "train"] @ direction.unit).std()),
    }


def _numbers(column: pd.Series, towards: str) -> np.ndarray:
    numbers = numbers_of(column)
    if numbers is None or numbers[1] != towards:  # other values than in the training scans
        return np.full(len(column), np.nan)
    return numbers[0]


def _shown(
    space: LatentSpace, *, pyramid: Pyramid, latents: np.ndarray, labels: np.ndarray, splits: np.ndarray
) -> tuple[dict[str, np.ndarray], int]:
    """Return volumes of the first scans by name of the test split, else of another, and the row of the first."""
    split = next(name for name in ("test", "validation", "train") if (splits == name).any())
    rows = np.flatnonzero(splits == split)[:SHOWN]
    found = {"split": np.array(split), "real": np.asarray(pyramid.images[rows])}
    found["made"] = from_unit(space.decode(latents[rows], labels[rows]))
    one, other = latents[rows[0]], latents[rows[min(1, len(rows) - 1)]]
    for path in ("spherical", "linear"):
        way = space.interpolate(one, other, steps=STEPS, path=path, label=int(labels[rows[0]]))
        found[path] = from_unit(way)
    return found, int(rows[0])


def _walks(
    space: LatentSpace, found: list[Direction], directions: pd.DataFrame, *, latent: np.ndarray, label: int
) -> dict[str, np.ndarray]:
    """Return one scan moved along the directions with the best scores."""
    walks = {}
    for place in directions.sort_values("r2", ascending=False, kind="stable").index[:WALKED]:
        amounts = np.array(AMOUNTS) * directions["spread"][place]
        walks[_WALK + found[place].covariate] = from_unit(space.walk(latent, found[place].unit, amounts, label=label))
    return walks


def _moved(walk: np.ndarray | None) -> float:
    """Return the mean absolute difference between both ends of a walk, scans in [0, 1]."""
    if walk is None:
        return float("nan")
    return float(np.abs(walk[-1].astype(np.float32) - walk[0]).mean() / 255)


def _write_arrays(
    space: LatentSpace,
    files: LatentFiles,
    *,
    scans: list[str],
    latents: np.ndarray,
    found: list[Direction],
    volumes: dict[str, np.ndarray],
) -> None:
    facts, recipe = space.sampler.facts, space.sampler.recipe
    meta = {"model": recipe.name, "view": recipe.size, "encoders_sha256": facts["encoders_sha256"]}
    save_embeddings(Embeddings(latents, scans, meta | {"features": "latents"}), files.latents)
    units = np.array([one.unit for one in found]).reshape(len(found), latents.shape[1])
    names = [one.covariate for one in found]
    save_embeddings(Embeddings(units, names, meta | {"features": "directions among latents"}), files.units)
    with atomic(files.volumes) as unfinished, unfinished.open("wb") as stream:
        np.savez(stream, **volumes)
