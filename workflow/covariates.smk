"""What is measured of the real scans to be told to models: whose label maps, and the files that come of it."""

from dataclasses import asdict

from mrisynth.region_covariate_checks import region_plan
from mrisynth.text_checks import is_text, may_tell_regions

try:
    REGION_PLAN = region_plan(STUDY.config, source=STUDY.source)
except ConfigError as error:
    raise WorkflowError(str(error)) from None


def label_maps_of_regions(wildcards):
    """The folders of label maps that covariates are measured in."""
    given = [folder for folder in REGION_PLAN.folders.values() if folder]
    own = [
        folder
        for bundle in STUDY.bundles
        for folder in raw_folders_of_bundle(bundle)
        if "/cohort/simulated/" in folder
    ]
    return sorted(set(given)) + (own if None in REGION_PLAN.folders.values() else [])


def tissues_of_regions(wildcards):
    """The tissue volumes that covariates are, at the largest size there is, where label maps are not wanted."""
    wanted = REGION_PLAN.origin == "tissue"
    return [f"<results>/regions/real.{STUDY.sizes[-1]}.tsv"] if wanted else []


def region_covariates(wildcards):
    """The table of region covariates for whatever is told of them; [] where nothing is measured."""
    wanted = REGION_PLAN.origin != "none"
    return ["<results>/covariates/regions.tsv"] if wanted else []


def hours_of_regions(wildcards):
    """How long the label maps may take, at 1 mm up to five seconds each."""
    return f"{1 + 5 * len(STUDY.scans) // 3600}h"


def covariate_files(wildcards):
    """What a study ends in of its covariates."""
    names = ("regions.tsv", "summary.tsv", "regions.png")
    wanted = REGION_PLAN.origin != "none"
    return [f"<results>/covariates/{name}" for name in names] if wanted else []


def measured_regions(wildcards):
    """What measures the covariates; a configuration that wants none is told what to write."""
    if REGION_PLAN.origin == "none":
        raise WorkflowError(
            "covariates/regions.tsv: covariates.regions.from is none, so that nothing is measured; write label_maps or "
            "tissue."
        )
    return "<results>/quality/scans.tsv"


def regions_of_condition(wildcards):
    """The table of region covariates for a condition that may be of them."""
    condition = STUDY.config["conditions"].get(wildcards.condition, {})
    return region_covariates(wildcards) if may_tell_regions(condition) else []


def settings_of_condition(wildcards):
    """What the configuration says of a condition; of prompts only where it is one of them."""
    known = {"none": {"kind": "none"}} | STUDY.config["conditions"]
    condition = known[wildcards.condition]
    unused = () if is_text(condition) else ("template", "text")
    return {key: value for key, value in condition.items() if key not in unused}
