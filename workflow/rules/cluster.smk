# In round 1 real training scans alone are fitted; in later rounds they and the model's samples, in equal numbers.
rule cluster_embeddings:
    """Clusters of the real scans in a UMAP of their features, and whether they are found again in part of them."""
    input:
        unpack(clustered_embeddings),
        scans="<results>/cohort/scans.tsv",
        told="<results>/samples/{model}/samples.tsv",
    output:
        clusters="<results>/clusters/{model}.tsv",
        projections="<results>/clusters/{model}.projections.tsv",
        coverage="<results>/clusters/{model}.coverage.tsv",
        overlap="<results>/clusters/{model}.overlap.tsv",
        stability="<results>/clusters/{model}.stability.tsv",
        facts="<results>/clusters/{model}.json",
    log:
        "<logs>/cluster_embeddings/{model}.log",
    benchmark:
        "<benchmarks>/cluster_embeddings/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(8),
        runtime="2h",
    params:
        round=round_after_model,
        clustering=CLUSTERING_KEYS,
        resamplings=STUDY.config["clustering"]["stability"]["resamplings"],
        seed=STUDY.seed,
    script:
        "../scripts/cluster_embeddings.py"


rule draw_clusters:
    """The map of a round as a figure, and as a page to point at."""
    input:
        clusters="<results>/clusters/{model}.tsv",
        projections="<results>/clusters/{model}.projections.tsv",
        coverage="<results>/clusters/{model}.coverage.tsv",
        overlap="<results>/clusters/{model}.overlap.tsv",
        facts="<results>/clusters/{model}.json",
        scans="<results>/cohort/scans.tsv",
        condition=condition_of_model,
    output:
        figure=showing_participants(
            "<results>/clusters/{model}.png",
            caption="../report/clusters.rst",
            category="Clusters",
            labels={"model": "{model}", "figure": "UMAP"},
        ),
        page="<results>/clusters/{model}.html",
    log:
        "<logs>/draw_clusters/{model}.log",
    benchmark:
        "<benchmarks>/draw_clusters/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="10m",
    params:
        title=title_that_starts_nothing,
    script:
        "../scripts/draw_clusters.py"


rule compare_maps:
    """The same clusters in a t-SNE of the features and in a UMAP of the voxels."""
    input:
        unpack(clustered_embeddings),
        clusters="<results>/clusters/{model}.tsv",
        projections="<results>/clusters/{model}.projections.tsv",
        index="<results>/pyramid/index.tsv",
        volumes=lambda wildcards: f"<results>/pyramid/{STUDY.models[wildcards.model].size}.npy",
        shards=expand(
            "<results>/samples/{{model}}/shards/{shard}.npy", shard=STUDY.shards()
        ),
    output:
        table="<results>/clusters/{model}.comparison.tsv",
        figure=showing_participants(
            "<results>/clusters/{model}.comparison.png",
            caption="../report/cluster_maps.rst",
            category="Clusters",
            labels={"model": "{model}", "figure": "other maps"},
        ),
    log:
        "<logs>/compare_maps/{model}.log",
    benchmark:
        "<benchmarks>/compare_maps/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(8),
        runtime="1h",
    params:
        clustering=CLUSTERING_KEYS,
        seed=STUDY.seed,
    script:
        "../scripts/compare_maps.py"
