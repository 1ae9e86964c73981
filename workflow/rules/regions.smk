rule measure_real_regions:
    """Measure the region volumes of every real scan of a size, and the contrast of the cohort."""
    input:
        volumes="<results>/pyramid/{size}.npy",
        index="<results>/pyramid/index.tsv",
        scans="<results>/cohort/scans.tsv",
    output:
        table="<results>/regions/real.{size}.tsv",
        contrast="<results>/regions/contrast.{size}.json",
    log:
        "<logs>/measure_real_regions/{size}.log",
    benchmark:
        "<benchmarks>/measure_real_regions/{size}.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(8),
        runtime="2h",
    params:
        **version_of("scores"),
        field_mm=STUDY.config["preprocessing"]["field_mm"],
        seed=STUDY.seed,
    script:
        "../scripts/measure_real_regions.py"


rule measure_regions:
    """Measure the region volumes of a model's samples and of what its generator drew untrained."""
    input:
        samples=expand(
            "<results>/samples/{{model}}/shards/{shard}.npy", shard=STUDY.shards()
        ),
        untrained="<results>/controls/{model}/untrained.npy",
        contrast=lambda wildcards: f"<results>/regions/contrast.{STUDY.models[wildcards.model].size}.json",
    output:
        samples="<results>/regions/{model}.tsv",
        untrained="<results>/regions/{model}.untrained.tsv",
    log:
        "<logs>/measure_regions/{model}.log",
    benchmark:
        "<benchmarks>/measure_regions/{model}.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(8),
        runtime="2h",
    params:
        **version_of("scores"),
        field_mm=STUDY.config["preprocessing"]["field_mm"],
    script:
        "../scripts/measure_regions.py"


rule measure_control_regions:
    """Measure the region volumes of the controls of a size, as far as they have any."""
    input:
        controls=expand("<results>/controls/{{size}}/{control}.npy", control=CONTROLS),
        contrast="<results>/regions/contrast.{size}.json",
    output:
        controls=expand(
            "<results>/regions/control.{control}.{{size}}.tsv", control=CONTROLS
        ),
    log:
        "<logs>/measure_control_regions/{size}.log",
    benchmark:
        "<benchmarks>/measure_control_regions/{size}.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(8),
        runtime="2h",
    params:
        **version_of("scores"),
        field_mm=STUDY.config["preprocessing"]["field_mm"],
    script:
        "../scripts/measure_regions.py"


rule score_morphometry:
    """Compare the region volumes of a model's samples with those of real scans."""
    input:
        real=lambda wildcards: f"<results>/regions/real.{STUDY.models[wildcards.model].size}.tsv",
        scans="<results>/cohort/scans.tsv",
        samples="<results>/regions/{model}.tsv",
        untrained="<results>/regions/{model}.untrained.tsv",
        labels="<results>/samples/{model}/samples.tsv",
    output:
        table=report(
            "<results>/morphometry/{model}.tsv",
            caption="../report/morphometry.rst",
            category="Scores",
            labels={"model": "{model}", "metric": "morphometry"},
        ),
        replicates="<results>/morphometry/{model}.npz",
        regions="<results>/morphometry/{model}.regions.tsv",
    log:
        "<logs>/score_morphometry/{model}.log",
    benchmark:
        "<benchmarks>/score_morphometry/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="1h",
    params:
        **version_of("scores"),
        size=lambda wildcards: STUDY.models[wildcards.model].size,
        draws=EVALUATION["floor_draws"],
        resamplings=EVALUATION["resamplings"],
        seed=STUDY.seed,
    script:
        "../scripts/score_morphometry.py"


rule score_morphometry_controls:
    """Compare the region volumes of the controls of a size with those of real scans."""
    input:
        real="<results>/regions/real.{size}.tsv",
        scans="<results>/cohort/scans.tsv",
        controls=expand(
            "<results>/regions/control.{control}.{{size}}.tsv", control=CONTROLS
        ),
    output:
        "<results>/morphometry/controls.{size}.tsv",
    log:
        "<logs>/score_morphometry_controls/{size}.log",
    benchmark:
        "<benchmarks>/score_morphometry_controls/{size}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="1h",
    params:
        **version_of("scores"),
        draws=EVALUATION["floor_draws"],
        resamplings=EVALUATION["resamplings"],
        seed=STUDY.seed,
    script:
        "../scripts/score_morphometry_controls.py"
