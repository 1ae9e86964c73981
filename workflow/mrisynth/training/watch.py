"""What people see of a training while it runs: a line, TensorBoard events, a grid of samples, and warnings."""

from __future__ import annotations

import logging
import resource
from collections import deque
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import torch

from mrisynth.files import atomic, write_table
from mrisynth.models.interface import Family, State
from mrisynth.progress import clock
from mrisynth.recipes import ModelRecipe
from mrisynth.store import to_unit
from mrisynth.training.events import Events
from mrisynth.training.health import SATURATED, critics_right, diversity, sample_warning, saturation_warning
from mrisynth.training.preview import png_bytes, preview_grid, preview_samples

GRID = "grid-{images_seen:09d}.png"
HEALTH = "health.tsv"
HEALTH_COLUMNS = ("images_seen", "diversity", "critic_right", "warning")

_LOSSES = ("critic_", "generator_", "class_")
_REALS = 8
_RECENT_ROWS = 20  # whose median pace gives the time left

_log = logging.getLogger(__name__)


class Watch:
    """Watches one chunk of a training without changing it: no random draw, no mode and no weight is touched.

    Args:
        recipe: the model.
        family: its family.
        classes: number of condition classes; 0 without a condition.
        reals: uint8 [scan, x, y, z] or slices, two or more of the training; eight are compared with, two are shown.
        folder: gets ``grid-{images_seen}.png``, ``events/`` and, at the end, ``health.tsv``.
        seed: the study's seed.
        updates_total: updates of the whole training.
        every_images: a grid is drawn whenever a multiple of this many images was passed, at the first row of the
            chunk and at the end of the training.
        asked: of a condition of covariates or of text what the eight samples are told, rows [8, columns]; else None.
    """

    def __init__(
        self,
        recipe: ModelRecipe,
        *,
        family: Family,
        classes: int,
        reals: np.ndarray,
        folder: Path,
        seed: int,
        updates_total: int,
        every_images: int,
        asked: np.ndarray | None = None,
    ) -> None:
        self._recipe, self._family, self._classes, self._seed = recipe, family, classes, seed
        self._reals = np.ascontiguousarray(reals[:_REALS])
        self._folder, self._updates_total, self._every_images = folder, updates_total, every_images
        self._asked = asked
        self._events: Events | None = None
        self._rows: list[dict[str, float]] = []
        self._since_grid: list[dict[str, float]] = []
        self._paces: deque[float] = deque(maxlen=_RECENT_ROWS)
        self._health: list[dict[str, Any]] = []
        folder.mkdir(parents=True, exist_ok=True)

    def row(self, state: State, row: dict[str, float]) -> dict[str, float]:
        """Show a row of the loss curve; return further columns for it.

        Args:
            state: of the training, just after the row's last update.
            row: ``step``, ``images_seen``, the losses, ``seconds`` since the row before, ``skipped``.

        Returns:
            ``images_per_second``; ``memory_gb`` (1e9 bytes: most that a GPU held so far, or what the process holds
            now, grids included); ``diversity`` of the samples (:mod:`mrisynth.training.health`), NaN without a grid.
        """
        images_seen = int(row["images_seen"])
        before = self._images_before(images_seen)
        draws = self._draws_grid(before, images_seen)
        self._rows.append(row)
        self._since_grid.append(row)
        columns = {"images_per_second": self._speed(before, row), "memory_gb": _memory_gb(state)}
        events = self._open_events(before)
        columns["diversity"] = self._draw(state, events, images_seen) if draws else float("nan")
        events.scalars(_scalars(row | columns), images_seen=images_seen)
        self._check_critics(images_seen)
        self._log_line(row | columns, images_seen)
        if draws:
            self._since_grid = []
        return columns

    def warnings(self) -> list[str]:
        """Return every warning so far, once each, with the images seen."""
        return [f"at {line['images_seen']:,} images, {line['warning']}" for line in self._health if line["warning"]]

    def memory(self) -> dict[str, Any]:
        """Return all that was seen and written, as numbers, text and tensors: for :meth:`recall` in a later process."""
        files = [path for path in sorted(self._folder.rglob("*")) if path.is_file()]
        return {
            "rows": self._rows,
            "since_grid": self._since_grid,
            "paces": list(self._paces),
            "health": self._health,
            "files": {
                path.relative_to(self._folder).as_posix(): torch.tensor(bytearray(path.read_bytes()), dtype=torch.uint8)
                for path in files
            },
        }

    def recall(self, memory: dict[str, Any]) -> None:
        """Go on from what :meth:`memory` returned; the files are written again."""
        self._rows, self._since_grid, self._health = memory["rows"], memory["since_grid"], memory["health"]
        self._paces.extend(memory["paces"])
        for name, content in memory["files"].items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.cpu().numpy().tobytes())

    def close(self) -> None:
        """Write ``health.tsv``: images_seen, diversity, critic_right (of the most successful critic), warning."""
        if self._events is not None:
            self._events.close()
        write_table(pd.DataFrame(self._health, columns=list(HEALTH_COLUMNS)), self._folder / HEALTH)

    def _images_before(self, images_seen: int) -> int:
        """Return the images seen before this row; a chunk begins at a multiple of its length."""
        if self._rows:
            return int(self._rows[-1]["images_seen"])
        length = self._recipe.images_per_chunk
        return (images_seen - 1) // length * length

    def _speed(self, before: int, row: dict[str, float]) -> float:
        """Return the images per second since the row before, and note the pace of the updates."""
        shown = max(row["images_seen"] - before, 0)
        seconds = max(float(row["seconds"]), 1e-9)
        if shown:
            self._paces.append(seconds / (shown * row["step"] / row["images_seen"]))
        return shown / seconds

    def _draws_grid(self, before: int, images_seen: int) -> bool:
        passed = images_seen // self._every_images > before // self._every_images
        return not self._rows or passed or images_seen >= self._recipe.images_total

    def _open_events(self, images_seen: int) -> Events:
        if self._events is None:
            self._events = Events(self._folder / "events", images_seen=images_seen)
        return self._events

    def _draw(self, state: State, events: Events, images_seen: int) -> float:
        """Draw the samples, write their grid, judge them; return their diversity.

        Whole volumes may need more memory than the training does: then there is no grid, and the training goes on.
        """
        try:
            samples, labels = preview_samples(
                state.averages["generator"], self._family, self._recipe, classes=self._classes, seed=self._seed,
                asked=self._asked,
            )  # fmt: skip
        except torch.OutOfMemoryError:
            _log.warning("%s at %s images: no grid, out of memory", self._recipe.name, f"{images_seen:,}")
            torch.cuda.empty_cache()
            return float("nan")
        reals = to_unit(self._reals)
        title = f"{self._recipe.name}: {images_seen:,} images seen"
        picture = preview_grid(samples, reals, title=title, labels=labels)
        png = png_bytes(picture)
        with atomic(self._folder / GRID.format(images_seen=images_seen)) as unfinished:
            unfinished.write_bytes(png)
        events.picture(
            "samples", png, shape=(picture.height, picture.width, len(picture.getbands())), images_seen=images_seen
        )
        found = diversity(samples, reals)
        self._note(images_seen, found, sample_warning(samples, diversity=found))
        return found

    def _check_critics(self, images_seen: int) -> None:
        """Note a saturated critic once between two grids, not at every row that it lasts."""
        warning = saturation_warning(self._rows, images_total=self._recipe.images_total)
        last = self._health[-1] if self._health else {"images_seen": -1, "warning": ""}
        if not warning or last["warning"].startswith(SATURATED):
            return
        if last["images_seen"] == images_seen and not last["warning"]:
            self._health.pop()
            self._note(images_seen, last["diversity"], warning)
        else:
            self._note(images_seen, float("nan"), warning)

    def _note(self, images_seen: int, found: float, warning: str) -> None:
        right = max(critics_right(self._since_grid).values(), default=float("nan"))
        line = (images_seen, round(found, 4), round(right, 4), warning)
        self._health.append(dict(zip(HEALTH_COLUMNS, line, strict=True)))
        if warning:
            _log.warning("%s at %s images: %s", self._recipe.name, f"{images_seen:,}", warning)

    def _log_line(self, row: dict[str, float], images_seen: int) -> None:
        losses = ", ".join(f"{name} {value:.3g}" for name, value in row.items() if name.startswith(_LOSSES))
        left = clock(median(self._paces or [0.0]) * max(self._updates_total - row["step"], 0))
        _log.info(
            "%s: %s of %s images; %s; %.3g images/s, %.2f GB, %s left",
            self._recipe.name, f"{images_seen:,}", f"{self._recipe.images_total:,}", losses,
            row["images_per_second"], row["memory_gb"], left,
        )  # fmt: skip


def _scalars(row: dict[str, float]) -> dict[str, float]:
    """Return the numbers of a row under the names by which TensorBoard groups them; no diversity without a grid."""
    left_out = {"images_seen"} | ({"diversity"} if np.isnan(row["diversity"]) else set())
    return {f"{_group(name)}/{name}": float(value) for name, value in row.items() if name not in left_out}


def _group(name: str) -> str:
    if name.startswith(_LOSSES):
        return "loss"
    return "health" if name == "diversity" or name.startswith("right_") else "run"


def _memory_gb(state: State) -> float:
    device = next(state.networks["generator"].parameters()).device
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    status = Path("/proc/self/status")
    if status.is_file():
        resident = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
        return int(resident.split()[1]) * 1024 / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e9  # bytes where there is no /proc (macOS)
