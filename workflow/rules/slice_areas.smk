rule map_slice_regions:
    """Map where a structure lies in the slices of a study, by label maps of training participants."""
    input:
        scans="<results>/cohort/scans.tsv",
        quality="<results>/quality/scans.tsv",
        bundles=expand(
            "<results>/preprocessed/bundle-{bundle}.tsv", bundle=STUDY.bundles
        ),
        label_maps=label_maps_of_scans,
    output:
        arrays=expand("<results>/slice_regions/{size}.npy", size=STUDY.slice_sizes),
        table="<results>/slice_regions/positions.tsv",
    log:
        "<logs>/map_slice_regions.log",
    benchmark:
        "<benchmarks>/map_slice_regions.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(8),
        runtime="2h",
    params:
        **version_of("scores"),
        labels=labels_of_region,
        own=EVALUATION["label_maps"] is None,
        positions=STUDY.config["slices"]["positions"],
        volume_size=STUDY.cut_size,
        sizes=STUDY.slice_sizes,
        field_mm=STUDY.config["preprocessing"]["field_mm"],
        seed=STUDY.seed,
    script:
        "../scripts/map_slice_regions.py"


rule score_slice_areas:
    """Score how large a structure is in a model's slices and in real ones, by class."""
    input:
        images=packed_images,
        index="<results>/slices/index.tsv",
        condition=condition_of_model,
        shards=expand(
            "<results>/samples/{{model}}/shards/{shard}.npy", shard=STUDY.shards()
        ),
        samples="<results>/samples/{model}/samples.tsv",
        region=lambda wildcards: f"<results>/slice_regions/{STUDY.models[wildcards.model].size}.npy",
    output:
        table=report(
            "<results>/slice_areas/{model}.tsv",
            caption="../report/slice_areas.rst",
            category="Scores",
            labels={"model": "{model}", "metric": "area of a structure"},
        ),
        picture=report(
            "<results>/slice_areas/{model}.png",
            caption="../report/slice_areas.rst",
            category="Figures",
            labels={"model": "{model}", "figure": "area of a structure"},
        ),
        summary="<results>/slice_areas/{model}.summary.tsv",
    log:
        "<logs>/score_slice_areas/{model}.log",
    benchmark:
        "<benchmarks>/score_slice_areas/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="1h",
    params:
        **version_of("scores"),
        size=lambda wildcards: STUDY.models[wildcards.model].size,
        only=lambda wildcards: STUDY.models[wildcards.model].only,
        field_mm=STUDY.config["preprocessing"]["field_mm"],
        replicates=EVALUATION["resamplings"],
        seed=STUDY.seed,
    script:
        "../scripts/score_slice_areas.py"
