"""What is segmented: the plan of the arms, and where their images and masks stand."""

from mrisynth.segmentation.plan import ARMS, OF_SYNTHESIS, segmentation_plan

try:
    SEGMENTATION = segmentation_plan(
        STUDY.config,
        models=STUDY.models,
        packed={2: STUDY.slice_sizes if STUDY.slice_models else [], 3: STUDY.sizes},
        source=STUDY.source,
    )
except ConfigError as error:
    raise WorkflowError(str(error)) from None


def planned():
    """The plan, for rules that nothing asks for without one but a user."""
    if SEGMENTATION is None:
        raise WorkflowError("segmentation.arms is empty; name the arms to be trained.")
    return SEGMENTATION


def images_to_segment(wildcards):
    """The packed images of the arms."""
    return f"<results>/{planned().packed}/{planned().size}.npy"


def index_to_segment(wildcards):
    """Which of them is which scan."""
    return f"<results>/{planned().packed}/index.tsv"


def masks_to_segment(kind):
    """The masks under these images, of a kind."""

    def paths(wildcards):
        return f"<results>/masks/{planned().packed}/{planned().size}.{kind}"

    return paths


def masks_of_arm(wildcards):
    """What an arm may see of the masks: all that are known for the ceiling alone."""
    kind = "known" if wildcards.arm == "ceiling" else "shown"
    return masks_to_segment(f"{kind}.npy")(wildcards)


def synthesis_of_arm(name):
    """A file of the synthesis, for the arms that are trained on it."""

    def paths(wildcards):
        wanted = wildcards.arm in OF_SYNTHESIS
        return f"<results>/synthesis/{planned().synthesis}/{name}" if wanted else []

    return paths


def predictions_of_arms(wildcards):
    """What every arm says of the test scans."""
    return [f"<results>/segmentation/{arm}/predictions" for arm in planned().arms]


def asked_of_segmentation(wildcards):
    """What the data sets of all arms have in common."""
    return {
        "numbers": planned().numbers,
        "classes": len(planned().classes),
        "field_mm": STUDY.config["preprocessing"]["field_mm"],
        "cut_size": STUDY.cut_size,
        "unannotated": planned().unannotated,
    }


def settings_of_arm(wildcards):
    """How nnU-Net trains an arm."""
    return planned().settings(wildcards.arm) | {"seed": STUDY.seed}


def settings_of_prediction(wildcards):
    """The same, and how it then predicts, which trains nothing again."""
    mirror = STUDY.config["segmentation"]["mirror"]
    return settings_of_arm(wildcards) | {"mirror": mirror}


def nnunet_workers(wildcards):
    """Processes that make the batches of a training; as a resource the number trains nothing again."""
    return STUDY.config["segmentation"]["workers"]


def threads_of_nnunet(wildcards):
    """The threads of the training, and one for each of these processes."""
    return STUDY.config["segmentation"]["threads"] + nnunet_workers(wildcards)


def segmentation_figures(wildcards):
    """The figure of the scores, where arms are wanted."""
    return ["<results>/segmentation/segmentation.png"] if SEGMENTATION else []


def segmentation_tables(wildcards):
    """The scores of the arms and their differences, where arms are wanted."""
    names = ("arms.tsv", "differences.tsv")
    return [f"<results>/segmentation/{name}" for name in names] if SEGMENTATION else []


def segmentation_files(wildcards):
    """What comes of the arms, where they are wanted."""
    names = ("cases.tsv", "predictions.png")
    found = [f"<results>/segmentation/{name}" for name in names] if SEGMENTATION else []
    return [*found, *segmentation_tables(wildcards), *segmentation_figures(wildcards)]
