rule draw_covariate_pairs:
    """Draw the covariates of every source beside those that the models of what it does not know draw."""
    input:
        table="<results>/conditions/{condition}.tsv",
        classes="<results>/conditions/{condition}.json",
    output:
        joint=showing_participants(
            "<results>/conditions/{condition}.pairs.png",
            caption="../report/covariate_pairs.rst",
            category="Figures",
            labels={"condition": "{condition}", "figure": "covariates"},
        ),
        sources=directory("<results>/conditions/{condition}.pairs"),
    log:
        "<logs>/draw_covariate_pairs/{condition}.log",
    benchmark:
        "<benchmarks>/draw_covariate_pairs/{condition}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(2),
        runtime="10m",
    params:
        seed=STUDY.seed,
    script:
        "../scripts/draw_covariate_pairs.py"


rule map_control_regions:
    """Map where the structures of covariates lie in slices, by label maps of training participants."""
    input:
        scans="<results>/cohort/scans.tsv",
        quality="<results>/quality/scans.tsv",
        bundles=expand(
            "<results>/preprocessed/bundle-{bundle}.tsv", bundle=STUDY.bundles
        ),
        label_maps=label_maps_of_regions,
        regions=region_covariates,
    output:
        expand("<results>/control_regions/{size}.npz", size=STUDY.slice_sizes),
    log:
        "<logs>/map_control_regions.log",
    benchmark:
        "<benchmarks>/map_control_regions.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(8),
        runtime="2h",
    params:
        **version_of("scores"),
        covariates=CONTROL_PLAN.covariates if CONTROL_PLAN else (),
        plan=asdict(REGION_PLAN),
        cohort=STUDY.config["cohort"]["name"],
        positions=STUDY.config["slices"]["positions"],
        volume_size=STUDY.cut_size,
        sizes=STUDY.slice_sizes,
        field_mm=STUDY.config["preprocessing"]["field_mm"],
        seed=STUDY.seed,
    script:
        "../scripts/map_control_regions.py"


rule train_regressor:
    """Train networks on real slices alone that measure covariates, and measure all real slices."""
    input:
        images="<results>/slices/{size}.npy",
        index="<results>/slices/index.tsv",
        condition=condition_of_control,
        scans="<results>/cohort/scans.tsv",
        regions=region_covariates,
    output:
        weights="<results>/regressors/{size}/regressor.safetensors",
        facts="<results>/regressors/{size}/regressor.json",
        real="<results>/regressors/{size}/real.tsv",
    log:
        "<logs>/train_regressor/{size}.log",
    benchmark:
        "<benchmarks>/train_regressor/{size}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem=memory(8),
        runtime="4h",
    params:
        **version_of("scores"),
        seed=STUDY.seed,
    script:
        "../scripts/train_regressor.py"


rule draw_controlled:
    """Draw counterparts of the real test slices, told what is true of these, and measure them."""
    input:
        recipe="<results>/models/{model}/recipe.json",
        weights="<results>/models/{model}/generator.safetensors",
        images=packed_images,
        index="<results>/slices/index.tsv",
        condition=condition_of_control,
        scans="<results>/cohort/scans.tsv",
        regions=region_covariates,
        regressor=lambda wildcards: f"<results>/regressors/{STUDY.models[wildcards.model].size}/regressor.safetensors",
        perceptual=EVALUATION["control"]["perceptual_weights"],
    output:
        images="<results>/control/{model}.fakes.npy",
        table="<results>/control/{model}.fakes.tsv",
        perceptual="<results>/control/{model}.perceptual.json",
    log:
        "<logs>/draw_controlled/{model}.log",
    benchmark:
        "<benchmarks>/draw_controlled/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem=memory(8),
        runtime="4h",
    params:
        **version_of("sampling"),
        size=lambda wildcards: STUDY.models[wildcards.model].size,
        draws=EVALUATION["control"]["draws"],
        strata=CONTROL_PLAN.strata if CONTROL_PLAN else (),
        samples=EVALUATION["control"]["samples_per_stratum"],
        perceptual=EVALUATION["control"]["perceptual"],
        seed=STUDY.seed,
    script:
        "../scripts/draw_controlled.py"
