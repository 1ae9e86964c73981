rule embed_real:
    """Embed every real scan with a feature network."""
    input:
        volumes="<results>/pyramid/{size}.npy",
        index="<results>/pyramid/index.tsv",
        weights=feature_weights,
    output:
        "<results>/embeddings/{features}/{size}/real.npz",
    log:
        "<logs>/embed/{features}/{size}/real.log",
    benchmark:
        "<benchmarks>/embed/{features}/{size}/real.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem="24GB",
        runtime="4h",
    params:
        spec=lambda wildcards: STUDY.config["features"][wildcards.features],
    script:
        "../scripts/embed_real.py"


rule embed_samples:
    """Embed the synthetic scans of a model, and the controls that it must beat."""
    input:
        volumes=expand(
            "<results>/samples/{{model}}/shards/{shard}.npy", shard=STUDY.shards()
        ),
        index="<results>/samples/{model}/samples.tsv",
        untrained="<results>/controls/{model}/untrained.npy",
        noise="<results>/controls/{model}/noise.npy",
        weights=feature_weights,
    output:
        samples="<results>/embeddings/{features}/{size}/{model}.npz",
        untrained="<results>/embeddings/{features}/{size}/{model}.untrained.npz",
        noise="<results>/embeddings/{features}/{size}/{model}.noise.npz",
    log:
        "<logs>/embed/{features}/{size}/{model}.log",
    benchmark:
        "<benchmarks>/embed/{features}/{size}/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem="24GB",
        runtime="8h",
    params:
        spec=lambda wildcards: STUDY.config["features"][wildcards.features],
    script:
        "../scripts/embed_samples.py"
