rule draw_control_views:
    """Draw samples of a model over two covariates and at both ends of each, at fixed latents, as arrays."""
    input:
        recipe="<results>/models/{model}/recipe.json",
        weights="<results>/models/{model}/generator.safetensors",
    output:
        "<results>/control/{model}.views.npz",
    log:
        "<logs>/draw_control_views/{model}.log",
    benchmark:
        "<benchmarks>/draw_control_views/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem=memory(4),
        runtime="1h",
    params:
        **version_of("sampling"),
        grid=(CONTROL_PLAN.grid or ()) if CONTROL_PLAN else (),
        seed=STUDY.seed,
    script:
        "../scripts/draw_control_views.py"


rule draw_control_figures:
    """Draw the grid over two covariates, and each covariate at both its ends."""
    input:
        "<results>/control/{model}.views.npz",
    output:
        grid=report(
            "<results>/control_grid/{model}.png",
            caption="../report/control_grid.rst",
            category="Figures",
            labels={"model": "{model}", "figure": "grid of two covariates"},
        ),
        extremes=report(
            "<results>/control_extremes/{model}.png",
            caption="../report/control_extremes.rst",
            category="Figures",
            labels={"model": "{model}", "figure": "extremes of covariates"},
        ),
    log:
        "<logs>/draw_control_figures/{model}.log",
    benchmark:
        "<benchmarks>/draw_control_figures/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(2),
        runtime="10m",
    script:
        "../scripts/draw_control_figures.py"


rule draw_control_strata:
    """Draw the strata prediction scores of all models of covariates as a heat map."""
    input:
        lambda wildcards: [
            f"<results>/control/{model}.strata_summary.tsv"
            for model in controlled_models()
        ],
    output:
        report(
            "<results>/control_strata/models.png",
            caption="../report/control_strata.rst",
            category="Figures",
            labels={"model": "all", "figure": "strata prediction score"},
        ),
    log:
        "<logs>/draw_control_strata.log",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(2),
        runtime="10m",
    params:
        models=lambda wildcards: controlled_models(),
        title=STUDY.config["title"],
    script:
        "../scripts/draw_control_strata.py"
