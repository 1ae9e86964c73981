"""What a study will take, before anything of it is computed: hours, memory, disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import prod
from typing import Any

import pandas as pd

from mrisynth.disk_needs import packed_bytes, preprocessed_bytes, sample_bytes
from mrisynth.models import family as family_named
from mrisynth.recipes import ModelRecipe
from mrisynth.training.counting import UpdateCount, count_update, last_stage_updates, share_of_one_device
from mrisynth.training.device import seconds_per_update
from mrisynth.training.schedule import Schedule

UTILISATION = 0.16
"""Share of a card's roofline that a training reaches. The HA-GAN authors state 22 hours for 80,000 updates on two V100,
1.98 card-seconds an update; the roofline of our count of their preset is 0.32 s (tests/unit/test_estimate.py)."""

GUESSED_CLASSES = 2
"""Classes of a condition, unknown before the cohort has been read; they hardly change an update."""

_PROBE_SECONDS = 5.0
_GIGA = 1e9
_EXTRACTION_CPU_SECONDS = {"deepbet": 3.1, "atlas": 1.8}  # at 2 mm, brain_extraction.json there; hd_bet: unknown
_REGISTRATION_CPU_SECONDS = {  # at 2 mm; benchmarks/results/registration.json, as_published.json
    "rigid": 3.9, "affine_9dof": 4.0, "affine": 4.3, "syn": 9.5, "syn_quick": 11.6, "greedy": 2.8,
    "as_published": 258.0,
}  # fmt: skip
_BESIDE_REGISTRATION_CPU_SECONDS = 1.4  # bias, scaling, measures, pictures; with affine 5.7 at 2 mm
_MEASURED_AT_MM = 2.0
_GROWS_AS_SQUARE = ("rigid", "affine_9dof", "affine")  # at 1 mm 20.4 CPU-s, deepbet 7.1: one_millimetre.json there


@dataclass(frozen=True, kw_only=True)
class Card:
    """Peak dense rates of a GPU as its maker states them, for matrix products, and of its memory."""

    tflops_in_16_bits: float
    tflops_in_32_bits: float
    terabytes_per_second: float


CARDS = {
    "v100": Card(
        tflops_in_16_bits=15.7, tflops_in_32_bits=15.7, terabytes_per_second=0.9
    ),  # it has no bf16 and no TF32
    "a100": Card(tflops_in_16_bits=312, tflops_in_32_bits=156, terabytes_per_second=2.039),
    "h100": Card(tflops_in_16_bits=989, tflops_in_32_bits=495, terabytes_per_second=3.35),
    "h200": Card(tflops_in_16_bits=989, tflops_in_32_bits=495, terabytes_per_second=4.8),
}


@dataclass(frozen=True, kw_only=True)
class StudySize:
    """What of a study decides its size, all of it known from the configuration.

    Attributes:
        scans: of the cohort.
        pyramid_sizes: edges of the packed cubes.
        samples: of each model.
        nifti: of these, how many are also written as NIfTI.
        feature_widths: of each feature network of the evaluation.
        brain_extraction: its method; None when the brains come extracted.
        transform: of the registration.
        voxel_mm: of the registration.
        preprocessed_size: edge of the cube of a preprocessed brain.
        images: of a cohort of images, which is not preprocessed; None where scans are the input.
        slice_sizes: edges of the packed images of such a cohort.
        channels: of these images; 3 in colour.
    """

    scans: int
    pyramid_sizes: Sequence[int]
    samples: int
    nifti: int
    feature_widths: Sequence[int]
    brain_extraction: str | None
    transform: str
    voxel_mm: float
    preprocessed_size: int
    images: int | None = None
    slice_sizes: Sequence[int] = ()
    channels: int = 1


def estimate_study(
    models: Sequence[ModelRecipe],
    study: StudySize,
    *,
    device: str,
    seconds_of: Callable[[ModelRecipe, int], float] | None = None,
) -> pd.DataFrame:
    """Estimate every model and what stands around them; one row each, and a row ``all``.

    Columns: ``part``; ``updates``; ``images`` shown; ``tflop`` of the whole training; ``hours_here`` on this machine's
    device, from updates timed on it; ``gpu_hours_{card}``, arithmetic and not measured: each kernel's operations at
    the card's peak or its bytes at the peak of its memory, whichever is longer, divided by :data:`UTILISATION`;
    ``memory_gb`` of one device (in ``all`` the largest); ``images_gb``, what the packed images take on a GPU besides
    when they fit; ``disk_gb``, at its highest; ``cpu_hours``, one core; ``note``. Missing where it does not apply
    or is unknown. Gigabytes are 10^9 bytes.

    Args:
        models: recipes; those that are equal but for their condition are timed once.
        study: what else decides the size.
        device: ``cpu`` or ``cuda``, timed.
        seconds_of: seconds of an update by recipe and classes; by default measured.
    """
    measure = seconds_of or partial(_measured, device=device)
    seconds: dict[str, float] = {}
    counts: dict[tuple[str, int], UpdateCount] = {}
    rows = []
    for recipe in models:
        classes, kind = 0 if recipe.is_unconditional else GUESSED_CLASSES, _kind(recipe)
        if (kind, classes) not in counts:
            counts[kind, classes] = count_update(share_of_one_device(recipe), classes=classes)
        if kind not in seconds:
            seconds[kind] = measure(recipe, classes)
        rows.append(_model_row(recipe, study, counts[kind, classes], seconds[kind]))
    rows += [_preprocessing_row(study), _real_scans_row(study)] if study.images is None else [_images_row(study)]
    table = pd.DataFrame(rows)
    summed = [name for name in table.columns if name not in ("part", "memory_gb", "images_gb", "note")]
    total: dict[str, Any] = {name: table[name].sum(min_count=1) for name in summed}
    total |= {name: table[name].max() for name in ("memory_gb", "images_gb")}
    return pd.concat([table, pd.DataFrame([{"part": "all", **total, "note": ""}])], ignore_index=True)


def card_seconds(count: UpdateCount, card: Card) -> float:
    """Return the seconds of an update on a card: its roofline (Williams et al. 2009) over :data:`UTILISATION`."""
    seconds = 0.0
    for operation in count.operations:
        peak = card.tflops_in_16_bits if operation.in_16_bits else card.tflops_in_32_bits
        seconds += max(operation.flops / peak, operation.bytes_moved / card.terabytes_per_second) / 1e12
    return seconds / UTILISATION


def _kind(recipe: ModelRecipe) -> str:
    """Return what the cost of an update depends on besides the classes, which add some thousandths."""
    plain = replace(
        recipe, name="", condition="", only=None, images_total=1, images_per_chunk=1, allow_cpu=False, start_from=None
    )
    return json.dumps(asdict(plain), sort_keys=True)


def _measured(recipe: ModelRecipe, classes: int, *, device: str) -> float:
    timed = share_of_one_device(recipe) if device == "cuda" else recipe
    return seconds_per_update(timed, device, classes=classes, seconds=_PROBE_SECONDS)


def _model_row(recipe: ModelRecipe, study: StudySize, count: UpdateCount, seconds: float) -> dict[str, Any]:
    classes = 0 if recipe.is_unconditional else GUESSED_CLASSES
    updates = last_stage_updates(recipe, classes=classes)
    device_updates = updates * recipe.devices
    row = {
        "part": recipe.name,
        "updates": Schedule(recipe, family_named(recipe.family)).total,
        "images": recipe.images_total,
        "tflop": device_updates * count.flops / 1e12,
        "hours_here": updates * seconds / 3600,
    }
    row |= {f"gpu_hours_{name}": device_updates * card_seconds(count, card) / 3600 for name, card in CARDS.items()}
    return row | {
        "memory_gb": count.peak_bytes / _GIGA,
        "images_gb": (study.images or study.scans) * prod(recipe.image_shape) / _GIGA,
        "disk_gb": _model_bytes(recipe, study, count) / _GIGA,
        "cpu_hours": float("nan"),
        "note": "" if recipe.is_unconditional else f"counted with {GUESSED_CLASSES} classes",
    }


def _model_bytes(recipe: ModelRecipe, study: StudySize, count: UpdateCount) -> float:
    """Return the bytes of three states, a finished model for each chunk and one kept, samples, controls, embeddings."""
    voxels = prod(recipe.image_shape)
    states = 3 * count.state_bytes
    finished = (recipe.chunks + 1) * count.exported_bytes
    samples = sample_bytes(study.samples, size=recipe.size, nifti=study.nifti)
    controls = 2 * study.samples * voxels
    embeddings = 3 * study.samples * 4 * sum(study.feature_widths)
    return states + finished + samples + controls + embeddings


def _preprocessing_row(study: StudySize) -> dict[str, Any]:
    """Return the cost of preprocessing, as far as it was measured; deformations are taken to grow with the voxels."""
    finer = _MEASURED_AT_MM / study.voxel_mm
    power = 2 if study.transform in _GROWS_AS_SQUARE else 3
    seconds = finer**power * (_REGISTRATION_CPU_SECONDS[study.transform] + _BESIDE_REGISTRATION_CPU_SECONDS)
    note = f"{study.scans} scans, {seconds:.1f} CPU-s a scan to register ({study.transform}, {study.voxel_mm:g} mm)"
    if study.brain_extraction is not None:
        extraction = _EXTRACTION_CPU_SECONDS.get(study.brain_extraction)
        known = "time unknown" if extraction is None else f"{finer * extraction:.1f} CPU-s"
        note += f"; {study.brain_extraction}: {known}"
        seconds += finer * (extraction or 0.0)
    return {
        "part": "preprocessing",
        "disk_gb": preprocessed_bytes(study.scans, size=study.preprocessed_size) / _GIGA,
        "cpu_hours": study.scans * seconds / 3600,
        "note": note,
    }


def _real_scans_row(study: StudySize) -> dict[str, Any]:
    packed = packed_bytes(study.scans, sizes=study.pyramid_sizes)
    embedded = len(study.pyramid_sizes) * study.scans * 4 * sum(study.feature_widths)
    sizes = ", ".join(str(size) for size in study.pyramid_sizes)
    return {"part": "real scans", "disk_gb": (packed + embedded) / _GIGA, "note": f"packed at {sizes}; embeddings"}


def _images_row(study: StudySize) -> dict[str, Any]:
    count, sizes = study.images or 0, ", ".join(str(size) for size in study.slice_sizes)
    packed = count * study.channels * sum(size**2 for size in study.slice_sizes)
    embedded = len(study.slice_sizes) * count * 4 * sum(study.feature_widths)
    return {"part": "images", "disk_gb": (packed + embedded) / _GIGA, "note": f"{count} packed at {sizes}; embeddings"}


def estimate_text(table: pd.DataFrame, *, device: str) -> str:
    """Return the table as aligned text, with what its numbers are."""
    shown = {
        "updates": "{:,.0f}", "images": "{:,.0f}", "tflop": "{:,.0f}", "hours_here": "{:,.1f}",
        **{f"gpu_hours_{name}": "{:,.1f}" for name in CARDS},
        "memory_gb": "{:.1f}", "images_gb": "{:.1f}", "disk_gb": "{:.1f}", "cpu_hours": "{:.1f}",
    }  # fmt: skip
    titles = {"part": "", "hours_here": f"hours on {device}", "cpu_hours": "CPU hours"}
    titles |= {f"gpu_hours_{name}": f"h {name.upper()}*" for name in CARDS}
    titles |= {"tflop": "TFLOP", "memory_gb": "GB memory", "images_gb": "GB images", "disk_gb": "GB disk"}
    columns = [[titles.get("part"), *table["part"]]]
    for name, pattern in shown.items():
        values = ["" if pd.isna(value) else pattern.format(value) for value in table[name]]
        columns.append([titles.get(name, name), *values])
    widths = [max(len(str(cell)) for cell in column) for column in columns]
    lines = [
        "  ".join(str(cell).ljust(width) if not place else str(cell).rjust(width)
                  for place, (cell, width) in enumerate(zip(line, widths, strict=True)))
        for line in zip(*columns, strict=True)
    ]  # fmt: skip
    notes = [f"{part}: {note}" for part, note in zip(table["part"], table["note"], strict=True) if note]
    return "\n".join([
        *lines, "",
        f"hours on {device}: from updates timed on this machine, one training at a time.",
        f"* GPU hours: training only; arithmetic, not measured: the card's peak rates, used by {UTILISATION:.0%}.",
        "GB memory: of one device, counted without values; a GPU needs about 1 GB more, and GB images when they fit.",
        *notes,
    ])  # fmt: skip
