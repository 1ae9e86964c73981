rule convert_dicom:
    """Convert the DICOM series of a bundle to NIfTI; one that fails is a row of conversion.tsv and no file."""
    input:
        series=lambda wildcards: list(dicom_of_bundle(wildcards).values()),
    output:
        directory("<results>/cohort/nifti/bundle-{bundle}"),
    log:
        "<logs>/convert_dicom/{bundle}.log",
    benchmark:
        "<benchmarks>/convert_dicom/{bundle}.tsv"
    conda:
        "../envs/conversion.yaml"
    resources:
        mem=memory(2),
        runtime="1h",
    params:
        series=dicom_of_bundle,
    script:
        "../scripts/convert_dicom.py"


rule unpack_scans:
    """Unpack the T1 image of each zip file of a bundle; one that fails is a row of conversion.tsv and no file."""
    input:
        archives=lambda wildcards: list(archives_of_bundle(wildcards).values()),
    output:
        directory("<results>/cohort/unpacked/bundle-{bundle}"),
    log:
        "<logs>/unpack_scans/{bundle}.log",
    benchmark:
        "<benchmarks>/unpack_scans/{bundle}.tsv"
    conda:
        "../envs/conversion.yaml"
    resources:
        mem=memory(2),
        runtime="1h",
    params:
        archives=archives_of_bundle,
    script:
        "../scripts/unpack_scans.py"
