rule measure_covariates:
    """Measure ventricles, grey matter and hippocampi of the real scans, to be told to models."""
    input:
        scans="<results>/cohort/scans.tsv",
        quality=measured_regions,
        label_maps=label_maps_of_regions,
        regions=tissues_of_regions,
    output:
        "<results>/covariates/regions.tsv",
    log:
        "<logs>/measure_covariates.log",
    benchmark:
        "<benchmarks>/measure_covariates.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(4),
        runtime=hours_of_regions,
    params:
        **version_of("scores"),
        plan=asdict(REGION_PLAN),
        cohort=STUDY.config["cohort"]["name"],
        preprocessed=f"{STUDY.folder}/preprocessed",
    script:
        "../scripts/measure_covariates.py"


rule draw_covariates:
    """Draw the region covariates of the real scans by sex and over age, and sum them up."""
    input:
        scans="<results>/cohort/scans.tsv",
        regions="<results>/covariates/regions.tsv",
    output:
        picture=showing_participants(
            "<results>/covariates/regions.png",
            caption="../report/covariates.rst",
            category="Covariates",
            labels={"what": "regions by sex and over age"},
        ),
        summary="<results>/covariates/summary.tsv",
    log:
        "<logs>/draw_covariates.log",
    benchmark:
        "<benchmarks>/draw_covariates.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(2),
        runtime="10m",
    script:
        "../scripts/draw_covariates.py"
