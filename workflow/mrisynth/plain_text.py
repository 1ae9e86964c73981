"""Plain text: what no key and no value of a configuration may hold, whatever it means. Cheap to import."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from mrisynth.errors import ConfigError

_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format (such as a change of direction), surrogates, line ends
_SNAKEMAKE = re.compile(r"[{}]|<(?=\w)")  # what Snakemake takes for a wildcard or for a variable of its own in a path
_FREE_TEXT = ("title", "basis", "attribution", "licence")
_QUERY = (
    r"[?&;](?:[\w-]*(?:signature|credential|token|secret|password|passwd|api[_-]?key|access[_-]?key[\w-]*)|sig|key)="
)
_ACCOUNT = re.compile(r"(://)[^/\s?#]*@")  # a user, mostly with a password
_SECRET_VALUE = re.compile(rf"({_QUERY})[^\s&;)'\"]*", re.IGNORECASE)


def check_texts(config: Mapping[str, Any], *, source: str) -> None:
    """Refuse invisible characters, braces, and web addresses that carry a password or a signature.

    Names and paths of a configuration reach logs, tables and pages, and Snakemake copies the whole file into its
    report: what is secret must not stand in it. The message never repeats the value.

    Args:
        config: any nesting of mappings, lists and plain values.
        source: the file that the user wrote, named in errors.

    Raises:
        ConfigError: a key or a text holds one of them.
    """
    for path, text in _texts(config, ()):
        hidden = next((letter for letter in text if unicodedata.category(letter) in _HIDDEN), None)
        key = ".".join(_shown(part) for part in path)
        if hidden is not None:
            raise ConfigError(
                f"{source}: {key} holds the invisible character U+{ord(hidden):04X}; names and paths are "
                "plain text on one line, so write it anew."
            )
        if "{" in text or "}" in text or (path[-1] not in _FREE_TEXT and _SNAKEMAKE.search(text)):
            raise ConfigError(f"{source}: {key} holds a brace or `<`, which stand for variables here; leave it out.")
        if _ACCOUNT.search(text) or _SECRET_VALUE.search(text):
            raise ConfigError(
                f"{source}: {key} is a web address with a user, password, token or signature. A configuration is "
                "copied into reports: take the secret out, renew it if this file was shared, and give a local path."
            )


def check_path(path: str, *, key: str) -> None:
    """Refuse the path of an input that Snakemake would read as something else, or that breaks a line of a table.

    Args:
        path: of a file or folder.
        key: configuration key that it was found under.

    Raises:
        ConfigError: it holds an invisible character, a brace or ``<`` before a letter.
    """
    odd = next((letter for letter in path if unicodedata.category(letter) in _HIDDEN), None)
    if odd is not None or _SNAKEMAKE.search(path):
        what = f"the invisible character U+{ord(odd):04X}" if odd else "a brace or `<`, which stand for variables here"
        raise ConfigError(f"{key}: the path {path!a} holds {what}; rename the file or folder.")


def without_secrets(text: str) -> str:
    """Return a text in which users, passwords, tokens and signatures of web addresses are ``***``, for logs."""
    return _SECRET_VALUE.sub(r"\1***", _ACCOUNT.sub(r"\1***@", text))


def _texts(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield (*path, str(key)), str(key)
            yield from _texts(entry, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for place, entry in enumerate(value):
            yield from _texts(entry, (*path, str(place)))
    elif isinstance(value, str):
        yield path, value


def _shown(part: str) -> str:
    if without_secrets(part) != part:
        return "***"
    return "".join("?" if unicodedata.category(letter) in _HIDDEN else letter for letter in part[:60])
