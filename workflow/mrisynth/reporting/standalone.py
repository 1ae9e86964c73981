"""Pages with a script of their own: one file, which loads nothing and lets a browser run that script and no other."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from mrisynth.files import atomic


def write_standalone(path: str | Path, template: str, *, data: Mapping[str, Any], **content: Any) -> None:
    """Render a template of this folder and write it.

    Args:
        path: the HTML file.
        template: holds SCRIPT-HASH in its content security policy, and its script in its last element ``<script>``.
        data: what the script reads, as JSON.
        content: what the template shows itself; every text is escaped.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    html = environment.get_template(template).render(data=_embedded(data), **content)
    script = html.rsplit("<script>", 1)[1].split("</script>", 1)[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    with atomic(path) as unfinished:
        unfinished.write_text(html.replace("SCRIPT-HASH", f"sha256-{digest}", 1), encoding="utf-8")


def _embedded(data: Mapping[str, Any]) -> Markup:
    """JSON that ends no script element and starts no comment, whatever names hold."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704
