rule build_pyramid:
    """Pack the brains that passed, at every size, into arrays that training maps into memory."""
    input:
        quality="<results>/quality/scans.tsv",
        bundles=expand(
            "<results>/preprocessed/bundle-{bundle}.tsv", bundle=STUDY.bundles
        ),
    output:
        arrays=expand("<results>/pyramid/{size}.npy", size=STUDY.sizes),
        index="<results>/pyramid/index.tsv",
    log:
        "<logs>/build_pyramid.log",
    benchmark:
        "<benchmarks>/build_pyramid.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(8),
        runtime="4h",
    params:
        sizes=STUDY.sizes,
    script:
        "../scripts/build_pyramid.py"
