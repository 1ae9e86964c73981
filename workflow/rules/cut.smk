rule cut_slices:
    """Cut the slices of every scan that passed, or of those of matched participants, and pack them at every size."""
    input:
        index="<results>/pyramid/index.tsv",
        volumes=f"<results>/pyramid/{STUDY.cut_size}.npy",
        scans="<results>/cohort/scans.tsv",
        matched=matched_pairs,
    output:
        arrays=expand("<results>/slices/{size}.npy", size=STUDY.slice_sizes),
        index="<results>/slices/index.tsv",
    log:
        "<logs>/cut_slices.log",
    benchmark:
        "<benchmarks>/cut_slices.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(4),
        runtime="2h",
    params:
        positions=STUDY.config["slices"]["positions"],
        volume_size=STUDY.cut_size,
        sizes=STUDY.slice_sizes,
        field_mm=STUDY.config["preprocessing"]["field_mm"],
    script:
        "../scripts/cut_slices.py"
