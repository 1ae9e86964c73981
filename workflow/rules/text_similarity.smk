rule score_text_similarity:
    """Score how alike samples are to their prompts and to real test images of the nearest prompts, beside real images."""
    input:
        weights="<results>/models/{model}/generator.safetensors",
        recipe="<results>/models/{model}/recipe.json",
        condition=condition_of_model,
        splits=splits_of_model,
        embeddings=similarity_embeddings,
        drawn="<results>/samples/{model}/samples.tsv",
        shards=expand(
            "<results>/samples/{{model}}/shards/{shard}.npy", shard=STUDY.shards()
        ),
        images=packed_images,
        index=packed_index,
    output:
        table=report(
            "<results>/text_similarity/{model}.tsv",
            caption="../report/text_similarity.rst",
            category="Scores",
            labels={"model": "{model}", "metric": "similarity to text"},
        ),
        summary="<results>/text_similarity/{model}.summary.tsv",
    log:
        "<logs>/score_text_similarity/{model}.log",
    benchmark:
        "<benchmarks>/score_text_similarity/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem=memory(8),
        runtime="1h",
    params:
        **version_of("scores"),
        biomedclip=lambda wildcards: similarity_folder(
            STUDY.config, STUDY.models[wildcards.model].condition
        ),
        replicates=EVALUATION["resamplings"],
        seed=STUDY.seed,
    script:
        "../scripts/score_text_similarity.py"
