rule score_classes:
    """Score a model's samples class by class with one metric of features, each class beside its own floor."""
    input:
        scans=splits_of_model,
        slices=slices_of_model,
        condition=condition_of_model,
        samples="<results>/samples/{model}/samples.tsv",
        embeddings=embeddings_of_model,
    output:
        table=report(
            "<results>/{metric}/{model}.tsv",
            caption="../report/class_scores.rst",
            category="Scores",
            labels={"model": "{model}", "metric": "{metric}"},
        ),
        replicates="<results>/{metric}/{model}.npz",
    log:
        "<logs>/score_classes/{metric}/{model}.log",
    benchmark:
        "<benchmarks>/score_classes/{metric}/{model}.tsv"
    wildcard_constraints:
        metric="|".join(CLASS_METRICS),
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(8),
        runtime="2h",
    params:
        **version_of("scores"),
        draws=EVALUATION["floor_draws"],
        replicates=EVALUATION["resamplings"],
        seed=STUDY.seed,
    script:
        "../scripts/score_classes.py"
