rule score_condition_fidelity:
    """Read the condition of a model back from its samples with readers that learned from real scans alone."""
    input:
        scans="<results>/cohort/scans.tsv",
        slices=slices_of_model,
        condition=condition_of_model,
        samples="<results>/samples/{model}/samples.tsv",
        embeddings=embeddings_of_model,
    output:
        table=report(
            "<results>/condition_fidelity/{model}.tsv",
            caption="../report/condition_fidelity.rst",
            category="Scores",
            labels={"model": "{model}", "metric": "condition fidelity"},
        ),
        confusion="<results>/condition_fidelity/{model}.confusion.tsv",
    log:
        "<logs>/score_condition_fidelity/{model}.log",
    benchmark:
        "<benchmarks>/score_condition_fidelity/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(8),
        runtime="2h",
    params:
        **version_of("scores"),
        seed=STUDY.seed,
    script:
        "../scripts/score_condition_fidelity.py"


rule train_utility_network:
    """Train small networks on real scans, on samples and on both to predict sex, age and diagnosis."""
    input:
        scans="<results>/cohort/scans.tsv",
        condition=condition_of_model,
        index="<results>/pyramid/index.tsv",
        real=lambda wildcards: f"<results>/pyramid/{STUDY.models[wildcards.model].size}.npy",
        samples="<results>/samples/{model}/samples.tsv",
        volumes=expand(
            "<results>/samples/{{model}}/shards/{shard}.npy", shard=STUDY.shards()
        ),
    output:
        "<results>/utility/{model}.network.tsv",
    log:
        "<logs>/train_utility_network/{model}.log",
    benchmark:
        "<benchmarks>/train_utility_network/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem=memory(8, 16, 64),
        runtime="4h",
    params:
        **version_of("scores"),
        size=lambda wildcards: STUDY.models[wildcards.model].size,
        settings=EVALUATION["utility"],
        seed=STUDY.seed,
    script:
        "../scripts/train_utility_network.py"


rule score_utility:
    """Score what predictors learn from a model's samples, from real scans and from both, on held-out real scans."""
    input:
        scans="<results>/cohort/scans.tsv",
        slices=slices_of_model,
        condition=condition_of_model,
        samples="<results>/samples/{model}/samples.tsv",
        embeddings=embeddings_of_model,
        network=utility_network,
    output:
        report(
            "<results>/utility/{model}.tsv",
            caption="../report/utility.rst",
            category="Scores",
            labels={"model": "{model}", "metric": "utility"},
        ),
    log:
        "<logs>/score_utility/{model}.log",
    benchmark:
        "<benchmarks>/score_utility/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(8),
        runtime="2h",
    params:
        **version_of("scores"),
        settings=EVALUATION["utility"],
        seed=STUDY.seed,
    script:
        "../scripts/score_utility.py"
