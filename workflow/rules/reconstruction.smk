rule score_reconstruction:
    """Score what a model's autoencoder gives back of test images, and of training images beside them."""
    input:
        weights="<results>/models/{model}/generator.safetensors",
        recipe="<results>/models/{model}/recipe.json",
        images=packed_images,
        index=packed_index,
        scans="<results>/cohort/scans.tsv",
    output:
        table=report(
            "<results>/reconstruction/{model}.tsv",
            caption="../report/reconstruction.rst",
            category="Scores",
            labels={"model": "{model}", "metric": "reconstruction"},
        ),
        shown="<results>/reconstruction/{model}.npz",
        images="<results>/reconstruction/{model}.images.tsv",
    log:
        "<logs>/score_reconstruction/{model}.log",
    benchmark:
        "<benchmarks>/score_reconstruction/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem=memory(4, 8, 24),
        runtime="1h",
    params:
        **version_of("scores"),
        most=200,
        seed=STUDY.seed,
    script:
        "../scripts/score_reconstruction.py"


rule draw_reconstruction:
    """Draw test images (training images where there are none) from the worst to the best above what a model's autoencoder gives back of them."""
    input:
        "<results>/reconstruction/{model}.npz",
    output:
        showing_participants(
            "<results>/reconstruction/{model}.png",
            caption="../report/reconstruction.rst",
            category="Figures",
            labels={"model": "{model}", "figure": "reconstruction"},
        ),
    log:
        "<logs>/draw_reconstruction/{model}.log",
    benchmark:
        "<benchmarks>/draw_reconstruction/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(2),
        runtime="10m",
    script:
        "../scripts/draw_reconstruction.py"
