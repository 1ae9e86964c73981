rule score_memorisation:
    """Seek signs that a model remembers its training scans: distances, copies, and who can be told to be a member."""
    input:
        plan="<results>/training/{model}/plan.json",
        scans="<results>/cohort/scans.tsv",
        index="<results>/pyramid/index.tsv",
        real=lambda wildcards: f"<results>/pyramid/{STUDY.models[wildcards.model].size}.npy",
        samples=expand(
            "<results>/samples/{{model}}/shards/{shard}.npy", shard=STUDY.shards()
        ),
        embeddings=embeddings_of_model,
    output:
        table=report(
            "<results>/memorisation/{model}.tsv",
            caption="../report/memorisation.rst",
            category="Privacy",
            labels={"model": "{model}", "metric": "memorisation"},
        ),
        suspects="<results>/memorisation/{model}.suspects.tsv",
        picture="<results>/memorisation/{model}.png",
    log:
        "<logs>/score_memorisation/{model}.log",
    benchmark:
        "<benchmarks>/score_memorisation/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(8),
        runtime="2h",
    params:
        **version_of("scores"),
        size=lambda wildcards: STUDY.models[wildcards.model].size,
        field_mm=STUDY.config["preprocessing"]["field_mm"],
        evaluation={
            key: EVALUATION[key]
            for key in ("memorisation", "resamplings", "floor_draws")
        },
        seed=STUDY.seed,
    script:
        "../scripts/score_memorisation.py"
