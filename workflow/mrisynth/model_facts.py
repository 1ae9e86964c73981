"""The recipe.json of a model: all that is known of it beside its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mrisynth.errors import MrisynthError
from mrisynth.files import read_json
from mrisynth.formats import check_format
from mrisynth.recipes import ModelRecipe
from mrisynth.training.export import FORMAT


def read_facts(path: Path) -> dict[str, Any]:
    """Return the content of a model's recipe.json.

    Raises:
        MrisynthError: it is missing, or not of this version.
    """
    facts = read_json(path)
    try:
        check_format(
            facts.get("format", 1), known=FORMAT, path=path, what="model", written_by=facts.get("mrisynth_version", ""),
            remedy="draw from it with that version, or export it again",
        )  # fmt: skip
        ModelRecipe(**facts["model"])
    except (KeyError, TypeError, AttributeError) as error:
        raise MrisynthError(f"{path} is no recipe of this version of mrisynth ({error}); export it again.") from error
    return facts
