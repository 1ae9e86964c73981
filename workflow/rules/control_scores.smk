rule score_control:
    """Score whether a model's samples have the covariates that they were asked for."""
    input:
        images=packed_images,
        index="<results>/slices/index.tsv",
        condition=condition_of_control,
        scans="<results>/cohort/scans.tsv",
        regions=region_covariates,
        recipe="<results>/models/{model}/recipe.json",
        real=lambda wildcards: f"<results>/regressors/{STUDY.models[wildcards.model].size}/real.tsv",
        regressor=lambda wildcards: f"<results>/regressors/{STUDY.models[wildcards.model].size}/regressor.json",
        fakes="<results>/control/{model}.fakes.tsv",
        fake_images="<results>/control/{model}.fakes.npy",
        perceptual="<results>/control/{model}.perceptual.json",
        area=lambda wildcards: areas_of_size(STUDY.models[wildcards.model].size),
    output:
        **(
            {
                "area": showing_participants(
                    "<results>/control_area/{model}.png",
                    caption="../report/control_area.rst",
                    category="Figures",
                    labels={"model": "{model}", "figure": "control by area"},
                )
            }
            if measures_areas()
            else {}
        ),
        table=report(
            "<results>/control/{model}.tsv",
            caption="../report/control.rst",
            category="Scores",
            labels={"model": "{model}", "metric": "control of covariates"},
        ),
        picture=showing_participants(
            "<results>/control/{model}.png",
            caption="../report/control.rst",
            category="Figures",
            labels={"model": "{model}", "figure": "control of covariates"},
        ),
        summary="<results>/control/{model}.summary.tsv",
        strata="<results>/control/{model}.strata.tsv",
        strata_summary="<results>/control/{model}.strata_summary.tsv",
        pairs="<results>/control/{model}.pairs.tsv",
    log:
        "<logs>/score_control/{model}.log",
    benchmark:
        "<benchmarks>/score_control/{model}.tsv"
    wildcard_constraints:
        model="|".join(STUDY.slice_models) or "(?!)",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="1h",
    params:
        **version_of("scores"),
        size=lambda wildcards: STUDY.models[wildcards.model].size,
        pixel_mm=lambda wildcards: STUDY.config["preprocessing"]["field_mm"]
        / STUDY.models[wildcards.model].size,
        strata=CONTROL_PLAN.strata if CONTROL_PLAN else (),
        samples=EVALUATION["control"]["samples_per_stratum"],
        replicates=EVALUATION["resamplings"],
        seed=STUDY.seed,
    script:
        "../scripts/score_control.py"


rule compare_control:
    """Compare the control of all models of covariates with one another, on the same requests."""
    input:
        slices=lambda wildcards: [
            f"<results>/slices/{STUDY.models[model].size}.npy"
            for model in controlled_models()
        ],
        index="<results>/slices/index.tsv",
        condition=condition_of_control,
        scans="<results>/cohort/scans.tsv",
        regions=region_covariates,
        recipes=lambda wildcards: [
            f"<results>/models/{model}/recipe.json" for model in controlled_models()
        ],
        real=lambda wildcards: [
            f"<results>/regressors/{STUDY.models[model].size}/real.tsv"
            for model in controlled_models()
        ],
        regressors=lambda wildcards: [
            f"<results>/regressors/{STUDY.models[model].size}/regressor.json"
            for model in controlled_models()
        ],
        fakes=lambda wildcards: [
            f"<results>/control/{model}.fakes.tsv" for model in controlled_models()
        ],
        images=lambda wildcards: [
            f"<results>/control/{model}.fakes.npy" for model in controlled_models()
        ],
        areas=lambda wildcards: [
            path
            for model in controlled_models()
            for path in [areas_of_size(STUDY.models[model].size)]
            if path
        ],
    output:
        "<results>/control/comparison.tsv",
    log:
        "<logs>/compare_control.log",
    benchmark:
        "<benchmarks>/compare_control.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="1h",
    params:
        **version_of("scores"),
        sizes=lambda wildcards: [
            STUDY.models[model].size for model in controlled_models()
        ],
        field_mm=STUDY.config["preprocessing"]["field_mm"],
        replicates=EVALUATION["resamplings"],
        seed=STUDY.seed,
    script:
        "../scripts/compare_control.py"
