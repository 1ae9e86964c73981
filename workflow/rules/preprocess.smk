rule prepare_template:
    """Bring the template brain, its mask and its head to the working voxel size."""
    input:
        template_source,
    output:
        brain="<results>/template/T1w_brain.nii.gz",
        mask="<results>/template/brain_mask.nii.gz",
        head="<results>/template/T1w.nii.gz",
    log:
        "<logs>/prepare_template.log",
    benchmark:
        "<benchmarks>/prepare_template.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(4),
        runtime="30m",
    params:
        template=template_path,
        voxel_mm=STUDY.config["preprocessing"]["voxel_mm"],
    script:
        "../scripts/prepare_template.py"


rule extract_brains:
    """Cut the brain out of each head of a bundle, with one loaded model."""
    input:
        scans=raw_scans_of_bundle,
        weights=extraction_weights,
        head_template=extraction_head_template,
    output:
        table="<results>/brain_extraction/bundle-{bundle}.tsv",
    log:
        "<logs>/extract_brains/{bundle}.log",
    benchmark:
        "<benchmarks>/extract_brains/{bundle}.tsv"
    conda:
        "../envs/brain_extraction.yaml"
    resources:
        gpu=extraction_gpus,
        mem=memory(12),
        runtime=lambda wildcards, attempt: f"{attempt}h",
    params:
        **version_of("preprocessing"),
        scans=scan_paths_of_bundle,
        extraction=EXTRACTION,
        voxel_mm=STUDY.config["preprocessing"]["voxel_mm"],
        keep_intermediate=STUDY.config["preprocessing"]["keep_intermediate"],
        seed=STUDY.seed,
    script:
        "../scripts/extract_brains.py"


rule register_scans:
    """Correct the bias, register to the template, scale intensities, and measure each brain of a bundle."""
    input:
        scans=raw_scans_of_bundle,
        extraction="<results>/brain_extraction/bundle-{bundle}.tsv",
        brain="<results>/template/T1w_brain.nii.gz",
        mask="<results>/template/brain_mask.nii.gz",
        head="<results>/template/T1w.nii.gz",
    output:
        table="<results>/preprocessed/bundle-{bundle}.tsv",
    log:
        "<logs>/register_scans/{bundle}.log",
    benchmark:
        "<benchmarks>/register_scans/{bundle}.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(8),
        runtime=lambda wildcards, attempt: f"{3 * attempt}h",
    params:
        **version_of("preprocessing"),
        scans=scan_paths_of_bundle,
        already_extracted=EXTRACTION["already_extracted"],
        preprocessing={
            key: STUDY.config["preprocessing"][key]
            for key in (
                "voxel_mm",
                "bias_correction",
                "transform",
                "size",
                "field_mm",
                "keep_intermediate",
            )
        },
        seed=STUDY.seed,
    script:
        "../scripts/register_scans.py"
