rule cluster_embeddings:
    """UMAP of the real embeddings, cut into clusters; fitted on the training split, others are assigned."""
    input:
        scans="<results>/cohort/scans.tsv",
        embeddings=clustered_embeddings,
    output:
        clusters="<results>/clusters/{model}.tsv",
        projections="<results>/clusters/{model}.projections.tsv",
        figure=report(
            "<results>/clusters/{model}.png",
            caption="../report/clusters.rst",
            category="Clusters",
            labels={"model": "{model}", "figure": "UMAP"},
        ),
    log:
        "<logs>/cluster_embeddings/{model}.log",
    benchmark:
        "<benchmarks>/cluster_embeddings/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem="8GB",
        runtime="1h",
    params:
        clustering=STUDY.config["clustering"],
        seed=STUDY.seed,
    script:
        "../scripts/cluster_embeddings.py"
