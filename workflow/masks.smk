"""What masks are made of, and the pictures of them that a study ends in."""

from mrisynth.recipes import MASKED_FAMILIES

MASKS = STUDY.config["masks"]
OF_TISSUES = MASKS["from"] == "tissue"


def regions_of_masks(wildcards):
    """The table that says which label map of a scan is usable and how it is numbered; [] for masks of tissues."""
    return [] if OF_TISSUES else ["<results>/covariates/regions.tsv"]


def label_maps_of_masks(wildcards):
    """The folders of label maps that masks are made of; [] for masks of tissues."""
    return [] if OF_TISSUES else label_maps_of_regions(wildcards)


def tissues_of_masks(ending):
    """The tissues of every bundle, `npz` the maps and `tsv` their tables; [] for masks of label maps."""

    def files(wildcards):
        folder = "<results>/masks/tissue"
        wanted = STUDY.bundles if OF_TISSUES else []
        return [f"{folder}/bundle-{bundle}.{ending}" for bundle in wanted]

    return files


def volumes_of_tissues(wildcards):
    """The packed scans whose tissues are told apart: the largest that there are."""
    return f"<results>/pyramid/{STUDY.sizes[-1]}.npy"


def scans_of_bundle(wildcards):
    """Names of the scans of a bundle."""
    return [scan.scan for scan in STUDY.bundles[wildcards.bundle]]


def hours_of_tissues(wildcards):
    """How long a bundle's tissues may take: three times the 25 seconds a scan of 128 voxels, by their number."""
    seconds = 75 * (STUDY.sizes[-1] / 128) ** 3
    return f"{1 + int(seconds * len(STUDY.bundles[wildcards.bundle]) // 3600)}h"


def mask_pictures(wildcards):
    """The pictures of the masks that models are steered by, or of those of the largest scans where none is."""
    if not MASKS["classes"]:
        return []
    steered = {
        ("pyramid" if model.dimensions == 3 else "slices", model.size)
        for model in STUDY.models.values()
        if model.family in MASKED_FAMILIES
    }
    wanted = sorted(steered) or [("pyramid", STUDY.sizes[-1])]
    return [f"<results>/masks/{packed}/{size}.png" for packed, size in wanted]
