"""The making of a cohort encoder: from packed scans and their table to weights, facts and curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mrisynth.embedding.encoder_files import save_encoder
from mrisynth.embedding.encoder_training import EncoderRecipe, EncoderWithHeads, shrunk_volumes, train_encoder
from mrisynth.embedding.targets import REGION, Target, find_targets
from mrisynth.files import read_table, sha256_of, write_json, write_table
from mrisynth.store import open_pyramid


@dataclass(frozen=True, kw_only=True)
class EncoderFiles:
    """What an encoder is made of, and what is written.

    Attributes:
        pyramid: folder of the packed scans.
        scans: the scans table with the column ``split``.
        regions: table of region volumes (``id``, ``reason``, one column a region in mm3), or None.
        weights: receives the encoder.
        facts: receives what was learnt from what and how well, as JSON.
        curve: receives the losses, one row an epoch.
    """

    pyramid: Path
    scans: Path
    regions: Path | None
    weights: Path
    facts: Path
    curve: Path


def make_encoder(name: str, entry: Mapping[str, Any], *, size: int, files: EncoderFiles, device: str) -> None:
    """Train the cohort encoder of an entry under ``features:`` and write its files, the facts last.

    Only training scans are learnt from. Validation scans are read for the scores in the facts alone, test scans are
    not read: neither their voxels nor their values change a byte of what is written.

    Args:
        name: of the features.
        entry: with ``targets``, ``edge``, ``width``, ``epochs``, ``batch_size``, ``learning_rate``,
            ``contrastive_weight`` and ``seed``.
        size: edge of the volumes.
        files: what to read and write.
        device: where to train.
    """
    packed = open_pyramid(files.pyramid, size)
    scans = read_table(files.scans).set_index("scan", drop=False).loc[packed.scans].reset_index(drop=True)
    split = scans["split"].to_numpy()
    looked_at = np.isin(split, ("train", "validation"))
    scans = scans.assign(**{name: scans[name].where(looked_at) for name in entry["targets"] if name in scans})
    training, validation = np.flatnonzero(split == "train"), np.flatnonzero(split == "validation")
    regions = read_table(files.regions, id="string").drop(columns="reason") if files.regions else None
    targets, skipped = find_targets(scans, entry["targets"], training=split == "train", regions=regions)
    recipe = _recipe(entry, size=size)
    trained = train_encoder(packed.images, targets, training=training, recipe=recipe, device=device)
    facts = {"features": name, "network": "cohort_encoder", **asdict(recipe)}
    facts |= {"edge": trained.network.encoder.edge, "trained_on": _in_words(targets, scans=len(training))}
    save_encoder(trained.network, files.weights, facts=facts)
    write_table(trained.curve, files.curve)
    said = {
        split: _scores(trained.network, packed.images, targets, rows=rows)
        for split, rows in (("train", training), ("validation", validation))
    }
    facts |= {"features_width": trained.network.encoder.features, "weights_sha256": sha256_of(files.weights)}
    facts |= {"scans": {"train": len(training), "validation": len(validation)}, "skipped_targets": skipped}
    facts |= {"last_epoch": trained.curve.iloc[-1].to_dict(), "targets": _joined(targets, said)}
    write_json(facts, files.facts)


def _recipe(entry: Mapping[str, Any], *, size: int) -> EncoderRecipe:
    keys = {field.name for field in fields(EncoderRecipe)} & entry.keys()
    return EncoderRecipe(size=size, **{key: entry[key] for key in keys if entry[key] is not None})


def _in_words(targets: Sequence[Target], *, scans: int) -> str:
    names = [target.name for target in targets if not target.name.startswith(REGION)]
    regions = len(targets) - len(names)
    names += [f"{regions} region volumes"] if regions else []
    told = f" to tell {', '.join(names)} and" if names else " to tell"
    return (
        f"the {scans} training scans of this cohort,{told} augmented copies apart; it has seen these scans, so compare "
        "samples with test scans"
    )


@torch.inference_mode()
def _scores(
    network: EncoderWithHeads, images: np.ndarray, targets: Sequence[Target], *, rows: np.ndarray
) -> dict[str, dict[str, Any]]:
    """Return the scores of every target over some scans, beside those of one that says the same of every scan."""
    if not len(rows):
        return {}
    features = torch.cat([network.encoder(shrunk_volumes(images, [row], encoder=network.encoder)) for row in rows])
    scores = {}
    for target, head in zip(targets, network.heads, strict=True):
        said, values = head(features).numpy(), target.values[rows]
        known = ~np.isnan(values)
        if not known.any():
            continue
        said, values = said[known], values[known]
        scores[target.name] = {"scans": len(values)}
        if target.kind == "number":
            read = said[:, 0] * target.deviation + target.mean
            scores[target.name]["mean_absolute_error"] = float(np.abs(read - values).mean())
            scores[target.name]["by_the_mean"] = float(np.abs(target.mean - values).mean())
        else:
            scores[target.name]["accuracy"] = float((said.argmax(axis=1) == values).mean())
            scores[target.name]["by_the_commonest"] = float((target.commonest == values).mean())
    return scores


def _joined(targets: Sequence[Target], said: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        target.name: {"kind": target.kind}
        | ({"classes": list(target.classes)} if target.classes else {})
        | {split: scores[target.name] for split, scores in said.items() if target.name in scores}
        for target in targets
    }
