rule match_participants:
    """Match cases and controls within each split, for the slices; only persons with a scan that passed can be."""
    input:
        participants="<results>/cohort/participants.tsv",
        scans="<results>/cohort/scans.tsv",
        index="<results>/pyramid/index.tsv",
    output:
        pairs="<results>/matching/pairs.tsv",
        left_out="<results>/matching/left_out.tsv",
        balance=report(
            "<results>/matching/balance.tsv",
            caption="../report/matching.rst",
            category="Matching",
            labels={"what": "cases against controls"},
        ),
        splits=report(
            "<results>/matching/split_balance.tsv",
            caption="../report/matching_splits.rst",
            category="Matching",
            labels={"what": "splits against training"},
        ),
        picture=report(
            "<results>/matching/balance.png",
            caption="../report/matching.rst",
            category="Matching",
            labels={"what": "ages and differences"},
        ),
    log:
        "<logs>/match_participants.log",
    benchmark:
        "<benchmarks>/match_participants.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(2),
        runtime="1h",
    params:
        matching=STUDY.config["slices"]["matching"],
    script:
        "../scripts/match_participants.py"


rule export_exchange:
    """Write the real slices of all packed sizes in the exchange format, with the classes of a condition."""
    input:
        arrays=expand("<results>/slices/{size}.npy", size=STUDY.slice_sizes),
        index="<results>/slices/index.tsv",
        condition=condition_of_exchange,
    output:
        directory("<results>/slices/exchange"),
    log:
        "<logs>/export_exchange.log",
    benchmark:
        "<benchmarks>/export_exchange.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(4),
        runtime="2h",
    params:
        sizes=STUDY.slice_sizes,
        title=STUDY.config["title"],
        terms=asdict(STUDY.redistribution),
    script:
        "../scripts/export_exchange.py"


rule export_labelled:
    """Write the real slices of one size as images with dataset.json, with what each source knows of covariates."""
    input:
        array="<results>/slices/{size}.npy",
        index="<results>/slices/index.tsv",
        condition=f"<results>/conditions/{STUDY.config['slices']['labelled']}.tsv",
    output:
        directory("<results>/slices/labelled/{size}"),
    log:
        "<logs>/export_labelled/{size}.log",
    benchmark:
        "<benchmarks>/export_labelled/{size}.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(4),
        runtime="2h",
    params:
        title=STUDY.config["title"],
        terms=asdict(STUDY.redistribution),
    script:
        "../scripts/export_labelled.py"
