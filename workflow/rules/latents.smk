rule encode_scans:
    """Put every real scan into the latents of a model with encoders; reconstruct it, and find directions."""
    input:
        weights="<results>/models/{model}/generator.safetensors",
        recipe="<results>/models/{model}/recipe.json",
        index="<results>/pyramid/index.tsv",
        images=lambda wildcards: f"<results>/pyramid/{STUDY.models[wildcards.model].size}.npy",
        scans="<results>/cohort/scans.tsv",
        condition=condition_of_model,
    output:
        latents="<results>/latents/{model}/latents.npz",
        reconstructions="<results>/latents/{model}/reconstructions.tsv",
        directions="<results>/latents/{model}/directions.tsv",
        units="<results>/latents/{model}/directions.npz",
        volumes=temp("<results>/latents/{model}/volumes.npz"),
    log:
        "<logs>/encode_scans/{model}.log",
    benchmark:
        "<benchmarks>/encode_scans/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem=memory(4, 8, 24),
        runtime="2h",
    params:
        seed=STUDY.seed,
    script:
        "../scripts/encode_scans.py"


rule draw_latents:
    """Figures of a model's latents: reconstructions, the way between two scans, walks along directions."""
    input:
        volumes="<results>/latents/{model}/volumes.npz",
        directions="<results>/latents/{model}/directions.tsv",
    output:
        reconstructions=showing_participants(
            "<results>/latents/{model}/reconstructions.png",
            caption="../report/latents.rst",
            category="Latents",
            labels={"model": "{model}", "figure": "reconstructions"},
        ),
        interpolation=showing_participants(
            "<results>/latents/{model}/interpolation.png",
            caption="../report/latents.rst",
            category="Latents",
            labels={"model": "{model}", "figure": "interpolation"},
        ),
        directions=showing_participants(
            "<results>/latents/{model}/directions.png",
            caption="../report/latents.rst",
            category="Latents",
            labels={"model": "{model}", "figure": "directions"},
        ),
    log:
        "<logs>/draw_latents/{model}.log",
    benchmark:
        "<benchmarks>/draw_latents/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="20m",
    script:
        "../scripts/draw_latents.py"
