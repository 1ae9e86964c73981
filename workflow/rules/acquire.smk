rule download_ixi:
    """Download the public archive of 581 T1 scans of IXI and unpack it."""
    input:
        table=ancient("resources/datasets.tsv"),
    output:
        directory("resources/ixi/T1"),
    log:
        "resources/logs/download_ixi.log",
    localrule: True
    conda:
        "../envs/download.yaml"
    params:
        dataset="ixi_t1",
    script:
        "../scripts/download_dataset.py"


rule download_demographics:
    """Download the spreadsheet of the IXI participants."""
    input:
        table=ancient("resources/datasets.tsv"),
    output:
        "resources/ixi/IXI.xls",
    log:
        "resources/logs/download_demographics.log",
    localrule: True
    conda:
        "../envs/download.yaml"
    params:
        dataset="ixi_demographics",
    script:
        "../scripts/download_dataset.py"


rule download_template:
    """Download the ICBM 2009c nonlinear symmetric template."""
    input:
        table=ancient("resources/datasets.tsv"),
    output:
        directory(DOWNLOADED_TEMPLATE),
    log:
        "resources/logs/download_template.log",
    localrule: True
    conda:
        "../envs/download.yaml"
    params:
        dataset="icbm152_2009c",
    script:
        "../scripts/download_dataset.py"


rule download_hd_bet_weights:
    """Download the weights of HD-BET 2."""
    input:
        table=ancient("resources/datasets.tsv"),
    output:
        directory(HD_BET_WEIGHTS),
    log:
        "resources/logs/download_hd_bet_weights.log",
    localrule: True
    conda:
        "../envs/download.yaml"
    params:
        dataset="hd_bet",
    script:
        "../scripts/download_dataset.py"


rule download_medicalnet_weights:
    """Download the weights of the MedicalNet ResNet-50 trained on 23 data sets."""
    input:
        table=ancient("resources/datasets.tsv"),
    output:
        MEDICALNET_WEIGHTS,
    log:
        "resources/logs/download_medicalnet_weights.log",
    localrule: True
    conda:
        "../envs/download.yaml"
    params:
        dataset="medicalnet_resnet50",
    script:
        "../scripts/download_dataset.py"


rule simulate_heads:
    """Simulate a bundle of heads with known anatomy: no download, no personal data."""
    output:
        directory("<results>/cohort/simulated/bundle-{bundle}"),
    log:
        "<logs>/simulate_heads/{bundle}.log",
    benchmark:
        "<benchmarks>/simulate_heads/{bundle}.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(4),
        runtime="1h",
    params:
        **contrasts_if_set(STUDY.config["cohort"]),
        scans=lambda wildcards: [scan.scan for scan in STUDY.bundles[wildcards.bundle]],
        participants=STUDY.config["cohort"]["participants"],
        voxel_mm=STUDY.config["cohort"]["simulated_voxel_mm"],
        atrophy=STUDY.config["cohort"]["simulated_atrophy"],
        variation=STUDY.config["cohort"]["simulated_variation"],
        seed=STUDY.seed,
    script:
        "../scripts/simulate_heads.py"


rule build_cohort:
    """Write the participants and the scans tables, and who is in which split."""
    input:
        scans=raw_scans_of_cohort,
        demographics=demographics,
    output:
        participants="<results>/cohort/participants.tsv",
        scans="<results>/cohort/scans.tsv",
        balance="<results>/cohort/balance.tsv",
        splits="<results>/cohort/splits.json",
        demographics_log="<results>/cohort/demographics_log.tsv",
        selection="<results>/cohort/selection.tsv",
    log:
        "<logs>/build_cohort.log",
    benchmark:
        "<benchmarks>/build_cohort.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(4),
        runtime="1h",
    params:
        cohort=told_of(STUDY.config["cohort"]),
        files=files_of_cohort,
        seed=STUDY.seed,
    script:
        "../scripts/build_cohort.py"
