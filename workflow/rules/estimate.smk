import platform

from mrisynth.colour import channels_of


rule estimate_study:
    """Hours, memory and disk of the whole study, from the configuration and from updates timed on this machine."""
    output:
        "<results>/estimate.tsv",
    log:
        "<logs>/estimate_study.log",
    localrule: True
    conda:
        "../envs/torch.yaml"
    threads: all_local_cores
    params:
        models=[whole_recipe(model) for model in STUDY.models],
        study=lambda wildcards: dict(
            scans=len(STUDY.scans),
            images=number_of_images(),
            slice_sizes=STUDY.slice_sizes,
            channels=channels_of(STUDY.config["cohort"]),
            pyramid_sizes=STUDY.sizes,
            samples=STUDY.config["sampling"]["count"],
            nifti=STUDY.config["sampling"]["nifti"],
            feature_widths=[
                feature_width(name) for name in STUDY.config["evaluation"]["features"]
            ],
            brain_extraction=(
                None if EXTRACTION["already_extracted"] else EXTRACTION["method"]
            ),
            transform=STUDY.config["preprocessing"]["transform"],
            voxel_mm=STUDY.config["preprocessing"]["voxel_mm"],
            preprocessed_size=STUDY.config["preprocessing"]["size"],
        ),
        machine=platform.node(),
    script:
        "../scripts/estimate.py"


rule estimate:
    """Print the estimate."""
    input:
        "<results>/estimate.tsv",
    log:
        "<logs>/estimate.log",
    localrule: True
    conda:
        "../envs/torch.yaml"
    script:
        "../scripts/print_estimate.py"
