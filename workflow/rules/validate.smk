rule validate_chunk:
    """Score a model as it was after one chunk against the validation scans; no test scan is looked at."""
    input:
        candidate="<results>/training/{model}/candidate-{chunk}",
        real=validation_embeddings,
        scans=splits_of_model,
        weights=validation_weights,
    output:
        "<results>/training/{model}/validation-{chunk}.tsv",
    log:
        "<logs>/validate_chunk/{model}/{chunk}.log",
    benchmark:
        "<benchmarks>/validate_chunk/{model}/{chunk}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem=memory(8, 16, 24),
        runtime="4h",
    params:
        features=lambda wildcards: validation_features(wildcards.model),
        spec=lambda wildcards: STUDY.config["features"][
            validation_features(wildcards.model)
        ],
        samples=STUDY.config["evaluation"]["validation_samples"],
        seed=STUDY.seed,
        cache=FEATURE_CACHE,
    script:
        "../scripts/validate_chunk.py"


rule export_model:
    """Keep the chunk with the best validation score: weights as safetensors, everything else as JSON."""
    input:
        candidates=candidates_of_model,
        tables=validations_of_model,
        kept=kept_state,
    output:
        weights="<results>/models/{model}/generator.safetensors",
        recipe="<results>/models/{model}/recipe.json",
        table="<results>/models/{model}/validation.tsv",
    log:
        "<logs>/export_model/{model}.log",
    benchmark:
        "<benchmarks>/export_model/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        mem=memory(4, 8, 16),
        runtime="30m",
    script:
        "../scripts/export_model.py"
