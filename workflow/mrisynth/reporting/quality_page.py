"""The page on which a person looks at every scan and marks those to leave out."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from mrisynth.files import atomic

REASONS = (
    "part of the brain is missing",
    "skull, eyes or dura are left in",
    "registration is off",
    "wrong orientation",
    "motion or blur",
    "artefact",
    "lesion or other pathology",
    "wrong contrast or body part",
)
"""What a person can choose from when marking a scan."""

_TEMPLATE = "quality_page.html.jinja"
_NOT_MEASURES = ("scan", "status", "reason", "message", "fingerprint", "cpu_seconds")
_UNCLEAN = '[\t\r\n"]+'  # what would break a line of the table; also a regular expression of JavaScript
_STRIP_SPREADS = 8.0  # robust standard deviations that a strip shows at most


def write_quality_page(
    path: str | Path,
    *,
    title: str,
    quality: pd.DataFrame,
    limits: pd.DataFrame,
    exclusions: pd.DataFrame | None,
    pictures: Mapping[str, Path],
    exclusions_path: str = "config/exclusions.tsv",
) -> None:
    """Write one HTML file to page through all scans, see what is outside its limits, and mark exclusions.

    The page loads nothing but the pictures, by paths relative to its own folder. Marks stay in the browser; a button
    gives the text of the table of exclusions, which starts from the rows that the table holds now.

    Args:
        path: the HTML file.
        title: of the study; marks are kept under it and the page's own path.
        quality: one row a scan: scan, status, reason, message, and a column of numbers per measure.
        limits: one row a measure: measure, low, high (missing for no limit), unit, meaning, source.
        exclusions: rows of the table of exclusions (scan, reason, any further columns), None when there is none.
        pictures: scan to its PNG; files that are not there are left out.
        exclusions_path: where the user is told to save the table.
    """
    rows = exclusions if exclusions is not None else pd.DataFrame(columns=["scan", "reason"])
    measures, scans = _measures_and_scans(quality, limits)
    for row in scans:
        row["picture"] = _relative(pictures.get(row["scan"]), Path(path).parent)
    data = {
        "title": title,
        "measures": measures,
        "scans": scans,
        "reasons": REASONS,
        "columns": list(rows.columns),
        "rows": _texts(rows),
        "unclean": _UNCLEAN,
    }
    html = _rendered(title=title, text=exclusions_text(rows), exclusions_path=exclusions_path, data=_embedded(data))
    with atomic(path) as unfinished:
        unfinished.write_text(html, encoding="utf-8")


def exclusions_text(exclusions: pd.DataFrame) -> str:
    """Return a table of exclusions as the text of its file: header, tabs, one line a scan, nothing that needs quotes.

    Args:
        exclusions: scan, reason and any further columns; tabs, line breaks and quotation marks become spaces.
    """
    lines = [list(exclusions.columns), *_texts(exclusions)]
    return "".join("\t".join(re.sub(_UNCLEAN, " ", cell).strip() for cell in line) + "\n" for line in lines)


def _rendered(**content: Any) -> str:
    """The page, which a browser lets run its own script and no other."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    html = environment.get_template(_TEMPLATE).render(reasons=REASONS, **content)
    script = html.rsplit("<script>", 1)[1].split("</script>", 1)[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return html.replace("SCRIPT-HASH", f"sha256-{digest}", 1)


def _texts(table: pd.DataFrame) -> list[list[str]]:
    return [["" if pd.isna(cell) else str(cell) for cell in row] for row in table.itertuples(index=False, name=None)]


def _measures_and_scans(
    quality: pd.DataFrame, limits: pd.DataFrame
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the page shows of each measure, and of each scan in the order of its name."""
    quality = quality.sort_values("scan")
    known = limits.set_index("measure")
    names = [name for name in known.index if name in quality and quality[name].notna().any()]
    names += [
        name
        for name in quality.columns
        if name not in (*names, *_NOT_MEASURES) and pd.api.types.is_numeric_dtype(quality[name])
    ]
    words = quality.reindex(columns=["scan", "status", "reason", "message"]).astype("string").fillna("")
    scans: list[dict[str, Any]] = [
        row | {"values": [], "spread": [], "outside": []} for row in words.to_dict("records")
    ]
    measures = []
    for name in names:
        about = known.loc[name].to_dict() if name in known.index else {}
        low, high = _finite(about.get("low")), _finite(about.get("high"))
        values = pd.to_numeric(quality[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        middle, spread = _middle_and_spread(values)
        for row, value in zip(scans, values.tolist(), strict=True):
            row["values"].append(_finite(value))
            row["spread"].append(_finite(round(abs(value - middle) / spread, 3)) if spread else _finite(value * 0))
            row["outside"].append((low is not None and value < low) or (high is not None and value > high))
        texts = {key: "" if pd.isna(about.get(key)) else str(about[key]) for key in ("unit", "meaning", "source")}
        strip = _strip_range(values, (low, high), middle, spread)
        measures.append({"name": name, "low": low, "high": high, "range": strip} | texts)
    return measures, scans


def _middle_and_spread(values: np.ndarray) -> tuple[float, float]:
    """Median and robust standard deviation; the plain one where more than half of the values are equal."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 0.0
    middle = float(np.median(finite))
    return middle, 1.4826 * float(np.median(np.abs(finite - middle))) or float(finite.std())


def _strip_range(
    values: np.ndarray, limits: Sequence[float | None], middle: float, spread: float
) -> tuple[float, float]:
    """The values that a strip of the cohort shows: most of them, and the limits where these are not far away."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    near = [limit for limit in limits if limit is not None and abs(limit - middle) <= 1.5 * _STRIP_SPREADS * spread]
    first = min([max(float(finite.min()), middle - _STRIP_SPREADS * spread), *near])
    last = max([min(float(finite.max()), middle + _STRIP_SPREADS * spread), *near])
    margin = 0.04 * (last - first) or 0.5
    return first - margin, last + margin


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and not pd.isna(value) and math.isfinite(value) else None


def _relative(picture: Path | None, folder: Path) -> str | None:
    """The picture's address from the page, escaped for a URL; None when there is no such file."""
    if picture is None or not Path(picture).is_file():
        return None
    return quote(Path(os.path.relpath(picture, folder)).as_posix())


def _embedded(data: Mapping[str, Any]) -> Markup:
    """JSON that ends no script element and starts no comment, whatever names and messages hold."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704
