"""What the benchmarks share: CPU seconds, the real scans, a printed table and a JSON file."""

from __future__ import annotations

import json
import os
import platform
import resource
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).resolve().parent / "results"


def cpu_seconds() -> float:
    """Return the user and system seconds of this process and of its finished children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def real_data() -> Path:
    """Return the folder of real scans: ``MRISYNTH_REAL_DATA``, or ``shared/data`` beside the repository."""
    folder = Path(os.environ.get("MRISYNTH_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        raise SystemExit(f"no real scans: {folder} is not there; set MRISYNTH_REAL_DATA to a folder of them")
    return folder


def report(name: str, rows: Sequence[Mapping[str, Any]], **figures: Any) -> None:
    """Print the rows as a table and the figures below it, and store both in ``benchmarks/results/{name}.json``.

    Args:
        name: of the benchmark.
        rows: one mapping a line, all with the same keys.
        figures: medians, ratios and counts drawn from them.
    """
    columns = list(rows[0]) if rows else []
    cells = [columns, *([_text(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    for line in cells:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    for key, value in figures.items():
        print(f"{key}: {_text(value)}")
    RESULTS.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "processor": platform.machine(), "cores": os.cpu_count()}
    content = {"benchmark": name, "machine": machine, "figures": figures, "rows": list(rows)}
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1, default=float) + "\n")


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
