"""A study: the validated configuration, its scans, and what follows from them. Cheap to import."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from math import ceil
from pathlib import Path
from typing import Any

from mrisynth.augmentation_limits import augmentation_limits
from mrisynth.cohorts.bundles import divide
from mrisynth.cohorts.listing import ScanFile
from mrisynth.cohorts.several import check_several, in_member, sources_of
from mrisynth.cohorts.sources import future_path, list_study
from mrisynth.colour import channels_of
from mrisynth.configuration import complete, load_schema
from mrisynth.covariate_checks import check_covariate_model
from mrisynth.errors import ConfigError
from mrisynth.image_checks import IMAGE_COHORTS, check_image_study
from mrisynth.mask_checks import check_masks
from mrisynth.recipes import EITHER_FAMILIES, MASKED_FAMILIES, ModelRecipe, is_of_slices
from mrisynth.redistribution import Redistribution, decide_all
from mrisynth.region_covariates import OF_TISSUES
from mrisynth.slice_checks import check_asked_of_slices, check_only, check_slice_model
from mrisynth.synthesis.plan import check_synthesis
from mrisynth.text_checks import check_similarity, check_text_condition, check_text_model, is_text

_NO_KEYS = ("dimensions", "channels", "augmentation_scale")
_IXI_PERSON = re.compile(r"IXI\d{3}")


@dataclass(frozen=True, kw_only=True)
class Study:
    """One study; every path and number that the rules need is asked of it.

    Attributes:
        config: the configuration with all defaults filled in.
        source: the file it came from, named in errors.
    """

    config: dict[str, Any]
    source: str

    @classmethod
    def read(cls, config: Mapping[str, Any], *, schema: str | Path, source: str) -> Study:
        """Validate ``config`` and check what a schema cannot: names that refer to one another."""
        study = cls(config=complete(config, load_schema(schema), source=source), source=source)
        check_image_study(config, study.config, source=source)
        check_several(config, study.config, source=source)
        study._check_references()
        return study

    @property
    def folder(self) -> str:
        """Folder of everything the study computes."""
        return self.config["folder"]

    @property
    def seed(self) -> int:
        """Seed that every random draw is derived from."""
        return self.config["seed"]

    @property
    def of_images(self) -> bool:
        """Whether the input is images, which are slices already, and not scans."""
        return self.config["cohort"]["name"] in IMAGE_COHORTS

    @property
    def may_be_exported(self) -> bool:
        """Whether volumes, embeddings, models, samples and pictures of them may leave the study's folder."""
        return self.redistribution.allowed

    @cached_property
    def redistribution(self) -> Redistribution:
        """What may be done with the results, on whose word; whatever packs them for others asks here first."""
        cohort = self.config["cohort"]
        sources = sources_of(cohort)
        local = {name for name, own in sources.items() if own["name"] == "ixi" and own["folder"] is not None}
        scans = [scan for scan in self.scans if scan.member in local] if local else []
        own_scans = {scan.member for scan in scans if not _IXI_PERSON.fullmatch(in_member(scan).participant_id)}
        return decide_all(cohort, own_scans=own_scans)

    @cached_property
    def models(self) -> dict[str, ModelRecipe]:
        """The recipes of all models, by name; ``condition`` is the name of the condition's table."""
        shared = {field.name for field in fields(ModelRecipe)} - {"name", "condition", "family_recipe", *_NO_KEYS}
        return {
            replicate: ModelRecipe(
                name=replicate,
                condition=self._condition_table(entry),
                family_recipe=entry["recipe"] | self._classes_of(entry),
                dimensions=2 if is_of_slices(entry) else 3,
                channels=channels_of(self.config["cohort"]),
                **{key: entry[key] for key in shared} | augmentation_limits(entry, self.config),
            )
            for name, entry in self.config["models"].items()
            for replicate in _replicates(name, entry["replicates"])
        }

    @cached_property
    def replicates(self) -> dict[str, list[str]]:
        """The models that are trained from the same entry but for the seed, by the entry's name; one has none."""
        entries = self.config["models"].items()
        return {name: _replicates(name, entry["replicates"]) for name, entry in entries if entry["replicates"] > 1}

    def sources_of(self, model: ModelRecipe) -> list[str]:
        """Names of the sources of a model that is told covariates; none of any other."""
        condition = self.config["conditions"].get(model.condition, {})
        return list(condition["sources"]) if condition.get("kind") == "covariates" else []

    def is_told_text(self, model: ModelRecipe) -> bool:
        """Whether a model is told prompts, which have no classes."""
        return is_text(self.config["conditions"].get(model.condition, {}))

    def shows_covariates(self, model: ModelRecipe) -> bool:
        """Whether what a model draws can be measured for covariates that it is told; of volumes those of tissues."""
        condition = self.config["conditions"].get(model.condition, {})
        told = {name for source in condition.get("sources", {}).values() for name in source["covariates"]}
        return bool(told) if model.dimensions == 2 else bool(told & {f"{name}_ml" for name in OF_TISSUES})

    @property
    def volume_models(self) -> dict[str, ModelRecipe]:
        """The models of volumes."""
        return {name: model for name, model in self.models.items() if model.dimensions == 3}

    @property
    def slice_models(self) -> dict[str, ModelRecipe]:
        """The models of slices."""
        return {name: model for name, model in self.models.items() if model.dimensions == 2}

    @cached_property
    def sizes(self) -> list[int]:
        """Sizes of the pyramid: what the models need, what slices are cut from, what the configuration adds."""
        cut = {self.cut_size} if self.slice_models and not self.of_images else set()
        wanted = {model.size for model in self.volume_models.values()} | cut
        return sorted(wanted | set(self.config["pyramid"]["sizes"]))

    @property
    def cut_size(self) -> int:
        """Size of the volumes that slices are cut from."""
        return self.config["slices"]["volume_size"] or self.config["preprocessing"]["size"]

    @cached_property
    def slice_sizes(self) -> list[int]:
        """Sizes of the packed slices."""
        return sorted({model.size for model in self.slice_models.values()} | set(self.config["slices"]["sizes"]))

    @cached_property
    def conditions(self) -> list[str]:
        """Names of the condition tables that the models need."""
        return sorted({model.condition for model in self.models.values()})

    @cached_property
    def scans(self) -> list[ScanFile]:
        """The scans of the cohort in the order of their names, each with the path where its file is or will be."""
        return sorted((scan for bundle in self.bundles.values() for scan in bundle), key=lambda scan: scan.scan)

    @cached_property
    def bundles(self) -> dict[str, list[ScanFile]]:
        """The scans by bundle, the unit of preprocessing jobs."""
        cohort = self.config["cohort"]
        listed = [] if self.of_images else list_study(cohort, source=self.source)
        divided = divide(listed, scans_per_job=self.config["preprocessing"]["scans_per_job"])
        place = partial(future_path, cohort=cohort, folder=self.folder)
        return {
            bundle: [scan if scan.path else replace(scan, path=place(scan, bundle=bundle)) for scan in scans]
            for bundle, scans in divided.items()
        }

    def shards(self) -> list[str]:
        """Names of the jobs that share the drawing of a model's samples."""
        sampling = self.config["sampling"]
        return [f"{shard:03d}" for shard in range(ceil(sampling["count"] / sampling["per_shard"]))]

    def shard_range(self, shard: str) -> tuple[int, int]:
        """First sample and number of samples of a shard."""
        sampling = self.config["sampling"]
        first = int(shard) * sampling["per_shard"]
        return first, min(sampling["per_shard"], sampling["count"] - first)

    def _classes_of(self, entry: Mapping[str, Any]) -> dict[str, int]:
        return {"classes": len(self.config["masks"]["classes"])} if entry["family"] in MASKED_FAMILIES else {}

    def _condition_table(self, entry: Mapping[str, Any]) -> str:
        name = entry["condition"]
        kind = self.config["conditions"].get(name, {}).get("kind")
        return f"{name}.{entry['round']}" if kind == "clusters" else name

    def _check_references(self) -> None:
        config = self.config
        try:
            decide_all(config["cohort"])
        except ConfigError as error:
            raise ConfigError(f"{self.source}: {error}") from None
        for name, entry in config["models"].items():
            if name == "real":
                raise ConfigError(f"{self.source}: models.real: that name stands for the real scans; choose another.")
            self._check_model(name, entry)
        check_masks(config, source=self.source)
        check_synthesis(config, self.models, source=self.source)
        check_similarity(config, source=self.source)
        has_models = len(_of_volumes(config["models"])) < len(config["models"])
        check_asked_of_slices(config, has_models=has_models, source=self.source)
        for name, condition in config["conditions"].items():
            check_text_condition(name, condition, source=self.source)
            if condition["kind"] == "categorical" and "columns" not in condition:
                raise ConfigError(f"{self.source}: conditions.{name}.columns is missing; name columns of scans.tsv.")
            if condition["kind"] == "covariates" and "sources" not in condition:
                raise ConfigError(f"{self.source}: conditions.{name}.sources is missing; say what which scans know.")
        for key, names, known in (
            ("evaluation.features", config["evaluation"]["features"], config["features"]),
            ("evaluation.validation_features", _named(config["evaluation"]["validation_features"]), config["features"]),
            ("clustering.features", [config["clustering"]["features"]], config["features"]),
            ("clustering.feedback", config["clustering"]["feedback"], _of_volumes(config["models"])),
        ):
            for name in set(names) - set(known):
                raise ConfigError(f"{self.source}: {key} names {name}; known are {', '.join(sorted(known))}.")

    def _check_model(self, name: str, entry: Mapping[str, Any]) -> None:
        self._check_start(name, entry["start_from"])
        if entry["dimensions"] is not None and entry["family"] not in EITHER_FAMILIES:
            raise ConfigError(
                f"{self.source}: models.{name}.dimensions is {entry['dimensions']}, which {entry['family']} decides "
                f"itself; take the key out. It is for {', '.join(EITHER_FAMILIES)}."
            )
        if is_of_slices(entry):
            check_slice_model(name, self.config, cut_size=self.cut_size, source=self.source)
        if entry["devices"] > entry["batch_size"]:
            raise ConfigError(
                f"{self.source}: models.{name}.devices is {entry['devices']} but batch_size is {entry['batch_size']}; "
                "every device needs an image of each batch."
            )
        for replicate in _replicates(name, entry["replicates"])[1:]:
            if replicate in self.config["models"]:
                raise ConfigError(f"{self.source}: models.{replicate} has the name of a replicate of models.{name}.")
        known = {"none": {"kind": "none"}} | self.config["conditions"]
        if entry["condition"] not in known:
            raise ConfigError(
                f"{self.source}: models.{name}.condition is {entry['condition']}; known are {', '.join(known)}."
            )
        check_only(name, self.config, source=self.source)
        check_covariate_model(name, entry, known[entry["condition"]], source=self.source)
        check_text_model(name, entry, known[entry["condition"]], source=self.source)
        largest = self.config["preprocessing"]["size"]
        if entry["size"] > largest and not is_of_slices(entry):
            raise ConfigError(
                f"{self.source}: models.{name}.size is {entry['size']} but preprocessing.size is {largest}; "
                f"a model cannot be larger than the preprocessed brains."
            )
        if known[entry["condition"]]["kind"] == "clusters":
            self._check_round(name, entry["round"])

    def _check_round(self, name: str, round_: int) -> None:
        feedback = self.config["clustering"]["feedback"]
        if round_ > len(feedback):
            raise ConfigError(
                f"{self.source}: models.{name}.round is {round_} but clustering.feedback lists {len(feedback)}."
            )
        if name in feedback[:round_]:
            raise ConfigError(
                f"{self.source}: models.{name} is told the clusters of round {round_}, which wait for {name} itself "
                f"(clustering.feedback)."
            )

    def _check_start(self, name: str, start: str | None) -> None:
        seen = [name]
        while start is not None and not is_weights_file(start):
            if start not in self.config["models"]:
                raise ConfigError(
                    f"{self.source}: models.{seen[-1]}.start_from is {start}; expected a model of the study or a file "
                    "kept-*.pt or *.safetensors."
                )
            if start in seen:
                raise ConfigError(f"{self.source}: models.{name}.start_from leads back to {start}.")
            seen.append(start)
            start = self.config["models"][start]["start_from"]


def is_weights_file(start: str) -> bool:
    """Return whether ``start_from`` names a file and not a model."""
    return start.endswith((".pt", ".safetensors"))


def _of_volumes(models: Mapping[str, Any]) -> list[str]:
    return [name for name, entry in models.items() if not is_of_slices(entry)]


def _named(name: str | None) -> list[str]:
    return [] if name is None else [name]


def _replicates(name: str, count: int) -> list[str]:
    return [name, *(f"{name}_seed{number}" for number in range(2, count + 1))]
