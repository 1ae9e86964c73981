rule make_condition:
    """Write what models are told about each scan: nothing, joint categories, covariates, prompts, or a random control."""
    input:
        scans="<results>/cohort/scans.tsv",
        index=index_of_scans,
        accepted=accepted_images,
        matched=matched_of_condition,
        regions=regions_of_condition,
    output:
        table="<results>/conditions/{condition}.tsv",
        classes="<results>/conditions/{condition}.json",
    log:
        "<logs>/make_condition/{condition}.log",
    benchmark:
        "<benchmarks>/make_condition/{condition}.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(2),
        runtime="10m",
    params:
        condition=settings_of_condition,
        seed=STUDY.seed,
    script:
        "../scripts/make_condition.py"


# The page of the clusters is there before, so that clusters that are refused can be looked at.
rule make_cluster_condition:
    """Turn the clusters of one round into the condition of the next models, if they are stable."""
    input:
        scans="<results>/cohort/scans.tsv",
        index="<results>/pyramid/index.tsv",
        clusters=clusters_of_round,
        facts=facts_of_round,
        page=ancient(page_of_round),
    output:
        table="<results>/conditions/{condition}.{round}.tsv",
        classes="<results>/conditions/{condition}.{round}.json",
    log:
        "<logs>/make_condition/{condition}.{round}.log",
    benchmark:
        "<benchmarks>/make_condition/{condition}.{round}.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(2),
        runtime="10m",
    params:
        condition=lambda wildcards: STUDY.config["conditions"][wildcards.condition],
        judge={
            key: STUDY.config["clustering"]["stability"][key]
            for key in ("least", "override")
        },
        seed=STUDY.seed,
    script:
        "../scripts/make_condition.py"
