rule state_terms:
    """Say beside every model and its samples who may have them, and whom to name."""
    output:
        expand(
            "<results>/{kind}/{model}/TERMS.md",
            kind=("models", "samples"),
            model=STUDY.models,
        ),
    log:
        "<logs>/state_terms.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        title=STUDY.config["title"],
        terms=asdict(STUDY.redistribution),
    script:
        "../scripts/state_terms.py"


rule export:
    """Put models, samples, scores and pages into one folder for others, where the results may be passed on."""
    input:
        what_is_exported,
        metrics="<results>/metrics.tsv",
    output:
        directory("<results>/export"),
    log:
        "<logs>/export.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        title=STUDY.config["title"],
        models=list(STUDY.models),
        terms=asdict(STUDY.redistribution),
    script:
        "../scripts/export_results.py"
