rule score_slice_similarity:
    """Score how alike a model's slices are to one another and to real ones, by class."""
    input:
        images=packed_images,
        index="<results>/slices/index.tsv",
        condition=condition_of_model,
        shards=expand(
            "<results>/samples/{{model}}/shards/{shard}.npy", shard=STUDY.shards()
        ),
        samples="<results>/samples/{model}/samples.tsv",
    output:
        table=report(
            "<results>/slice_similarity/{model}.tsv",
            caption="../report/slice_similarity.rst",
            category="Scores",
            labels={"model": "{model}", "metric": "similarity of slices"},
        ),
        picture=report(
            "<results>/slice_similarity/{model}.png",
            caption="../report/slice_similarity.rst",
            category="Figures",
            labels={"model": "{model}", "figure": "similarity of slices"},
        ),
        summary="<results>/slice_similarity/{model}.summary.tsv",
    log:
        "<logs>/score_slice_similarity/{model}.log",
    benchmark:
        "<benchmarks>/score_slice_similarity/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="2h",
    params:
        **version_of("scores"),
        size=lambda wildcards: STUDY.models[wildcards.model].size,
        only=lambda wildcards: STUDY.models[wildcards.model].only,
        pairs=EVALUATION["similarity_pairs"],
        replicates=EVALUATION["resamplings"],
        seed=STUDY.seed,
    script:
        "../scripts/score_slice_similarity.py"


rule score_separability:
    """Score how well the classes of a condition are told apart in real slices and in samples."""
    input:
        images=packed_images,
        index="<results>/slices/index.tsv",
        condition=condition_of_model,
        shards=expand(
            "<results>/samples/{{model}}/shards/{shard}.npy", shard=STUDY.shards()
        ),
        samples="<results>/samples/{model}/samples.tsv",
        embeddings=embeddings_of_model,
    output:
        table=report(
            "<results>/separability/{model}.tsv",
            caption="../report/separability.rst",
            category="Scores",
            labels={"model": "{model}", "metric": "separability of classes"},
        ),
        picture=report(
            "<results>/separability/{model}.png",
            caption="../report/separability.rst",
            category="Figures",
            labels={"model": "{model}", "figure": "separability of classes"},
        ),
    log:
        "<logs>/score_separability/{model}.log",
    benchmark:
        "<benchmarks>/score_separability/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(8),
        runtime="2h",
    params:
        **version_of("scores"),
        size=lambda wildcards: STUDY.models[wildcards.model].size,
        seed=STUDY.seed,
    script:
        "../scripts/score_separability.py"


rule classify_slices:
    """Let the critic of a model name the class of every real slice."""
    input:
        images=packed_images,
        index="<results>/slices/index.tsv",
        condition=condition_of_model,
        recipe="<results>/models/{model}/recipe.json",
    output:
        "<results>/classification/{model}.predictions.csv",
    log:
        "<logs>/classify_slices/{model}.log",
    benchmark:
        "<benchmarks>/classify_slices/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem=memory(4),
        runtime="2h",
    params:
        **version_of("scores"),
    script:
        "../scripts/classify_slices.py"


rule score_classification:
    """Score how well the critic of a model names the class of real test slices."""
    input:
        predictions="<results>/classification/{model}.predictions.csv",
        recipe="<results>/models/{model}/recipe.json",
    output:
        table=report(
            "<results>/classification/{model}.tsv",
            caption="../report/classification.rst",
            category="Scores",
            labels={"model": "{model}", "metric": "classification"},
        ),
        picture=report(
            "<results>/classification/{model}.png",
            caption="../report/classification.rst",
            category="Figures",
            labels={"model": "{model}", "figure": "classification"},
        ),
        confusion="<results>/classification/{model}.confusion.tsv",
        calibration="<results>/classification/{model}.calibration.json",
    log:
        "<logs>/score_classification/{model}.log",
    benchmark:
        "<benchmarks>/score_classification/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="1h",
    params:
        **version_of("scores"),
        seed=STUDY.seed,
    script:
        "../scripts/score_classification.py"
