rule draw_samples:
    """Draw one shard of a model's synthetic scans; each sample has its own seed."""
    input:
        weights="<results>/models/{model}/generator.safetensors",
        recipe="<results>/models/{model}/recipe.json",
    output:
        volumes="<results>/samples/{model}/shards/{shard}.npy",
        low="<results>/samples/{model}/shards/{shard}.low.npy",
        table="<results>/samples/{model}/shards/{shard}.tsv",
    log:
        "<logs>/draw_samples/{model}/{shard}.log",
    benchmark:
        "<benchmarks>/draw_samples/{model}/{shard}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem=memory(4, 8, 24),
        runtime="4h",
    params:
        **version_of("sampling"),
        range=lambda wildcards: STUDY.shard_range(wildcards.shard),
        seed=STUDY.seed,
    script:
        "../scripts/draw_samples.py"


rule collect_samples:
    """List all samples of a model with seed and condition."""
    input:
        tables=expand(
            "<results>/samples/{{model}}/shards/{shard}.tsv", shard=STUDY.shards()
        ),
        recipe="<results>/models/{model}/recipe.json",
    output:
        "<results>/samples/{model}/samples.tsv",
    log:
        "<logs>/collect_samples/{model}.log",
    benchmark:
        "<benchmarks>/collect_samples/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        mem=memory(2),
        runtime="10m",
    script:
        "../scripts/collect_samples.py"


rule write_nifti:
    """Write the first samples of a model as NIfTI, of slices as PNG, too; apart from their table, which scores await."""
    input:
        volumes=expand(
            "<results>/samples/{{model}}/shards/{shard}.npy", shard=STUDY.shards()
        ),
        tables=expand(
            "<results>/samples/{{model}}/shards/{shard}.tsv", shard=STUDY.shards()
        ),
        recipe="<results>/models/{model}/recipe.json",
    output:
        directory("<results>/samples/{model}/nifti"),
    log:
        "<logs>/write_nifti/{model}.log",
    benchmark:
        "<benchmarks>/write_nifti/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        mem=memory(4),
        runtime="1h",
    params:
        nifti=STUDY.config["sampling"]["nifti"],
        dimensions=lambda wildcards: STUDY.models[wildcards.model].dimensions,
    script:
        "../scripts/write_nifti.py"


rule draw_untrained:
    """Draw what a trained model must beat: its own generator untrained."""
    input:
        recipe="<results>/models/{model}/recipe.json",
    output:
        "<results>/controls/{model}/untrained.npy",
    log:
        "<logs>/draw_untrained/{model}.log",
    benchmark:
        "<benchmarks>/draw_untrained/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem=memory(4, 8, 24),
        runtime="4h",
    params:
        **version_of("sampling"),
        model=what_is_trained,
        samples=STUDY.config["sampling"]["count"],
        seed=STUDY.seed,
    script:
        "../scripts/draw_untrained.py"


rule draw_controls:
    """Spoil real training scans in known ways, each a set that every score must find worse than real scans."""
    input:
        volumes="<results>/pyramid/{size}.npy",
        index="<results>/pyramid/index.tsv",
        scans="<results>/cohort/scans.tsv",
    output:
        "<results>/controls/{size}/{control}.npy",
    log:
        "<logs>/draw_controls/{size}/{control}.log",
    benchmark:
        "<benchmarks>/draw_controls/{size}/{control}.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(16),
        runtime="1h",
    params:
        **version_of("sampling"),
        samples=STUDY.config["sampling"]["count"],
        seed=STUDY.seed,
    script:
        "../scripts/draw_controls.py"
