rule write_comparison:
    """All scores of all models with their intervals: a page, tables and vector figures for a paper."""
    input:
        metrics="<results>/metrics.tsv",
        comparison="<results>/comparison.tsv",
        verdicts="<results>/controls/verdicts.tsv",
        replicates="<results>/replicates.tsv",
    output:
        page=report(
            "<results>/report/comparison.html",
            caption="../report/comparison_page.rst",
            category="Report",
            labels={"page": "models compared"},
        ),
        tables=directory("<results>/report/tables"),
        figures=directory("<results>/report/figures_vector"),
    log:
        "<logs>/write_comparison.log",
    benchmark:
        "<benchmarks>/write_comparison.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="30m",
    params:
        title=STUDY.config["title"],
        models=list(STUDY.models),
        replicates=STUDY.replicates,
        terms=asdict(STUDY.redistribution),
    script:
        "../scripts/write_comparison.py"


rule write_scorecards:
    """What is known of each model on a card, for people and for programs."""
    input:
        metrics="<results>/metrics.tsv",
        comparison="<results>/comparison.tsv",
        verdicts="<results>/controls/verdicts.tsv",
        replicates="<results>/replicates.tsv",
    output:
        pages=report(
            expand("<results>/report/scorecards/{model}.html", model=STUDY.models),
            caption="../report/scorecard.rst",
            category="Report",
            labels={"page": "scorecard"},
        ),
        cards=expand("<results>/report/scorecards/{model}.json", model=STUDY.models),
    log:
        "<logs>/write_scorecards.log",
    benchmark:
        "<benchmarks>/write_scorecards.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="10m",
    params:
        title=STUDY.config["title"],
        models=recipes_for_readers(),
        samples=STUDY.config["sampling"]["count"],
        replicates=STUDY.replicates,
        terms=asdict(STUDY.redistribution),
    script:
        "../scripts/write_scorecards.py"
