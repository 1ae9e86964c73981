"""Disclosure: what a record may tell of a parameter or a path: no secret, no folder of a person, no name of a host."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from mrisynth.plain_text import without_secrets

WITHHELD = "withheld"
ELSEWHERE = "…"
LONGEST = 4000  # characters of one parameter
_SECRET = re.compile(
    r"token|secret|passw|passphrase|credential|(api|access|private)_?key|_key$|auth(?!or|en)", re.IGNORECASE
)
_FOLDERS = re.compile(r"(?:file:/+|(?<![\w.:/>…])(?:~[\w.-]*)?/|\b[A-Za-z]:[\\/]|(?:^|(?<=[\s'\"=]))\.\./)(?:.*[\\/])?")
_SHORTEST_SECRET = 6


def disclosed(value: Any) -> Any:
    """Return ``value`` as JSON can hold it, without secrets and without folders outside the working directory.

    Values under a key that names a secret, values of environment variables that do, and the name of the host become
    ``withheld``; of a path elsewhere only the last name stays, behind ``…/``.

    Args:
        value: anything that a rule gives its script: texts, numbers, lists, dictionaries.
    """
    match value:
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {str(key): WITHHELD if _SECRET.search(str(key)) else disclosed(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted(map(disclosed, value), key=str)
        case list() | tuple():
            return [disclosed(item) for item in value]
        case _:
            return _text(str(value))


def summarised(value: Any) -> Any:
    """Return what :func:`disclosed` does; of what is long only its checksum and its number of entries."""
    shown = disclosed(value)
    text = json.dumps(shown, sort_keys=True, ensure_ascii=False)
    if len(text) <= LONGEST:
        return shown
    entries = len(shown) if isinstance(shown, dict | list) else 1
    return {"entries": entries, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def shown_path(path: str | Path, *, study: str | Path | None) -> str:
    """Return a path as records name it.

    ``<results>/...`` in the study's folder, relative elsewhere in the working directory, and ``…/name`` outside.

    Args:
        path: relative to the working directory, or absolute.
        study: folder of the study; None for what belongs to no study.
    """
    absolute = Path(os.path.normpath(Path.cwd() / path))
    for folder, name in ((study, "<results>"), (".", "")):
        if folder is None:
            continue
        home = Path(os.path.normpath(Path.cwd() / folder))
        if absolute.is_relative_to(home):
            return (PurePath(name) / absolute.relative_to(home)).as_posix()
    return f"{ELSEWHERE}/{absolute.name}"


def _text(text: str) -> str:
    if text == platform.node():
        return WITHHELD
    for secret in _secrets():
        text = text.replace(secret, WITHHELD)
    text = without_secrets(text)
    inside = f"{Path.cwd()}{os.sep}"
    if text.startswith(inside):
        return text.removeprefix(inside)
    if text.startswith(("/", "~", "../")):
        return f"{ELSEWHERE}/{PurePath(text).name}"
    return _FOLDERS.sub(f"{ELSEWHERE}/", text.replace(inside, ""))


def _secrets() -> list[str]:
    found = {value for name, value in os.environ.items() if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET}
    return sorted(found, key=len, reverse=True)  # a longer one may hold a shorter one
