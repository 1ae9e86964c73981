rule embed_real_slices:
    """Embed every real slice of a size with a feature network."""
    input:
        images="<results>/slices/{size}.npy",
        index="<results>/slices/index.tsv",
        weights=feature_weights,
    output:
        "<results>/embeddings/{features}/slice{size}/real.npz",
    log:
        "<logs>/embed/{features}/slice{size}/real.log",
    benchmark:
        "<benchmarks>/embed/{features}/slice{size}/real.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem=memory(8),
        runtime="4h",
    params:
        **version_of("features"),
        spec=lambda wildcards: STUDY.config["features"][wildcards.features],
        cache=FEATURE_CACHE,
    script:
        "../scripts/embed_real_slices.py"


rule embed_drawn_slices:
    """Embed the synthetic slices of a model, and what its generator drew untrained."""
    input:
        samples=expand(
            "<results>/samples/{{model}}/shards/{shard}.npy", shard=STUDY.shards()
        ),
        untrained="<results>/controls/{model}/untrained.npy",
        weights=feature_weights,
    output:
        samples="<results>/embeddings/{features}/slice{size}/{model}.npz",
        untrained="<results>/embeddings/{features}/slice{size}/{model}.untrained.npz",
    log:
        "<logs>/embed/{features}/slice{size}/{model}.log",
    benchmark:
        "<benchmarks>/embed/{features}/slice{size}/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem=memory(8),
        runtime="4h",
    params:
        **version_of("features"),
        spec=lambda wildcards: STUDY.config["features"][wildcards.features],
        cache=FEATURE_CACHE,
    script:
        "../scripts/embed_drawn_slices.py"
