rule collect_citations:
    """Gather licences and citations of everything that the study used: data, weights, software, methods."""
    input:
        uses="resources/citations.tsv",
        works="resources/references.bib",
        results=scored,
    output:
        table="<results>/provenance/citations.tsv",
        bib="<results>/provenance/citations.bib",
    log:
        "<logs>/collect_citations.log",
    benchmark:
        "<benchmarks>/collect_citations.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(2),
        runtime="10m",
    params:
        terms=configured_uses,
    script:
        "../scripts/collect_citations.py"


rule write_crate:
    """Describe the study as an RO-Crate: workflow, configuration, data, every job, every result with its SHA-256."""
    input:
        uses="resources/citations.tsv",
        works="resources/references.bib",
        results=finished,
    output:
        crate="<results>/ro-crate-metadata.json",
        config="<results>/provenance/config.json",
    log:
        "<logs>/write_crate.log",
    benchmark:
        "<benchmarks>/write_crate.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="1h",
    params:
        config=STUDY.config,
        terms=configured_uses,
        licence=STUDY.redistribution.licence,
        words=STUDY.redistribution.words,
        may_be_exported=STUDY.may_be_exported,
    script:
        "../scripts/write_crate.py"
