rule cut_slices:
    """Cut the slices of every scan that passed, or of those of matched participants, and pack them at every size."""
    input:
        index="<results>/pyramid/index.tsv",
        volumes=f"<results>/pyramid/{STUDY.cut_size}.npy",
        scans="<results>/cohort/scans.tsv",
        matched=matched_pairs,
    output:
        arrays=expand("<results>/slices/{size}.npy", size=STUDY.slice_sizes),
        index="<results>/slices/index.tsv",
    log:
        "<logs>/cut_slices.log",
    benchmark:
        "<benchmarks>/cut_slices.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(4),
        runtime="2h",
    params:
        positions=STUDY.config["slices"]["positions"],
        volume_size=STUDY.cut_size,
        sizes=STUDY.slice_sizes,
        field_mm=STUDY.config["preprocessing"]["field_mm"],
    script:
        "../scripts/cut_slices.py"


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
