"""Synthesis for masks: the plans of the configuration, and the files that each needs."""

from mrisynth.synthesis.plan import plans_of

PLANS = plans_of(STUDY.config)


def plan_of(wildcards):
    """The plan of a synthesis, as parameters of a script."""
    return asdict(PLANS[wildcards.synthesis])


def model_of_plan(wildcards):
    """The recipe of its model."""
    return STUDY.models[PLANS[wildcards.synthesis].model]


def packed_of_plan(wildcards):
    """Where the images of that model are packed, and at which size."""
    model = model_of_plan(wildcards)
    return "pyramid" if model.dimensions == 3 else "slices", model.size


def images_of_plan(wildcards):
    """The packed images of the size of its model."""
    packed, size = packed_of_plan(wildcards)
    return f"<results>/{packed}/{size}.npy"


def index_of_plan(wildcards):
    """Which of them is whose."""
    return f"<results>/{packed_of_plan(wildcards)[0]}/index.tsv"


def masks_of_plan(wildcards):
    """What may be seen of the masks under them."""
    packed, size = packed_of_plan(wildcards)
    return f"<results>/masks/{packed}/{size}.shown.npy"


def segmenter_of_plan(wildcards):
    """The weights of the filter's segmenter of that size."""
    packed, size = packed_of_plan(wildcards)
    return f"<results>/filter/{packed}/{size}/segmenter.safetensors"


def condition_of_plan(wildcards):
    """The condition table of its model."""
    return f"<results>/conditions/{model_of_plan(wildcards).condition}.tsv"


def weights_of_plan(wildcards):
    """The weights of its model; the recipe stands beside them."""
    return f"<results>/models/{PLANS[wildcards.synthesis].model}/generator.safetensors"


def shards_of_plan(ending):
    """The files of all jobs that make its candidates."""

    def files(wildcards):
        shards = PLANS[wildcards.synthesis].shards()
        folder = f"<results>/synthesis/{wildcards.synthesis}/shards"
        return [f"{folder}/{shard}.{ending}" for shard in shards]

    return files


def synthesis_files(wildcards):
    """What every synthesis ends in."""
    names = ("kept.tsv", "acceptance.tsv", "candidates.png")
    return [f"<results>/synthesis/{plan}/{name}" for plan in PLANS for name in names]
