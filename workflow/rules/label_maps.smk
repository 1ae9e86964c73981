rule measure_label_maps:
    """Measure the regions of the real scans by label maps of the user's own."""
    input:
        quality="<results>/quality/scans.tsv",
        label_maps=EVALUATION["label_maps"] or [],
    output:
        "<results>/regions/labels.tsv",
    log:
        "<logs>/measure_label_maps.log",
    benchmark:
        "<benchmarks>/measure_label_maps.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(4),
        runtime="1h",
    params:
        label_maps=EVALUATION["label_maps"],
        preprocessed=f"{STUDY.folder}/preprocessed",
    script:
        "../scripts/measure_label_maps.py"
