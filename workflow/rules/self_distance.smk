rule score_self_distance:
    """Score how far two halves of a model's samples are apart in features, beside two halves of real ones, by class."""
    input:
        scans=splits_of_model,
        slices=slices_of_model,
        condition=condition_of_model,
        samples="<results>/samples/{model}/samples.tsv",
        embeddings=real_and_drawn_embeddings,
    output:
        table=report(
            "<results>/self_distance/{model}.tsv",
            caption="../report/self_distance.rst",
            category="Scores",
            labels={"model": "{model}", "metric": "distance between halves"},
        ),
        picture=report(
            "<results>/self_distance/{model}.png",
            caption="../report/self_distance.rst",
            category="Figures",
            labels={"model": "{model}", "figure": "distance between halves"},
        ),
        summary="<results>/self_distance/{model}.summary.tsv",
    log:
        "<logs>/score_self_distance/{model}.log",
    benchmark:
        "<benchmarks>/score_self_distance/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(8),
        runtime="1h",
    params:
        **version_of("scores"),
        draws=EVALUATION["floor_draws"],
        only=lambda wildcards: STUDY.models[wildcards.model].only,
        seed=STUDY.seed,
    script:
        "../scripts/score_self_distance.py"
