rule train_filter:
    """Train the segmenter of the filter on annotated training images of one size."""
    input:
        images="<results>/{packed}/{size}.npy",
        index="<results>/{packed}/index.tsv",
        shown="<results>/masks/{packed}/{size}.shown.npy",
        scans="<results>/cohort/scans.tsv",
    output:
        weights="<results>/filter/{packed}/{size}/segmenter.safetensors",
        facts="<results>/filter/{packed}/{size}/segmenter.json",
    log:
        "<logs>/train_filter/{packed}/{size}.log",
    benchmark:
        "<benchmarks>/train_filter/{packed}/{size}.tsv"
    wildcard_constraints:
        packed="pyramid|slices",
    conda:
        "../envs/synthesis.yaml"
    resources:
        gpu=1,
        mem=memory(16),
        runtime="4h",
    params:
        **version_of("scores"),
        structures=list(STUDY.config["masks"]["classes"]),
        settings=STUDY.config["filter"],
        seed=STUDY.seed,
    script:
        "../scripts/train_filter.py"


rule set_standards:
    """Choose the masks of a synthesis, and say by real images what its candidates must reach."""
    input:
        images=images_of_plan,
        index=index_of_plan,
        shown=masks_of_plan,
        scans="<results>/cohort/scans.tsv",
        condition=condition_of_plan,
        segmenter=segmenter_of_plan,
    output:
        masks="<results>/synthesis/{synthesis}/masks.tsv",
        standards="<results>/synthesis/{synthesis}/standards.json",
    log:
        "<logs>/set_standards/{synthesis}.log",
    benchmark:
        "<benchmarks>/set_standards/{synthesis}.tsv"
    conda:
        "../envs/synthesis.yaml"
    resources:
        gpu=1,
        mem=memory(16),
        runtime="2h",
    params:
        **version_of("scores"),
        plan=plan_of,
        dimensions=lambda wildcards: model_of_plan(wildcards).dimensions,
        structures=list(STUDY.config["masks"]["classes"]),
        seed=STUDY.seed,
    script:
        "../scripts/set_standards.py"


rule make_candidates:
    """Make one shard of the candidates of a synthesis, score and check them; one that was cut off goes on."""
    input:
        weights=weights_of_plan,
        images=images_of_plan,
        index=index_of_plan,
        shown=masks_of_plan,
        scans="<results>/cohort/scans.tsv",
        segmenter=segmenter_of_plan,
        masks="<results>/synthesis/{synthesis}/masks.tsv",
        standards="<results>/synthesis/{synthesis}/standards.json",
    output:
        images="<results>/synthesis/{synthesis}/shards/{shard}.npy",
        record="<results>/synthesis/{synthesis}/shards/{shard}.tsv",
    log:
        "<logs>/make_candidates/{synthesis}/{shard}.log",
    benchmark:
        "<benchmarks>/make_candidates/{synthesis}/{shard}.tsv"
    conda:
        "../envs/synthesis.yaml"
    resources:
        gpu=1,
        mem=memory(16),
        runtime="4h",
    params:
        **version_of("sampling"),
        plan=plan_of,
        dimensions=lambda wildcards: model_of_plan(wildcards).dimensions,
        seed=STUDY.seed,
    script:
        "../scripts/make_candidates.py"


rule collect_candidates:
    """Decide on the candidates of all shards, write those that are kept and count them."""
    input:
        records=shards_of_plan("tsv"),
        images=shards_of_plan("npy"),
        shown=masks_of_plan,
        masks="<results>/synthesis/{synthesis}/masks.tsv",
        standards="<results>/synthesis/{synthesis}/standards.json",
    output:
        images="<results>/synthesis/{synthesis}/images.npy",
        masks="<results>/synthesis/{synthesis}/masks.npy",
        kept="<results>/synthesis/{synthesis}/kept.tsv",
        record="<results>/synthesis/{synthesis}/record.tsv",
        acceptance=report(
            "<results>/synthesis/{synthesis}/acceptance.tsv",
            caption="../report/synthesis.rst",
            category="Scores",
            labels={"model": "{synthesis}", "metric": "candidates kept"},
        ),
    log:
        "<logs>/collect_candidates/{synthesis}.log",
    benchmark:
        "<benchmarks>/collect_candidates/{synthesis}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(8),
        runtime="1h",
    params:
        **version_of("scores"),
    script:
        "../scripts/collect_candidates.py"
