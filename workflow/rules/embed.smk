rule embed_real:
    """Embed every real scan with a feature network, as it is and in low resolution."""
    input:
        volumes="<results>/pyramid/{size}.npy",
        index="<results>/pyramid/index.tsv",
        weights=feature_weights,
    output:
        full="<results>/embeddings/{features}/{size}/real.npz",
        low="<results>/embeddings/{features}/{size}/real.low.npz",
    log:
        "<logs>/embed/{features}/{size}/real.log",
    benchmark:
        "<benchmarks>/embed/{features}/{size}/real.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem=memory(24),
        runtime="4h",
    params:
        **version_of("features"),
        spec=lambda wildcards: STUDY.config["features"][wildcards.features],
        cache=FEATURE_CACHE,
    script:
        "../scripts/embed_real.py"


rule embed_samples:
    """Embed the synthetic scans of a model, their low resolution, and what its generator drew untrained."""
    input:
        volumes=expand(
            "<results>/samples/{{model}}/shards/{shard}.npy", shard=STUDY.shards()
        ),
        low=expand(
            "<results>/samples/{{model}}/shards/{shard}.low.npy", shard=STUDY.shards()
        ),
        index="<results>/samples/{model}/samples.tsv",
        untrained="<results>/controls/{model}/untrained.npy",
        weights=feature_weights,
    output:
        samples="<results>/embeddings/{features}/{size}/{model}.npz",
        low="<results>/embeddings/{features}/{size}/{model}.low.npz",
        untrained="<results>/embeddings/{features}/{size}/{model}.untrained.npz",
    log:
        "<logs>/embed/{features}/{size}/{model}.log",
    benchmark:
        "<benchmarks>/embed/{features}/{size}/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem=memory(24),
        runtime="8h",
    params:
        **version_of("features"),
        spec=lambda wildcards: STUDY.config["features"][wildcards.features],
        cache=FEATURE_CACHE,
    script:
        "../scripts/embed_samples.py"


rule embed_control:
    """Embed a control."""
    input:
        volumes="<results>/controls/{size}/{control}.npy",
        weights=feature_weights,
    output:
        "<results>/embeddings/{features}/{size}/control.{control}.npz",
    log:
        "<logs>/embed/{features}/{size}/control.{control}.log",
    benchmark:
        "<benchmarks>/embed/{features}/{size}/control.{control}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem=memory(24),
        runtime="4h",
    params:
        **version_of("features"),
        spec=lambda wildcards: STUDY.config["features"][wildcards.features],
        cache=FEATURE_CACHE,
    script:
        "../scripts/embed_control.py"
