rule write_arm:
    """Write what one arm of the segmentation is trained on as a data set of nnU-Net."""
    input:
        images=images_to_segment,
        index=index_to_segment,
        scans="<results>/cohort/scans.tsv",
        masks=masks_of_arm,
        facts=masks_to_segment("tsv"),
        made=synthesis_of_arm("images.npy"),
        made_for=synthesis_of_arm("masks.npy"),
        kept=synthesis_of_arm("kept.tsv"),
    output:
        temp(directory("<results>/segmentation/{arm}/raw")),
    log:
        "<logs>/write_arm/{arm}.log",
    benchmark:
        "<benchmarks>/write_arm/{arm}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="4h",
    params:
        **version_of("scores"),
        asked=asked_of_segmentation,
        seed=STUDY.seed,
    script:
        "../scripts/write_arm.py"


rule write_held_out:
    """Write the scans that all arms are tested on, with their true masks."""
    input:
        images=images_to_segment,
        index=index_to_segment,
        scans="<results>/cohort/scans.tsv",
        masks=masks_to_segment("known.npy"),
        facts=masks_to_segment("tsv"),
    output:
        directory("<results>/segmentation/test"),
    log:
        "<logs>/write_held_out.log",
    benchmark:
        "<benchmarks>/write_held_out.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="1h",
    params:
        **version_of("scores"),
        asked=asked_of_segmentation,
        domain=lambda wildcards: planned().domain if planned().unannotated else None,
    script:
        "../scripts/write_held_out.py"


rule plan_arm:
    """Let nnU-Net plan the network of an arm and prepare its cases."""
    input:
        "<results>/segmentation/{arm}/raw",
    output:
        temp(directory("<results>/segmentation/{arm}/preprocessed")),
    log:
        "<logs>/plan_arm/{arm}.log",
        nnunet="<logs>/plan_arm/{arm}.nnunet.log",
    benchmark:
        "<benchmarks>/plan_arm/{arm}.tsv"
    conda:
        "../envs/nnunet.yaml"
    resources:
        mem=memory(8),
        runtime="8h",
    params:
        **version_of("scores"),
        settings=settings_of_arm,
    script:
        "../scripts/plan_arm.py"


rule train_arm:
    """Train the network of an arm, or go on where a killed job left its checkpoint."""
    input:
        "<results>/segmentation/{arm}/preprocessed",
    output:
        "<results>/segmentation/{arm}/network.json",
    log:
        "<logs>/train_arm/{arm}.log",
        nnunet="<logs>/train_arm/{arm}.nnunet.log",
    benchmark:
        "<benchmarks>/train_arm/{arm}.tsv"
    conda:
        "../envs/nnunet.yaml"
    threads: threads_of_nnunet
    resources:
        gpu=1,
        mem=memory(16),
        runtime="24h",
        workers=nnunet_workers,
    params:
        **version_of("scores"),
        settings=settings_of_arm,
    script:
        "../scripts/train_arm.py"


rule predict_arm:
    """Segment the test scans with the network of an arm."""
    input:
        network="<results>/segmentation/{arm}/network.json",
        test="<results>/segmentation/test",
    output:
        directory("<results>/segmentation/{arm}/predictions"),
    log:
        "<logs>/predict_arm/{arm}.log",
        nnunet="<logs>/predict_arm/{arm}.nnunet.log",
    benchmark:
        "<benchmarks>/predict_arm/{arm}.tsv"
    conda:
        "../envs/nnunet.yaml"
    threads: threads_of_nnunet
    resources:
        gpu=1,
        mem=memory(8),
        runtime="4h",
    params:
        **version_of("scores"),
        settings=settings_of_prediction,
    script:
        "../scripts/predict_arm.py"
