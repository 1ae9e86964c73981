"""Pages from templates: every text escaped, nothing loaded from elsewhere, no script but the page's own."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import pandas as pd
from markupsafe import Markup

from mrisynth import __version__
from mrisynth.files import atomic
from mrisynth.reporting.board import REFERENCES
from mrisynth.reporting.intervals_figure import axis_words, interval_svg
from mrisynth.reporting.slice_words import view_words

_SCRIPT_HASH = "SCRIPT-HASH"


def write_html(path: str | Path, template: str, **content: Any) -> None:
    """Write a page from a template beside this file.

    A page with a script states its checksum in the policy of the page, so that a browser runs this one and no other;
    the template has ``SCRIPT-HASH`` there.

    Args:
        path: the HTML file.
        template: name of the template.
        content: what the template shows, beside ``version`` and ``references``.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "png": _png,
        "beside": lambda picture: quote(os.path.relpath(picture, Path(path).parent)),
        "cell": _cell,
        "anchor": _anchor,
        "svg": interval_svg,
        "ends": lambda axis, metric, end: axis_words(axis, metric)[end],
        "finite": lambda value: repr(value) if isfinite(value) else "",
    }
    html = environment.get_template(template).render(
        version=__version__, references=REFERENCES, view_words=view_words, **content
    )
    if "<script>" in html:  # of the template: in a text it is escaped
        script = html.rsplit("<script>", 1)[1].split("</script>", 1)[0]
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        html = html.replace(_SCRIPT_HASH, f"sha256-{digest}", 1)
    with atomic(path) as unfinished:
        unfinished.write_text(html, encoding="utf-8")


def embedded_json(data: Mapping[str, Any]) -> Markup:
    """Return data for a script of a page: JSON that ends no script element and starts no comment."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def _png(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(Path(path).read_bytes()).decode("ascii")


def _cell(value: object) -> str:
    if value is None or pd.isna(value):
        return "n/a"
    if isinstance(value, float):
        return f"{value:,.0f}" if value == int(value) and abs(value) >= 1 else f"{value:.3g}"
    return str(value)


def _anchor(title: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in title.lower())
