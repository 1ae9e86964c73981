"""What scores are computed of: feature networks and their weights, embeddings, controls."""

from mrisynth.feature_weights import (
    COHORT_ENCODER,
    NETWORKS_OF_SLICES,
    converted_file,
    conversions,
)
from mrisynth.slice_regions import region_labels
from mrisynth.text_checks import similarity_folder

FEATURE_METRICS = ("fid", "kid", "precision_recall", "density_coverage")
CLASS_METRICS = ("fid_by_class", "kid_by_class")
SLICE_METRICS = ("slice_similarity", "slice_areas", "separability", "classification")
VOLUME_METRICS = ("structure", "morphometry", "memorisation")
PAIRED_METRICS = (*FEATURE_METRICS, "structure", "morphometry")
CONTROLS = ("noise", "blurred", "shuffled", "duplicated")
FEATURE_CACHE = f"{STUDY.folder}/embeddings/cache"
WEIGHT_CONVERSIONS = conversions(STUDY.config["features"])
SLICE_FEATURES = [
    name
    for name in EVALUATION["features"]
    if STUDY.config["features"][name]["network"] in NETWORKS_OF_SLICES
]


def feature_width(features):
    """How many features the network of this name gives, for the estimate of the disk."""
    spec = STUDY.config["features"][features]
    usual = {"random": 256, COHORT_ENCODER: 64, "inception": 6144}
    return spec["width"] or usual.get(spec["network"], 2048)


def weights_of(features, size):
    """The weights of the feature network of this name for volumes of a size, [] for the random one."""
    spec = STUDY.config["features"][features]
    if spec["network"] == COHORT_ENCODER:
        return f"<results>/encoders/{features}/{size}/encoder.safetensors"
    return converted_file(spec) or []


def conversion_of(wildcards):
    """What a converted file of weights is made of, and the checksum that this must have."""
    network, checksum = wildcards.network, wildcards.checksum
    return WEIGHT_CONVERSIONS[
        f"{WEIGHTS_FOLDER}/converted/{network}.{checksum}.safetensors"
    ]


def feature_weights(wildcards):
    """The weights of the feature network of a path."""
    return weights_of(wildcards.features, wildcards.size)


def encoder_regions(wildcards):
    """The region volumes that a cohort encoder learns to tell, if it does."""
    spec = STUDY.config["features"][wildcards.features]
    return f"<results>/regions/real.{wildcards.size}.tsv" if spec["regions"] else []


def features_of(model):
    """The feature networks of the evaluation that take what a model draws."""
    is_volume = STUDY.models[model].dimensions == 3
    return EVALUATION["features"] if is_volume else SLICE_FEATURES


def view_of(model):
    """What feature networks see of a model's samples, in paths: a size, or slices of a size."""
    recipe = STUDY.models[model]
    return str(recipe.size) if recipe.dimensions == 3 else f"slice{recipe.size}"


def splits_of_model(wildcards):
    """The table that says which split the images are in that a model is compared with."""
    if STUDY.models[wildcards.model].only is not None:
        return f"<results>/one_class/{wildcards.model}.tsv"
    is_volume = STUDY.models[wildcards.model].dimensions == 3
    return f"<results>/{'cohort/scans' if is_volume else 'slices/index'}.tsv"


def slices_of_model(wildcards):
    """The index of the slices, for models of slices."""
    is_volume = STUDY.models[wildcards.model].dimensions == 3
    return [] if is_volume else "<results>/slices/index.tsv"


def utility_network(wildcards):
    """What the small network of volumes told of a model of volumes, where it is wanted."""
    is_volume = STUDY.models[wildcards.model].dimensions == 3
    wanted = EVALUATION["utility"]["cnn"] and is_volume
    return f"<results>/utility/{wildcards.model}.network.tsv" if wanted else []


def validation_features(model):
    """The feature network that the training chunks of a model are compared with."""
    wanted = EVALUATION["validation_features"]
    return wanted if wanted in features_of(model) else features_of(model)[0]


def validation_weights(wildcards):
    """The weights of that network."""
    model = wildcards.model
    return weights_of(validation_features(model), STUDY.models[model].size)


def validation_embeddings(wildcards):
    """The real images as that network sees them at the size of a model."""
    model = wildcards.model
    return (
        f"<results>/embeddings/{validation_features(model)}/{view_of(model)}/real.npz"
    )


def embeddings_of_model(wildcards):
    """Real, synthetic, untrained and low-resolution embeddings of a model's size, in every space of the evaluation."""
    model = wildcards.model
    sources = ["real", model, f"{model}.untrained"]
    if EVALUATION["low_resolution"] and STUDY.models[model].dimensions == 3:
        sources += ["real.low", f"{model}.low"]
    return [
        f"<results>/embeddings/{features}/{view_of(model)}/{source}.npz"
        for features in features_of(model)
        for source in sources
    ]


def metrics_of(model):
    """The metrics that a model is scored with; those of volumes, slices, classes and critics where there are such."""
    recipe = STUDY.models[model]
    left_out = set(SLICE_METRICS if recipe.dimensions == 3 else VOLUME_METRICS)
    sources = STUDY.sources_of(recipe)
    if recipe.is_unconditional or len(sources) == 1:
        left_out |= {"separability", "classification", *CLASS_METRICS}
    if STUDY.is_told_text(recipe):
        left_out |= {"separability", "classification", *CLASS_METRICS}
    if recipe.only is not None or STUDY.is_told_text(recipe):
        left_out |= {"condition_fidelity", "utility"}
    if recipe.family != "pacgan":
        left_out |= {"classification"}
    if recipe.family_recipe.get("autoencoder", "none") == "none":
        left_out |= {"reconstruction"}
    if not STUDY.is_told_text(recipe):
        left_out |= {"text_similarity"}
    if not STUDY.shows_covariates(recipe):
        left_out |= {"control"}
    return [name for name in EVALUATION["metrics"] if name not in left_out]


def scores_of_models(ending, metrics):
    """The files of every model's scores with an ending, by those of its metrics that are named."""
    return [
        f"<results>/{metric}/{model}{ending}"
        for model in STUDY.models
        for metric in metrics_of(model)
        if metric in metrics
    ]


def label_maps_of_scans(wildcards):
    """The folders of label maps that say where the structure of `slice_areas` lies."""
    given = EVALUATION["label_maps"]
    return [given] if given else raw_scans_of_cohort(wildcards)


def labels_of_region(wildcards):
    """The labels that are together that structure."""
    try:
        return region_labels(STUDY.config)
    except ConfigError as error:
        raise WorkflowError(str(error)) from None


def slice_pictures(wildcards):
    """The figures of the matching, of the scores that only slices have, and of the distances between halves."""
    matching = [path for path in made_of_slices(wildcards) if path.endswith(".png")]
    scored = scores_of_models(
        ".png", (*SLICE_METRICS, "self_distance", "reconstruction")
    )
    drawn = [*control_pictures(wildcards), *segmentation_figures(wildcards)]
    return [*matching, *scored, *drawn]


def real_and_drawn_embeddings(wildcards):
    """Real and synthetic embeddings of a model's size, in every space of the evaluation."""
    model = wildcards.model
    return [
        f"<results>/embeddings/{features}/{view_of(model)}/{source}.npz"
        for features in features_of(model)
        for source in ("real", model)
    ]


def similarity_embeddings(wildcards):
    """Real and synthetic images as the first feature network sees them that takes what a model draws."""
    model = wildcards.model
    folder = f"<results>/embeddings/{features_of(model)[0]}/{view_of(model)}"
    return [f"{folder}/{source}.npz" for source in ("real", model)]


def embeddings_of_controls(wildcards):
    """Real embeddings of a size and those of the controls, in every space of the evaluation."""
    sources = ["real", *(f"control.{name}" for name in CONTROLS)]
    return [
        f"<results>/embeddings/{features}/{wildcards.size}/{source}.npz"
        for features in EVALUATION["features"]
        for source in sources
    ]


def scores_of_controls(wildcards):
    """The scores of the controls at every size that a model has, by every metric that controls can be scored with."""
    return [
        f"<results>/{metric}/controls.{size}.tsv"
        for metric in EVALUATION["metrics"]
        if metric in PAIRED_METRICS
        for size in sorted({model.size for model in STUDY.volume_models.values()})
    ]


def score_settings(wildcards):
    """The settings of the metrics of features; no other setting of the evaluation computes them anew."""
    return {
        key: EVALUATION[key] for key in ("floor_draws", "neighbours", "resamplings")
    }


def score_settings_of_model(wildcards):
    """The same and, for a model of one class, what its scores are named by."""
    recipe = STUDY.models[wildcards.model]
    if recipe.only is None:
        return score_settings(wildcards)
    named = {"condition": recipe.condition, "label": recipe.only}
    return score_settings(wildcards) | {"of_class": named}
