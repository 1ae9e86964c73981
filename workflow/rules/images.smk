rule pack_images:
    """Pack the images of the cohort like slices at every size, and write who and what they are."""
    input:
        images_of_cohort,
    output:
        arrays=expand("<results>/slices/{size}.npy", size=STUDY.slice_sizes),
        index="<results>/slices/index.tsv",
        participants="<results>/cohort/participants.tsv",
        scans="<results>/cohort/scans.tsv",
        balance="<results>/cohort/balance.tsv",
        splits="<results>/cohort/splits.json",
        verdicts="<results>/quality/verdicts.tsv",
        exclusions="<results>/quality/exclusions.tsv",
    log:
        "<logs>/pack_images.log",
    benchmark:
        "<benchmarks>/pack_images.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(4),
        runtime="4h",
    params:
        cohort=told_of_images(),
        sizes=STUDY.slice_sizes,
        seed=STUDY.seed,
    script:
        "../scripts/pack_images.py"


rule accept_images:
    """Let the study go on with the images that can be used, or stop it when too many are excluded."""
    input:
        verdicts="<results>/quality/verdicts.tsv",
    output:
        "<results>/quality/scans.tsv",
    log:
        "<logs>/accept_images.log",
    localrule: True
    conda:
        "../envs/imaging.yaml"
    params:
        max_excluded_fraction=STUDY.config["preprocessing"]["max_excluded_fraction"],
        what="images",
    script:
        "../scripts/accept_scans.py"
