rule score_structure:
    """Compare the structure of a model's samples, pair by pair and with the mean brain, with that of real scans."""
    input:
        index="<results>/pyramid/index.tsv",
        real=lambda wildcards: f"<results>/pyramid/{STUDY.models[wildcards.model].size}.npy",
        scans="<results>/cohort/scans.tsv",
        table="<results>/samples/{model}/samples.tsv",
        samples=expand(
            "<results>/samples/{{model}}/shards/{shard}.npy", shard=STUDY.shards()
        ),
        low=expand(
            "<results>/samples/{{model}}/shards/{shard}.low.npy",
            shard=STUDY.shards() if EVALUATION["low_resolution"] else [],
        ),
        untrained="<results>/controls/{model}/untrained.npy",
    output:
        table=report(
            "<results>/structure/{model}.tsv",
            caption="../report/structure.rst",
            category="Scores",
            labels={"model": "{model}", "metric": "structure"},
        ),
        replicates="<results>/structure/{model}.npz",
    log:
        "<logs>/score_structure/{model}.log",
    benchmark:
        "<benchmarks>/score_structure/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4, 8, 32),
        runtime=by_size("1h", "2h", "12h"),
    params:
        **version_of("scores"),
        size=lambda wildcards: STUDY.models[wildcards.model].size,
        pairs=EVALUATION["similarity_pairs"],
        resamplings=EVALUATION["resamplings"],
        seed=STUDY.seed,
    script:
        "../scripts/score_structure.py"


rule score_structure_controls:
    """Compare the structure of the controls of a size with that of real scans."""
    input:
        index="<results>/pyramid/index.tsv",
        real="<results>/pyramid/{size}.npy",
        scans="<results>/cohort/scans.tsv",
        controls=expand("<results>/controls/{{size}}/{control}.npy", control=CONTROLS),
    output:
        "<results>/structure/controls.{size}.tsv",
    log:
        "<logs>/score_structure_controls/{size}.log",
    benchmark:
        "<benchmarks>/score_structure_controls/{size}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(8),
        runtime="12h",
    params:
        **version_of("scores"),
        pairs=EVALUATION["similarity_pairs"],
        resamplings=EVALUATION["resamplings"],
        seed=STUDY.seed,
    script:
        "../scripts/score_structure_controls.py"
