"""The chain of a model's training: its chunks, what each goes on from, and what each leaves."""

from dataclasses import asdict

from mrisynth.recipes import MASKED_FAMILIES, told
from mrisynth.study import is_weights_file

RUN_KEYS = (
    "allow_cpu",
    "compiled",
    "devices",
    "most_rollbacks",
    "rollback_after",
    "watch_every_images",
)


def what_is_trained(wildcards):
    """The recipe of a model without what only says where and how it runs: such changes alone redo nothing."""
    recipe = told(STUDY.models[wildcards.model])
    return {key: value for key, value in recipe.items() if key not in RUN_KEYS}


def whole_recipe(model):
    """The recipe of a model as a dictionary; `only` stands in it where it is one, so that no other job runs again."""
    recipe = asdict(STUDY.models[model])
    return {
        key: value
        for key, value in recipe.items()
        if key != "only" or value is not None
    }


def recipes_for_readers():
    """The recipes of all models as pages show them: of a file to start from only the name."""
    recipes = {name: whole_recipe(name) for name in STUDY.models}
    for recipe in recipes.values():
        if recipe["start_from"]:
            recipe["start_from"] = Path(recipe["start_from"]).name
    return recipes


def run_key(key):
    """A resource with the value of such a key: the job needs it, and resources start nothing again."""
    return lambda wildcards: int(getattr(STUDY.models[wildcards.model], key))


def what_a_chunk_trains(wildcards):
    """The same up to the end of a chunk, so that a longer training repeats no whole chunk.

    Where updates depend on the length of the training, it is the whole.
    """
    recipe = what_is_trained(wildcards)
    if STUDY.models[wildcards.model].has_schedule:
        return recipe
    end = (int(wildcards.chunk) + 1) * recipe["images_per_chunk"]
    return recipe | {"images_total": min(recipe["images_total"], end)}


def last_chunk(model):
    """The number of the last chunk of a model."""
    return STUDY.models[model].chunks - 1


def previous_chunk(wildcards):
    """The state that a chunk goes on from; the first has none. A training that once ended there left a kept one."""
    chunk = int(wildcards.chunk) - 1
    if chunk < 0:
        return []
    kept = f"training/{wildcards.model}/kept-{chunk}.pt"
    ended_there = Path(STUDY.folder, kept).exists()
    return f"<results>/{kept if ended_there else f'training/{wildcards.model}/state-{chunk}.pt'}"


def start_of_model(wildcards):
    """The state or weights that the first chunk of a model takes from another model."""
    start = STUDY.models[wildcards.model].start_from
    if start is None or int(wildcards.chunk) > 0:
        return []
    if is_weights_file(start):
        return start
    return f"<results>/training/{start}/kept-{last_chunk(start)}.pt"


def packed_images(wildcards):
    """The images that a model is trained on."""
    model = STUDY.models[wildcards.model]
    folder = "pyramid" if model.dimensions == 3 else "slices"
    return f"<results>/{folder}/{model.size}.npy"


def packed_slices(wildcards):
    """The packed slices at the sizes of the models of slices, and their index."""
    sizes = sorted({model.size for model in STUDY.slice_models.values()})
    arrays = [f"<results>/slices/{size}.npy" for size in sizes]
    return [*arrays, "<results>/slices/index.tsv"] if arrays else []


def matched_pairs(wildcards):
    """The matched cases and controls, where slices are cut of these alone."""
    wanted = STUDY.config["slices"]["matching"]
    return [] if wanted is None else "<results>/matching/pairs.tsv"


def matched_of_condition(wildcards):
    """The same for a condition that no model of volumes is told: its classes are then those of the matched."""
    told = {model.condition for model in STUDY.volume_models.values()}
    return [] if wildcards.condition in told else matched_pairs(wildcards)


def condition_of_exchange(wildcards):
    """The condition whose classes the exchange format has."""
    return f"<results>/conditions/{STUDY.config['slices']['exchange']}.tsv"


def made_of_slices(wildcards):
    """What a study asks of its slices beside models: matching of their participants, forms that others read."""
    wanted = STUDY.config["slices"]
    tables = (
        "pairs.tsv",
        "left_out.tsv",
        "balance.tsv",
        "split_balance.tsv",
        "balance.png",
    )
    matching = [f"<results>/matching/{name}" for name in tables]
    exchange = ["<results>/slices/exchange"]
    labelled = [f"<results>/slices/labelled/{size}" for size in STUDY.slice_sizes]
    return [
        *(matching if wanted["matching"] is not None else []),
        *(exchange if wanted["exchange"] is not None else []),
        *(labelled if wanted["labelled"] is not None else []),
    ]


def packed_index(wildcards):
    """The index of these."""
    is_volume = STUDY.models[wildcards.model].dimensions == 3
    return f"<results>/{'pyramid' if is_volume else 'slices'}/index.tsv"


def masks_of_model(wildcards, kind):
    """A file of the masks under the images of a model that masks steer; none for another model."""
    model = STUDY.models[wildcards.model]
    if model.family not in MASKED_FAMILIES:
        return []
    folder = "pyramid" if model.dimensions == 3 else "slices"
    return f"<results>/masks/{folder}/{model.size}.{kind}"


def masks_to_train_on(wildcards):
    """What training may see of these masks."""
    return masks_of_model(wildcards, "shown.npy")


def facts_of_masks(wildcards):
    """Which classes they have."""
    return masks_of_model(wildcards, "json")


def found_lengths(wildcards):
    """The model whose levels have found their best lengths, where a model is trained for so long."""
    source = STUDY.models[wildcards.model].retrain_of
    if source is None:
        return []
    return f"<results>/training/{source}/candidate-{last_chunk(source)}"


def kept_state(wildcards):
    """The state at the end of a model's training."""
    return f"<results>/training/{wildcards.model}/kept-{last_chunk(wildcards.model)}.pt"


def chunks_of(model):
    """The chunks that a model's training consists of; everything that asks which there are asks here."""
    return range(STUDY.models[model].chunks)


def chunks_of_model(wildcards):
    """The chunks of the model that a rule is about."""
    return chunks_of(wildcards.model)


def training_curves(wildcards):
    """The loss curves of every chunk of every model."""
    return [
        f"<results>/training/{model}/curve-{chunk}.tsv"
        for model in STUDY.models
        for chunk in chunks_of(model)
    ]


def training_watches(wildcards):
    """What was watched of every chunk of every model: grids of samples, events, the health table."""
    return [
        f"<results>/training/{model}/watch-{chunk}"
        for model in STUDY.models
        for chunk in chunks_of(model)
    ]


def candidates_of_model(wildcards):
    """A model as it was after every chunk of its training."""
    return [
        f"<results>/training/{wildcards.model}/candidate-{chunk}"
        for chunk in chunks_of_model(wildcards)
    ]


def validations_of_model(wildcards):
    """The validation scores of these, in the same order."""
    return [
        f"<results>/training/{wildcards.model}/validation-{chunk}.tsv"
        for chunk in chunks_of_model(wildcards)
    ]
