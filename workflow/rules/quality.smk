rule summarise_quality:
    """Judge every scan against the limits of the study: in = passed + excluded, each exclusion with its reason."""
    input:
        tables=expand(
            "<results>/preprocessed/bundle-{bundle}.tsv", bundle=STUDY.bundles
        ),
        exclusions=exclusions,
    output:
        verdicts="<results>/quality/verdicts.tsv",
        limits="<results>/quality/limits.tsv",
        exclusions="<results>/quality/exclusions.tsv",
    log:
        "<logs>/summarise_quality.log",
    benchmark:
        "<benchmarks>/summarise_quality.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(2),
        runtime="10m",
    params:
        configured=STUDY.config["preprocessing"]["limits"],
        learn=STUDY.config["preprocessing"]["learn_limits"],
        transform=STUDY.config["preprocessing"]["transform"],
    script:
        "../scripts/summarise_quality.py"


rule write_quality_page:
    """Write the page on which a person looks at every scan and marks exclusions; it shows faces, so no report has it."""
    input:
        quality="<results>/quality/verdicts.tsv",
        limits="<results>/quality/limits.tsv",
        exclusions=exclusions,
    output:
        "<results>/quality/index.html",
    log:
        "<logs>/write_quality_page.log",
    benchmark:
        "<benchmarks>/write_quality_page.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(2),
        runtime="10m",
    params:
        title=title_that_starts_nothing,
        exclusions_path=STUDY.config["preprocessing"]["exclusions"],
    script:
        "../scripts/write_quality_page.py"


rule accept_scans:
    """Let the study go on with its verdicts, or stop it when too many scans are excluded; the page to look at is there."""
    input:
        verdicts="<results>/quality/verdicts.tsv",
        page="<results>/quality/index.html",
    output:
        "<results>/quality/scans.tsv",
    log:
        "<logs>/accept_scans.log",
    localrule: True
    conda:
        "../envs/imaging.yaml"
    params:
        max_excluded_fraction=STUDY.config["preprocessing"]["max_excluded_fraction"],
    script:
        "../scripts/accept_scans.py"
