rule download_inception_weights:
    """Download the weights of the Inception network that FID was defined with."""
    input:
        table=ancient("resources/datasets.tsv"),
    output:
        INCEPTION_WEIGHTS,
    log:
        "resources/logs/download_inception_weights.log",
    localrule: True
    conda:
        "../envs/download.yaml"
    params:
        dataset="inception",
    script:
        "../scripts/download_dataset.py"


rule convert_weights:
    """Check the weights of a feature network and keep them as safetensors, the only form that jobs read."""
    input:
        lambda wildcards: conversion_of(wildcards)[0],
    output:
        f"{WEIGHTS_FOLDER}/converted/{{network}}.{{checksum}}.safetensors",
    log:
        "resources/logs/convert_weights/{network}.{checksum}.log",
    wildcard_constraints:
        network="|".join(PUBLISHED),
        checksum="[0-9a-f]{16}",
    conda:
        "../envs/torch.yaml"
    resources:
        mem=memory(4),
        runtime="30m",
    params:
        sha256=lambda wildcards: conversion_of(wildcards)[1],
    script:
        "../scripts/convert_weights.py"


rule train_encoder:
    """Train a cohort encoder on the training scans: targets that the config names, and telling copies apart."""
    input:
        volumes="<results>/pyramid/{size}.npy",
        index="<results>/pyramid/index.tsv",
        scans="<results>/cohort/scans.tsv",
        regions=encoder_regions,
    output:
        weights="<results>/encoders/{features}/{size}/encoder.safetensors",
        facts="<results>/encoders/{features}/{size}/encoder.json",
        curve="<results>/encoders/{features}/{size}/curve.tsv",
    log:
        "<logs>/train_encoder/{features}/{size}.log",
    benchmark:
        "<benchmarks>/train_encoder/{features}/{size}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem=memory(16),
        runtime="4h",
    params:
        spec=lambda wildcards: STUDY.config["features"][wildcards.features],
    script:
        "../scripts/train_encoder.py"
