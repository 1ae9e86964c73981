"""What scores are computed of: feature networks and their weights, embeddings, controls."""

from mrisynth.feature_weights import COHORT_ENCODER, converted_file, conversions

FEATURE_METRICS = ("fid", "kid", "precision_recall", "density_coverage")
PAIRED_METRICS = (*FEATURE_METRICS, "structure", "morphometry")
CONTROLS = ("noise", "blurred", "shuffled", "duplicated")
FEATURE_CACHE = f"{STUDY.folder}/embeddings/cache"
WEIGHT_CONVERSIONS = conversions(STUDY.config["features"])
VALIDATION_FEATURES = EVALUATION["validation_features"] or EVALUATION["features"][0]


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


def validation_weights(wildcards):
    """The weights of the feature network that training chunks are compared with."""
    return weights_of(VALIDATION_FEATURES, STUDY.models[wildcards.model].size)


def validation_embeddings(wildcards):
    """The real scans as that network sees them at the size of a model."""
    size = STUDY.models[wildcards.model].size
    return f"<results>/embeddings/{VALIDATION_FEATURES}/{size}/real.npz"


def embeddings_of_model(wildcards):
    """Real, synthetic, untrained and low-resolution embeddings of a model's size, in every space of the evaluation."""
    model, size = wildcards.model, STUDY.models[wildcards.model].size
    sources = ["real", model, f"{model}.untrained"]
    if EVALUATION["low_resolution"]:
        sources += ["real.low", f"{model}.low"]
    return [
        f"<results>/embeddings/{features}/{size}/{source}.npz"
        for features in EVALUATION["features"]
        for source in sources
    ]


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
        for size in sorted({model.size for model in STUDY.models.values()})
    ]


def score_settings(wildcards):
    """The settings of the metrics of features; no other setting of the evaluation computes them anew."""
    return {
        key: EVALUATION[key] for key in ("floor_draws", "neighbours", "resamplings")
    }
