rule score_control_volumes:
    """Score whether the tissues of a model's volumes have the size that they were asked for."""
    input:
        recipe="<results>/models/{model}/recipe.json",
        condition=condition_of_model,
        scans="<results>/cohort/scans.tsv",
        regions=region_covariates,
        samples="<results>/samples/{model}/samples.tsv",
        drawn="<results>/regions/{model}.tsv",
        real=lambda wildcards: f"<results>/regions/real.{STUDY.models[wildcards.model].size}.tsv",
    output:
        table=report(
            "<results>/control/{model}.tsv",
            caption="../report/control_volumes.rst",
            category="Scores",
            labels={"model": "{model}", "metric": "control of covariates"},
        ),
        picture=showing_participants(
            "<results>/control/{model}.png",
            caption="../report/control_volumes.rst",
            category="Figures",
            labels={"model": "{model}", "figure": "control of covariates"},
        ),
        summary="<results>/control/{model}.summary.tsv",
    log:
        "<logs>/score_control/{model}.log",
    benchmark:
        "<benchmarks>/score_control/{model}.tsv"
    wildcard_constraints:
        model="|".join(STUDY.volume_models) or "(?!)",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="1h",
    params:
        **version_of("scores"),
        replicates=EVALUATION["resamplings"],
        seed=STUDY.seed,
    script:
        "../scripts/score_control_volumes.py"
