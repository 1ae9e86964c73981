rule score_fid:
    """Fréchet distance of a model's samples, of its controls, and of real scans among themselves."""
    input:
        plan="<results>/training/{model}/plan.json",
        scans="<results>/cohort/scans.tsv",
        embeddings=embeddings_of_model,
    output:
        report(
            "<results>/fid/{model}.tsv",
            caption="../report/fid.rst",
            category="Fidelity",
            labels={"model": "{model}", "metric": "FID (lower is better)"},
        ),
    log:
        "<logs>/score_fid/{model}.log",
    benchmark:
        "<benchmarks>/score_fid/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem="8GB",
        runtime="1h",
    params:
        metric="fid",
        model=lambda wildcards: asdict(STUDY.models[wildcards.model]),
        evaluation=STUDY.config["evaluation"],
        seed=STUDY.seed,
    script:
        "../scripts/score_model.py"


rule score_precision_recall:
    """Precision and recall of a model's samples, with the same controls and floor."""
    input:
        plan="<results>/training/{model}/plan.json",
        scans="<results>/cohort/scans.tsv",
        embeddings=embeddings_of_model,
    output:
        report(
            "<results>/precision_recall/{model}.tsv",
            caption="../report/precision_recall.rst",
            category="Fidelity",
            labels={
                "model": "{model}",
                "metric": "precision and recall (higher is better)",
            },
        ),
    log:
        "<logs>/score_precision_recall/{model}.log",
    benchmark:
        "<benchmarks>/score_precision_recall/{model}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem="8GB",
        runtime="1h",
    params:
        metric="precision_recall",
        model=lambda wildcards: asdict(STUDY.models[wildcards.model]),
        evaluation=STUDY.config["evaluation"],
        seed=STUDY.seed,
    script:
        "../scripts/score_model.py"


rule collect_metrics:
    """All scores of all models in one long table."""
    input:
        expand(
            "<results>/{metric}/{model}.tsv",
            metric=STUDY.config["evaluation"]["metrics"],
            model=STUDY.models,
        ),
    output:
        report(
            "<results>/metrics.tsv",
            caption="../report/metrics.rst",
            category="Fidelity",
            labels={"model": "all", "metric": "all"},
        ),
    log:
        "<logs>/collect_metrics.log",
    benchmark:
        "<benchmarks>/collect_metrics.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem="2GB",
        runtime="10m",
    script:
        "../scripts/collect_metrics.py"
