"""The configuration: validated against the schema, defaults filled in, errors in one sentence. Cheap to import."""

from __future__ import annotations

import contextlib
import copy
import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from mrisynth.errors import ConfigError
from mrisynth.plain_text import check_texts

_TRUTH = {"true": True, "True": True, "false": False, "False": False}


def load_schema(path: str | Path) -> dict[str, Any]:
    """Read a JSON schema kept as YAML."""
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def complete(config: Mapping[str, Any], schema: Mapping[str, Any], *, source: str) -> dict[str, Any]:
    """Return a copy of ``config`` with every default filled in, or raise :class:`ConfigError`.

    Args:
        schema: the study's schema; the settings of model families stand under ``$defs/recipes``.
        source: the file that the user wrote, named in errors.
    """
    check_texts(config, source=source)
    study = _completed(_with_presets(config, schema, source=source), schema, source=source, path=())
    for name, model in study["models"].items():
        recipes = schema["$defs"]["recipes"]
        path = ("models", name, "recipe")
        model["recipe"] = _completed(model["recipe"], recipes[model["family"]], source=source, path=path)
    return study


def _with_presets(config: Mapping[str, Any], schema: Mapping[str, Any], *, source: str) -> dict[str, Any]:
    """Return a copy in which every model has the keys of its preset that the user has not given."""
    filled = copy.deepcopy(dict(config))
    models = filled.get("models")
    for name, model in models.items() if isinstance(models, dict) else ():
        family = model.get("family") if isinstance(model, dict) else None
        presets = schema["$defs"]["presets"].get(family, {}) if isinstance(family, str) else {}
        wanted = model.get("preset", "default") if presets else None
        if wanted is None:
            continue
        if wanted not in list(presets):
            known = ", ".join(presets)
            raise ConfigError(f"{source}: models.{name}.preset is {wanted!r}; family {family} has {known}.")
        preset, given = copy.deepcopy(presets[wanted]), model.get("recipe") or {}
        recipe = preset.pop("recipe", {}) | given if isinstance(given, dict) else given
        models[name] = preset | model | {"recipe": recipe}
    return filled


def _completed(
    value: dict[str, Any], schema: Mapping[str, Any], *, source: str, path: tuple[str, ...]
) -> dict[str, Any]:
    from jsonschema import Draft202012Validator  # 0.1 s: only when a configuration is read

    filled = _with_numbers_read(value, schema)
    _fill_defaults(filled, schema)
    errors = sorted(Draft202012Validator(dict(schema)).iter_errors(filled), key=lambda error: len(error.absolute_path))
    if errors:
        error = errors[0]
        raise ConfigError(f"{source}: {_sentence(error, (*path, *map(str, error.absolute_path)))}")
    return filled


def _with_numbers_read(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return a copy in which text stands as the number it spells where a number is expected.

    YAML reads ``1e-4`` as text, and values inside ``--config 'models={...}'`` reach us as text, all of them.
    """
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties") or {}
        return {key: _with_numbers_read(entry, known.get(key, others)) for key, entry in value.items()}
    if isinstance(value, list):
        return [_with_numbers_read(entry, schema.get("items", {})) for entry in value]
    types = _listed(schema.get("type", []))
    if value == "null" and "null" in types:
        return None
    if not isinstance(value, str) or "string" in types:
        return value
    for kind, read in (("integer", int), ("number", float), ("boolean", _TRUTH.__getitem__)):
        if kind in types:
            with contextlib.suppress(ValueError, KeyError):
                return read(value)
    return value


def _fill_defaults(value: Any, schema: Mapping[str, Any]) -> None:
    if not isinstance(value, dict):
        return
    properties = schema.get("properties", {})
    for key, subschema in properties.items():
        if "default" in subschema:
            value.setdefault(key, copy.deepcopy(subschema["default"]))
        if key in value:
            _fill_defaults(value[key], subschema)
    others = schema.get("additionalProperties")
    if isinstance(others, dict):
        for key in value.keys() - properties.keys():
            _fill_defaults(value[key], others)


def _sentence(error: Any, path: tuple[str, ...]) -> str:
    key = ".".join(path) or "the configuration"
    found = error.instance
    match error.validator:
        case "additionalProperties":
            known = error.schema.get("properties", {})
            unknown = sorted(set(found) - set(known))[0]
            return f"unknown key {'.'.join((*path, unknown))}; {_suggestion(unknown, known)}."
        case "required":
            missing = next(name for name in error.validator_value if name not in found)
            what = error.schema.get("properties", {}).get(missing, {}).get("description", "")
            return f"the key {'.'.join((*path, missing))} is missing. {what}".rstrip()
        case "type":
            expected = _words(error.validator_value)
            return f"{key} is {found!r} ({_kind(found)}); expected {expected}."
        case "enum":
            return f"{key} is {found!r}; expected one of {', '.join(map(str, error.validator_value))}."
        case "multipleOf":
            return f"{key} is {found}; expected a multiple of {error.validator_value}."
        case "pattern" if error.parent is None:
            return f"{key} is {found!r}, which does not match {error.validator_value}. {_description(error)}".rstrip()
        case _:
            return f"{key}: {error.message}. {_description(error)}".rstrip()


def _suggestion(unknown: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(unknown, list(known), n=1)
    return f"did you mean {close[0]}" if close else f"known keys here are {', '.join(sorted(known))}"


def _description(error: Any) -> str:
    return error.schema.get("description", "") if isinstance(error.schema, Mapping) else ""


def _words(types: str | list[str]) -> str:
    names = {"object": "a block of keys", "array": "a list", "null": "nothing (null)", "boolean": "true or false"}
    return " or ".join(names.get(name, f"{'an' if name[0] in 'aeiou' else 'a'} {name}") for name in _listed(types))


def _listed(types: str | list[str]) -> list[str]:
    return [types] if isinstance(types, str) else list(types)


def _kind(value: Any) -> str:
    kinds = {str: "text", bool: "true or false", int: "an integer", float: "a number", list: "a list", dict: "a block"}
    return kinds.get(type(value), "nothing")
