"""What differs where the input of a study is images and not scans."""

from mrisynth.errors import MrisynthError
from snakemake.exceptions import WorkflowError

IMAGE_KEYS = (
    "name",
    "folder",
    "class_column",
    "test_fraction",
    "validation_fraction",
    "stratify",
)


def told_of_images():
    """The keys of the cohort that decide what is packed.

    Keys that came later are among them only where they are set, so that an upgrade packs no images again.
    """
    cohort = STUDY.config["cohort"]
    later = {
        key: cohort[key] for key in ("colour", "participant_column") if cohort[key]
    }
    return {key: cohort[key] for key in IMAGE_KEYS} | later


def images_of_cohort(wildcards):
    """The files of the images; a function, so that a job that does not need them lists none."""
    from mrisynth.image_study import image_files

    try:
        return [str(path) for path in image_files(STUDY.config["cohort"])]
    except MrisynthError as error:
        raise WorkflowError(str(error)) from None


def number_of_images():
    """How many images the cohort has, at most; None where the input is scans."""
    from mrisynth.image_study import count_images

    return count_images(STUDY.config["cohort"]) if STUDY.of_images else None


def index_of_scans(wildcards):
    """The index of what can be used: the packed scans, or the images, each a scan of its own."""
    return f"<results>/{'slices' if STUDY.of_images else 'pyramid'}/index.tsv"


def accepted_images(wildcards):
    """The verdicts that too many bad images never reach; scans are packed after theirs."""
    return "<results>/quality/scans.tsv" if STUDY.of_images else []


def quality_page(wildcards):
    """The page on which a person looks at every scan; images have none, since nothing is done to them."""
    return [] if STUDY.of_images else "<results>/quality/index.html"


def preprocessed_scans(wildcards):
    """What preprocessing ends in; images have none, and whoever asks for it is told."""
    if STUDY.of_images:
        raise WorkflowError(
            f"preprocessed: the cohort is of images, which are packed as they are; ask for "
            f"{STUDY.folder}/slices/index.tsv instead."
        )
    tables = ["<results>/quality/scans.tsv", "<results>/pyramid/index.tsv"]
    return [*tables, quality_page(wildcards)]
