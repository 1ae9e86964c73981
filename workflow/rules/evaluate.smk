rule score_model:
    """Score a model's samples with one metric of features, beside its untrained generator and the floor."""
    input:
        plan="<results>/training/{model}/plan.json",
        scans=splits_of_model,
        embeddings=embeddings_of_model,
    output:
        table=report(
            "<results>/{metric}/{model}.tsv",
            caption="../report/score.rst",
            category="Scores",
            labels={"model": "{model}", "metric": "{metric}"},
        ),
        replicates="<results>/{metric}/{model}.npz",
    log:
        "<logs>/score_model/{metric}/{model}.log",
    benchmark:
        "<benchmarks>/score_model/{metric}/{model}.tsv"
    wildcard_constraints:
        metric="|".join(FEATURE_METRICS),
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(8),
        runtime="1h",
    params:
        **version_of("scores"),
        evaluation=score_settings_of_model,
        seed=STUDY.seed,
    script:
        "../scripts/score_model.py"


rule score_controls:
    """Score the spoilt sets of a size with one metric of features: each must be worse than real scans."""
    input:
        scans="<results>/cohort/scans.tsv",
        embeddings=embeddings_of_controls,
    output:
        "<results>/{metric}/controls.{size}.tsv",
    log:
        "<logs>/score_controls/{metric}/{size}.log",
    benchmark:
        "<benchmarks>/score_controls/{metric}/{size}.tsv"
    wildcard_constraints:
        metric="|".join(FEATURE_METRICS),
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(8),
        runtime="1h",
    params:
        **version_of("scores"),
        evaluation=score_settings,
        seed=STUDY.seed,
    script:
        "../scripts/score_controls.py"


rule judge_controls:
    """Say which feature space misses which control."""
    input:
        scores_of_controls,
    output:
        report(
            "<results>/controls/verdicts.tsv",
            caption="../report/verdicts.rst",
            category="Scores",
            labels={"model": "controls", "metric": "all"},
        ),
    log:
        "<logs>/judge_controls.log",
    benchmark:
        "<benchmarks>/judge_controls.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(2),
        runtime="10m",
    script:
        "../scripts/judge_controls.py"


rule collect_metrics:
    """All scores of all models and controls in one long table."""
    input:
        models=scores_of_models(".tsv", EVALUATION["metrics"]),
        controls=scores_of_controls,
    output:
        report(
            "<results>/metrics.tsv",
            caption="../report/metrics.rst",
            category="Scores",
            labels={"model": "all", "metric": "all"},
        ),
    log:
        "<logs>/collect_metrics.log",
    benchmark:
        "<benchmarks>/collect_metrics.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(2),
        runtime="10m",
    script:
        "../scripts/collect_metrics.py"


rule compare_models:
    """Every two models against one another, with paired intervals."""
    input:
        metrics="<results>/metrics.tsv",
        replicates=scores_of_models(".npz", (*PAIRED_METRICS, *CLASS_METRICS)),
    output:
        report(
            "<results>/comparison.tsv",
            caption="../report/comparison.rst",
            category="Scores",
            labels={"model": "every two", "metric": "differences"},
        ),
    log:
        "<logs>/compare_models.log",
    benchmark:
        "<benchmarks>/compare_models.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(2),
        runtime="10m",
    script:
        "../scripts/compare_models.py"
