"""What control is scored with: the condition that is asked for, and which models can be asked."""

from mrisynth.control_plan import control_plan

try:
    CONTROL_PLAN = control_plan(STUDY.config, source=STUDY.source)
except ConfigError as error:
    raise WorkflowError(str(error)) from None


def controlled_models():
    """The models of slices that are told covariates, where control is wanted."""
    return [model for model in STUDY.slice_models if "control" in metrics_of(model)]


def condition_of_control(wildcards):
    """The condition whose sources and covariates every model is asked for."""
    if CONTROL_PLAN is None:
        raise WorkflowError(
            "No condition of the study is of covariates; there is nothing to be asked for."
        )
    return f"<results>/conditions/{CONTROL_PLAN.condition}.tsv"


def measures_areas():
    """Whether label maps say where the structures of covariates lie, so that slices are measured in pixels, too."""
    return CONTROL_PLAN is not None and REGION_PLAN.origin == "label_maps"


def areas_of_size(size):
    """The maps of where structures lie in slices of a size, [] where there are none."""
    return f"<results>/control_regions/{size}.npz" if measures_areas() else []


def control_pictures(wildcards):
    """The figures of control that the report shows, of all models."""
    models = controlled_models()
    names = [
        f"control/{model}" for model in STUDY.models if "control" in metrics_of(model)
    ]
    names += [f"control_area/{model}" for model in models if measures_areas()]
    names += [f"control_extremes/{model}" for model in models]
    grid = CONTROL_PLAN is not None and CONTROL_PLAN.grid
    names += [f"control_grid/{model}" for model in models if grid]
    names += ["control_strata/models"] if models and CONTROL_PLAN.strata else []
    return [f"<results>/{name}.png" for name in names]


def control_tables(wildcards):
    """What a study ends in of control besides the scores of the models."""
    models = controlled_models()
    pairs = [
        f"<results>/conditions/{name}.pairs.png"
        for name in STUDY.conditions
        if STUDY.config["conditions"].get(name, {}).get("kind") == "covariates"
    ]
    return pairs + (["<results>/control/comparison.tsv"] if len(models) > 1 else [])
